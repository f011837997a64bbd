//! The quorum of precommits that decides a block, and the one function that checks it.

use crate::block::BlockId;
use crate::hash::{Address, Hash};
use crate::height::{ChainId, Height, Round};
use crate::keys::Signature;
use crate::power::VotingPower;
use crate::time::Time;
use crate::validator::{ValidatorIndex, ValidatorSet};
use crate::vote::{Extension, Vote};

/// What became of one validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitSig {
    /// Not seen, or for another block. Wire flag 1.
    Absent,
    /// For the decided block. Wire flag 2.
    Commit {
        /// Whose; not covered by the signature, so always compared with the set's.
        validator_address: Address,
        /// When.
        timestamp: Time,
        /// Over the vote's sign bytes.
        signature: Signature,
    },
    /// For nil. Wire flag 3.
    Nil {
        /// Whose.
        validator_address: Address,
        /// When.
        timestamp: Time,
        /// Over the vote's sign bytes.
        signature: Signature,
    },
}

/// Why a block is decided: precommits of one round, one entry for each validator in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Of the decided block.
    pub height: Height,
    /// In which it was decided.
    pub round: Round,
    /// What was decided.
    pub block_id: BlockId,
    /// One for each validator of the height, in the set's order.
    pub signatures: Vec<CommitSig>,
}

/// An entry of an [`ExtendedCommit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedCommitSig {
    /// The entry without the extension.
    pub sig: CommitSig,
    /// Only on votes for the block, where extensions are enabled.
    pub extension: Option<Extension>,
}

/// A commit together with the vote extensions, which the next proposer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedCommit {
    /// Of the decided block.
    pub height: Height,
    /// In which it was decided.
    pub round: Round,
    /// What was decided.
    pub block_id: BlockId,
    /// One for each validator of the height, in the set's order.
    pub signatures: Vec<ExtendedCommitSig>,
}

/// Why a commit does not prove what it claims. A peer's fault: score the peer, never panic.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommitError {
    /// Of another height.
    #[error("commit is for height {actual}, expected {expected}")]
    Height {
        /// Which was asked for.
        expected: Height,
        /// Which it is for.
        actual: Height,
    },
    /// Of another block.
    #[error("commit is for another block")]
    Block,
    /// Not one entry for each validator.
    #[error("commit has {actual} signatures for {expected} validators")]
    Count {
        /// Validators in the set.
        expected: usize,
        /// Entries in the commit.
        actual: usize,
    },
    /// An entry names another validator than the set has at its index.
    #[error("entry {index} names {actual}, the validator there is {expected}")]
    Address {
        /// Which entry.
        index: usize,
        /// In the set.
        expected: Address,
        /// In the entry.
        actual: Address,
    },
    /// A validator is counted twice (trusting verification looks up by address).
    #[error("validator {address} signed twice")]
    Duplicate {
        /// Whose.
        address: Address,
    },
    /// A signature is not the validator's.
    #[error("signature {index} is not of validator {address}")]
    Signature {
        /// Which entry.
        index: usize,
        /// Whose it should be.
        address: Address,
    },
    /// Vote extensions are missing where they are required, or there where they are not.
    #[error("entry {index} has a missing or an unexpected vote extension")]
    Extension {
        /// Which entry.
        index: usize,
    },
    /// Not enough weight.
    #[error("commit carries {signed} of {total} power, which is not enough")]
    NotEnough {
        /// For the block.
        signed: VotingPower,
        /// Of the set.
        total: VotingPower,
    },
}

/// A fraction of a set's power, such as the light client's one third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustLevel {
    /// Above the line.
    pub numerator: u64,
    /// Below the line, above zero.
    pub denominator: u64,
}

/// How much a commit must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// More than two thirds of this very set, and every signature in it right (also nil votes):
    /// what consensus and catch-up ask. spec: `VerifyCommit`.
    Full,
    /// More than two thirds of this very set; only signatures for the block are looked at, until
    /// they suffice. spec: `VerifyCommitLight`.
    Light,
    /// More than a share of a set that may be another height's, looked up by address.
    /// spec: `VerifyCommitLightTrusting`.
    Trusting(TrustLevel),
}

impl CommitSig {
    /// Whose entry it is, if anybody's.
    pub fn validator_address(&self) -> Option<&Address> {
        match self {
            CommitSig::Absent => None,
            CommitSig::Commit { validator_address, .. }
            | CommitSig::Nil { validator_address, .. } => Some(validator_address),
        }
    }

    /// When it was signed, if it was.
    pub fn timestamp(&self) -> Option<Time> {
        match self {
            CommitSig::Absent => None,
            CommitSig::Commit { timestamp, .. } | CommitSig::Nil { timestamp, .. } => {
                Some(*timestamp)
            }
        }
    }
}

impl Commit {
    /// Root over the entries. spec: `Commit.Hash`.
    pub fn hash(&self) -> Hash {
        unimplemented!()
    }

    /// Whether `validators` decided `block_id` at `height` by this commit, as far as `demand` asks.
    /// The one function for consensus, catch-up, light client and evidence.
    ///
    /// # Errors
    /// What is wrong with the commit.
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        height: Height,
        block_id: &BlockId,
        demand: Demand,
    ) -> Result<(), CommitError> {
        let _ = (chain_id, validators, height, block_id, demand);
        unimplemented!()
    }

    /// The precommit that entry `index` stands for; none if it is absent.
    pub fn vote(&self, index: ValidatorIndex) -> Option<Vote> {
        let _ = index;
        unimplemented!()
    }

    /// Weighted median of the times of the votes for the block. spec: `MedianTime`, v0.40's rule.
    pub fn median_time(&self, validators: &ValidatorSet) -> Option<Time> {
        let _ = validators;
        unimplemented!()
    }
}

impl ExtendedCommit {
    /// The same without extensions.
    pub fn commit(&self) -> Commit {
        Commit {
            height: self.height,
            round: self.round,
            block_id: self.block_id,
            signatures: self.signatures.iter().map(|entry| entry.sig.clone()).collect(),
        }
    }

    /// As [`Commit::verify`] with [`Demand::Full`], and the extensions' presence and signatures.
    ///
    /// # Errors
    /// What is wrong with the commit.
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        height: Height,
        block_id: &BlockId,
        extensions_enabled: bool,
    ) -> Result<(), CommitError> {
        let _ = (chain_id, validators, height, block_id, extensions_enabled);
        unimplemented!()
    }
}
