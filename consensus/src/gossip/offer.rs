//! What a peer at our height lacks: proposal, parts, votes.

use std::cmp::Ordering;

use types::message::WireStep;
use types::{Message, PartSet, PeerId, VoteKind};

use super::announce::{is_ripe, only, pol_message, vote_at};
use super::peer::{Ballot, Peer, Place};
use super::{Gossip, View, send};
use crate::output::Output;
use crate::tally::Tally;

/// Most parts that one peer is sent at a time: 4 MiB, so that votes are not stuck behind them.
pub(super) const PARTS_AT_ONCE: usize = 64;

impl Gossip {
    /// Sends a peer what it is known to lack: at once what we made ourselves, after a while what
    /// others made. Returns whether something is left for later.
    pub(super) fn offer(&mut self, id: PeerId, view: &View<'_>, outputs: &mut Vec<Output>) -> bool {
        let Some(mut peer) = self.peers.remove(&id) else { return false };
        peer.dirty = false;
        let later = match peer.height().map(|height| height.cmp(&view.height)) {
            Some(Ordering::Equal) => {
                let ripe = is_ripe(&peer, self.ticks);
                let proposal = self.offer_proposal(id, &mut peer, ripe, view, outputs);
                let parts = self.offer_parts(id, &mut peer, ripe, view, outputs);
                let votes = self.offer_votes(id, &mut peer, ripe, view, outputs);
                proposal | parts | votes
            }
            Some(Ordering::Less) => self.feed(id, &mut peer, view, outputs),
            Some(Ordering::Greater) | None => false,
        };
        self.peers.insert(id, peer);
        later
    }

    fn offer_proposal(
        &self,
        id: PeerId,
        peer: &mut Peer,
        ripe: bool,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let Some(proposal) = view.proposal else { return false };
        let late = !peer.awaits_proposal() && peer.stalled < 2;
        let knows = peer.has_proposal || peer.sent_proposal;
        if knows || late || !peer.is_at(proposal.height, proposal.round) {
            return false;
        }
        if !view.own_proposal && !(ripe && self.proposal_is_ripe()) {
            return true;
        }
        send(outputs, only(id), Message::Proposal(proposal.clone()));
        peer.learn_proposal(proposal, false);
        if let Some(message) = pol_message(view, proposal.pol_round) {
            send(outputs, only(id), message);
        }
        false
    }

    /// Parts go to a peer that waits for a proposal or says that it wants them: who has prevoted
    /// has them or will say so when a polka shows that it needs them.
    fn offer_parts(
        &self,
        id: PeerId,
        peer: &mut Peer,
        ripe: bool,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let (Some(parts), Some(place)) = (view.parts, peer.place) else { return false };
        let awaits = peer.awaits_proposal();
        let Some(known) = peer.parts.as_mut().filter(|known| known.header == parts.header()) else {
            return false;
        };
        if !awaits && !known.wanted {
            return false;
        }
        let mut later = false;
        let mut now = Vec::new();
        for index in known.offered.lacks(parts.have()) {
            let relayed = || ripe && self.ripe_parts(parts).is_some_and(|it| it.has(index));
            if now.len() < PARTS_AT_ONCE && (view.own_proposal || relayed()) {
                known.offered.sent.set(index);
                now.push(index);
            } else {
                later = true;
            }
        }
        send_parts(id, place, parts, &now, outputs);
        later
    }

    fn offer_votes(
        &self,
        id: PeerId,
        peer: &mut Peer,
        ripe: bool,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let mut later = false;
        for ballot in useful_ballots(peer, view).into_iter().flatten() {
            if let Some(tally) = view.tally(ballot) {
                later |= self.offer_tally(id, peer, ripe, tally, view, outputs);
            }
        }
        later
    }

    /// Sends the votes of a tally that a peer lacks.
    pub(super) fn offer_tally(
        &self,
        id: PeerId,
        peer: &mut Peer,
        ripe: bool,
        tally: &Tally,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let ballot = (tally.height(), tally.round(), tally.kind());
        let count = tally.validators().count();
        let Some(offered) = peer.ballot(ballot, view.round, count) else { return false };
        let me = view.me.filter(|_| ballot.0 == view.height).map(|index| index.0 as usize);
        let mut later = false;
        for index in offered.lacks(tally.have()) {
            let relayed = || ripe && self.ripe_votes(ballot).is_some_and(|it| it.has(index));
            let Some(vote) = vote_at(tally, index) else { continue };
            if Some(index) == me || relayed() {
                offered.sent.set(index);
                send(outputs, only(id), Message::Vote(vote.clone()));
            } else {
                later = true;
            }
        }
        later
    }
}

/// The votes that help a peer at our height, the most urgent first: those of the last commit
/// before its first round begins, of the proposal's polka, of its round, and of ours if we are
/// ahead, so that it can follow (L55).
fn useful_ballots(peer: &Peer, view: &View<'_>) -> [Option<Ballot>; 6] {
    use VoteKind::{Precommit, Prevote};
    let Some(Place { height, round, step }) = peer.place else { return [None; 6] };
    let last = height.previous().zip(peer.last_commit_round);
    let last = last.filter(|_| step == WireStep::NewHeight);
    let pol = peer.pol_round.filter(|&pol| pol != round);
    let ours = Some(view.round).filter(|&ours| round < ours);
    [
        last.map(|(height, round)| (height, round, Precommit)),
        pol.map(|pol| (height, pol, Prevote)),
        Some((height, round, Prevote)),
        Some((height, round, Precommit)),
        ours.map(|ours| (height, ours, Prevote)),
        ours.map(|ours| (height, ours, Precommit)),
    ]
}

/// Sends parts under the peer's own place, as it takes them for its current block.
pub(super) fn send_parts(
    id: PeerId,
    place: Place,
    parts: &PartSet,
    indices: &[usize],
    outputs: &mut Vec<Output>,
) {
    for &index in indices {
        let part = u32::try_from(index).ok().and_then(|index| parts.get(index));
        if let Some(part) = part.cloned() {
            let (height, round) = (place.height, place.round);
            send(outputs, only(id), Message::BlockPart { height, round, part });
        }
    }
}
