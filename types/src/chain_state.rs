//! The state between two blocks: all that is needed to make and to check the next one.

use std::sync::Arc;

use crate::block::{Block, BlockId, Header};
use crate::commit::{Commit, CommitError};
use crate::evidence::Evidence;
use crate::genesis::Genesis;
use crate::hash::{Address, AppHash, Hash};
use crate::height::{ChainId, Height};
use crate::outcome::{BlockOutcome, ValidatorUpdate};
use crate::params::{ConsensusParams, ParamsError, ParamsUpdate};
use crate::time::Time;
use crate::tx::Tx;
use crate::validator::{ValidatorSet, ValidatorSetError};

/// All that is needed to make and to check the next block. spec: `state.State`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// The chain.
    pub chain_id: ChainId,
    /// Height of the first block.
    pub initial_height: Height,
    /// The application's version, for headers.
    pub app_version: u64,
    /// The last block; none before the first.
    pub last_block: Option<LastBlock>,
    /// Who votes on the next block.
    pub validators: Arc<ValidatorSet>,
    /// Who votes on the one after.
    pub next_validators: Arc<ValidatorSet>,
    /// Height at which the validators of `next_validators` came into force.
    pub validators_changed: Height,
    /// Parameters of the next block.
    pub params: ConsensusParams,
    /// Height at which they came into force.
    pub params_changed: Height,
    /// Root over the results of the last block.
    pub last_results_hash: Hash,
    /// The application's state after the last block.
    pub app_hash: AppHash,
    /// Time of the last block; the genesis time before the first.
    pub last_block_time: Time,
}

/// What is remembered of the last block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBlock {
    /// Its height.
    pub height: Height,
    /// Its id.
    pub id: BlockId,
    /// Who voted on it.
    pub validators: Arc<ValidatorSet>,
}

/// Why a block cannot be the next one. A peer's fault, or a difference in rules.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BlockError {
    /// A field of the header is not what the state says.
    #[error("header.{field} is {actual}, expected {expected}")]
    Header {
        /// Which.
        field: &'static str,
        /// By the state.
        expected: String,
        /// In the block.
        actual: String,
    },
    /// The last commit does not prove the last block.
    #[error("last_commit: {0}")]
    LastCommit(#[from] CommitError),
    /// More bytes than the parameters allow.
    #[error("{what} has {actual} bytes, the limit is {limit}")]
    Size {
        /// The block or its evidence.
        what: &'static str,
        /// Bytes.
        actual: u64,
        /// Bytes.
        limit: u64,
    },
    /// The same evidence twice, or older than allowed.
    #[error("evidence: {reason}")]
    Evidence {
        /// In words.
        reason: &'static str,
    },
}

/// Why the application's answer cannot be taken. Fatal: the node stops with this line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OutcomeError {
    /// Not one result for each transaction.
    #[error("application gave {actual} results for {expected} transactions at height {height}")]
    Results {
        /// Where.
        height: Height,
        /// Transactions.
        expected: usize,
        /// Results.
        actual: usize,
    },
    /// Updates that make no validator set.
    #[error("application's validator updates at height {height}: {source}")]
    Validators {
        /// Where.
        height: Height,
        /// Why.
        source: ValidatorSetError,
    },
    /// Parameters out of their limits.
    #[error("application's parameter update at height {height}: {source}")]
    Params {
        /// Where.
        height: Height,
        /// Why.
        source: ParamsError,
    },
}

impl ChainState {
    /// The state before the first block.
    ///
    /// # Errors
    /// If the genesis names validators that make no set (an empty list is an error here: the
    /// handshake fills it from InitChain first).
    pub fn genesis(genesis: &Genesis) -> Result<Self, ValidatorSetError> {
        let _ = genesis;
        unimplemented!()
    }

    /// The state before the first block after the application's InitChain answer: its validators
    /// (if any) replace the genesis file's, its parameters and app hash take force.
    ///
    /// # Errors
    /// If the answer makes no valid set or parameters.
    pub fn after_init_chain(
        genesis: &Genesis,
        validators: &[ValidatorUpdate],
        params: Option<&ParamsUpdate>,
        app_hash: AppHash,
        app_version: u64,
    ) -> Result<Self, OutcomeError> {
        let _ = (genesis, validators, params, app_hash, app_version);
        unimplemented!()
    }

    /// The height of the last block; none before the first.
    pub fn last_height(&self) -> Option<Height> {
        self.last_block.as_ref().map(|last| last.height)
    }

    /// The height of the next block.
    pub fn next_height(&self) -> Height {
        self.last_height().map_or(self.initial_height, Height::next)
    }

    /// Most bytes of transactions (with their protobuf overhead) that fit into the next block
    /// beside `evidence_bytes` of evidence. spec: `MaxDataBytes`.
    pub fn txs_bytes_max(&self, evidence_bytes: u64) -> u64 {
        let _ = evidence_bytes;
        unimplemented!()
    }

    /// Makes the next block. Its time is the weighted median of the last commit's.
    /// `last_commit` is none exactly for the first block.
    pub fn make_block(
        &self,
        txs: Vec<Tx>,
        last_commit: Option<Commit>,
        evidence: Vec<Evidence>,
        proposer: Address,
    ) -> Block {
        let _ = (txs, last_commit, evidence, proposer);
        unimplemented!()
    }

    /// Whether `block` may be the next one, in everything but signatures (of the last commit and
    /// of evidence) and the application's word. Those are asked of [`Commit::verify`],
    /// [`Evidence::verify`] and ProcessProposal.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_block(&self, block: &Block) -> Result<(), BlockError> {
        let _ = block;
        unimplemented!()
    }

    /// The state after the block with this id and header was executed with this outcome.
    /// Validators named in it are in force two heights later, parameters one later.
    ///
    /// # Errors
    /// If the application's answer cannot be taken.
    pub fn advance(
        &self,
        id: BlockId,
        header: &Header,
        txs_count: usize,
        outcome: &BlockOutcome,
    ) -> Result<ChainState, OutcomeError> {
        let _ = (id, header, txs_count, outcome);
        unimplemented!()
    }
}
