//! What subscribers are told of consensus: the replica's announcements in the reference's words.

use std::sync::Arc;

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
                vec![self.here(vote.height, vote.round, RoundEvent::Vote(Arc::clone(vote)))]
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

#[cfg(test)]
mod tests {
    use types::{Address, Hash, PartSetHeader};

    use super::*;

    fn block(byte: u8) -> BlockId {
        BlockId {
            hash: Hash([byte; 32]),
            parts: PartSetHeader { total: 1, hash: Hash([byte; 32]) },
        }
    }

    /// Names of what is told of these, with the step it is told for.
    fn told(announcements: &[Announcement]) -> Vec<String> {
        let mut rounds = Rounds::default();
        let news = announcements.iter().flat_map(|it| rounds.news(it));
        let name = |news: RoundNews| {
            let what = match news.what {
                RoundEvent::NewRoundStep => "step",
                RoundEvent::NewRound(_) => "round",
                RoundEvent::CompleteProposal(_) => "proposal",
                RoundEvent::Polka => "polka",
                RoundEvent::Lock => "lock",
                RoundEvent::Relock => "relock",
                RoundEvent::ValidBlock => "valid",
                RoundEvent::TimeoutPropose => "no proposal",
                RoundEvent::TimeoutWait => "no votes",
                RoundEvent::Vote(_) => "vote",
            };
            format!("{what} {}/{} {:?}", news.height, news.round, news.step)
        };
        news.map(name).collect()
    }

    #[test]
    fn a_height_is_told_in_the_references_words() {
        let (height, proposer) = (Height(7), Address([1; 20]));
        let step = |round, step| Announcement::Step { height, round: Round(round), step, proposer };
        let at = |round| Round(round);
        let timed_out = |wait, round| {
            Announcement::TimedOut(consensus::input::Timeout { height, round: at(round), wait })
        };
        let one = block(1);
        let lock = |round| Announcement::Lock { height, round: at(round), block_id: one };
        let polka = |block_id| Announcement::Polka { height, round: at(0), block_id };
        let expected = [
            (step(0, WireStep::NewHeight), vec!["step 7/0 NewHeight"]),
            (step(0, WireStep::Propose), vec!["round 7/0 Propose", "step 7/0 Propose"]),
            (
                Announcement::CompleteProposal { height, round: at(0), block_id: one },
                vec!["proposal 7/0 Propose"],
            ),
            (step(0, WireStep::Prevote), vec!["step 7/0 Prevote"]),
            (polka(None), vec![]),
            (polka(Some(one)), vec!["polka 7/0 Prevote"]),
            (lock(0), vec!["lock 7/0 Prevote"]),
            (timed_out(Wait::Precommit, 0), vec!["no votes 7/0 Prevote"]),
            (step(1, WireStep::Propose), vec!["round 7/1 Propose", "step 7/1 Propose"]),
            (timed_out(Wait::Propose, 1), vec!["no proposal 7/1 Propose"]),
            (timed_out(Wait::Gossip, 1), vec![]),
            (lock(1), vec!["relock 7/1 Propose"]),
            (step(1, WireStep::Commit), vec!["step 7/1 Commit"]),
        ];
        let announced: Vec<Announcement> = expected.iter().map(|(it, _)| it.clone()).collect();
        let texts: Vec<&str> = expected.iter().flat_map(|(_, texts)| texts.clone()).collect();
        assert_eq!(told(&announced), texts);
    }
}
