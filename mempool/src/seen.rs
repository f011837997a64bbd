//! Keys of transactions that passed lately: a bounded set that forgets the oldest.

use std::collections::BTreeMap;

use types::TxKey;

/// A bounded set of keys. When it is full, the oldest makes room.
#[derive(Clone, Debug)]
pub struct Seen {
    max: usize,
    /// By key, when it was added last.
    stamps: BTreeMap<TxKey, u64>,
    /// The same, in order.
    order: BTreeMap<u64, TxKey>,
    next_stamp: u64,
}

impl Seen {
    /// An empty set of at most `max` keys.
    pub fn new(max: usize) -> Self {
        Self { max, stamps: BTreeMap::new(), order: BTreeMap::new(), next_stamp: 0 }
    }

    /// Whether the key is in the set.
    pub fn has(&self, key: &TxKey) -> bool {
        self.stamps.contains_key(key)
    }

    /// Adds a key, or makes it the newest if it is in the set.
    pub fn add(&mut self, key: TxKey) {
        if let Some(stamp) = self.stamps.insert(key, self.next_stamp) {
            self.order.remove(&stamp);
        }
        self.order.insert(self.next_stamp, key);
        self.next_stamp += 1;
        if self.max < self.order.len() {
            let (_, oldest) = self.order.pop_first().expect("the set is over its limit");
            self.stamps.remove(&oldest);
        }
        self.invariants();
    }

    /// Removes a key, if it is in the set.
    pub fn remove(&mut self, key: &TxKey) {
        if let Some(stamp) = self.stamps.remove(key) {
            self.order.remove(&stamp);
        }
        self.invariants();
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        self.stamps.clear();
        self.order.clear();
    }

    fn invariants(&self) {
        assert_eq!(self.stamps.len(), self.order.len());
        assert!(self.order.len() <= self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> TxKey {
        TxKey([number; 32])
    }

    #[test]
    fn full_set_forgets_the_oldest() {
        let mut seen = Seen::new(2);
        (1..=3).for_each(|number| seen.add(key(number)));
        assert_eq!([1, 2, 3].map(|number| seen.has(&key(number))), [false, true, true]);
    }

    #[test]
    fn key_added_again_is_the_newest() {
        let mut seen = Seen::new(2);
        [1, 2, 1, 3].iter().for_each(|&number| seen.add(key(number)));
        assert_eq!([1, 2, 3].map(|number| seen.has(&key(number))), [true, false, true]);
    }

    #[test]
    fn set_without_room_remembers_nothing() {
        let mut seen = Seen::new(0);
        seen.add(key(1));
        assert!(!seen.has(&key(1)));
    }

    #[test]
    fn removed_key_leaves_room() {
        let mut seen = Seen::new(2);
        seen.add(key(1));
        seen.add(key(2));
        seen.remove(&key(1));
        seen.add(key(3));
        assert_eq!([1, 2, 3].map(|number| seen.has(&key(number))), [false, true, true]);
    }
}
