//! What peers say about the next height while this one is still being executed: kept until then,
//! so that the fastest do not have to say it twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Height, Message, Part, PeerId, Proposal, Round, ValidatorIndex, Vote, VoteKind};

/// Rounds of the next height that are listened to: the first and the second.
const ROUNDS_MAX: u32 = 2;
/// Most bytes of parts kept. Who is slower than that asks again.
const PARTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Messages about the next height, bounded: one vote for each validator, kind and round, one
/// proposal a round, and a few parts.
#[derive(Debug, Default)]
pub struct Ahead {
    proposals: BTreeMap<Round, (PeerId, Arc<Proposal>)>,
    votes: BTreeMap<(Round, VoteKind, ValidatorIndex), (PeerId, Arc<Vote>)>,
    parts: BTreeMap<(Round, u32), (PeerId, Part)>,
    parts_bytes: usize,
}

impl Ahead {
    /// Keeps a message about `next`, the next height, if it is wanted and there is room.
    pub fn keep(&mut self, next: Height, peer: PeerId, message: Message) {
        let wanted = |height, round: Round| height == next && round.0 < ROUNDS_MAX;
        match message {
            Message::Proposal(it) if wanted(it.height, it.round) => {
                self.proposals.entry(it.round).or_insert((peer, it));
            }
            Message::Vote(it) if wanted(it.height, it.round) => {
                let place = (it.round, it.kind, it.validator_index);
                self.votes.entry(place).or_insert((peer, it));
            }
            Message::BlockPart { height, round, part } if wanted(height, round) => {
                let bytes = self.parts_bytes + part.bytes.len();
                let place = (round, part.index);
                if bytes <= PARTS_BYTES_MAX && !self.parts.contains_key(&place) {
                    self.parts_bytes = bytes;
                    self.parts.insert(place, (peer, part));
                }
            }
            Message::Proposal(_) | Message::Vote(_) | Message::BlockPart { .. } => {}
            Message::NewRoundStep { .. }
            | Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. }
            | Message::ProposalPol { .. }
            | Message::VoteSetBits { .. }
            | Message::Txs(_)
            | Message::Evidence(_)
            | Message::BlockRequest(_)
            | Message::NoBlock(_)
            | Message::BlockResponse { .. }
            | Message::StatusRequest
            | Message::StatusResponse { .. } => {}
        }
    }

    /// Hands out all that was kept, proposals first.
    pub fn take(&mut self, height: Height) -> Vec<(PeerId, Message)> {
        let Ahead { proposals, votes, parts, .. } = std::mem::take(self);
        let proposals =
            proposals.into_values().map(|(peer, proposal)| (peer, Message::Proposal(proposal)));
        let parts = parts
            .into_iter()
            .map(|((round, _), (peer, part))| (peer, Message::BlockPart { height, round, part }));
        let votes = votes.into_values().map(|(peer, vote)| (peer, Message::Vote(vote)));
        proposals.chain(parts).chain(votes).collect()
    }
}
