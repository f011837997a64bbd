//! Where events are: in a block, in the outcome of one of its transactions or of itself.

use types::Height;

use crate::schema::Column;

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Transactions, by the events of each.
    Txs,
    /// Blocks, by their own events.
    Blocks,
}

/// A transaction or block that a search has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The block's height.
    pub height: Height,
    /// The transaction's place in the block; 0 if it is the block that was found.
    pub index: u32,
}

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Whose it is.
    pub hit: Hit,
    /// Which of its events, from 0.
    pub event: u32,
}

/// Bytes of a place in a key.
pub(super) const PLACE_BYTES: usize = 16;

impl Subject {
    /// The column with the events.
    pub(super) fn column(self) -> Column {
        match self {
            Subject::Txs => Column::TxEvents,
            Subject::Blocks => Column::BlockEvents,
        }
    }

    /// The name under which a search asks for heights.
    pub(super) fn height_key(self) -> &'static str {
        match self {
            Subject::Txs => "tx.height",
            Subject::Blocks => "block.height",
        }
    }

    /// Whether a name has a meaning of its own, so that no event's attribute can be found by it.
    pub(super) fn is_reserved(self, key: &str) -> bool {
        key == self.height_key() || (self == Subject::Txs && key == HASH_KEY)
    }
}

/// The name under which a search asks for a transaction's hash.
pub(super) const HASH_KEY: &str = "tx.hash";

impl Hit {
    /// The place of its first event.
    pub(super) fn first(self) -> Place {
        Place { hit: self, event: 0 }
    }

    /// The place of its last event, if it had as many as can be counted.
    pub(super) fn last(self) -> Place {
        Place { hit: self, event: u32::MAX }
    }
}

impl Place {
    /// The first of a height.
    pub fn first_of(height: Height) -> Self {
        Hit { height, index: 0 }.first()
    }

    /// The last of a height.
    pub fn last_of(height: Height) -> Self {
        Hit { height, index: u32::MAX }.last()
    }

    /// Bytes whose order is the order of places.
    pub fn key(self) -> [u8; PLACE_BYTES] {
        self.number().to_be_bytes()
    }

    /// The key after all that belong to this place; none if there is no greater.
    pub fn key_after(self) -> Option<[u8; PLACE_BYTES]> {
        self.number().checked_add(1).map(u128::to_be_bytes)
    }

    /// The place that bytes say.
    pub fn of_key(key: &[u8; PLACE_BYTES]) -> Self {
        let number = u128::from_be_bytes(*key);
        let part = |shift: u32| u32::try_from((number >> shift) & u128::from(u32::MAX));
        let height = u64::try_from(number >> 64).expect("half of the bits are left");
        let hit = Hit { height: Height(height), index: part(32).expect("masked to 32 bits") };
        Self { hit, event: part(0).expect("masked to 32 bits") }
    }

    fn number(self) -> u128 {
        let Place { hit: Hit { height, index }, event } = self;
        u128::from(height.0) << 64 | u128::from(index) << 32 | u128::from(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_by_height_then_transaction_then_event() {
        let place =
            |height, index, event| Place { hit: Hit { height: Height(height), index }, event };
        let ordered = [place(1, 2, 3), place(1, 2, 4), place(1, 3, 0), place(2, 0, 0)];
        for pair in ordered.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].key() < pair[1].key());
            assert!(pair[0].key_after().unwrap() <= pair[1].key());
        }
        for place in ordered {
            assert_eq!(Place::of_key(&place.key()), place);
        }
        assert_eq!(place(u64::MAX, u32::MAX, u32::MAX).key_after(), None);
    }
}
