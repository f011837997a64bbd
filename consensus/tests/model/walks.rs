//! Random runs without any of the model's reductions: one letter at a time, only alarms that are
//! set, rounds skipped as they come. Nothing may be said in them that the model does not know.

use std::collections::BTreeSet;

use consensus::Wait;
use consensus::round::Step;
use stateright::Model;

use crate::letters::{KINDS, Letter, Letters, ROUNDS};
use crate::network::Network;
use crate::validator::Validator;
use crate::world::World;

/// Enough for most runs to pass both rounds.
const STEPS: usize = 150;

/// Everything that can be said, as the model has it: by each, at any moment.
pub fn histories(network: &Network) -> BTreeSet<[Letters; 3]> {
    let mut next = network.init_states();
    let mut seen: BTreeSet<_> = next.iter().copied().collect();
    while let Some(standing) = next.pop() {
        next.extend(network.next_states(&standing).into_iter().filter(|it| seen.insert(*it)));
    }
    seen.iter().map(|standing| network.said(standing)).collect()
}

/// What was said at each moment of a run, with nil for each vote that was left out on the way to a
/// later round.
pub fn walk(world: &World, seed: u64) -> BTreeSet<[Letters; 3]> {
    let mut random = seed | 1;
    let mut below = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(limit).expect("small")).expect("smaller")
    };
    let mut validators: Vec<Validator> =
        world.honest().into_iter().map(|me| Validator::new(me, world)).collect();
    let mut histories = BTreeSet::new();
    let mut settled = [Letters::default(); 3];
    // Runs differ in what the Byzantine validator says, in what is lost, and in how late all is.
    let given = world.given().iter().filter(|_| below(3) == 0).collect::<Letters>();
    let (lost, haste) = (below(3), 2 + below(12));
    for _ in 0..STEPS {
        let who = below(3);
        let said = validators.iter().fold(given, |all, it| all.union(it.said));
        let validator = &mut validators[who];
        let alarms = alarms(validator);
        let letters: Vec<Letter> =
            said.without(settled[who]).iter().filter(can_be_delivered).collect();
        if below(haste) == 0 && !alarms.is_empty() {
            validator.ring(alarms[below(alarms.len())], world);
        } else if below(4) == 0 && validator.asked.is_some() {
            validator.build(world);
        } else if !letters.is_empty() {
            let letter = letters[below(letters.len())];
            settled[who] = settled[who].with(letter);
            if lost <= below(6) {
                validator.deliver(letter, world);
            }
        }
        let complete =
            |who: usize| validators[who].said.union(left_out(&validators[who], world, who));
        histories.insert([0, 1, 2].map(complete));
    }
    histories
}

fn can_be_delivered(letter: &Letter) -> bool {
    !matches!(letter, Letter::Decided(_) | Letter::Broken(_))
}

/// Alarms that are really set.
fn alarms(validator: &Validator) -> Vec<Wait> {
    let rounds = validator.real.rounds();
    if validator.real.target().is_some() || ROUNDS <= rounds.round().0 {
        return vec![];
    }
    let mut alarms = Vec::new();
    match rounds.step() {
        Step::Propose => alarms.push(Wait::Propose),
        Step::Prevote if rounds.waits_prevotes() => alarms.push(Wait::Prevote),
        Step::Prevote | Step::Precommit => {}
    }
    if rounds.waits_precommits() {
        alarms.push(Wait::Precommit);
    }
    alarms
}

/// Nil for each vote of a round that was left without it.
fn left_out(validator: &Validator, world: &World, who: usize) -> Letters {
    let (by, round) = (world.honest()[who], validator.real.rounds().round().0);
    let places = (0..round.min(ROUNDS)).flat_map(|round| KINDS.map(|kind| (round, kind)));
    let is_said = |(round, kind)| {
        validator.said.iter().any(|letter| {
            matches!(letter, Letter::Vote { round: r, kind: k, .. } if (r, k) == (round, kind))
        })
    };
    let nil = |(round, kind)| Letter::Vote { by, round, kind, choice: None };
    places.filter(|place| !is_said(*place)).map(nil).collect()
}
