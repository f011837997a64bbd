//! Domain types to and from protobuf, in one place. Limits are checked here, before memory is
//! taken, so that what is decoded needs no further look at its form.

use bytes::Bytes;

use crate::block::Block;
use crate::chain_state::ChainState;
use crate::commit::{Commit, ExtendedCommit};
use crate::evidence::Evidence;
use crate::outcome::BlockOutcome;

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

/// The block's bytes, as they are cut into parts.
pub fn encode_block(block: &Block) -> Vec<u8> {
    let _ = block;
    unimplemented!()
}

/// Reads a block of at most [`crate::block::BLOCK_BYTES_MAX`] bytes.
///
/// # Errors
/// What is wrong with it.
pub fn decode_block(bytes: &[u8]) -> Result<Block, DecodeError> {
    let _ = bytes;
    unimplemented!()
}

/// The commit's bytes, for the store.
pub fn encode_commit(commit: &Commit) -> Vec<u8> {
    let _ = commit;
    unimplemented!()
}

/// Reads a commit.
///
/// # Errors
/// What is wrong with it.
pub fn decode_commit(bytes: &[u8]) -> Result<Commit, DecodeError> {
    let _ = bytes;
    unimplemented!()
}

/// The extended commit's bytes, for the store.
pub fn encode_extended_commit(commit: &ExtendedCommit) -> Vec<u8> {
    let _ = commit;
    unimplemented!()
}

/// Reads an extended commit.
///
/// # Errors
/// What is wrong with it.
pub fn decode_extended_commit(bytes: &[u8]) -> Result<ExtendedCommit, DecodeError> {
    let _ = bytes;
    unimplemented!()
}

/// The bytes of one piece of evidence (with its kind), for store and block.
pub fn encode_evidence(evidence: &Evidence) -> Vec<u8> {
    let _ = evidence;
    unimplemented!()
}

/// Reads one piece of evidence.
///
/// # Errors
/// What is wrong with it.
pub fn decode_evidence(bytes: &[u8]) -> Result<Evidence, DecodeError> {
    let _ = bytes;
    unimplemented!()
}

/// The outcome's bytes, for the store. spec: `ResponseFinalizeBlock`.
pub fn encode_outcome(outcome: &BlockOutcome) -> Vec<u8> {
    let _ = outcome;
    unimplemented!()
}

/// Reads an outcome.
///
/// # Errors
/// What is wrong with it.
pub fn decode_outcome(bytes: &[u8]) -> Result<BlockOutcome, DecodeError> {
    let _ = bytes;
    unimplemented!()
}

/// The state's bytes, for the store; validator sets included.
pub fn encode_chain_state(state: &ChainState) -> Bytes {
    let _ = state;
    unimplemented!()
}

/// Reads a state.
///
/// # Errors
/// What is wrong with it.
pub fn decode_chain_state(bytes: &[u8]) -> Result<ChainState, DecodeError> {
    let _ = bytes;
    unimplemented!()
}
