//! What must hold of every honest validator's own history, whatever the others do.

use types::VoteKind;

use crate::letters::{Fault, Letter, Letters, Name};
use crate::validator::Validator;
use crate::world::World;

/// What a validator has broken in one step of its own.
pub fn broken(before: &Validator, after: &Validator, world: &World) -> Letters {
    let new = after.said.without(before.said);
    let faults = [
        (Fault::DoubleVote, new.iter().any(|it| votes_twice(it, after.said))),
        (Fault::LockForgotten, new.iter().any(|it| forgets_lock(it, after, world))),
        (Fault::LockUnfounded, has_unfounded_lock(after, world)),
    ];
    let found = faults.into_iter().filter(|(_, found)| *found);
    found.map(|(fault, _)| Letter::Broken(fault)).collect()
}

fn votes_twice(letter: Letter, said: Letters) -> bool {
    let Letter::Vote { round, kind, choice, .. } = letter else { return false };
    said.iter().any(|other| {
        matches!(other, Letter::Vote { round: r, kind: k, choice: c, .. }
            if (r, k) == (round, kind) && c != choice)
    })
}

/// Whether a prevote goes against the latest precommit, and no polka since then excuses it.
fn forgets_lock(letter: Letter, after: &Validator, world: &World) -> bool {
    let Letter::Vote { round, kind: VoteKind::Prevote, choice: Some(name), .. } = letter else {
        return false;
    };
    let precommit = |it| match it {
        Letter::Vote { round: r, kind: VoteKind::Precommit, choice: Some(name), .. }
            if r < round =>
        {
            Some((r, name))
        }
        _ => None,
    };
    let locked: Option<(u32, Name)> = after.said.iter().filter_map(precommit).max();
    let Some((since, on)) = locked.filter(|(_, on)| *on != name) else { return false };
    assert!(on != name);
    let polka = |round| after.polka(round, VoteKind::Prevote, world) == Some(Some(name));
    !(since..round).any(polka)
}

/// Whether a lock is not the valid block of its round or a later one, or had no polka.
fn has_unfounded_lock(after: &Validator, world: &World) -> bool {
    let sight = after.sight(world);
    let Some((round, name)) = sight.locked else { return false };
    let polka = after.polka(round, VoteKind::Prevote, world) == Some(Some(name));
    let valid =
        sight.valid.is_some_and(|(valid, on)| round < valid || (round, name) == (valid, on));
    !polka || !valid
}
