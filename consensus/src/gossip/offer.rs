//! What a peer at our height lacks: proposal, parts, votes.

use std::cmp::Ordering;
use std::sync::Arc;

use types::message::WireStep;
use types::{Message, PartSet, PeerId, VoteKind};

use super::announce::{pol_message, vote_at};
use super::peer::{Ballot, Peer, Place};
use super::{Gossip, RIPE_TICKS, View, send};
use crate::output::{Output, Recipients};
use crate::tally::Tally;

/// Most parts that one peer is sent at a time: 4 MiB, so that votes are not stuck behind them.
pub(super) const PARTS_AT_ONCE: usize = 64;

/// One look at one peer: what it lacks is sent.
pub(super) struct Visit<'a> {
    pub id: PeerId,
    pub peer: &'a mut Peer,
    /// Whether it has been where it is long enough to have got things from their makers.
    pub ripe: bool,
    pub view: &'a View<'a>,
    pub outputs: &'a mut Vec<Output>,
}

impl Visit<'_> {
    pub fn send(&mut self, message: Message) {
        send(self.outputs, Recipients::One(self.id), message);
    }

    /// Sends parts under the peer's own place, as it takes them for its current block.
    pub fn send_parts(&mut self, parts: &PartSet, indices: &[usize]) {
        let Some(Place { height, round, .. }) = self.peer.place else { return };
        for &index in indices {
            let part = u32::try_from(index).ok().and_then(|index| parts.get(index));
            if let Some(part) = part.cloned() {
                self.send(Message::BlockPart { height, round, part });
            }
        }
    }
}

impl Gossip {
    /// Sends a peer what it is known to lack: at once what we made ourselves, after a while what
    /// others made. Returns whether something is left for later.
    pub(super) fn offer(
        &mut self,
        id: PeerId,
        peer: &mut Peer,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        peer.dirty = false;
        let order = peer.height().map(|height| height.cmp(&view.height));
        let ripe = peer.since + RIPE_TICKS <= self.ticks;
        let mut visit = Visit { id, peer, ripe, view, outputs };
        match order {
            Some(Ordering::Equal) => {
                let proposal = self.offer_proposal(&mut visit);
                let parts = self.offer_parts(&mut visit);
                let votes = self.offer_votes(&mut visit);
                proposal | parts | votes
            }
            Some(Ordering::Less) => self.feed(&mut visit),
            Some(Ordering::Greater) | None => false,
        }
    }

    fn offer_proposal(&self, visit: &mut Visit<'_>) -> bool {
        let Some(proposal) = visit.view.proposal else { return false };
        let peer = &visit.peer;
        let late = !peer.awaits_proposal() && peer.stalled < 2;
        let knows = peer.has_proposal || peer.sent_proposal;
        if knows || late || !peer.is_at(proposal.height, proposal.round) {
            return false;
        }
        let now = visit.view.own_proposal || visit.ripe && self.proposal_is_ripe();
        if !now {
            return true;
        }
        visit.send(Message::Proposal(Arc::clone(proposal)));
        visit.peer.learn_proposal(proposal, false);
        if let Some(message) = pol_message(visit.view, proposal.pol_round) {
            visit.send(message);
        }
        false
    }

    /// Parts go to a peer that waits for a proposal or says that it wants them: who has prevoted
    /// has them, or says so while it lacks some.
    fn offer_parts(&self, visit: &mut Visit<'_>) -> bool {
        let Some(parts) = visit.view.parts else { return false };
        let awaits = visit.peer.awaits_proposal();
        let known = visit.peer.parts.as_mut();
        let known = known.filter(|it| it.header == parts.header() && (awaits || it.wanted));
        let Some(known) = known else { return false };
        let ripe = self.ripe_parts(parts).filter(|_| visit.ripe);
        let may =
            |&index: &usize| visit.view.own_proposal || ripe.is_some_and(|ripe| ripe.has(index));
        let lacks = known.offered.lacks(parts.have());
        let now: Vec<usize> = lacks.ones().filter(may).take(PARTS_AT_ONCE).collect();
        for &index in &now {
            known.offered.sent.set(index);
        }
        visit.send_parts(parts, &now);
        now.len() < lacks.ones_count()
    }

    fn offer_votes(&self, visit: &mut Visit<'_>) -> bool {
        let mut later = false;
        for ballot in useful_ballots(visit.peer, visit.view).into_iter().flatten() {
            if let Some(tally) = visit.view.tally(ballot) {
                later |= self.offer_tally(visit, tally);
            }
        }
        later
    }

    /// Sends the votes of a tally that a peer lacks.
    pub(super) fn offer_tally(&self, visit: &mut Visit<'_>, tally: &Tally) -> bool {
        let ballot = (tally.height(), tally.round(), tally.kind());
        let (count, view) = (tally.validators().count(), visit.view);
        let Some(offered) = visit.peer.ballot(ballot, view.round, count) else { return false };
        let me = view.me.filter(|_| ballot.0 == view.height).map(|index| index.0 as usize);
        let ripe = self.ripe_votes(ballot).filter(|_| visit.ripe);
        let may = |&index: &usize| Some(index) == me || ripe.is_some_and(|ripe| ripe.has(index));
        let lacks = offered.lacks(tally.have());
        let now: Vec<usize> = lacks.ones().filter(may).collect();
        for &index in &now {
            offered.sent.set(index);
        }
        for &index in &now {
            if let Some(vote) = vote_at(tally, index) {
                visit.send(Message::Vote(Arc::clone(vote)));
            }
        }
        now.len() < lacks.ones_count()
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
