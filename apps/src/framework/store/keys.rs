//! Every kind of record in the store, its key and its value, on one page.
//!
//! | key | value |
//! |---|---|
//! | `t` | format, and the last height with its version, root and lowest retained height |
//! | `h` height | version of the tree after it |
//! | `v` key (escaped) version (downwards) | 1 and the value, or 0 if the key was removed |
//! | `k` hash of a key | the key |
//! | `n` key of a node | a node of the tree |
//! | `s` version, key of a record | nothing: from that version on, nobody needs the record |
//!
//! Numbers are big-endian, so that records are in the order of what they are about.

use super::records::StoreError;

/// Of what this module writes. A newer one is refused.
const FORMAT: u8 = 1;
/// Key of the record of the last height.
pub const TIP_KEY: &[u8] = b"t";
/// Before each height.
pub const ANCHOR_PREFIX: u8 = b'h';
/// Before each value.
pub const VALUE_PREFIX: u8 = b'v';
/// Before each note of what nobody needs any more.
pub const STALE_PREFIX: u8 = b's';
const PREIMAGE_PREFIX: u8 = b'k';
const NODE_PREFIX: u8 = b'n';
/// Ends a key, below every continuation of it.
const KEY_END: [u8; 2] = [0, 1];
/// Stands for a byte 0 inside a key.
const ESCAPED_ZERO: [u8; 2] = [0, 0xff];
const VERSION_BYTES: usize = 8;

/// The last height, and what is known of its state without looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Which; one below the first height if no block was executed.
    pub height: u64,
    /// Whether no block was executed.
    pub is_genesis: bool,
    /// Of the tree.
    pub version: u64,
    /// Of the tree.
    pub root: [u8; 32],
    /// The lowest height that can be asked about.
    pub floor: u64,
}

pub fn encode_tip(tip: &Tip) -> Vec<u8> {
    let mut record = vec![FORMAT, u8::from(tip.is_genesis)];
    for number in [tip.height, tip.version, tip.floor] {
        record.extend_from_slice(&number.to_be_bytes());
    }
    record.extend_from_slice(&tip.root);
    record
}

pub fn decode_tip(record: &[u8]) -> Result<Tip, StoreError> {
    let damaged = StoreError::Damaged { record: "tip" };
    let (&format, rest) = record.split_first().ok_or_else(|| damaged.clone())?;
    if format != FORMAT {
        return Err(StoreError::Format { actual: format, known: FORMAT });
    }
    let read = || -> Option<Tip> {
        let (&is_genesis, rest) = rest.split_first()?;
        let (height, rest) = rest.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (floor, root) = rest.split_first_chunk()?;
        Some(Tip {
            height: u64::from_be_bytes(*height),
            is_genesis: is_genesis == 1,
            version: u64::from_be_bytes(*version),
            root: root.try_into().ok()?,
            floor: u64::from_be_bytes(*floor),
        })
    };
    read().ok_or(damaged)
}

pub fn anchor_key(height: u64) -> Vec<u8> {
    [&[ANCHOR_PREFIX][..], &height.to_be_bytes()].concat()
}

/// Where the values of `key` and of all keys that begin with it are.
pub fn values_from(key: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(1 + key.len() + KEY_END.len() + VERSION_BYTES);
    record.push(VALUE_PREFIX);
    for &byte in key {
        if byte == 0 { record.extend_from_slice(&ESCAPED_ZERO) } else { record.push(byte) }
    }
    record
}

/// Of the value that a key got with a version. Later versions come first.
pub fn value_key(key: &[u8], version: u64) -> Vec<u8> {
    let mut record = values_from(key);
    record.extend_from_slice(&KEY_END);
    record.extend_from_slice(&(!version).to_be_bytes());
    record
}

/// The key and the version that a value's record is of.
pub fn decode_value_key(record: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (escaped, version) = record.split_last_chunk::<VERSION_BYTES>()?;
    let escaped = escaped.strip_prefix(&[VALUE_PREFIX])?.strip_suffix(&KEY_END)?;
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        if byte == 0 && bytes.next() != Some(&ESCAPED_ZERO[1]) {
            return None;
        }
        key.push(byte);
    }
    Some((key, !u64::from_be_bytes(*version)))
}

/// A value as it is recorded.
pub fn live(value: &[u8]) -> Vec<u8> {
    [&[1], value].concat()
}

/// What is recorded where a key was removed.
pub fn tombstone() -> Vec<u8> {
    vec![0]
}

/// What a record says of its key: a value, or none if it was removed.
pub fn decode_value(record: &[u8]) -> Result<Option<&[u8]>, StoreError> {
    match record.split_first() {
        Some((1, value)) => Ok(Some(value)),
        Some((0, [])) => Ok(None),
        Some(_) | None => Err(StoreError::Damaged { record: "value" }),
    }
}

pub fn preimage_key(hash: &[u8; 32]) -> Vec<u8> {
    [&[PREIMAGE_PREFIX][..], hash].concat()
}

pub fn node_key(encoded: &[u8]) -> Vec<u8> {
    [&[NODE_PREFIX][..], encoded].concat()
}

pub fn stale_key(since: u64, record: &[u8]) -> Vec<u8> {
    [&[STALE_PREFIX][..], &since.to_be_bytes(), record].concat()
}

/// The record that a note of staleness is about.
pub fn decode_stale_key(note: &[u8]) -> Option<&[u8]> {
    note.get(1 + VERSION_BYTES..)
}

/// The first key after all that begin with this one, which is not all `0xff`.
pub fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_in_the_order_of_keys_and_then_of_versions_downwards() {
        let keys: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"\0\x01", b"a", b"a\0", b"a\0\xff", b"aa"];
        let mut records = Vec::new();
        for key in keys {
            for version in [u64::MAX, 7, 0] {
                let record = value_key(key, version);
                assert_eq!(decode_value_key(&record), Some((key.to_vec(), version)));
                records.push(record);
            }
        }
        assert!(records.is_sorted());
    }

    #[test]
    fn tip_is_read_back_and_a_later_format_is_refused() {
        let tip = Tip { height: 9, is_genesis: false, version: 4, root: [7; 32], floor: 2 };
        let mut record = encode_tip(&tip);
        assert_eq!(decode_tip(&record), Ok(tip));
        assert_eq!(decode_tip(&record[..40]), Err(StoreError::Damaged { record: "tip" }));
        record[0] = 2;
        assert_eq!(decode_tip(&record), Err(StoreError::Format { actual: 2, known: 1 }));
    }

    #[test]
    fn the_end_of_a_prefix_is_after_all_that_begins_with_it() {
        assert_eq!(end_of(b"ab"), b"ac");
        assert_eq!(end_of(b"a\xff\xff"), b"b");
    }

    #[test]
    fn a_removal_is_forgotten_after_what_it_hides() {
        let (old, removal) = (value_key(b"k", 3), value_key(b"k", 7));
        assert!(removal < old, "later ones come first");
        assert!(stale_key(7, &old) < stale_key(8, &removal));
    }
}
