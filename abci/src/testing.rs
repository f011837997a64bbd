//! Drives an application through a chain without a network: for the tests of applications.
//!
//! The chain is real but for its signatures: blocks follow the rules of [`ChainState`], and every
//! call is held against the grammar.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use types::chain_state::{BlockError, OutcomeError};
use types::keys::SIGNATURE_BYTES;
use types::{
    Block, BlockId, BlockOutcome, ChainState, CommitSig, Evidence, ExtendedCommit,
    ExtendedCommitSig, Genesis, Height, Round, Signature, Time, Tx, ValidatorSet,
};

use crate::application::{Application, ApplicationError, Call};
use crate::grammar::Grammar;
use crate::recorded::Recorded;
use crate::request::{
    BlockRequest, ExtendedCommitInfo, InfoRequest, InitChainRequest, Misbehavior,
    PrepareProposalRequest, tx_bytes_in_block,
};
use crate::response::Verdict;

/// How much later each block is than the one before.
const BLOCK_GAP: Duration = Duration::from_secs(1);

/// An application that shows what it is about to commit, so that two of them can be compared, and
/// says what should hold.
pub trait Inspected: Application {
    /// What the executed block writes: keys, and their new values or none.
    fn staged_writes(&self) -> BTreeMap<Vec<u8>, Option<Bytes>>;

    /// What does not hold in the committed state and should.
    fn broken_invariant(&self) -> Option<String>;
}

/// A chain of one application, and of nobody else.
pub struct TestChain {
    application: Recorded,
    genesis: Genesis,
    first: ChainState,
    state: ChainState,
    last_commit: Option<ExtendedCommit>,
    executed: Vec<Executed>,
}

/// A block that was executed, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// As it was put to the application.
    pub request: BlockRequest,
    /// What the application said.
    pub outcome: BlockOutcome,
}

/// What the application, or the test, did wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TestChainError {
    /// The application failed, or a call came out of order.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// Its answer cannot be taken.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// The proposal breaks the chain's rules.
    #[error("block {height}: {source}")]
    Block {
        /// Where.
        height: Height,
        /// Which rule.
        source: BlockError,
    },
    /// It prepared more than fits.
    #[error("prepared {actual} bytes of transactions, the limit is {limit}")]
    TooLarge {
        /// What it prepared.
        actual: u64,
        /// What it was allowed.
        limit: u64,
    },
    /// It refuses a block.
    #[error("block {height} is rejected")]
    Rejected {
        /// Where.
        height: Height,
    },
    /// After a restart it stands above the chain.
    #[error("the application stands at {application}, the chain at {chain:?}")]
    Ahead {
        /// What it says.
        application: Height,
        /// The last block; none before the first.
        chain: Option<Height>,
    },
    /// After a restart it does not have the state that it had.
    #[error("the application is not what it was at height {height:?}")]
    Diverged {
        /// Where; none is before the first block.
        height: Option<Height>,
    },
}

impl TestChain {
    /// Begins a chain with an application that has no state.
    ///
    /// # Errors
    /// If the application fails, or begins the chain in a way that cannot be taken.
    pub fn start(
        application: Arc<dyn Application>,
        genesis: Genesis,
    ) -> Result<Self, TestChainError> {
        let application = Recorded::from_start(application, Grammar::clean_start());
        let first = first_state(&application, &genesis)?;
        let state = first.clone();
        Ok(Self { application, genesis, first, state, last_commit: None, executed: Vec::new() })
    }

    /// Lets go of the application, starts the chain again with the one that `open` gives, and puts
    /// to it the blocks that it has not committed.
    ///
    /// # Errors
    /// If the application is ahead of the chain, or executes a block otherwise than before.
    pub fn restart(
        self,
        open: impl FnOnce() -> Arc<dyn Application>,
    ) -> Result<Self, TestChainError> {
        drop(self.application);
        let application = Recorded::from_start(open(), Grammar::recovery());
        let chain = Self { application, ..self };
        let reached = chain.handshake()?;
        for executed in chain.executed.iter().filter(|it| reached < Some(it.request.height)) {
            if chain.execute(&executed.request)? != executed.outcome {
                return Err(TestChainError::Diverged { height: Some(executed.request.height) });
            }
        }
        Ok(chain)
    }

    /// Where an application stands that was started again.
    fn handshake(&self) -> Result<Option<Height>, TestChainError> {
        let answer = self.application.info(&InfoRequest::default())?;
        let Some(height) = answer.last_block_height else {
            let first = init_chain(&self.application, &self.genesis, answer.app_version)?;
            if first != self.first {
                return Err(TestChainError::Diverged { height: None });
            }
            return Ok(None);
        };
        let executed = self.executed.iter().find(|it| it.request.height == height);
        let executed = executed.ok_or(TestChainError::Ahead {
            application: height,
            chain: self.state.last_height(),
        })?;
        if executed.outcome.app_hash != answer.last_block_app_hash {
            return Err(TestChainError::Diverged { height: Some(height) });
        }
        Ok(Some(height))
    }

    /// Goes on by one block, for which these transactions are waiting.
    ///
    /// # Errors
    /// What the application did wrong.
    pub fn block(&mut self, txs: Vec<Tx>) -> Result<BlockOutcome, TestChainError> {
        let block = self.propose(txs, Vec::new())?;
        self.decide(block)
    }

