//! The small pieces that all messages are made of: heights, rounds, hashes, times, signatures.
//! Each reader names the field it refuses.

use std::fmt;
use std::time::Duration;

use prost::encoding::{WireType, encode_key, encode_varint};
use tendermint_proto::google::protobuf;

use super::DecodeError;
use crate::hash::{ADDRESS_BYTES, Address, HASH_BYTES, Hash};
use crate::height::{ChainId, Height, Round};
use crate::keys::{SIGNATURE_BYTES, Signature};
use crate::power::VotingPower;
use crate::time::Time;

/// A refusal of `field`.
pub fn refused(field: &'static str, problem: impl fmt::Display) -> DecodeError {
    DecodeError::Field { field, problem: problem.to_string() }
}

/// A field without which the message means nothing.
pub fn required<T>(field: &'static str, given: Option<T>) -> Result<T, DecodeError> {
    given.ok_or_else(|| refused(field, "is missing"))
}

/// Refuses more than `limit` of something.
pub fn at_most(field: &'static str, actual: usize, limit: usize) -> Result<(), DecodeError> {
    if limit < actual {
        return Err(refused(field, format_args!("has {actual}, the limit is {limit}")));
    }
    Ok(())
}

fn exactly<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes
        .try_into()
        .map_err(|_| refused(field, format_args!("has {} bytes, expected {N}", bytes.len())))
}

/// A height of a block: at least 1.
pub fn height(field: &'static str, number: i64) -> Result<Height, DecodeError> {
    match u64::try_from(number) {
        Ok(height) if 0 < height => Ok(Height(height)),
        Ok(_) | Err(_) => Err(refused(field, format_args!("is {number}, expected at least 1"))),
    }
}

/// A height, or none for the wire's 0.
pub fn height_option(field: &'static str, number: i64) -> Result<Option<Height>, DecodeError> {
    if number == 0 { Ok(None) } else { height(field, number).map(Some) }
}

/// The wire's form of a height.
pub fn height_to_wire(height: Height) -> i64 {
    i64::try_from(height.0).expect("no chain reaches 2^63 blocks, and peers cannot say so")
}

/// The wire's form of a height, 0 for none.
pub fn height_option_to_wire(height: Option<Height>) -> i64 {
    height.map_or(0, height_to_wire)
}

/// A round: at least 0.
pub fn round(field: &'static str, number: i32) -> Result<Round, DecodeError> {
    u32::try_from(number)
        .map(Round)
        .map_err(|_| refused(field, format_args!("is {number}, expected at least 0")))
}

/// A round, or none for the wire's -1.
pub fn round_option(field: &'static str, number: i32) -> Result<Option<Round>, DecodeError> {
    if number == -1 { Ok(None) } else { round(field, number).map(Some) }
}

/// The wire's form of a round.
pub fn round_to_wire(round: Round) -> i32 {
    i32::try_from(round.0).expect("no height takes 2^31 rounds, and peers cannot say so")
}

/// The wire's form of a round, -1 for none.
pub fn round_option_to_wire(round: Option<Round>) -> i32 {
    round.map_or(-1, round_to_wire)
}

/// A number that the wire gives a sign and we do not.
pub fn unsigned(field: &'static str, number: i64) -> Result<u64, DecodeError> {
    u64::try_from(number)
        .map_err(|_| refused(field, format_args!("is {number}, expected at least 0")))
}

/// The wire's form of a number; above its range it becomes the largest, which is as far beyond
/// every limit as the number was.
pub fn unsigned_to_wire(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A voting power: at least 0.
pub fn power(field: &'static str, number: i64) -> Result<VotingPower, DecodeError> {
    unsigned(field, number).map(VotingPower)
}

/// A number, or none for the wire's -1.
pub fn limit_option(field: &'static str, number: i64) -> Result<Option<u64>, DecodeError> {
    if number == -1 { Ok(None) } else { unsigned(field, number).map(Some) }
}

/// The wire's form of a limit, -1 for none.
pub fn limit_option_to_wire(limit: Option<u64>) -> i64 {
    limit.map_or(-1, unsigned_to_wire)
}

/// A SHA-256 hash.
pub fn hash(field: &'static str, bytes: &[u8]) -> Result<Hash, DecodeError> {
    exactly::<HASH_BYTES>(field, bytes).map(Hash)
}

/// A SHA-256 hash, or none for the wire's empty bytes.
pub fn hash_option(field: &'static str, bytes: &[u8]) -> Result<Option<Hash>, DecodeError> {
    if bytes.is_empty() { Ok(None) } else { hash(field, bytes).map(Some) }
}

/// The wire's form of a hash, empty for none.
pub fn hash_option_to_wire(hash: Option<&Hash>) -> Vec<u8> {
    hash.map_or_else(Vec::new, |hash| hash.0.to_vec())
}

/// Writes bytes as a field of a message. What is empty is not written.
pub fn bytes_field(tag: u32, content: &[u8], to: &mut Vec<u8>) {
    if !content.is_empty() {
        encode_key(tag, WireType::LengthDelimited, to);
        encode_varint(content.len() as u64, to);
        to.extend_from_slice(content);
    }
}

/// An address.
pub fn address(field: &'static str, bytes: &[u8]) -> Result<Address, DecodeError> {
    exactly::<ADDRESS_BYTES>(field, bytes).map(Address)
}

/// An Ed25519 signature.
pub fn signature(field: &'static str, bytes: &[u8]) -> Result<Signature, DecodeError> {
    exactly::<SIGNATURE_BYTES>(field, bytes).map(Signature)
}

/// The name of a chain.
pub fn chain_id(field: &'static str, text: String) -> Result<ChainId, DecodeError> {
    ChainId::new(text).map_err(|error| refused(field, error))
}

/// A time; a missing one is the zero time, as in the reference.
pub fn time(
    field: &'static str,
    timestamp: Option<&protobuf::Timestamp>,
) -> Result<Time, DecodeError> {
    let Some(timestamp) = timestamp else {
        return Ok(Time::ZERO);
    };
    u32::try_from(timestamp.nanos)
        .ok()
        .and_then(|nanos| Time::from_unix(timestamp.seconds, nanos))
        .ok_or_else(|| refused(field, "is no time in the years 1 to 9999"))
}

/// The wire's form of a time. Always written, also when zero.
pub fn time_to_wire(time: Time) -> protobuf::Timestamp {
    let (seconds, nanos) = time.unix();
    let nanos = i32::try_from(nanos).expect("below a second fits 31 bits");
    protobuf::Timestamp { seconds, nanos }
}

/// A span of time: not negative, and small enough to be counted in 63 bits of nanoseconds.
pub fn duration(
    field: &'static str,
    given: Option<&protobuf::Duration>,
) -> Result<Duration, DecodeError> {
    let Some(given) = given else {
        return Ok(Duration::ZERO);
    };
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(given.seconds), u32::try_from(given.nanos))
    else {
        return Err(refused(field, "is negative"));
    };
    // To the last nanosecond: what the parameters may hold must be readable again.
    let whole = u128::from(seconds) * 1_000_000_000 + u128::from(nanos);
    if 999_999_999 < nanos || u128::try_from(i64::MAX).expect("positive") < whole {
        return Err(refused(field, "is longer than 2^63 nanoseconds"));
    }
    Ok(Duration::new(seconds, nanos))
}

/// The wire's form of a span. Always written, also when zero.
pub fn duration_to_wire(span: Duration) -> protobuf::Duration {
    protobuf::Duration {
        seconds: unsigned_to_wire(span.as_secs()),
        nanos: i32::try_from(span.subsec_nanos()).expect("below a second fits 31 bits"),
    }
}
