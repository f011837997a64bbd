//! Evidence against what the store knows of its height: the one way evidence is checked, from
//! peers, from RPC, and in proposed blocks.

use storage::{StorageError, Store};
use types::evidence::EvidenceContext;
use types::{ChainId, Evidence, EvidenceError, Header, Height, SignedHeader};

use crate::memory::SharedMemory;

/// Why evidence was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceRefusal {
    /// We do not have (or no longer have) what it is about.
    #[error("height {0} is not in the store")]
    UnknownHeight(Height),
    /// A block carries it already, perhaps in other bytes. Who was slow to hear of that may still
    /// pass it on; but a replica that took it would propose blocks that nobody accepts.
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

/// What a peer sent of evidence that stands and is news. Old pieces beside it, and those that
/// cannot be judged here, are left out: whoever sent them does not send the others again.
///
/// # Errors
/// If a piece proves nothing: nothing of it counts.
pub fn sift_evidence(
    store: &Store,
    chain_id: &ChainId,
    evidence: Vec<Evidence>,
    memory: &SharedMemory,
) -> Result<Vec<Evidence>, EvidenceRefusal> {
    let mut standing = Vec::new();
    for piece in evidence {
        match check_evidence(store, chain_id, &piece, memory) {
            Ok(()) => standing.push(piece),
            Err(refusal) if refusal.is_blameworthy() => return Err(refusal),
            Err(refusal) => tracing::debug!(%refusal, "a peer sent evidence that is no news"),
        }
    }
    Ok(standing)
}

/// Whether evidence proves what it claims, against what the store knows of its height, and is news.
/// Signatures that are in `memory` are not checked again.
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
            Some(trusted_header(store, &attack.conflicting_block.signed_header.header)?)
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

/// Our own header and commit at the height of a conflicting one, or our latest if that is lower. A
/// header that is later than all we know may be the chain's: then we cannot judge it yet.
fn trusted_header(store: &Store, conflicting: &Header) -> Result<SignedHeader, EvidenceRefusal> {
    let unknown = || EvidenceRefusal::UnknownHeight(conflicting.height);
    let (_, tip) = store.range()?.ok_or_else(unknown)?;
    let height = conflicting.height.min(tip);
    let header = store.block_meta(height)?.ok_or_else(unknown)?.header;
    if height < conflicting.height && header.time < conflicting.time {
        return Err(unknown());
    }
    let commit = match store.commit(height)? {
        Some(commit) => commit,
        // Only the next block says which votes count: what we saw of the latest may be others than
        // another node saw, and would blame others. An attack on the future is not told by it.
        None if height < conflicting.height => {
            store.seen_commit(height)?.ok_or_else(unknown)?.commit()
        }
        None => return Err(unknown()),
    };
    Ok(SignedHeader { header, commit })
}
