//! Domain types to and from protobuf, in one place. Limits are checked here, before memory is
//! taken, so that what is decoded needs no further look at its form.
//!
//! One file for each family of nouns; `scalar.rs` has the pieces they share, `limit.rs` what is
//! refused before decoding, `wire.rs` the messages that are derived here.

mod block;
mod evidence;
mod limit;
mod message;
mod outcome;
mod params;
pub mod scalar;
mod state;
mod validator;
mod vote;
mod wire;

pub use block::{
    APP_HASH_BYTES_MAX, decode_block, decode_header, decode_part, encode_block, encode_header,
    encode_part,
};
pub use evidence::{decode_evidence, encode_evidence};
pub use message::{decode_message, encode_message};
pub use outcome::{decode_outcome, decode_result, decode_tx_result, encode_outcome, encode_result};
pub use params::{decode_params, decode_params_update, encode_params, encode_params_update};
pub use state::{decode_chain_state, encode_chain_state};
pub use validator::{decode_validator_set, encode_validator_set};
pub use vote::{
    decode_commit, decode_extended_commit, decode_proposal, decode_vote, encode_commit,
    encode_extended_commit, encode_proposal, encode_vote,
};

pub(crate) use block::{block_bytes, header_leaves};
pub(crate) use evidence::evidence_leaf;
pub(crate) use outcome::result_leaf;
pub(crate) use params::hashed_params;
pub(crate) use scalar::{height_to_wire, time_to_wire};
pub(crate) use validator::validator_leaf;
pub(crate) use vote::{commit_sig_leaf, kind_to_wire};

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Not protobuf of that kind.
    #[error("{what}: {reason}")]
    Protobuf {
        /// Which message.
        what: &'static str,
        /// The decoder's word.
        reason: String,
    },
    /// A field is missing, malformed or out of its limits.
    #[error("{field}: {problem}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What is wrong, with the limit.
        problem: String,
    },
}

/// Reads a protobuf message.
fn decoded<M: prost::Message + Default>(
    what: &'static str,
    bytes: impl bytes::Buf,
) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|error| DecodeError::Protobuf { what, reason: error.to_string() })
}
