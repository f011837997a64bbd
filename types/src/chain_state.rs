//! The state between two blocks: all that is needed to make and to check the next one.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use crate::block::{
    BLOCK_VERSION, Block, BlockId, HEADER_BYTES_MAX, Header, Version, evidence_hash, txs_hash,
};
use crate::commit::{Commit, CommitError};
use crate::evidence::{self, Evidence};
use crate::genesis::Genesis;
use crate::hash::{Address, AppHash, Hash};
use crate::height::{ChainId, Height};
use crate::keys::PublicKey;
use crate::merkle;
use crate::outcome::{BlockOutcome, ValidatorUpdate};
use crate::params::{ConsensusParams, ParamsError, ParamsUpdate};
use crate::power::VotingPower;
use crate::time::Time;
use crate::tx::Tx;
use crate::validator::{ValidatorSet, ValidatorSetError};

/// Bytes around a block's fields. spec: `MaxOverheadForBlock`.
const BLOCK_OVERHEAD_BYTES: u64 = 11;
/// Bytes of a commit without its signatures. spec: `MaxCommitOverheadBytes`.
const COMMIT_OVERHEAD_BYTES: u64 = 94;
/// Bytes of a commit's entry with an Ed25519 signature, and of its length in the list.
/// spec: v0.38's `MaxCommitSigBytes` and `MaxCommitBytes`.
const COMMIT_SIG_BYTES: u64 = 109 + 3;

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
        let members: Vec<_> =
            genesis.validators.iter().map(|it| (it.public_key, it.power)).collect();
        Self::first(genesis, &members)
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
        let height = genesis.initial_height;
        let members: Vec<_> = if validators.is_empty() {
            genesis.validators.iter().map(|it| (it.public_key, it.power)).collect()
        } else {
            validators.iter().map(|it| (it.public_key, it.power)).collect()
        };
        let mut state = Self::first(genesis, &members)
            .map_err(|source| OutcomeError::Validators { height, source })?;
        state.app_version = app_version;
        if let Some(update) = params {
            // Before all heights: extensions may be required from any, as in a genesis file.
            let before = Height(0);
            state.params = state
                .params
                .updated(update, before)
                .map_err(|source| OutcomeError::Params { height, source })?;
            state.app_version = state.params.version.app;
        }
        if !app_hash.0.is_empty() {
            state.app_hash = app_hash;
        }
        Ok(state)
    }

    fn first(
        genesis: &Genesis,
        members: &[(PublicKey, VotingPower)],
    ) -> Result<Self, ValidatorSetError> {
        let validators = ValidatorSet::new(members)?;
        Ok(Self {
            chain_id: genesis.chain_id.clone(),
            initial_height: genesis.initial_height,
            app_version: genesis.params.version.app,
            last_block: None,
            next_validators: Arc::new(validators.advanced(1)),
            validators: Arc::new(validators),
            validators_changed: genesis.initial_height,
            params: genesis.params.clone(),
            params_changed: genesis.initial_height,
            last_results_hash: root_of_nothing(),
            app_hash: genesis.app_hash.clone(),
            last_block_time: genesis.genesis_time,
        })
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
    /// beside `evidence_bytes` of evidence. spec: v0.38's `MaxDataBytes`, which reserves 112 bytes
    /// of last commit for each validator (v0.40 reserves 3.4 KB, for signatures that we do not
    /// support). Zero where the reference halts, if the parameters leave no room at all.
    pub fn txs_bytes_max(&self, evidence_bytes: u64) -> u64 {
        // The last commit may come from a larger set than the next block's.
        let last = self.last_block.as_ref().map_or(0, |last| last.validators.count());
        let voters = u64::try_from(self.validators.count().max(last))
            .expect("a count of validators fits 64 bits");
        let header = u64::try_from(HEADER_BYTES_MAX).expect("626 fits 64 bits");
        let reserved = [
            BLOCK_OVERHEAD_BYTES,
            header,
            COMMIT_OVERHEAD_BYTES,
            COMMIT_SIG_BYTES.saturating_mul(voters),
            evidence_bytes,
        ];
        reserved.into_iter().fold(self.params.block_bytes_max(), u64::saturating_sub)
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
        let time = self
            .next_time(last_commit.as_ref())
            .expect("the last commit is there exactly after the first block, and decided it");
        let header = seal(self.header(time, proposer), &txs, last_commit.as_ref(), &evidence);
        Block { header, txs, evidence, last_commit }
    }

    /// The next block's time: what the last commit says, or the genesis file's in the first block.
    fn next_time(&self, last_commit: Option<&Commit>) -> Result<Time, CommitError> {
        match (&self.last_block, last_commit) {
            (None, None) => Ok(self.last_block_time),
            (Some(last), Some(commit)) => {
                commit.check_form(&last.validators, last.height, &last.id)?;
                let total = last.validators.total_power();
                let nobody = CommitError::NotEnough { signed: VotingPower::ZERO, total };
                commit.median_time(&last.validators).ok_or(nobody)
            }
            (Some(last), None) => {
                Err(CommitError::Count { expected: last.validators.count(), actual: 0 })
            }
            (None, Some(commit)) => {
                Err(CommitError::Count { expected: 0, actual: commit.signatures.len() })
            }
        }
    }

    /// The next block's header, as far as it does not depend on the block's contents.
    fn header(&self, time: Time, proposer: Address) -> Header {
        Header {
            version: Version { block: BLOCK_VERSION, app: self.app_version },
            chain_id: self.chain_id.clone(),
            height: self.next_height(),
            time,
            last_block_id: self.last_block.as_ref().map(|last| last.id),
            last_commit_hash: None,
            data_hash: None,
            validators_hash: self.validators.hash(),
            next_validators_hash: self.next_validators.hash(),
            consensus_hash: self.params.hash(),
            app_hash: self.app_hash.clone(),
            last_results_hash: Some(self.last_results_hash),
            evidence_hash: None,
            proposer_address: proposer,
        }
    }

    /// Whether `block` may be the next one, in everything but signatures (of the last commit and
    /// of evidence) and the application's word. Those are asked of [`Commit::verify`],
    /// [`Evidence::verify`] and ProcessProposal.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_block(&self, block: &Block) -> Result<(), BlockError> {
        let time = self.next_time(block.last_commit.as_ref())?;
        if self.last_block.is_some() && time <= self.last_block_time {
            return Err(header_error("time", &"a later time than the last block's", &time));
        }
        self.check_header(block, time)?;
        self.check_sizes(block)?;
        self.check_evidence(&block.evidence)
    }

    fn check_header(&self, block: &Block, time: Time) -> Result<(), BlockError> {
        let actual = &block.header;
        let expected = seal(
            self.header(time, actual.proposer_address),
            &block.txs,
            block.last_commit.as_ref(),
            &block.evidence,
        );
        same("version", &expected.version, &actual.version)?;
        same("chain_id", &expected.chain_id, &actual.chain_id)?;
        same("height", &expected.height, &actual.height)?;
        same("time", &expected.time, &actual.time)?;
        same("last_block_id", &expected.last_block_id, &actual.last_block_id)?;
        same("last_commit_hash", &expected.last_commit_hash, &actual.last_commit_hash)?;
        same("data_hash", &expected.data_hash, &actual.data_hash)?;
        same("validators_hash", &expected.validators_hash, &actual.validators_hash)?;
        let (next, given) = (&expected.next_validators_hash, &actual.next_validators_hash);
        same("next_validators_hash", next, given)?;
        same("consensus_hash", &expected.consensus_hash, &actual.consensus_hash)?;
        same("app_hash", &expected.app_hash, &actual.app_hash)?;
        same("last_results_hash", &expected.last_results_hash, &actual.last_results_hash)?;
        same("evidence_hash", &expected.evidence_hash, &actual.evidence_hash)?;
        // The round in which the block was first proposed is not known here, so any member may be.
        if self.validators.find(&actual.proposer_address).is_none() {
            let proposer = actual.proposer_address;
            return Err(header_error("proposer_address", &"a validator", &proposer));
        }
        assert!(expected == *actual, "every field of the header is compared above");
        Ok(())
    }

    fn check_sizes(&self, block: &Block) -> Result<(), BlockError> {
        let limit = self.params.evidence.bytes_max;
        let actual = evidence::encoded_bytes(&block.evidence);
        if limit < actual {
            return Err(BlockError::Size { what: "evidence", actual, limit });
        }
        let limit = self.params.block_bytes_max();
        let actual = block.encoded_bytes();
        if limit < actual {
            return Err(BlockError::Size { what: "block", actual, limit });
        }
        Ok(())
    }

    fn check_evidence(&self, evidence: &[Evidence]) -> Result<(), BlockError> {
        let mut seen = BTreeSet::new();
        for one in evidence {
            let last = self.last_height().filter(|&last| one.height() <= last);
            let reason = match last {
                None => "it is not about an earlier height",
                Some(last) if self.is_expired(one, last) => "it has expired",
                Some(_) if !seen.insert(one.hash()) => "the same is there twice",
                Some(_) => continue,
            };
            return Err(BlockError::Evidence { reason });
        }
        Ok(())
    }

    fn is_expired(&self, evidence: &Evidence, last: Height) -> bool {
        let (height, time) = (evidence.height(), evidence.time());
        self.params.evidence.expired(height, time, last, self.last_block_time)
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
        let height = header.height;
        let actual = outcome.tx_results.len();
        if actual != txs_count {
            return Err(OutcomeError::Results { height, expected: txs_count, actual });
        }
        let mut state = self.clone();
        // Ours (H + 1) are replaced by those chosen before; the outcome's come after them (H + 2).
        let next_validators = self
            .next_validators
            .updated(&outcome.validator_updates)
            .map_err(|source| OutcomeError::Validators { height, source })?
            .advanced(1);
        if !outcome.validator_updates.is_empty() {
            state.validators_changed = height.next().next();
        }
        if let Some(update) = &outcome.params_update {
            state.params = self
                .params
                .updated(update, height)
                .map_err(|source| OutcomeError::Params { height, source })?;
            state.app_version = state.params.version.app;
            state.params_changed = height.next();
        }
        let validators = Arc::clone(&self.validators);
        state.last_block = Some(LastBlock { height, id, validators });
        state.validators = Arc::clone(&self.next_validators);
        state.next_validators = Arc::new(next_validators);
        state.last_results_hash = outcome.results_hash();
        state.app_hash = outcome.app_hash.clone();
        state.last_block_time = header.time;
        Ok(state)
    }
}

/// Puts the roots over a block's contents into its header.
fn seal(header: Header, txs: &[Tx], last_commit: Option<&Commit>, evidence: &[Evidence]) -> Header {
    Header {
        last_commit_hash: Some(last_commit.map_or_else(root_of_nothing, Commit::hash)),
        data_hash: Some(txs_hash(txs)),
        evidence_hash: Some(evidence_hash(evidence)),
        ..header
    }
}

fn root_of_nothing() -> Hash {
    merkle::root::<&[u8]>(&[])
}

fn same<T: PartialEq + Debug>(
    field: &'static str,
    expected: &T,
    actual: &T,
) -> Result<(), BlockError> {
    if expected == actual { Ok(()) } else { Err(header_error(field, expected, actual)) }
}

fn header_error(field: &'static str, expected: &dyn Debug, actual: &dyn Debug) -> BlockError {
    let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
    BlockError::Header { field, expected, actual }
}
