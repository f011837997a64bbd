//! What is refused before memory is taken for it.
//!
//! An empty message costs two bytes on the wire and a hundred or more in memory. So the bytes are
//! first walked, without taking memory, and lists with more entries than their bytes can honestly
//! hold are refused. Malformed bytes pass: the decoder says it better.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::DecodeError;
use super::scalar::{at_most, refused};

/// Most transactions of a block or message. No limit of the reference: it only keeps a message of
/// nothing but empty transactions from taking gigabytes.
const TXS_MAX: usize = 16_777_216;

/// Fewest bytes of an entry of a commit: flag, time and their keys.
const COMMIT_SIG_BYTES: usize = 15;
/// Fewest bytes of a validator: address, key, power and their keys.
const VALIDATOR_BYTES: usize = 60;
/// Fewest bytes of a piece of evidence: two signatures and two addresses.
const EVIDENCE_BYTES: usize = 168;
/// Bytes of an aunt.
const AUNT_BYTES: usize = 32;

/// Checks an encoded block.
pub fn block(bytes: &[u8]) -> Result<(), DecodeError> {
    for data in fields(bytes, 2) {
        txs(data)?;
    }
    for evidence in fields(bytes, 3) {
        evidence_list(evidence)?;
    }
    for last_commit in fields(bytes, 4) {
        commit(last_commit)?;
    }
    Ok(())
}

/// Checks encoded transactions.
pub fn txs(bytes: &[u8]) -> Result<(), DecodeError> {
    at_most("txs", fields(bytes, 1).count(), TXS_MAX)
}

/// Checks an encoded commit, with or without extensions.
pub fn commit(bytes: &[u8]) -> Result<(), DecodeError> {
    list("commit.signatures", bytes, 4, COMMIT_SIG_BYTES)
}

/// Checks an encoded validator set.
pub fn validator_set(bytes: &[u8]) -> Result<(), DecodeError> {
    list("validator_set.validators", bytes, 1, VALIDATOR_BYTES)
}

/// Checks an encoded part.
pub fn part(bytes: &[u8]) -> Result<(), DecodeError> {
    fields(bytes, 3).try_for_each(|proof| list("part.proof.aunts", proof, 4, AUNT_BYTES))
}

/// Checks an encoded list of evidence.
pub fn evidence_list(bytes: &[u8]) -> Result<(), DecodeError> {
    list("evidence", bytes, 1, EVIDENCE_BYTES)?;
    fields(bytes, 1).try_for_each(evidence)
}

/// Checks one encoded piece of evidence.
pub fn evidence(bytes: &[u8]) -> Result<(), DecodeError> {
    for attack in fields(bytes, 2) {
        list("evidence.byzantine_validators", attack, 3, VALIDATOR_BYTES)?;
        for light_block in fields(attack, 1) {
            for signed_header in fields(light_block, 1) {
                fields(signed_header, 2).try_for_each(commit)?;
            }
            fields(light_block, 2).try_for_each(validator_set)?;
        }
    }
    Ok(())
}

/// Checks an encoded consensus message.
pub fn consensus_message(bytes: &[u8]) -> Result<(), DecodeError> {
    fields(bytes, 5).try_for_each(|block_part| fields(block_part, 3).try_for_each(part))
}

/// Checks an encoded block sync message.
pub fn block_sync_message(bytes: &[u8]) -> Result<(), DecodeError> {
    for response in fields(bytes, 3) {
        fields(response, 1).try_for_each(block)?;
        fields(response, 2).try_for_each(commit)?;
    }
    Ok(())
}

/// Checks an encoded mempool message.
pub fn mempool_message(bytes: &[u8]) -> Result<(), DecodeError> {
    fields(bytes, 1).try_for_each(txs)
}

/// Refuses a list whose entries take fewer bytes than a well-formed entry has.
fn list(
    field: &'static str,
    bytes: &[u8],
    tag: u32,
    entry_bytes: usize,
) -> Result<(), DecodeError> {
    let count = fields(bytes, tag).count();
    if bytes.len() / entry_bytes < count {
        return Err(refused(field, format_args!("has {count} entries in {} bytes", bytes.len())));
    }
    Ok(())
}

/// The contents of all fields of a message with this number that have a length.
fn fields(bytes: &[u8], tag: u32) -> Fields<'_> {
    Fields { rest: bytes, tag }
}

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
