//! What subscribers are told of consensus: the replica's announcements in the reference's words.

use consensus::Announcement;
use consensus::input::Wait;
use rpc::events::{RoundEvent, RoundNews};
use types::message::WireStep;
use types::{BlockId, Height, Round};

/// Where consensus stood when it last spoke.
#[derive(Default)]
pub struct Rounds {
    place: Option<(Height, Round, WireStep)>,
    /// The round that was told to have begun.
    begun: Option<(Height, Round)>,
    locked: Option<(Height, BlockId)>,
}

impl Rounds {
    /// What an announcement means to subscribers, in order.
    pub fn news(&mut self, announcement: &Announcement) -> Vec<RoundNews> {
        match announcement {
            Announcement::Step { height, round, step, proposer } => {
                self.place = Some((*height, *round, *step));
                let begins = *step != WireStep::NewHeight && *step != WireStep::Commit;
                let mut events = vec![RoundEvent::NewRoundStep];
                if begins && self.begun != Some((*height, *round)) {
                    self.begun = Some((*height, *round));
                    events.insert(0, RoundEvent::NewRound(*proposer));
                }
                events.into_iter().map(|what| self.here(*height, *round, what)).collect()
            }
            Announcement::CompleteProposal { height, round, block_id } => {
                vec![self.here(*height, *round, RoundEvent::CompleteProposal(*block_id))]
            }
            // spec: a polka for nil is none there.
            Announcement::Polka { height, round, block_id: Some(_) } => {
                vec![self.here(*height, *round, RoundEvent::Polka)]
            }
            Announcement::Lock { height, round, block_id } => {
                let locked = Some((*height, *block_id));
                let again = self.locked == locked;
                self.locked = locked;
                let what = if again { RoundEvent::Relock } else { RoundEvent::Lock };
                vec![self.here(*height, *round, what)]
            }
            Announcement::ValidBlock { height, round, .. } => {
                vec![self.here(*height, *round, RoundEvent::ValidBlock)]
            }
            Announcement::TimedOut(timeout) => {
                let what = match timeout.wait {
                    Wait::Propose => RoundEvent::TimeoutPropose,
                    Wait::Prevote | Wait::Precommit => RoundEvent::TimeoutWait,
                    Wait::Commit | Wait::EmptyBlock | Wait::Gossip | Wait::CatchUp => return vec![],
                };
                vec![self.here(timeout.height, timeout.round, what)]
            }
            Announcement::Vote(vote) => {
                vec![self.here(vote.height, vote.round, RoundEvent::Vote(Box::new(vote.clone())))]
            }
            Announcement::Polka { block_id: None, .. }
            | Announcement::Decided { .. }
            | Announcement::CatchingUp { .. }
            | Announcement::Equivocation(_) => vec![],
        }
    }

    /// With the step that consensus is in, if it still is in that round.
    fn here(&self, height: Height, round: Round, what: RoundEvent) -> RoundNews {
        let step = match self.place {
            Some((at, in_round, step)) if (at, in_round) == (height, round) => step,
            _ => WireStep::Propose,
        };
        RoundNews { height, round, step, what }
    }
}
