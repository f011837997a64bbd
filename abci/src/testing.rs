//! Drives an application through a chain without a network: for the tests of applications.
//!
//! The chain is real but for its signatures: blocks follow the rules of [`ChainState`], and every
//! call is held against the grammar.

mod error;
pub(crate) mod faults;
mod snapshot;
mod twin;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use types::genesis::GenesisValidator;
use types::keys::PUBLIC_KEY_BYTES;
use types::{
    Address, AppHash, Block, BlockOutcome, ChainId, ChainState, ConsensusParams, Evidence,
    ExtendedCommit, Genesis, Height, PublicKey, Time, Tx, VotingPower,
};

use crate::application::{Application, Call};
use crate::grammar::Grammar;
use crate::recorded::Recorded;
use crate::request::{
    BlockRequest, ExtendedCommitInfo, InfoRequest, InitChainRequest, Misbehavior,
    PrepareProposalRequest, tx_bytes_in_block,
};
use crate::response::Verdict;

pub use error::TestChainError;
pub use twin::Inspected;
use twin::Twins;

/// How much later each block is than the one before.
const BLOCK_GAP: Duration = Duration::from_secs(1);

/// A genesis file of one validator, with this `app_state`.
pub fn genesis(app_state: &str) -> Genesis {
    let validator = GenesisValidator {
        public_key: PublicKey([1; PUBLIC_KEY_BYTES]),
        power: VotingPower(1),
        name: String::new(),
    };
    Genesis {
        genesis_time: Time::from_unix(1_700_000_000, 0).expect("within the calendar"),
        chain_id: ChainId::new("test-chain").expect("a short name"),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators: vec![validator],
        app_hash: AppHash::default(),
        app_state: app_state.to_owned(),
    }
}

/// A chain of one application, and of nobody else.
pub struct TestChain {
    application: Recorded,
    /// The same application, and another that must agree with it; none if there is but one.
    twins: Option<Twins>,
    genesis: Genesis,
    first: ChainState,
    state: ChainState,
    executed: Vec<Executed>,
    /// How much later the next block is than the last.
    gap: Duration,
    /// Who does not vote.
    silent: BTreeSet<Address>,
    /// What the next block proves.
    accused: Vec<Evidence>,
}

/// Where an application can be lost in the course of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// It has prepared the block.
    AfterPrepare,
    /// It has accepted the block.
    AfterProcess,
    /// It has executed the block.
    AfterFinalize,
    /// It has committed the block.
    AfterCommit,
}

impl CrashPoint {
    /// All of them, in order.
    pub const ALL: [CrashPoint; 4] = [
        CrashPoint::AfterPrepare,
        CrashPoint::AfterProcess,
        CrashPoint::AfterFinalize,
        CrashPoint::AfterCommit,
    ];
}

