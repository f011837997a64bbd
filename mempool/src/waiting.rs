//! Transactions in the order in which they were taken in, found by place and by key.

use std::collections::BTreeMap;

use types::{PeerId, Tx, TxKey};

/// Most peers remembered as senders of one transaction. A peer beyond it is sent the transaction
/// back once, which costs bytes and nothing else.
const SENDERS_MAX: usize = 64;

/// Where a transaction stands in the order of arrival. Never used twice.
pub type Place = u64;

/// A transaction that waits.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its key.
    pub key: TxKey,
    /// Its bytes.
    pub tx: Tx,
    /// What the application says it will need.
    pub gas_wanted: u64,
    /// Who sent it to us.
    pub senders: Senders,
}

/// The peers that sent us a transaction: they need not be sent it.
#[derive(Clone, Debug, Default)]
pub struct Senders(Vec<PeerId>);

/// All transactions that wait.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    order: BTreeMap<Place, Entry>,
    places: BTreeMap<TxKey, Place>,
    bytes: u64,
    next_place: Place,
}

impl Senders {
    /// Adds a peer, unless it is there or there are too many.
    pub fn add(&mut self, peer: PeerId) {
        if self.0.len() < SENDERS_MAX && !self.has(peer) {
            self.0.push(peer);
        }
    }

    /// Whether the peer is a sender.
    pub fn has(&self, peer: PeerId) -> bool {
        self.0.contains(&peer)
    }
}

impl Waiting {
    /// Puts a transaction at the end. The caller has checked that it is not here.
    pub fn push(&mut self, entry: Entry) {
        let place = self.next_place;
        self.next_place += 1;
        self.bytes += entry.tx.len() as u64;
        let before = self.places.insert(entry.key, place);
        assert!(before.is_none(), "a transaction waits once");
        self.order.insert(place, entry);
        self.invariants();
    }

    /// Takes a transaction out, wherever it stands.
    pub fn remove(&mut self, key: &TxKey) -> Option<Entry> {
        let place = self.places.remove(key)?;
        let entry = self.order.remove(&place).expect("every key leads to a place that is taken");
        self.bytes -= entry.tx.len() as u64;
        self.invariants();
        Some(entry)
    }

    /// A transaction by its key.
    pub fn find_mut(&mut self, key: &TxKey) -> Option<&mut Entry> {
        self.order.get_mut(self.places.get(key)?)
    }

    /// Whether a transaction is here.
    pub fn has(&self, key: &TxKey) -> bool {
        self.places.contains_key(key)
    }

    /// All that stand at `place` or after it, in order.
    pub fn from(&self, place: Place) -> impl Iterator<Item = (Place, &Entry)> {
        self.order.range(place..).map(|(&place, entry)| (place, entry))
    }

    /// All in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.values()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.order.len()
    }

    /// Bytes of all of them together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The place of the next one to come.
    pub fn next_place(&self) -> Place {
        self.next_place
    }

    /// Takes all of them out. Places stay used.
    pub fn clear(&mut self) {
        self.order.clear();
        self.places.clear();
        self.bytes = 0;
    }

    fn invariants(&self) {
        assert_eq!(self.order.len(), self.places.len());
        assert!(!self.order.is_empty() || self.bytes == 0);
    }
}
