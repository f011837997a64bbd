//! How a node begins: the replica as it stood, from what the store kept.

use std::sync::Arc;

use consensus::{Record, Start};
use storage::{StorageError, Store};
use types::{ChainState, DecodeError, Genesis, Height, Keyring, Round};

/// Why a replica cannot go on from what the store kept.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// A record is none.
    #[error("the records in the data folder are damaged; restore it from a copy: {0}")]
    Records(DecodeError),
    /// The key has signed at heights that the store does not reach.
    #[error(
        "the data folder ends before height {next}, but this validator has signed at height \
         {signed}: blocks were lost; restore the data folder, or, to fetch the chain again, run as \
         a full node first (move priv_validator_key.json away) until height {signed}"
    )]
    BehindSigner {
        /// The height after the last block.
        next: Height,
        /// Where the key signed last.
        signed: Height,
    },
}

/// The replica as it stood, and what it had been told and had said at the current height.
///
/// # Errors
/// If the store fails or holds what is no record.
pub fn start(store: &Store, state: Arc<ChainState>) -> Result<(Start, Vec<Record>), StartError> {
    let (last_commit, last_header) = match state.last_height() {
        Some(last) => (store.seen_commit(last)?, store.block_meta(last)?.map(|it| it.header)),
        None => (None, None),
    };
    let records = store
        .records(state.next_height())?
        .iter()
        .map(|bytes| Record::decode(bytes))
        .collect::<Result<Vec<Record>, _>>()
        .map_err(StartError::Records)?;
    let start = Start {
        state,
        last_commit,
        last_header,
        stored: store.range()?,
        evidence: store.pending_evidence()?,
    };
    Ok((start, records))
}

/// The keys that messages are checked with until the replica says which.
pub fn first_keyring(state: &ChainState) -> Keyring {
    Keyring {
        chain_id: state.chain_id.clone(),
        height: state.next_height(),
        round: Round::FIRST,
        last: state.last_block.as_ref().map(|last| Arc::clone(&last.validators)),
        current: Arc::clone(&state.validators),
        next: Arc::clone(&state.next_validators),
        extensions_enabled: state.params.extensions_enabled(state.next_height()),
    }
}

/// Refuses a store that is behind its signer: it has lost blocks that this validator has voted on,
/// and to vote again from there could contradict what it said. `signed` is the height at which the
/// key signed last.
///
/// # Errors
/// If it is behind, or fails.
pub fn check_signed(
    store: &Store,
    genesis: &Genesis,
    signed: Option<Height>,
) -> Result<(), StartError> {
    let Some(signed) = signed else { return Ok(()) };
    let next = store.range()?.map_or(genesis.initial_height, |(_, tip)| tip.next());
    if next < signed {
        return Err(StartError::BehindSigner { next, signed });
    }
    Ok(())
}
