//! How much memory a message may take while it is read: no more than a small multiple of its bytes.
//! A program of its own, since its allocator counts everything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use peak_alloc::PeakAlloc;
use types::{Channel, Message, codec};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that may be taken for each byte of a message, at most: a transaction of no bytes takes two
/// on the wire and a handle of 32 in memory, and a growing list twice that and half again.
const EACH_MAX: usize = 32;
/// Bytes that may be taken for a message of no bytes.
const BASE_MAX: usize = 256 * 1024;

/// A field with a length.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// As many copies of `entry` as make `length` bytes, within these fields, the outermost first.
fn filled(path: &[u8], entry: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = entry.repeat(length / entry.len());
    for &tag in path.iter().rev() {
        bytes = field(tag, &bytes);
    }
    bytes
}

/// As [`filled`], with every message on the way opened anew for each entry.
fn scattered(path: &[u8], entry: &[u8], length: usize) -> Vec<u8> {
    let mut one = entry.to_vec();
    for &tag in path.iter().rev() {
        one = field(tag, &one);
    }
    one.repeat(length / one.len())
}

/// Entries of a few bytes after one that makes room for them all.
fn padded(path: &[u8], tag: u8, length: usize) -> Vec<u8> {
    let mut bytes = field(tag, &vec![0x7a; length / 2]);
    bytes.extend(field(tag, &[]).repeat(length / 4));
    for &tag in path.iter().rev() {
        bytes = field(tag, &bytes);
    }
    bytes
}

/// Where a channel's messages have lists: the fields that lead there, and the list's own.
const LISTS: [(Channel, &[u8], u8); 17] = [
    (Channel::Mempool, &[1], 1),
    (Channel::Evidence, &[], 1),
    (Channel::Evidence, &[1, 2], 3),
    (Channel::Evidence, &[1, 2, 1, 2], 1),
    (Channel::Evidence, &[1, 2, 1, 1, 2], 4),
    (Channel::BlockSync, &[3, 1, 2], 1),
    (Channel::BlockSync, &[3, 1, 3], 1),
    (Channel::BlockSync, &[3, 1, 4], 4),
    (Channel::BlockSync, &[3, 1, 3, 1, 2], 3),
    (Channel::BlockSync, &[3, 1, 3, 1, 2, 1, 1, 2], 4),
    (Channel::BlockSync, &[3, 2], 4),
    (Channel::Data, &[5, 3, 3], 4),
    (Channel::Data, &[4, 3], 2),
    (Channel::State, &[2, 4], 2),
    (Channel::VoteSetBits, &[9, 5], 2),
    (Channel::Vote, &[6, 1], 9),
    (Channel::BlockSync, &[3, 1, 1], 2),
];

fn hostile(channel: Channel, path: &[u8], tag: u8) -> Vec<Vec<u8>> {
    // Above what caches and small lists hide, and below every channel's limit.
    let length = 900_000;
    let mut messages = vec![padded(path, tag, length)];
    for content in [&[][..], &[0x08, 1], &[0x2a, 0], &[0xff; 9], &[1; 20], &[0; 200]] {
        let entry = field(tag, content);
        messages.push(filled(path, &entry, length));
        messages.push(scattered(path, &entry, length));
    }
    // A list of numbers: packed, and each by itself.
    messages.push(filled(path, &field(tag, &[1; 100_000]), length));
    messages.push(filled(path, &[tag << 3, 1], length));
    messages.retain(|message| message.len() <= channel.message_bytes_max());
    assert!(10 < messages.len());
    messages
}

/// The greatest amount of memory that `read` held at a time.
fn peak_of(read: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    read();
    MEMORY.peak_usage().saturating_sub(before)
}

/// A message of a few bytes became a heap of many; and the filter that was to stop it was wrong
/// itself. No filter is trusted here: what is taken is counted.
#[test]
fn advisory_48_reading_a_message_takes_memory_in_proportion_to_its_bytes() {
    let mut worst = (0, Channel::State, vec![]);
    for (channel, path, tag) in LISTS {
        for bytes in hostile(channel, path, tag) {
            let (length, bytes) = (bytes.len(), bytes::Bytes::from(bytes));
            let taken = peak_of(|| drop(Message::decode(channel, bytes.clone())));
            let allowed = EACH_MAX * length + BASE_MAX;
            assert!(taken <= allowed, "{channel:?} {path:?} {tag}: {taken} for {length} bytes");
            if worst.0 < taken / length {
                worst = (taken / length, channel, path.to_vec());
            }
        }
    }
    println!("at most {} bytes for each: {:?} {:?}", worst.0, worst.1, worst.2);
    // Where the entries of a list are large in memory, their number is bounded, too.
    for (channel, path, tag) in [
        (Channel::BlockSync, &[3, 1, 4][..], 4),
        (Channel::BlockSync, &[3, 2], 4),
        (Channel::BlockSync, &[3, 1, 3, 1, 2], 3),
        (Channel::BlockSync, &[3, 1, 3, 1, 2, 1, 2], 1),
    ] {
        for make in [filled, scattered] {
            let bytes = bytes::Bytes::from(make(path, &field(tag, &[0x2a; 78]), 20_000_000));
            let taken = peak_of(|| drop(Message::decode(channel, bytes.clone())));
            assert!(taken < 1024 * 1024, "{path:?} {tag}: {taken}");
        }
    }
    for read in [
        |bytes: &[u8]| drop(codec::decode_validator_set(bytes)),
        |bytes: &[u8]| drop(codec::decode_commit(bytes)),
        |bytes: &[u8]| drop(codec::decode_extended_commit(bytes)),
        |bytes: &[u8]| drop(codec::decode_evidence(bytes)),
    ] {
        for tag in 1..=5 {
            let bytes = filled(&[], &field(tag, &[]), 1_000_000);
            let taken = peak_of(|| read(&bytes));
            assert!(taken <= EACH_MAX * bytes.len() + BASE_MAX, "{tag}: {taken}");
        }
    }
}