    /// Has the application prepare the next block.
    ///
    /// # Errors
    /// What the application did wrong.
    pub fn propose(&self, txs: Vec<Tx>, evidence: Vec<Evidence>) -> Result<Block, TestChainError> {
        let request = self.prepare_request(txs, &evidence);
        let txs = self.application.prepare_proposal(&request)?;
        let actual = txs.iter().map(|tx| tx_bytes_in_block(tx)).sum();
        if request.txs_bytes_max < actual {
            return Err(TestChainError::TooLarge { actual, limit: request.txs_bytes_max });
        }
        Ok(self.state.make_block(
            txs,
            self.last_commit.as_ref().map(ExtendedCommit::commit),
            evidence,
            request.proposer_address,
        ))
    }

    /// Has the application judge a block, execute and commit it.
    ///
    /// # Errors
    /// What is wrong with the block, or what the application did wrong.
    pub fn decide(&mut self, block: Block) -> Result<BlockOutcome, TestChainError> {
        let height = block.header.height;
        self.state
            .check_block(&block)
            .map_err(|source| TestChainError::Block { height, source })?;
        let request = self.request(&block);
        if self.application.process_proposal(&request)? == Verdict::Reject {
            return Err(TestChainError::Rejected { height });
        }
        let outcome = self.execute(&request)?;
        let id = block.id(&block.part_set());
        let txs_count = block.txs.len();
        let state = self.state.advance(id, &block.header, txs_count, &outcome)?;
        let voted_at = block.header.time.after(BLOCK_GAP);
        self.last_commit = Some(unsigned(&self.state.validators, id, height, voted_at));
        self.state = state;
        self.executed.push(Executed { request, outcome: outcome.clone() });
        Ok(outcome)
    }

    /// A block as the application is asked about it.
    pub fn request(&self, block: &Block) -> BlockRequest {
        let last = self.state.last_block.as_ref();
        BlockRequest::of(block, last.map(|it| it.validators.as_ref()))
    }

    /// The state after the last block.
    pub fn state(&self) -> &ChainState {
        &self.state
    }

    /// The application, for `check_tx`, `query`, and calls of the test's own.
    pub fn application(&self) -> &dyn Application {
        &self.application
    }

    /// The calls since the last start.
    pub fn calls(&self) -> Vec<Call> {
        self.application.watcher().calls()
    }

    /// The blocks so far.
    pub fn executed(&self) -> &[Executed] {
        &self.executed
    }

    fn execute(&self, request: &BlockRequest) -> Result<BlockOutcome, TestChainError> {
        let outcome = self.application.finalize_block(request)?;
        self.application.commit()?;
        Ok(outcome)
    }

    fn prepare_request(&self, txs: Vec<Tx>, evidence: &[Evidence]) -> PrepareProposalRequest {
        let evidence_bytes = evidence.iter().map(|it| types::codec::encode_evidence(it).len());
        let proposer = self.state.validators.proposer().address;
        let height = self.state.next_height();
        PrepareProposalRequest {
            txs_bytes_max: self.state.txs_bytes_max(evidence_bytes.sum::<usize>() as u64),
            txs,
            local_last_commit: self.local_last_commit(),
            misbehavior: Misbehavior::of(evidence),
            height,
            time: self.next_time(),
            next_validators_hash: self.state.next_validators.hash(),
            proposer_address: proposer,
        }
    }

    /// Every vote of the last height, without extensions.
    fn local_last_commit(&self) -> ExtendedCommitInfo {
        match (&self.last_commit, &self.state.last_block) {
            (Some(commit), Some(last)) => ExtendedCommitInfo::of(commit, &last.validators, false),
            (None, _) | (Some(_), None) => ExtendedCommitInfo::default(),
        }
    }

    /// The time at which the votes for the last block say they were cast.
    fn next_time(&self) -> Time {
        match self.state.last_block {
            Some(_) => self.state.last_block_time.after(BLOCK_GAP),
            None => self.state.last_block_time,
        }
    }
}

/// The handshake with an application that has no state.
fn first_state(
    application: &dyn Application,
    genesis: &Genesis,
) -> Result<ChainState, TestChainError> {
    let answer = application.info(&InfoRequest::default())?;
    if let Some(height) = answer.last_block_height {
        return Err(TestChainError::Ahead { application: height, chain: None });
    }
    init_chain(application, genesis, answer.app_version)
}

fn init_chain(
    application: &dyn Application,
    genesis: &Genesis,
    app_version: u64,
) -> Result<ChainState, TestChainError> {
    let answer = application.init_chain(&InitChainRequest::of(genesis))?;
    Ok(ChainState::after_init_chain(
        genesis,
        &answer.validators,
        answer.params.as_ref(),
        answer.app_hash,
        app_version,
    )?)
}

/// A commit by all validators, whose signatures prove nothing.
fn unsigned(validators: &ValidatorSet, id: BlockId, height: Height, time: Time) -> ExtendedCommit {
    let entry = |address| ExtendedCommitSig {
        sig: CommitSig::Commit {
            validator_address: address,
            timestamp: time,
            signature: Signature([0; SIGNATURE_BYTES]),
        },
        extension: None,
    };
    let members = validators.validators().iter();
    ExtendedCommit {
        height,
        round: Round::FIRST,
        block_id: id,
        signatures: members.map(|it| entry(it.address)).collect(),
    }
}
