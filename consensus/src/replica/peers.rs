//! What peers say: to whom it belongs, and who is to blame.

use std::cell::LazyCell;

use types::{Height, Message, Offence, PeerId, Time, VoteKind};

use super::{Replica, view};
use crate::height::Blame;
use crate::output::{Output, Recipients};

/// Most blocks that one peer is served between two gossip alarms, which are at most half a second
/// apart by default.
const REQUESTS_MAX: u32 = 1000;

impl Replica {
    pub(super) fn peer_up(&mut self, now: Time, peer: PeerId, outputs: &mut Vec<Output>) {
        let view = view(&self.current, self.executing.as_ref(), self.stored);
        self.gossip.peer_up(now, peer, &view, outputs);
        // Unasked, as the reference does: it begins no consensus before a peer has said so.
        let message = Message::StatusResponse { range: self.stored };
        outputs.push(Output::Send { to: Recipients::One(peer), message });
        self.catch_up.peer_up(peer, outputs);
        self.evidence.peer_up(peer);
    }

    pub(super) fn peer_down(&mut self, now: Time, peer: PeerId, outputs: &mut Vec<Output>) {
        self.gossip.peer_down(peer);
        self.catch_up.peer_down(now, peer, outputs);
        self.evidence.peer_down(peer);
        self.current_mut().forget(peer);
    }

    /// Takes a message: first for what it says of its sender, then for what it says. Of other
    /// heights only the next is listened to, late precommits for the last, and decided blocks.
    pub(super) fn received(
        &mut self,
        now: Time,
        peer: PeerId,
        message: Message,
        outputs: &mut Vec<Output>,
    ) {
        let here = self.current.height();
        if let Message::VoteSetMaj23 { height, round, kind, block_id } = message
            && height == here
        {
            let claimed = self.current_mut().receive_claim(peer, round, kind, block_id);
            blame(peer, claimed, outputs);
        }
        // Of most messages gossip learns without a look at what is here.
        let (current, executing) = (&self.current, self.executing.as_ref());
        let seen = LazyCell::new(|| view(current, executing, self.stored));
        self.gossip.received(peer, &message, &seen, outputs);
        match message {
            Message::Proposal(it) if it.height == here => {
                let taken =
                    self.with_current(now, outputs, |now, turn| now.receive_proposal(turn, it));
                blame(peer, taken, outputs);
            }
            Message::BlockPart { height, round, part } if height == here => {
                let taken = self.with_current(now, outputs, |now, turn| {
                    now.receive_part(turn, peer, round, part)
                });
                blame(peer, taken, outputs);
            }
            Message::Vote(vote) if vote.height == here => {
                self.with_current(now, outputs, |now, turn| now.receive_vote(turn, vote));
            }
            Message::Vote(vote)
                if Some(vote.height) == here.previous() && vote.kind == VoteKind::Precommit =>
            {
                self.with_current(now, outputs, |now, turn| now.receive_late(turn, vote));
            }
            Message::Proposal(_) | Message::BlockPart { .. } | Message::Vote(_) => {
                self.ahead.keep(here.next(), peer, message);
            }
            Message::NewRoundStep { .. }
            | Message::StatusRequest
            | Message::StatusResponse { .. }
            | Message::BlockResponse { .. }
            | Message::NoBlock(_) => self.received_of_blocks(now, peer, message, outputs),
            Message::BlockRequest(height) => self.serve(peer, height, outputs),
            Message::Evidence(list) => {
                for evidence in list {
                    self.evidence.received(peer, evidence, outputs);
                }
            }
            // Gossip has learned from these; transactions are the mempool's.
            Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. }
            | Message::ProposalPol { .. }
            | Message::VoteSetBits { .. }
            | Message::Txs(_) => {}
        }
    }

    /// A peer asks for a decided block. Whoever asks for more than anybody can take in gets none.
    fn serve(&mut self, peer: PeerId, height: Height, outputs: &mut Vec<Output>) {
        let requests = self.requests.entry(peer).or_default();
        *requests += 1;
        if REQUESTS_MAX < *requests {
            let flood = (Offence::Flood, "asks for too many blocks");
            return blame(peer, Err(flood), outputs);
        }
        let stored = self.stored.is_some_and(|(from, to)| from <= height && height <= to);
        outputs.push(match stored {
            true => Output::Serve { peer, height },
            false => {
                let message = Message::NoBlock(height);
                Output::Send { to: Recipients::One(peer), message }
            }
        });
    }

    fn received_of_blocks(
        &mut self,
        now: Time,
        peer: PeerId,
        message: Message,
        outputs: &mut Vec<Output>,
    ) {
        if message == Message::StatusRequest {
            let message = Message::StatusResponse { range: self.stored };
            outputs.push(Output::Send { to: Recipients::One(peer), message });
            return;
        }
        self.catch_up.received(now, peer, message, outputs);
    }
}

fn blame(peer: PeerId, result: Result<(), Blame>, outputs: &mut Vec<Output>) {
    if let Err((offence, reason)) = result {
        outputs.push(Output::Penalise { peer, offence, reason });
    }
}
