//! What differs between a participant of the specification and ours at one moment, and which
//! deviation explains it.

use std::collections::BTreeSet;

use consensus::Wait;
use consensus::round::{Lock, Step};
use types::{BlockId, Round, VoteKind};

use crate::deviations::Deviation;
use crate::names::{round, some_round};
use crate::participant::{Deed, Participant};
use crate::trace::{Choice, DriverState, Stage};

/// Both at one moment.
pub struct Moment<'a> {
    pub theirs: &'a DriverState,
    /// What theirs has done.
    pub deeds: &'a BTreeSet<Deed>,
    pub ours: &'a Participant,
    /// In which round theirs began.
    pub first: Option<Round>,
    /// Theirs has skipped from propose to propose and has not looked again.
    pub stale: bool,
    /// Nothing is left that follows from what theirs was told.
    pub settled: bool,
}

/// How far a participant is. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Before,
    In(Round, Step),
    Decided,
}

/// Something that is not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    Place {
        theirs: Place,
        ours: Place,
    },
    Locked {
        theirs: Option<Lock>,
        ours: Option<Lock>,
    },
    Valid {
        theirs: Option<Lock>,
        ours: Option<Lock>,
    },
    /// We did it, they did not.
    OnlyOurs(Deed),
    /// They did it, we did not.
    OnlyTheirs(Deed),
}

impl Moment<'_> {
    /// All that is not the same.
    pub fn differences(&self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let (theirs, ours) = (self.their_place(), self.our_place());
        if theirs != ours {
            differences.push(Difference::Place { theirs, ours });
        }
        let (cs, rounds) = (&self.theirs.cs, self.ours.current.rounds());
        let (theirs, ours) = (self.lock(cs.locked_round, &cs.locked_value), rounds.locked());
        if theirs != ours {
            differences.push(Difference::Locked { theirs, ours });
        }
        let (theirs, ours) = (self.lock(cs.valid_round, &cs.valid_value), rounds.valid());
        if theirs != ours {
            differences.push(Difference::Valid { theirs, ours });
        }
        let only_ours = self.ours.deeds.difference(self.deeds).copied();
        differences.extend(only_ours.map(Difference::OnlyOurs));
        let only_theirs = self.deeds.difference(&self.ours.deeds).copied();
        differences.extend(only_theirs.map(Difference::OnlyTheirs));
        differences
    }

    /// The deviation that explains a difference, if one does. What lasts comes first.
    pub fn explain(&self, difference: &Difference) -> Option<Deviation> {
        let explanations = [
            (Deviation::PolkaOverAlarm, self.polka_over_alarm(difference)),
            (Deviation::NilEndsRound, self.nil_ends_round(difference)),
            (Deviation::NothingAfterDecision, self.nothing_after_decision(difference)),
            (Deviation::HeightBeginsAtRoundZero, self.height_began_later(difference)),
            (Deviation::DecidesBeforeItBegins, self.decides_before(difference)),
            (Deviation::AsksAgainAfterSkip, self.stale && is_further(difference)),
            (Deviation::SettlesAtOnce, !self.settled && is_further(difference)),
        ];
        explanations.into_iter().find_map(|(deviation, explains)| explains.then_some(deviation))
    }

    fn polka_over_alarm(&self, difference: &Difference) -> bool {
        let Difference::OnlyTheirs(Deed::Wait(round, Wait::Prevote)) = difference else {
            return false;
        };
        self.ours.polka(*round, VoteKind::Prevote).is_some()
    }

    /// We are one round further, or have not set its last alarm.
    fn nil_ends_round(&self, difference: &Difference) -> bool {
        let nil = |round| self.ours.polka(round, VoteKind::Precommit) == Some(None);
        match difference {
            Difference::OnlyTheirs(Deed::Wait(round, Wait::Precommit)) => nil(*round),
            Difference::OnlyTheirs(_) => false,
            Difference::Place { theirs: Place::In(theirs, _), ours: Place::In(ours, _) } => {
                nil(*theirs) && *ours == theirs.next()
            }
            Difference::OnlyOurs(deed) => {
                let theirs = round(self.theirs.cs.round);
                theirs.is_some_and(|theirs| nil(theirs) && deed.round() == theirs.next())
            }
            Difference::Place { .. } | Difference::Locked { .. } | Difference::Valid { .. } => {
                false
            }
        }
    }

    fn nothing_after_decision(&self, difference: &Difference) -> bool {
        let alarm = matches!(difference, Difference::OnlyTheirs(Deed::Wait(_, Wait::Precommit)));
        alarm && self.ours.current.target().is_some()
    }

    fn height_began_later(&self, difference: &Difference) -> bool {
        let Difference::OnlyOurs(Deed::Wait(round, Wait::Propose) | Deed::Build(round)) =
            difference
        else {
            return false;
        };
        *round == Round::FIRST && self.first.is_some_and(|first| Round::FIRST < first)
    }

    fn decides_before(&self, difference: &Difference) -> bool {
        let waits = self.theirs.started && self.theirs.cs.step == Stage::NoStep;
        let decided = self.our_place() == Place::Decided;
        waits && decided && !matches!(difference, Difference::OnlyTheirs(_))
    }

    fn our_place(&self) -> Place {
        let rounds = self.ours.current.rounds();
        match (self.ours.current.is_decided(), self.ours.current.is_pausing()) {
            (true, _) => Place::Decided,
            (false, true) => Place::Before,
            (false, false) => Place::In(rounds.round(), rounds.step()),
        }
    }

    fn their_place(&self) -> Place {
        let cs = &self.theirs.cs;
        match cs.step {
            Stage::NoStep => Place::Before,
            Stage::UnstartedStep => panic!("no participant rests between two rounds"),
            Stage::ProposeStep => Place::In(some_round(cs.round), Step::Propose),
            Stage::PrevoteStep => Place::In(some_round(cs.round), Step::Prevote),
            Stage::PrecommitStep => Place::In(some_round(cs.round), Step::Precommit),
            Stage::CommitStep => Place::Decided,
        }
    }

    fn lock(&self, of: i64, choice: &Choice) -> Option<Lock> {
        let block_id: Option<BlockId> = self.ours.names.known_choice(choice);
        Some(Lock { round: round(of)?, block_id: block_id? })
    }
}

/// Whether we are where they will be once they have settled.
fn is_further(difference: &Difference) -> bool {
    match difference {
        Difference::Place { theirs, ours } => theirs < ours,
        Difference::Locked { theirs, ours } | Difference::Valid { theirs, ours } => {
            theirs.map(|lock| lock.round) < ours.map(|lock| lock.round)
        }
        Difference::OnlyOurs(_) => true,
        Difference::OnlyTheirs(_) => false,
    }
}
