//! Small changes of what is really said, and old things said again. Most faults of protocols are
//! found by messages that are almost right (ByzzFuzz: small-scope mutations).

use types::height::{HEIGHT_MAX, ROUND_MAX};
use types::{Height, Message, Proposal, Round, Vote};

use super::{Adversary, Said, Scene, forge};
use crate::plan::Vice;

/// Of a thousand messages, those that are changed by a member with that vice.
const CHANGED_PERMILLE: u64 = 120;

impl Adversary {
    /// Changes some of what was to be said, from the message with this number on.
    pub fn mutate(&mut self, scene: &Scene<'_>, first: usize, said: &mut Said) {
        let rest: Vec<_> = said.sent.drain(first..).collect();
        for mut sent in rest {
            if !self.chance.permille(CHANGED_PERMILLE) {
                said.sent.push(sent);
                continue;
            }
            said.acts.push(Vice::SmallScope);
            match self.chance.below(4) {
                // Omission, for this receiver.
                0 => {}
                // Both.
                1 => {
                    let changed = self.changed(scene, &sent.message);
                    let (to, after_nanos) = (sent.to, sent.after_nanos);
                    said.sent.push(sent);
                    said.sent.push(super::Sent { to, message: changed, after_nanos });
                }
                _ => {
                    sent.message = self.changed(scene, &sent.message);
                    said.sent.push(sent);
                }
            }
        }
    }

    /// Says something old to a peer.
    pub fn replay(&mut self, scene: &Scene<'_>, to: usize, said: &mut Said) {
        for _ in 0..self.chance.between(1, 4) {
            if self.memory.heard.is_empty() {
                return;
            }
            let index = self.chance.index(self.memory.heard.len());
            // Sometimes to somebody whom it was not meant for.
            let to = if self.chance.coin() { to } else { self.chance.pick(scene.peers) };
            said.say(to, self.memory.heard[index].clone());
        }
    }

    fn changed(&mut self, scene: &Scene<'_>, message: &Message) -> Message {
        let mut message = message.clone();
        match &mut message {
            Message::Vote(vote) => *vote = self.changed_vote(scene, vote).into(),
            Message::Proposal(proposal) => {
                *proposal = self.changed_proposal(scene, proposal).into()
            }
            Message::NewRoundStep { height, round, .. }
            | Message::NewValidBlock { height, round, .. }
            | Message::HasVote { height, round, .. }
            | Message::VoteSetMaj23 { height, round, .. }
            | Message::VoteSetBits { height, round, .. } => {
                if self.chance.coin() {
                    *round = self.beside(*round);
                } else {
                    *height = self.above_or_below(*height);
                }
            }
            Message::ProposalPol { pol_round: round, .. } | Message::BlockPart { round, .. } => {
                *round = self.beside(*round);
            }
            Message::BlockRequest(height) | Message::NoBlock(height) => {
                *height = self.above_or_below(*height);
            }
            Message::StatusResponse { range: Some((_, last)) } => {
                *last = self.above_or_below(*last);
            }
            Message::Txs(_)
            | Message::Evidence(_)
            | Message::BlockResponse { .. }
            | Message::StatusRequest
            | Message::StatusResponse { range: None } => {}
        }
        message
    }

    fn changed_vote(&mut self, scene: &Scene<'_>, vote: &Vote) -> Vote {
        let (mut height, mut round, mut block_id) = (vote.height, vote.round, vote.block_id);
        match self.chance.below(3) {
            0 => round = self.beside(round),
            1 => height = self.above_or_below(height),
            _ => {
                let known = self.memory.ids(height);
                let known = known.into_iter().map(Some).chain([None]).collect::<Vec<_>>();
                block_id = self.chance.pick(&known);
            }
        }
        let own = Some(vote.validator_address) == self.addresses[self.member];
        let own =
            if own { self.own_vote(scene, (height, round), vote.kind, block_id) } else { None };
        // In another's name it can sign nothing.
        let signature = forge::NOBODYS;
        own.unwrap_or_else(|| Vote { height, round, block_id, signature, ..vote.clone() })
    }

    fn changed_proposal(&mut self, scene: &Scene<'_>, proposal: &Proposal) -> Proposal {
        let mut it = proposal.clone();
        match self.chance.below(3) {
            0 => it.round = self.beside(it.round),
            1 => it.pol_round = it.round.previous(),
            _ => {
                let known = self.memory.ids(it.height);
                if !known.is_empty() {
                    it.block_id = self.chance.pick(&known);
                }
            }
        }
        let own =
            if self.is_mine_to_propose(proposal) { self.own_proposal(scene, &it) } else { None };
        own.unwrap_or(Proposal { signature: forge::NOBODYS, ..it })
    }

    fn beside(&mut self, round: Round) -> Round {
        let after = Round((round.0 + 1).min(ROUND_MAX));
        if self.chance.coin() { after } else { round.previous().unwrap_or(round) }
    }

    fn above_or_below(&mut self, height: Height) -> Height {
        let after = Height((height.0 + 1).min(HEIGHT_MAX));
        if self.chance.coin() { after } else { height.previous().unwrap_or(height) }
    }
}
