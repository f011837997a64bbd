//! What a peer behind us lacks: the precommits that decided its height, and the block. This is
//! how a peer gets the last block, which nobody can prove by a next one, and how a peer that does
//! not fetch blocks by itself gets any.

use types::{CommitSig, ExtendedCommit, Height, Message, PeerId, VoteKind};

use super::offer::{PARTS_AT_ONCE, Visit};
use super::peer::{Offered, Parts, Peer};
use super::{Gossip, View};
use crate::input::StoredBlock;
use crate::output::Output;

/// Most blocks kept for peers who are behind, and most being read from the store.
const STORED_MAX: usize = 4;
/// How many ticks a request for blocks shows that a peer fetches them by itself.
const FETCHING_TICKS: u64 = 20;

impl Gossip {
    /// A block was read from the store: peers at its height get what they lack of it.
    pub fn loaded(
        &mut self,
        height: Height,
        stored: Option<StoredBlock>,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) {
        self.loading.remove(&height);
        let Some(stored) = stored else { return };
        if STORED_MAX <= self.stored.len() {
            self.stored.pop_first();
        }
        self.stored.insert(height, stored);
        self.visit(view, outputs, |peer| peer.height() == Some(height));
    }

    /// Sends a peer at an earlier height what it lacks to decide that height. Returns whether
    /// something is left for later.
    pub(super) fn feed(&mut self, visit: &mut Visit<'_>) -> bool {
        let Some(height) = visit.peer.height() else { return false };
        let relies_on_us = visit.peer.fed.is_some_and(|fed| fed.next() == height);
        visit.ripe |= relies_on_us;
        let mut later = false;
        let last = visit.view.last_commit.filter(|tally| tally.height() == height);
        if let Some(tally) = last {
            visit.peer.commit_round = Some(tally.round());
            later |= self.offer_tally(visit, tally);
        }
        let gets_on = !visit.peer.wants_more_parts() && visit.peer.stalled < 2;
        if self.fetches(visit.peer, height) || last.is_some() && gets_on {
            return later;
        }
        if !visit.ripe {
            return true;
        }
        if let Some(stored) = self.stored.get(&height) {
            return later | feed_stored(visit, stored);
        }
        let stored = visit.view.stored;
        let has_it = stored.is_some_and(|(first, last)| first <= height && height <= last);
        if has_it && self.loading.len() < STORED_MAX && self.loading.insert(height) {
            visit.outputs.push(Output::Load { height });
        }
        later
    }

    /// A peer that does not get on says which of the precommits it is fed it has: of the others
    /// it may have conflicting ones, which are of no use to it.
    pub(super) fn learn_of_commit(&mut self, id: PeerId, message: &Message) {
        let Message::VoteSetBits { height, round, kind, block_id: Some(block_id), have } = message
        else {
            return;
        };
        let Some(StoredBlock { commit, .. }) = self.stored.get(height) else { return };
        let fed = (commit.round, VoteKind::Precommit, commit.block_id);
        let peer = self.peers.get_mut(&id).filter(|peer| 1 < peer.stalled);
        let (true, Some(peer)) = ((*round, *kind, *block_id) == fed, peer) else { return };
        let Some(offered) = peer.known_ballot((*height, *round, *kind)) else { return };
        for (index, entry) in commit.signatures.iter().enumerate() {
            if matches!(entry.sig, CommitSig::Commit { .. }) && !have.has(index) {
                offered.has.clear(index);
                offered.sent.clear(index);
            }
        }
        peer.dirty = true;
    }

    /// Whether a peer has lately asked for the block of a height, and so needs no feeding.
    fn fetches(&self, peer: &Peer, height: Height) -> bool {
        peer.fetches.is_some_and(|(greatest, tick)| {
            height <= greatest && self.ticks < tick.saturating_add(FETCHING_TICKS)
        })
    }
}

/// Sends precommits, and the parts that the peer says it wants. Parts unasked only when it does
/// not get on although it had the precommits, as before them a peer has no use for parts.
fn feed_stored(visit: &mut Visit<'_>, stored: &StoredBlock) -> bool {
    let Some(height) = visit.peer.height() else { return false };
    let stuck = visit.peer.fed == Some(height) && 1 < visit.peer.stalled;
    visit.peer.fed = Some(height);
    feed_commit(visit, &stored.commit);
    let header = stored.parts.header();
    if visit.peer.parts.is_none() && stuck {
        let offered = Offered::new(header.total as usize);
        visit.peer.parts = Some(Parts { header, offered, wanted: false });
    }
    let known = visit.peer.parts.as_mut();
    let known = known.filter(|known| known.header == header && (known.wanted || stuck));
    let Some(known) = known else { return false };
    let lacks = known.offered.lacks(stored.parts.have());
    let now: Vec<usize> = lacks.ones().take(PARTS_AT_ONCE).collect();
    for &index in &now {
        known.offered.sent.set(index);
    }
    visit.send_parts(&stored.parts, &now);
    now.len() < lacks.ones_count()
}

fn feed_commit(visit: &mut Visit<'_>, commit: &ExtendedCommit) {
    visit.peer.commit_round = Some(commit.round);
    let count = commit.signatures.len();
    let ballot = (commit.height, commit.round, VoteKind::Precommit);
    let Some(offered) = visit.peer.ballot(ballot, visit.view.round, count) else { return };
    if (0..count).all(|index| offered.has.has(index) || offered.sent.has(index)) {
        return;
    }
    let mut lacking = Vec::new();
    for vote in commit.votes() {
        let index = vote.validator_index.0 as usize;
        if !offered.has.has(index) && offered.sent.set(index) {
            lacking.push(vote);
        }
    }
    for vote in lacking {
        visit.send(Message::Vote(vote.into()));
    }
}
