//! Votes: prevotes and precommits, for a block or for nil.

use bytes::Bytes;

use crate::block::BlockId;
use crate::commit::{CommitSig, ExtendedCommitSig};
use crate::hash::Address;
use crate::height::{ChainId, Height, Round};
use crate::keys::Signature;
use crate::time::Time;
use crate::validator::ValidatorIndex;

/// Largest vote extension in bytes. spec: `MaxVoteExtensionSize`.
pub const EXTENSION_BYTES_MAX: usize = 1024 * 1024;

/// First or second vote of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VoteKind {
    /// The first: this block is acceptable here and now. Wire type 1.
    Prevote,
    /// The second: a quorum prevoted it. Wire type 2.
    Precommit,
}

/// A signed vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// First or second vote.
    pub kind: VoteKind,
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// For what; none is nil.
    pub block_id: Option<BlockId>,
    /// When, by the voter's clock.
    pub timestamp: Time,
    /// Whose.
    pub validator_address: Address,
    /// Its place in the height's validator set.
    pub validator_index: ValidatorIndex,
    /// Over [`crate::sign_bytes::vote`].
    pub signature: Signature,
    /// The application's; only on precommits for a block where extensions are enabled.
    pub extension: Option<Extension>,
}

/// Application data on a precommit, signed on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// What the application said; may be empty.
    pub bytes: Bytes,
    /// Over [`crate::sign_bytes::extension`].
    pub signature: Signature,
}

/// A vote that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedVote {
    /// First or second vote.
    pub kind: VoteKind,
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// For what; none is nil.
    pub block_id: Option<BlockId>,
    /// When, by our clock.
    pub timestamp: Time,
    /// Whose.
    pub validator_address: Address,
    /// Its place in the height's validator set.
    pub validator_index: ValidatorIndex,
    /// To be signed too, where extensions are enabled and the vote is a precommit for a block.
    pub extension: Option<Bytes>,
}

impl UnsignedVote {
    /// What is signed.
    pub fn sign_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        crate::sign_bytes::vote(
            chain_id,
            self.kind,
            self.height,
            self.round,
            self.block_id.as_ref(),
            self.timestamp,
        )
    }

    /// The vote with its signature; `timestamp` is the signed one, which the double-sign guard may
    /// have taken from an earlier signature.
    pub fn signed(
        self,
        timestamp: Time,
        signature: Signature,
        extension_signature: Option<Signature>,
    ) -> Vote {
        let extension = match (self.extension, extension_signature) {
            (Some(bytes), Some(signature)) => Some(Extension { bytes, signature }),
            (None, _) | (Some(_), None) => None,
        };
        Vote {
            kind: self.kind,
            height: self.height,
            round: self.round,
            block_id: self.block_id,
            timestamp,
            validator_address: self.validator_address,
            validator_index: self.validator_index,
            signature,
            extension,
        }
    }
}

impl Vote {
    /// What was signed.
    pub fn sign_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        crate::sign_bytes::vote(
            chain_id,
            self.kind,
            self.height,
            self.round,
            self.block_id.as_ref(),
            self.timestamp,
        )
    }

    /// The vote as an entry of a commit for `decided`: a vote for another block counts as absent.
    pub fn commit_sig(&self, decided: &BlockId) -> CommitSig {
        match self.block_id {
            Some(id) if id == *decided => CommitSig::Commit {
                validator_address: self.validator_address,
                timestamp: self.timestamp,
                signature: self.signature,
            },
            None => CommitSig::Nil {
                validator_address: self.validator_address,
                timestamp: self.timestamp,
                signature: self.signature,
            },
            Some(_) => CommitSig::Absent,
        }
    }

    /// The vote as an entry of an extended commit for `decided`.
    pub fn extended_commit_sig(&self, decided: &BlockId) -> ExtendedCommitSig {
        let sig = self.commit_sig(decided);
        let extension =
            if matches!(sig, CommitSig::Commit { .. }) { self.extension.clone() } else { None };
        ExtendedCommitSig { sig, extension }
    }
}