/// A block that was executed, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// As it was put to the application.
    pub request: BlockRequest,
    /// What the application said.
    pub outcome: BlockOutcome,
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
        Ok(Self {
            application,
            twins: None,
            genesis,
            state: first.clone(),
            first,
            executed: Vec::new(),
            gap: BLOCK_GAP,
            silent: BTreeSet::new(),
            accused: Vec::new(),
        })
    }

    /// Begins a chain with an application twice: the first prepares, judges and executes every
    /// block, the second judges and executes it too, and both must write the same.
    ///
    /// # Errors
    /// If the application fails, or begins the chain in two ways.
    pub fn start_twice(
        mut open: impl FnMut() -> Arc<dyn Inspected>,
        genesis: Genesis,
    ) -> Result<Self, TestChainError> {
        let twins = Twins::new(open(), open());
        let mut chain = Self::start(Arc::clone(&twins.leader) as Arc<dyn Application>, genesis)?;
        if first_state(twins.follower(), &chain.genesis)? != chain.first {
            return Err(TestChainError::Diverged { height: None });
        }
        chain.twins = Some(twins);
        Ok(chain)
    }

    /// Lets go of the application, starts the chain again with the one that `open` gives, and puts
    /// to it the blocks that it has not committed. Of two, only the one that is given goes on.
    ///
    /// # Errors
    /// If the application is ahead of the chain, or executes a block otherwise than before.
    pub fn restart(
        self,
        open: impl FnOnce() -> Arc<dyn Application>,
    ) -> Result<Self, TestChainError> {
        drop((self.application, self.twins));
        let application = Recorded::from_start(open(), Grammar::recovery());
        let chain = Self { application, twins: None, ..self };
        chain.replay_above(chain.handshake()?)?;
        Ok(chain)
    }

    /// As [`TestChain::restart`], of the first of two; the second goes on beside it.
    ///
    /// # Errors
    /// As [`TestChain::restart`].
    pub fn restart_first(
        mut self,
        open: impl FnOnce() -> Arc<dyn Inspected>,
    ) -> Result<Self, TestChainError> {
        let twins = self.twins.take();
        let mut opened = None;
        let follower = twins.map(Twins::into_follower);
        let mut chain = self.restart(|| {
            let application = open();
            opened = Some(Arc::clone(&application));
            application
        })?;
        chain.twins = opened.zip(follower).map(|(leader, it)| Twins::new(leader, it));
        Ok(chain)
    }

    /// Goes on by one block in the course of which the application is lost and opened again.
    ///
    /// # Errors
    /// What the application did wrong.
    pub fn crash(
        mut self,
        point: CrashPoint,
        txs: Vec<Tx>,
        open: impl FnOnce() -> Arc<dyn Inspected>,
    ) -> Result<Self, TestChainError> {
        let accused = std::mem::take(&mut self.accused);
        let block = self.propose(txs, accused)?;
        let request = self.request(&block);
        match point {
            CrashPoint::AfterPrepare => {}
            CrashPoint::AfterProcess => {
                self.application.process_proposal(&request)?;
            }
            CrashPoint::AfterFinalize => {
                self.application.process_proposal(&request)?;
                self.application.finalize_block(&request)?;
            }
            CrashPoint::AfterCommit => {
                self.decide(block)?;
                return self.restart_first(open);
            }
        }
        let mut chain = self.restart_first(open)?;
        chain.decide(block)?;
        Ok(chain)
    }

    /// Puts to the application the blocks above a height, which it has not committed.
    fn replay_above(&self, reached: Option<Height>) -> Result<(), TestChainError> {
        for executed in self.executed.iter().filter(|it| reached < Some(it.request.height)) {
            let outcome = self.application.finalize_block(&executed.request)?;
            self.application.commit()?;
            if outcome != executed.outcome {
                return Err(TestChainError::Diverged { height: Some(executed.request.height) });
            }
        }
        Ok(())
    }

    /// Has the next block come so much later than it would, and all after it as before.
    pub fn advance(&mut self, span: Duration) {
        self.gap = self.gap.saturating_add(span);
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
        let accused = std::mem::take(&mut self.accused);
        let block = self.propose(txs, accused)?;
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
            self.last_commit().as_ref().map(ExtendedCommit::commit),
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
        let outcome = self.application.finalize_block(&request)?;
        if let Some(twins) = &self.twins {
            twins.compare(&request, &outcome)?;
        }
        self.application.commit()?;
        if let Some(twins) = &self.twins {
            twins.commit(height)?;
        }
        let id = block.id(&block.part_set());
        let txs_count = block.txs.len();
        self.state = self.state.advance(id, &block.header, txs_count, &outcome)?;
        self.gap = BLOCK_GAP;
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

    fn prepare_request(&self, txs: Vec<Tx>, evidence: &[Evidence]) -> PrepareProposalRequest {
        let proposer = self.state.validators.proposer().address;
        let height = self.state.next_height();
        PrepareProposalRequest {
            txs_bytes_max: self.state.txs_bytes_max(types::evidence::encoded_bytes(evidence)),
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
        match (&self.last_commit(), &self.state.last_block) {
            (Some(commit), Some(last)) => ExtendedCommitInfo::of(commit, &last.validators, false),
            (None, _) | (Some(_), None) => ExtendedCommitInfo::default(),
        }
    }

    /// The time at which the votes for the last block say they were cast.
    fn next_time(&self) -> Time {
        match self.state.last_block {
            Some(_) => self.state.last_block_time.after(self.gap),
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
