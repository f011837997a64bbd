//! Evidence against what the store knows of its height: the one way evidence is checked, from
//! peers, from RPC, and in proposed blocks.

use storage::{StorageError, Store};
use types::evidence::EvidenceContext;
use types::{ChainId, Evidence, EvidenceError, Height, SignedHeader};

use crate::memory::SharedMemory;

/// Why evidence was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceRefusal {
    /// We do not have (or no longer have) what it is about.
    #[error("height {0} is not in the store")]
    UnknownHeight(Height),
    /// A block carries it already. Who was slow to hear of that may still pass it on; but a
    /// replica that took it would propose blocks that nobody accepts.
    #[error("a block carries it already")]
    Committed,
    /// It proves nothing.
    #[error(transparent)]
    False(#[from] EvidenceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
}

impl EvidenceRefusal {
    /// Whether the sender must have known better.
    pub fn is_blameworthy(&self) -> bool {
        matches!(self, EvidenceRefusal::False(_))
    }
}

/// Whether evidence is new and proves what it claims, against what the store knows of its height. Signatures
/// that are in `memory` are not checked again.
///
/// # Errors
/// Why it is not taken.
pub fn check_evidence(
    store: &Store,
    chain_id: &ChainId,
    evidence: &Evidence,
    memory: &SharedMemory,
) -> Result<(), EvidenceRefusal> {
    if store.is_committed(evidence)? {
        return Err(EvidenceRefusal::Committed);
    }
    let height = evidence.height();
    let unknown = || EvidenceRefusal::UnknownHeight(height);
    let meta = store.block_meta(height)?.ok_or_else(unknown)?;
    let validators = store.validators(height)?.ok_or_else(unknown)?;
    let trusted = match evidence {
        Evidence::DuplicateVote(_) => None,
        Evidence::LightClientAttack(attack) => {
            let conflicting = attack.conflicting_block.signed_header.header.height;
            signed_header(store, conflicting)?
        }
    };
    let context = EvidenceContext {
        chain_id,
        validators: &validators,
        block_time: meta.header.time,
        trusted: trusted.as_ref(),
    };
    Ok(evidence.verify(&context, &mut memory.lock())?)
}

/// Our own header and commit at a height, or at our latest if that is lower.
///
/// # Errors
/// If the store fails.
pub fn signed_header(store: &Store, height: Height) -> Result<Option<SignedHeader>, StorageError> {
    let Some((_, tip)) = store.range()? else { return Ok(None) };
    let height = height.min(tip);
    let Some(meta) = store.block_meta(height)? else { return Ok(None) };
    let commit = match store.commit(height)? {
        Some(commit) => Some(commit),
        None => store.seen_commit(height)?.map(|seen| seen.commit()),
    };
    Ok(commit.map(|commit| SignedHeader { header: meta.header, commit }))
}
