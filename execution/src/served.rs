//! Decided blocks, read from the store for peers who are behind.

use std::sync::Arc;

use consensus::StoredBlock;
use storage::{StorageError, Store};
use types::{Height, Message};

/// The answer to a peer's request for a block.
pub fn block(store: &Store, height: Height) -> Message {
    match read(store, height) {
        Ok(Some(message)) => message,
        Ok(None) => Message::NoBlock(height),
        Err(error) => {
            tracing::error!(%height, %error, "a block could not be read for a peer");
            Message::NoBlock(height)
        }
    }
}

fn read(store: &Store, height: Height) -> Result<Option<Message>, StorageError> {
    let Some(block) = store.block(height)? else { return Ok(None) };
    let extended_commit = match store.params(height)? {
        Some(params) if params.extensions_enabled(height) => store.seen_commit(height)?,
        _ => None,
    };
    Ok(Some(Message::BlockResponse { block: Arc::new(block), extended_commit }))
}

/// A block's parts and commit, to be gossiped to a peer who is in consensus at its height.
pub fn stored(store: &Store, height: Height) -> Option<StoredBlock> {
    let parts = store.part_set(height).ok()??;
    let commit = store.seen_commit(height).ok()??;
    Some(StoredBlock { parts: Arc::new(parts), commit })
}
