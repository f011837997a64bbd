//! CometBFT's JSON shapes, and nowhere else: 64-bit numbers as text, hashes in upper-case hex,
//! other bytes in base64. spec: `libs/json`, inventory §2.3.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use types::{AppHash, BitArray, Hash, PublicKey, Time};

pub mod block;
pub mod chain;
pub mod events;
pub mod evidence;
pub mod results;
pub mod round_state;

/// A 64-bit number: text.
pub fn number(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

/// Bytes: base64, or null if there are none.
pub fn base64(bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { Value::String(STANDARD.encode(bytes)) }
}

/// Bytes that are shown as hex.
pub fn hex_upper(bytes: &[u8]) -> Value {
    Value::String(hex::encode_upper(bytes))
}

/// A hash; empty if there is none.
pub fn hash(hash: Option<&Hash>) -> Value {
    Value::String(hash.map(Hash::to_string).unwrap_or_default())
}

/// The application's hash where it is shown as hex.
pub fn app_hash(hash: &AppHash) -> Value {
    Value::String(hash.to_string())
}

/// A time: RFC 3339 in UTC.
pub fn time(time: Time) -> Value {
    Value::String(time.to_string())
}

/// A public key with its type.
pub fn public_key(key: &PublicKey) -> Value {
    json!({"type": "tendermint/PubKeyEd25519", "value": STANDARD.encode(key.0)})
}

/// Bits as text, such as `x_x`. spec: `BitArray.MarshalJSON`.
pub fn bits(bits: Option<&BitArray>) -> Value {
    bits.map_or(Value::Null, |bits| Value::String(marks(bits)))
}

/// `x` for a set bit, `_` for a clear one.
pub fn marks(bits: &BitArray) -> String {
    (0..bits.count()).map(|index| if bits.has(index) { 'x' } else { '_' }).collect()
}
