//! The file signer: signs votes and proposals, and never two that contradict each other.
//!
//! Before a signature leaves this module, what was signed is on disk: in a new file, synced, in
//! the old one's place, with the folder synced. After a crash the signer knows at least as much as
//! anybody else has seen. spec: `privval/file.go`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use types::sign_bytes::{self, Subject};
use types::{
    ChainId, Height, PrivateKey, Proposal, PublicKey, Round, Signature, Time, UnsignedProposal,
    UnsignedVote, Vote, VoteKind,
};

use crate::complaint::Complaint;
use crate::home::{ValidatorKey, durable};

pub mod state_file;

pub use state_file::{LastSigned, Position, SignedBytes, Step};

/// Why nothing was signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignError {
    /// A later position was signed before: the request is old, or the state of another node.
    #[error("refused to sign at {asked}: the key has already signed at {last}")]
    Regression {
        /// Where a signature was asked for.
        asked: Position,
        /// Where the last one was given.
        last: Position,
    },
    /// Something else was signed at this position: a second signature would be equivocation.
    #[error("refused to sign at {asked}: the key has signed something else there")]
    Conflict {
        /// Where.
        asked: Position,
    },
    /// The last signature could not be kept. Nothing is signed any more until the next start.
    #[error("{file} cannot be written ({reason}); restart the node when the disk is well")]
    Disk {
        /// The state file.
        file: String,
        /// In the system's words.
        reason: String,
    },
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

/// What the guard says of a request at a position.
enum Permission {
    /// Nothing was signed there.
    Fresh,
    /// The same was signed there, at this time.
    Again { timestamp: Time, signature: Signature },
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
        let last = match LastSigned::load(state_file)? {
            Some(last) => last,
            None if missing == MissingState::BeginAnew => {
                LastSigned::create(state_file)?;
                LastSigned::default()
            }
            None => return Err(state_is_missing(key_file, state_file)),
        };
        last.check_key(state_file, &public_key)?;
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

    /// Signs a vote, and its extension if it has one.
    ///
    /// An identical vote gets its earlier signature again; one with only another timestamp gets
    /// the earlier timestamp and signature. Extensions may differ, and are signed each time.
    ///
    /// # Errors
    /// If the guard refuses, or the state cannot be kept.
    pub fn sign_vote(&mut self, chain_id: &ChainId, vote: UnsignedVote) -> Result<Vote, SignError> {
        let step = match vote.kind {
            VoteKind::Prevote => Step::Prevote,
            VoteKind::Precommit => Step::Precommit,
        };
        let position = Position { height: vote.height, round: vote.round, step };
        let bytes_at = |timestamp| {
            let kind = vote.kind;
            let block_id = vote.block_id.as_ref();
            sign_bytes::vote(chain_id, kind, vote.height, vote.round, block_id, timestamp)
        };
        let (timestamp, signature) = self.sign(position, vote.timestamp, bytes_at)?;
        let extension = vote.extension.as_ref().map(|extension| {
            self.key.sign(&sign_bytes::extension(chain_id, vote.height, vote.round, extension))
        });
        Ok(vote.signed(timestamp, signature, extension))
    }

    /// Signs a proposal. What holds for votes holds for proposals.
    ///
    /// # Errors
    /// If the guard refuses, or the state cannot be kept.
    pub fn sign_proposal(
        &mut self,
        chain_id: &ChainId,
        proposal: UnsignedProposal,
    ) -> Result<Proposal, SignError> {
        let step = Step::Propose;
        let position = Position { height: proposal.height, round: proposal.round, step };
        let bytes_at =
            |timestamp| UnsignedProposal { timestamp, ..proposal.clone() }.sign_bytes(chain_id);
        let (timestamp, signature) = self.sign(position, proposal.timestamp, bytes_at)?;
        Ok(proposal.signed(timestamp, signature))
    }

    /// Signs the bytes of a position, or says again what was signed there.
    fn sign(
        &mut self,
        position: Position,
        timestamp: Time,
        bytes_at: impl Fn(Time) -> Vec<u8>,
    ) -> Result<(Time, Signature), SignError> {
        if let Some(reason) = &self.broken {
            return Err(self.disk_error(reason.clone()));
        }
        let bytes = bytes_at(timestamp);
        match self.permission(position, &bytes_at)? {
            Permission::Again { timestamp, signature } => Ok((timestamp, signature)),
            Permission::Fresh => {
                let signature = self.key.sign(&bytes);
                self.keep(LastSigned {
                    position: Some(position),
                    signed: Some(SignedBytes { signature, bytes }),
                })?;
                Ok((timestamp, signature))
            }
        }
    }

    /// The double-sign guard.
    fn permission(
        &self,
        asked: Position,
        bytes_at: impl Fn(Time) -> Vec<u8>,
    ) -> Result<Permission, SignError> {
        let Some(last) = self.last.position else { return Ok(Permission::Fresh) };
        if last < asked {
            return Ok(Permission::Fresh);
        }
        if asked < last {
            return Err(SignError::Regression { asked, last });
        }
        // The same position: only the same payload, which may differ in its timestamp.
        let signed = self.last.signed.as_ref().ok_or(SignError::Conflict { asked })?;
        let timestamp = sign_bytes::read(&signed.bytes)
            .map(|reading| reading.timestamp)
            .ok_or(SignError::Conflict { asked })?;
        if bytes_at(timestamp) != signed.bytes {
            return Err(SignError::Conflict { asked });
        }
        Ok(Permission::Again { timestamp, signature: signed.signature })
    }

    /// Makes what was signed durable; only then may the signature be seen.
    fn keep(&mut self, last: LastSigned) -> Result<(), SignError> {
        if let Err(error) = last.save(&self.state_file) {
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

impl Step {
    /// The step whose signature has this subject.
    pub fn of(subject: Subject) -> Self {
        match subject {
            Subject::Proposal => Step::Propose,
            Subject::Vote(VoteKind::Prevote) => Step::Prevote,
            Subject::Vote(VoteKind::Precommit) => Step::Precommit,
        }
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
