//! What is refused before memory is taken for it.
//!
//! An empty message costs two bytes on the wire and a hundred or more in memory. So the bytes are
//! first walked, without taking memory, and lists with more entries than their bytes can honestly
//! hold are refused. Malformed bytes pass: the decoder says it better.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::DecodeError;
use super::scalar::{at_most, refused};
use crate::merkle::AUNTS_MAX;
use crate::validator::VALIDATORS_MAX;

/// Most transactions of a block. No limit of the reference: it only keeps a block of nothing but
/// empty transactions from taking gigabytes.
const BLOCK_TXS_MAX: usize = 16_777_216;
/// Most transactions in a message that offers them. The reference sends one at a time.
const MESSAGE_TXS_MAX: usize = 65_536;
/// Most bytes of an encoded array of bits: the largest has 157 words of up to 11 bytes.
const BITS_BYTES_MAX: usize = 2_048;

/// What a list may be: how many entries at most, and how many bytes an honest one has at least.
struct List {
    field: &'static str,
    tag: u32,
    entry_bytes: usize,
    count_max: usize,
}

/// Flag, time and their keys.
const SIGNATURES: List =
    List { field: "commit.signatures", tag: 4, entry_bytes: 15, count_max: VALIDATORS_MAX };
/// Address, key, power and their keys.
const VALIDATORS: List =
    List { field: "validator_set.validators", tag: 1, entry_bytes: 60, count_max: VALIDATORS_MAX };
const CULPRITS: List = List { field: "evidence.byzantine_validators", tag: 3, ..VALIDATORS };
/// Two signatures and two addresses.
const EVIDENCE: List = List { field: "evidence", tag: 1, entry_bytes: 168, count_max: usize::MAX };
const AUNTS: List =
    List { field: "part.proof.aunts", tag: 4, entry_bytes: 32, count_max: AUNTS_MAX };

/// Checks an encoded block.
pub fn block(bytes: &[u8]) -> Result<(), DecodeError> {
    blocks([bytes])
}

/// Checks an encoded commit, with or without extensions.
pub fn commit(bytes: &[u8]) -> Result<(), DecodeError> {
    SIGNATURES.check([bytes])
}

/// Checks an encoded validator set.
pub fn validator_set(bytes: &[u8]) -> Result<(), DecodeError> {
    VALIDATORS.check([bytes])
}

/// Checks an encoded part.
pub fn part(bytes: &[u8]) -> Result<(), DecodeError> {
    AUNTS.check(fields(bytes, 3))
}

/// Checks an encoded list of evidence.
pub fn evidence_list(bytes: &[u8]) -> Result<(), DecodeError> {
    evidence_lists([bytes])
}

/// Checks one encoded piece of evidence.
pub fn evidence(bytes: &[u8]) -> Result<(), DecodeError> {
    let attacks = || fields(bytes, 2);
    CULPRITS.check(attacks())?;
    let light_blocks = || within(attacks(), 1);
    SIGNATURES.check(within(within(light_blocks(), 1), 2))?;
    VALIDATORS.check(within(light_blocks(), 2))
}

/// Checks an encoded consensus message.
pub fn consensus_message(bytes: &[u8]) -> Result<(), DecodeError> {
    AUNTS.check(within(within(fields(bytes, 5), 3), 3))?;
    for (message, tag) in [(2, 4), (4, 3), (9, 5)] {
        let bits = within(fields(bytes, message), tag).map(<[u8]>::len).sum();
        at_most("bits.bytes", bits, BITS_BYTES_MAX)?;
    }
    Ok(())
}

/// Checks an encoded block sync message.
pub fn block_sync_message(bytes: &[u8]) -> Result<(), DecodeError> {
    let responses = || fields(bytes, 3);
    blocks(within(responses(), 1))?;
    SIGNATURES.check(within(responses(), 2))
}

/// Checks an encoded mempool message.
pub fn mempool_message(bytes: &[u8]) -> Result<(), DecodeError> {
    at_most("txs", within(fields(bytes, 1), 1).count(), MESSAGE_TXS_MAX)
}

/// Checks all that is said of one block: a message that occurs twice is read as one.
fn blocks<'a>(
    blocks: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>,
) -> Result<(), DecodeError> {
    let blocks = blocks.into_iter();
    at_most("txs", within(within(blocks.clone(), 2), 1).count(), BLOCK_TXS_MAX)?;
    evidence_lists(within(blocks.clone(), 3))?;
    SIGNATURES.check(within(blocks, 4))
}

fn evidence_lists<'a>(
    lists: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>,
) -> Result<(), DecodeError> {
    let lists = lists.into_iter();
    EVIDENCE.check(lists.clone())?;
    within(lists, 1).try_for_each(evidence)
}

impl List {
    /// Refuses a list that is too long, or whose entries have fewer bytes than honest ones. A
    /// message that occurs twice is read as one, so its lists are counted together.
    fn check<'a>(&self, messages: impl IntoIterator<Item = &'a [u8]>) -> Result<(), DecodeError> {
        let (mut count, mut bytes) = (0_usize, 0_usize);
        for message in messages {
            count = count.saturating_add(fields(message, self.tag).count());
            bytes = bytes.saturating_add(message.len());
        }
        if bytes / self.entry_bytes < count {
            return Err(refused(self.field, format_args!("has {count} entries in {bytes} bytes")));
        }
        at_most(self.field, count, self.count_max)
    }
}

/// The contents of all fields with this number, in all of these messages.
fn within<'a>(
    messages: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>,
    tag: u32,
) -> impl Iterator<Item = &'a [u8]> + Clone {
    messages.into_iter().flat_map(move |message| fields(message, tag))
}

/// The contents of all fields of a message with this number that have a length.
fn fields(bytes: &[u8], tag: u32) -> Fields<'_> {
    Fields { rest: bytes, tag }
}

#[derive(Clone)]
struct Fields<'a> {
    rest: &'a [u8],
    tag: u32,
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (tag, wire_type) = decode_key(&mut self.rest).ok()?;
            if wire_type != WireType::LengthDelimited {
                skip_field(wire_type, tag, &mut self.rest, DecodeContext::default()).ok()?;
                continue;
            }
            let length = usize::try_from(decode_varint(&mut self.rest).ok()?).ok()?;
            let (content, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            if tag == self.tag {
                return Some(content);
            }
        }
        None
    }
}
