//! Who lacks what. Each peer has a place in the order of arrival, up to which it was served; what
//! it sent us itself is passed over.

use std::collections::BTreeMap;

use types::{PeerId, Tx};

use crate::waiting::{Entry, Place, Waiting};

/// How far each connected peer was served.
#[derive(Clone, Debug, Default)]
pub struct Gossip {
    /// The first place that a peer was not served yet.
    cursors: BTreeMap<PeerId, Place>,
}

impl Gossip {
    /// A peer has connected: it lacks everything, as far as we know.
    pub fn peer_up(&mut self, peer: PeerId) {
        self.cursors.entry(peer).or_insert(0);
    }

    /// A peer is gone.
    pub fn peer_down(&mut self, peer: PeerId) {
        self.cursors.remove(&peer);
    }

    /// Whether a connected peer lacks a transaction. Passes over those that it sent us.
    pub fn lacks_some(&mut self, peer: PeerId, waiting: &Waiting) -> bool {
        let Some(cursor) = self.cursors.get_mut(&peer) else {
            return false;
        };
        let next = waiting.from(*cursor).find(|(_, entry)| is_for(entry, peer));
        *cursor = next.map_or(waiting.next_place(), |(place, _)| place);
        next.is_some()
    }

    /// The next transactions for a peer, in order: at most `count_max`, and at most `bytes_max`
    /// bytes unless the first alone has more. Empty if it lacks none. They count as served.
    pub fn batch(
        &mut self,
        peer: PeerId,
        waiting: &Waiting,
        bytes_max: u64,
        count_max: usize,
    ) -> Vec<Tx> {
        let Some(cursor) = self.cursors.get_mut(&peer) else {
            return vec![];
        };
        let (mut batch, mut bytes) = (vec![], 0_u64);
        for (place, entry) in waiting.from(*cursor) {
            if !is_for(entry, peer) {
                *cursor = place + 1;
                continue;
            }
            bytes = bytes.saturating_add(entry.tx.len() as u64);
            if count_max <= batch.len() || (bytes_max < bytes && !batch.is_empty()) {
                break;
            }
            batch.push(entry.tx.clone());
            *cursor = place + 1;
        }
        batch
    }
}

/// Whether a peer is told of a transaction: not of what it sent us, nor of one without a byte, for
/// which the reference ends a connection. That one waits for our own turn to propose.
fn is_for(entry: &Entry, peer: PeerId) -> bool {
    !entry.senders.has(peer) && !entry.tx.is_empty()
}
