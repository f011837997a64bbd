//! Where a member is in the protocol, as coarsely as tables want it.

use consensus::Announcement;
use serde::Serialize;
use types::message::WireStep;

/// Where a member is in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It does not run.
    Down,
    /// It fetches decided blocks.
    CatchingUp,
    /// It waits before the first round.
    NewHeight,
    /// It waits for a proposal.
    Propose,
    /// It has prevoted.
    Prevote,
    /// It has precommitted.
    Precommit,
    /// It knows the decision and executes it.
    Commit,
}

impl Stage {
    /// All stages, in the order of tables.
    pub const ALL: [Stage; 7] = [
        Stage::NewHeight,
        Stage::Propose,
        Stage::Prevote,
        Stage::Precommit,
        Stage::Commit,
        Stage::CatchingUp,
        Stage::Down,
    ];

    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Down => "down",
            Stage::CatchingUp => "catch-up",
            Stage::NewHeight => "new height",
            Stage::Propose => "propose",
            Stage::Prevote => "prevote",
            Stage::Precommit => "precommit",
            Stage::Commit => "commit",
        }
    }
}

/// What a member has announced of where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    step: Stage,
    catching_up: bool,
}

impl Progress {
    /// Of a member that was just started.
    pub const BEGUN: Progress = Progress { step: Stage::NewHeight, catching_up: false };

    /// Where the member is.
    pub fn stage(self) -> Stage {
        if self.catching_up { Stage::CatchingUp } else { self.step }
    }

    /// The member announces something.
    pub fn learn(&mut self, announcement: &Announcement) {
        match announcement {
            Announcement::Step { step, .. } => self.step = stage(*step),
            Announcement::CatchingUp { active, .. } => self.catching_up = *active,
            Announcement::Decided { .. } => self.step = Stage::Commit,
            Announcement::CompleteProposal { .. }
            | Announcement::Polka { .. }
            | Announcement::Lock { .. }
            | Announcement::ValidBlock { .. }
            | Announcement::TimedOut(_)
            | Announcement::Vote(_)
            | Announcement::Equivocation(_) => {}
        }
    }
}

fn stage(step: WireStep) -> Stage {
    match step {
        WireStep::NewHeight => Stage::NewHeight,
        WireStep::NewRound | WireStep::Propose => Stage::Propose,
        WireStep::Prevote | WireStep::PrevoteWait => Stage::Prevote,
        WireStep::Precommit | WireStep::PrecommitWait => Stage::Precommit,
        WireStep::Commit => Stage::Commit,
    }
}

#[cfg(test)]
mod tests {
    use types::{Height, Round};

    use super::*;

    #[test]
    fn catching_up_hides_the_step_until_it_ends() {
        let mut progress = Progress::BEGUN;
        progress.learn(&Announcement::CatchingUp { active: true, best: Height(9) });
        progress.learn(&Announcement::Step {
            height: Height(1),
            round: Round(0),
            step: WireStep::PrevoteWait,
            proposer: types::Address([0; 20]),
        });
        assert_eq!(progress.stage(), Stage::CatchingUp);
        progress.learn(&Announcement::CatchingUp { active: false, best: Height(9) });
        assert_eq!(progress.stage(), Stage::Prevote);
    }
}
