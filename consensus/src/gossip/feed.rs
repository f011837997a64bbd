//! What a peer behind us lacks: the precommits that decided its height, and the block. This is
//! how a peer gets the last block, which nobody can prove by a next one, and how a peer that does
//! not fetch blocks by itself gets any.

use types::{Height, Message, PeerId, VoteKind};

use super::announce::{is_ripe, only};
use super::offer::{PARTS_AT_ONCE, send_parts};
use super::peer::{Offered, Parts, Peer};
use super::{Gossip, View, send};
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
        let there = self.peers.iter().filter(|(_, peer)| peer.height() == Some(height));
        let there: Vec<PeerId> = there.map(|(&id, _)| id).collect();
        for id in there {
            self.offer(id, view, outputs);
        }
    }

    /// Sends a peer at an earlier height what it lacks to decide that height. Returns whether
    /// something is left for later.
    pub(super) fn feed(
        &mut self,
        id: PeerId,
        peer: &mut Peer,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let Some(height) = peer.height() else { return false };
        let fetches = peer.fetches.is_some_and(|(greatest, tick)| {
            height <= greatest && self.ticks < tick.saturating_add(FETCHING_TICKS)
        });
        let relies_on_us = peer.fed.is_some_and(|fed| fed.next() == height);
        let ripe = is_ripe(peer, self.ticks) || relies_on_us;
        let mut later = false;
        let last = view.last_commit.filter(|tally| tally.height() == height);
        if let Some(tally) = last {
            peer.commit_round = Some(tally.round());
            later |= self.offer_tally(id, peer, ripe, tally, view, outputs);
        }
        let wants = peer.parts.as_ref().is_some_and(|parts| parts.wanted);
        if fetches || last.is_some() && !wants && peer.stalled < 2 {
            return later;
        }
        if !ripe {
            return true;
        }
        if let Some(stored) = self.stored.get(&height) {
            return later | feed_stored(id, peer, stored, view, outputs);
        }
        let has_it = view.stored.is_some_and(|(first, end)| first <= height && height <= end);
        if has_it && self.loading.len() < STORED_MAX && self.loading.insert(height) {
            outputs.push(Output::Load { height });
        }
        later
    }
}

/// Sends precommits, and the parts that the peer says it wants; parts unasked only when it does
/// not get on, as a peer drops parts before it knows that the block is decided.
fn feed_stored(
    id: PeerId,
    peer: &mut Peer,
    stored: &StoredBlock,
    view: &View<'_>,
    outputs: &mut Vec<Output>,
) -> bool {
    let Some(place) = peer.place else { return false };
    let commit = &stored.commit;
    peer.commit_round = Some(commit.round);
    peer.fed = Some(place.height);
    let count = commit.signatures.len();
    let ballot = (commit.height, commit.round, VoteKind::Precommit);
    if let Some(offered) = peer.ballot(ballot, view.round, count)
        && offered.has.ones_count() + offered.sent.ones_count() < count
    {
        for vote in commit.votes() {
            let index = vote.validator_index.0 as usize;
            if !offered.has.has(index) && offered.sent.set(index) {
                send(outputs, only(id), Message::Vote(vote));
            }
        }
    }
    let header = stored.parts.header();
    if peer.parts.is_none() && 1 < peer.stalled {
        let offered = Offered::new(header.total as usize);
        peer.parts = Some(Parts { header, offered, wanted: false });
    }
    let stalled = 1 < peer.stalled;
    let Some(known) = peer.parts.as_mut().filter(|known| known.header == header) else {
        return false;
    };
    if !known.wanted && !stalled {
        return false;
    }
    let lacks = known.offered.lacks(stored.parts.have());
    let now = &lacks[..lacks.len().min(PARTS_AT_ONCE)];
    for &index in now {
        known.offered.sent.set(index);
    }
    send_parts(id, place, &stored.parts, now, outputs);
    now.len() < lacks.len()
}
