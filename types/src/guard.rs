//! The double-sign guard: what a key may sign after what it signed last. spec: `privval/file.go`.
//!
//! The guard is a value. Whoever holds it makes the next one durable before a signature is seen, so
//! that after a crash it knows at least as much as anybody else.

use std::fmt;

use crate::block::BlockId;
use crate::height::{ChainId, Height, Round};
use crate::keys::Signature;
use crate::proposal::UnsignedProposal;
use crate::sign_bytes::{self, Subject};
use crate::time::Time;
use crate::vote::{UnsignedVote, VoteKind};

/// What was signed within a round, in the order in which it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A proposal.
    Propose,
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
}

/// Where something was signed. Later positions are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// At which height.
    pub height: Height,
    /// In which round.
    pub round: Round,
    /// At which step.
    pub step: Step,
}

/// A signature and what it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBytes {
    /// The signature.
    pub signature: Signature,
    /// Canonical bytes of a vote or proposal.
    pub bytes: Vec<u8>,
}

/// What a validator signed last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastSigned {
    /// Where; none if nothing was signed yet.
    pub position: Option<Position>,
    /// What; none too if an operator or another signer moved the position on by hand.
    pub signed: Option<SignedBytes>,
}

/// What the guard allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Nothing was signed there. Sign the bytes, and keep [`LastSigned::at`] the position before
    /// anybody sees the signature.
    Fresh {
        /// Where.
        position: Position,
        /// As it was asked for.
        timestamp: Time,
        /// What is to be signed.
        bytes: Vec<u8>,
    },
    /// The same was signed there, perhaps at another time: this is to be said again.
    Again {
        /// When it was signed.
        timestamp: Time,
        /// The signature of then.
        signature: Signature,
    },
    /// Another vote was signed there, and perhaps nobody has seen it: this is to be said instead.
    /// A validator that could say neither would be missed, and a round that lacks it may last for
    /// ever.
    Instead {
        /// What was voted for then.
        block_id: Option<BlockId>,
        /// When it was signed.
        timestamp: Time,
        /// The signature of then.
        signature: Signature,
    },
}

/// Why the guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
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
}

impl Refusal {
    /// The round of a height in which the key has signed since, if that is why.
    pub fn reached(&self, height: Height) -> Option<Round> {
        match self {
            Refusal::Regression { last, .. } if last.height == height => Some(last.round),
            Refusal::Regression { .. } | Refusal::Conflict { .. } => None,
        }
    }
}

impl LastSigned {
    /// What is to be kept once `signature` is given at a position.
    pub fn at(position: Position, signature: Signature, bytes: Vec<u8>) -> Self {
        Self { position: Some(position), signed: Some(SignedBytes { signature, bytes }) }
    }

    /// Whether a vote may be signed.
    ///
    /// An identical vote gets its earlier signature again; one with only another timestamp gets
    /// the earlier timestamp and signature. Instead of one for something else, the earlier vote is
    /// said. Extensions are no part of this: they may differ, and are signed each time.
    ///
    /// # Errors
    /// If a later position was signed before, or if nobody knows what was signed at this one.
    pub fn permit_vote(
        &self,
        chain_id: &ChainId,
        vote: &UnsignedVote,
    ) -> Result<Permission, Refusal> {
        let (height, round, kind) = (vote.height, vote.round, vote.kind);
        let position = Position { height, round, step: Step::of(Subject::Vote(kind)) };
        let bytes = |id: Option<&BlockId>, timestamp| {
            sign_bytes::vote(chain_id, kind, height, round, id, timestamp)
        };
        let wanted = |timestamp| bytes(vote.block_id.as_ref(), timestamp);
        self.permit(position, vote.timestamp, wanted).or_else(|refusal| {
            let signed = self.signed.as_ref().filter(|_| self.position == Some(position));
            let signed = signed.ok_or(refusal)?;
            let reading = sign_bytes::read(&signed.bytes).ok_or(refusal)?;
            let (block_id, timestamp) = (reading.block_id, reading.timestamp);
            // Of this chain, and nothing in it that was not read.
            if bytes(block_id.as_ref(), timestamp) != signed.bytes {
                return Err(refusal);
            }
            Ok(Permission::Instead { block_id, timestamp, signature: signed.signature })
        })
    }

    /// Whether a proposal may be signed. What holds for votes holds for proposals.
    ///
    /// # Errors
    /// If it would contradict what was signed before.
    pub fn permit_proposal(
        &self,
        chain_id: &ChainId,
        proposal: &UnsignedProposal,
    ) -> Result<Permission, Refusal> {
        let step = Step::Propose;
        let position = Position { height: proposal.height, round: proposal.round, step };
        self.permit(position, proposal.timestamp, |timestamp| {
            UnsignedProposal { timestamp, ..proposal.clone() }.sign_bytes(chain_id)
        })
    }

    fn permit(
        &self,
        asked: Position,
        timestamp: Time,
        bytes_at: impl Fn(Time) -> Vec<u8>,
    ) -> Result<Permission, Refusal> {
        let fresh = || {
            let bytes = bytes_at(timestamp);
            Ok(Permission::Fresh { position: asked, timestamp, bytes })
        };
        let Some(last) = self.position else { return fresh() };
        if last < asked {
            return fresh();
        }
        if asked < last {
            return Err(Refusal::Regression { asked, last });
        }
        // The same position: only the same payload, which may differ in its timestamp.
        let signed = self.signed.as_ref().ok_or(Refusal::Conflict { asked })?;
        let timestamp = sign_bytes::read(&signed.bytes)
            .map(|reading| reading.timestamp)
            .ok_or(Refusal::Conflict { asked })?;
        if bytes_at(timestamp) != signed.bytes {
            return Err(Refusal::Conflict { asked });
        }
        Ok(Permission::Again { timestamp, signature: signed.signature })
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

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Propose => "propose",
            Step::Prevote => "prevote",
            Step::Precommit => "precommit",
        };
        write!(f, "height {}, round {}, {step}", self.height, self.round)
    }
}
