//! All that can happen between validators in the model, and sets of it.

use std::fmt;

use types::VoteKind;

/// Validators. Validator `n` proposes in round `n`.
pub const VALIDATORS: u32 = 4;
/// Rounds in which anybody acts.
pub const ROUNDS: u32 = 2;

/// One of the two blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    A,
    B,
}

/// A property that one validator's own history can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Two votes of one kind in one round.
    DoubleVote,
    /// A prevote against an earlier precommit, without a polka since.
    LockForgotten,
    /// Locked on what had no polka, or is not the valid block.
    LockUnfounded,
}

/// Something that is said, or that becomes known of a validator to us alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Letter {
    Vote {
        by: u32,
        round: u32,
        kind: VoteKind,
        choice: Option<Name>,
    },
    /// With its block. `pol` names round 0 as that of an earlier polka.
    Proposal {
        round: u32,
        block: Name,
        pol: bool,
    },
    /// A block alone, for those who want it because others voted for it.
    Block(Name),
    /// A quorum decided it, as the validator knows.
    Decided(Name),
    Broken(Fault),
}

/// A set of letters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Letters(u64);

/// First and second votes.
pub const KINDS: [VoteKind; 2] = [VoteKind::Prevote, VoteKind::Precommit];
/// What can be voted for.
pub const CHOICES: [Option<Name>; 3] = [None, Some(Name::A), Some(Name::B)];
/// What can be proposed.
pub const NAMES: [Name; 2] = [Name::A, Name::B];
const FAULTS: [Fault; 3] = [Fault::DoubleVote, Fault::LockForgotten, Fault::LockUnfounded];

const PROPOSALS_AT: u32 = VALIDATORS * ROUNDS * 2 * 3;
const BLOCKS_AT: u32 = PROPOSALS_AT + 6;
const DECIDED_AT: u32 = BLOCKS_AT + 2;
const BROKEN_AT: u32 = DECIDED_AT + 2;
const _: () = assert!(BROKEN_AT + 3 <= u64::BITS);

impl Letter {
    /// All of them.
    pub fn all() -> Vec<Letter> {
        let mut all = Vec::new();
        for by in 0..VALIDATORS {
            for round in 0..ROUNDS {
                for kind in KINDS {
                    all.extend(CHOICES.map(|choice| Letter::Vote { by, round, kind, choice }));
                }
            }
        }
        for (round, pol) in [(0, false), (1, false), (1, true)] {
            all.extend(NAMES.map(|block| Letter::Proposal { round, block, pol }));
        }
        all.extend(NAMES.map(Letter::Block));
        all.extend(NAMES.map(Letter::Decided));
        all.extend(FAULTS.map(Letter::Broken));
        all
    }

    fn place(self) -> u32 {
        let number = |name| u32::from(name == Name::B);
        match self {
            Letter::Vote { by, round, kind, choice } => {
                let kind = u32::from(kind == VoteKind::Precommit);
                let choice = choice.map_or(0, |name| 1 + number(name));
                ((by * ROUNDS + round) * 2 + kind) * 3 + choice
            }
            Letter::Proposal { round, block, pol } => {
                PROPOSALS_AT + (round + u32::from(pol)) * 2 + number(block)
            }
            Letter::Block(name) => BLOCKS_AT + number(name),
            Letter::Decided(name) => DECIDED_AT + number(name),
            Letter::Broken(Fault::DoubleVote) => BROKEN_AT,
            Letter::Broken(Fault::LockForgotten) => BROKEN_AT + 1,
            Letter::Broken(Fault::LockUnfounded) => BROKEN_AT + 2,
        }
    }
}

impl Letters {
    /// Those for which a claim holds.
    pub fn of(claim: impl Fn(&Letter) -> bool) -> Self {
        Letter::all().into_iter().filter(claim).collect()
    }

    /// With one more.
    pub fn with(self, letter: Letter) -> Self {
        Self(self.0 | 1 << letter.place())
    }

    /// In either.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In both.
    pub fn overlap(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// In this one only.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it is in it.
    pub fn has(self, letter: Letter) -> bool {
        self.0 >> letter.place() & 1 == 1
    }

    /// Whether all of the other are in it.
    pub fn has_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Letter> {
        Letter::all().into_iter().filter(move |letter| self.has(*letter))
    }
}

impl FromIterator<Letter> for Letters {
    fn from_iter<T: IntoIterator<Item = Letter>>(letters: T) -> Self {
        letters.into_iter().fold(Self::default(), Letters::with)
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}
