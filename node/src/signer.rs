//! The file signer: signs votes and proposals, and never two that contradict each other.
//!
//! Before a signature leaves this module, what was signed is on disk: in a new file, synced, in
//! the old one's place, with the folder synced. After a crash the signer knows at least as much as
//! anybody else has seen. spec: `privval/file.go`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use types::guard::{LastSigned, Permission, Position, Refusal, Step};
use types::{
    BlockId, ChainId, Height, PrivateKey, Proposal, PublicKey, Round, Signature, Time,
    UnsignedProposal, UnsignedVote, Vote, sign_bytes,
};

use crate::complaint::Complaint;
use crate::home::{ValidatorKey, durable};

pub mod state_file;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignError {
    /// It would contradict what the key has signed before.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The last signature could not be kept. Nothing is signed any more until the next start.
    #[error("{file} cannot be written ({reason}); restart the node when the disk is well")]
    Disk {
        /// The state file.
        file: String,
        /// In the system's words.
        reason: String,
    },
}

/// What the guard lets be said.
struct Said {
    timestamp: Time,
    signature: Signature,
    /// What was voted for before, if not what is asked for.
    instead: Option<Option<BlockId>>,
}

/// What an operator says about a state file that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingState {
    /// Nothing: do not start.
    Refuse,
    /// It is gone, and this key signs nowhere else: begin anew.
    BeginAnew,
}

/// Signs with a key from a file.
pub struct Signer {
    key: PrivateKey,
    public_key: PublicKey,
    state_file: PathBuf,
    last: LastSigned,
    /// Why a write failed. Then nobody knows what the disk holds, and nothing is signed any more.
    broken: Option<String>,
    syncs: Arc<AtomicU64>,
}

impl Signer {
    /// Takes the key and what it signed last.
    ///
    /// # Errors
    /// If a file is missing or wrong, or if the last signature is not of this key.
    pub fn open(
        key_file: &Path,
        state_file: &Path,
        missing: MissingState,
    ) -> Result<Self, Complaint> {
        let key = ValidatorKey::load(key_file)?.key;
        let public_key = key.public_key();
        let last = match state_file::load(state_file)? {
            Some(last) => last,
            None if missing == MissingState::BeginAnew => {
                state_file::create(state_file)?;
                LastSigned::default()
            }
            None => return Err(state_is_missing(key_file, state_file)),
        };
        state_file::check_key(&last, state_file, &public_key)?;
        let state_file = state_file.to_owned();
        Ok(Self { key, public_key, state_file, last, broken: None, syncs: Arc::default() })
    }

    /// The validator's public key.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Where the key signed last; none if it never did.
    pub fn last_signed(&self) -> Option<(Height, Round, Step)> {
        let Position { height, round, step } = self.last.position?;
        Some((height, round, step))
    }

    /// Counts the synced writes of this signer.
    pub fn syncs(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.syncs)
    }

    /// Signs a vote, and its extension if it has one, if [`LastSigned::permit_vote`] lets it.
    /// Another vote of the same place is said instead, if it was signed before.
    ///
    /// # Errors
    /// If the guard refuses, or the state cannot be kept.
    pub fn sign_vote(&mut self, chain_id: &ChainId, vote: UnsignedVote) -> Result<Vote, SignError> {
        let said = self.sign(|last| last.permit_vote(chain_id, &vote))?;
        if let Some(block_id) = said.instead {
            // Its extension is not kept: where there must be one, the replica has no use for it.
            let vote = UnsignedVote { block_id, extension: None, ..vote };
            return Ok(vote.signed(said.timestamp, said.signature, None));
        }
        let extension = vote.extension.as_ref().map(|extension| {
            self.key.sign(&sign_bytes::extension(chain_id, vote.height, vote.round, extension))
        });
        Ok(vote.signed(said.timestamp, said.signature, extension))
    }

    /// Signs a proposal, if [`LastSigned::permit_proposal`] lets it.
    ///
    /// # Errors
    /// If the guard refuses, or the state cannot be kept.
    pub fn sign_proposal(
        &mut self,
        chain_id: &ChainId,
        proposal: UnsignedProposal,
    ) -> Result<Proposal, SignError> {
        let said = self.sign(|last| last.permit_proposal(chain_id, &proposal))?;
        Ok(proposal.signed(said.timestamp, said.signature))
    }

    /// Signs what the guard permits, or says again what was signed there.
    fn sign(
        &mut self,
        permit: impl FnOnce(&LastSigned) -> Result<Permission, Refusal>,
    ) -> Result<Said, SignError> {
        if let Some(reason) = &self.broken {
            return Err(self.disk_error(reason.clone()));
        }
        match permit(&self.last)? {
            Permission::Again { timestamp, signature } => {
                Ok(Said { timestamp, signature, instead: None })
            }
            Permission::Instead { block_id, timestamp, signature } => {
                Ok(Said { timestamp, signature, instead: Some(block_id) })
            }
            Permission::Fresh { position, timestamp, bytes } => {
                let signature = self.key.sign(&bytes);
                self.keep(LastSigned::at(position, signature, bytes))?;
                Ok(Said { timestamp, signature, instead: None })
            }
        }
    }

    /// Makes what was signed durable; only then may the signature be seen.
    fn keep(&mut self, last: LastSigned) -> Result<(), SignError> {
        if let Err(error) = state_file::save(&last, &self.state_file) {
            let reason = error.to_string();
            self.broken = Some(reason.clone());
            return Err(self.disk_error(reason));
        }
        self.syncs.fetch_add(durable::SYNCS, Ordering::Relaxed);
        self.last = last;
        Ok(())
    }

    fn disk_error(&self, reason: String) -> SignError {
        SignError::Disk { file: self.state_file.display().to_string(), reason }
    }
}

/// What an operator is told whose key has no state file.
pub fn state_is_missing(key_file: &Path, state_file: &Path) -> Complaint {
    let problem = format!(
        "is missing although the key {} exists: without it the validator could vote twice",
        key_file.display()
    );
    let remedy = "restore it; or, if this key runs nowhere else and has not signed for minutes, \
                  start once with --i-know-the-state-file-is-gone";
    Complaint::new(state_file.display(), "", problem, remedy)
}
