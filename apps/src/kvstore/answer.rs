//! Bytes that the kvstore answers with, as the reference encodes them.

use bytes::Bytes;
use types::keys::PUBLIC_KEY_BYTES;
use types::{AppHash, PublicKey};

use super::store::Validators;

/// What `/val` answers for a public key: the update that was last made, as a length and a protobuf
/// message. spec: `WriteMessage(ValidatorUpdate)`.
pub fn validator_record(validators: &Validators, key: &[u8]) -> Bytes {
    let Ok(key) = <[u8; PUBLIC_KEY_BYTES]>::try_from(key) else {
        return Bytes::new();
    };
    let Some(validator) = validators.get(&PublicKey(key).address()) else {
        return Bytes::new();
    };
    // Field 1 holds the key, which is field 1 of its own message; field 2 is the power.
    let mut message = vec![0x0a, 34, 0x0a, 32];
    message.extend_from_slice(&key);
    message.push(0x10);
    push_varint(&mut message, validator.power.0);
    let length = u8::try_from(message.len()).expect("36 bytes, and a varint of at most 10");
    message.insert(0, length);
    message.into()
}

/// The digest of the state: how many transactions were executed, as Go's signed varint in eight
/// bytes. spec: `State.Hash`.
pub fn app_hash(size: u64) -> AppHash {
    let mut hash = Vec::with_capacity(8);
    push_varint(&mut hash, size << 1);
    assert!(hash.len() <= 8, "no chain executes 2^55 transactions");
    hash.resize(8, 0);
    AppHash(hash.into())
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while 0x80 <= number {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
