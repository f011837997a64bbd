//! Answers the replica's questions: builds, judges and executes blocks over the application's
//! consensus connection, one call at a time.

use std::ops::Deref;
use std::sync::Arc;

use abci::{
    Application, ApplicationError, BlockRequest, CommitResponse, ExtendedCommitInfo, Misbehavior,
    PrepareProposalRequest, Verdict, VerifyVoteExtensionRequest,
};
use consensus::{Input, Judgement, Question};
use mempool::BlockLimits;
use storage::{Durable, StorageError, Store};
use types::commit::Demand;
use types::params::EvidenceParams;
use types::{
    Address, Block, BlockOutcome, ChainId, ChainState, Evidence, ExtendedCommit, Hash, Height,
    PartSet, Round, Time, Tx, ValidatorSet, Vote,
};

use crate::evidence::{EvidenceRefusal, check_evidence};
use crate::memory::SharedMemory;
use crate::watch::{Point, Stopped, Watch};

/// Why a question has no answer: the node stops.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The application failed.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// Whoever watches has ended the node.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// We broke our own rule.
    #[error("a node without a key was asked to propose")]
    NoKey,
    /// The application did not say of each transaction what came of it.
    #[error(
        "the application gave {given} results for the {expected} transactions of height {height}; \
         FinalizeBlock must answer for each"
    )]
    Results {
        /// Of which block.
        height: Height,
        /// How many there must be.
        expected: usize,
        /// How many there were.
        given: usize,
    },
    /// The application wants to forget what is not decided yet.
    #[error("the application asked to keep blocks from height {retain}, the last is {tip}")]
    Retain {
        /// The first height to be kept, it says.
        retain: Height,
        /// The last there is.
        tip: Height,
    },
}

/// Where transactions come from, and who is told which were decided.
pub trait Pool {
    /// Chooses transactions for a block; those that fit into none are dropped first.
    fn reap(&self, limits: BlockLimits) -> Vec<Tx>;

    /// Has the application commit a block that it has executed: the block's transactions leave the
    /// pool, the rest is checked again. The application is asked about no transaction meanwhile.
    ///
    /// # Errors
    /// The application's.
    fn commit(
        &self,
        application: &dyn Application,
        block: &Block,
        outcome: &BlockOutcome,
    ) -> Result<CommitResponse, ApplicationError>;
}

/// The consensus connection and what stands around it.
pub struct Executor<A, P = Arc<dyn Pool>> {
    /// The application's consensus connection.
    pub application: A,
    /// The chain.
    pub chain_id: ChainId,
    /// Outcomes are kept here before the application commits.
    pub store: Store,
    /// Signatures that were checked already, as votes.
    pub memory: SharedMemory,
    /// Pending transactions.
    pub pool: P,
    /// Who proposes here, if this node has a key.
    pub address: Option<Address>,
    /// Who looks on.
    pub watch: Arc<dyn Watch>,
}

impl<A, P> Executor<A, P>
where
    A: Deref<Target = dyn Application>,
    P: Deref,
    P::Target: Pool,
{
    /// Answers one question. Questions are answered one after the other, in order.
    ///
    /// # Errors
    /// If the application or the store fails: the node stops.
    pub fn answer(&self, question: Question) -> Result<Input, ExecutionError> {
        match question {
            Question::Build { round, state, last_commit, evidence, .. } => {
                self.build(round, &state, last_commit, evidence)
            }
            Question::Judge { state, block, id, .. } => {
                let judgement = self.judge(&state, &block)?;
                let height = block.header.height;
                Ok(Input::Judged { height, block: id.hash, judgement })
            }
            Question::Extend { round, state, block } => {
                let extension = self.application.extend_vote(&request_of(&state, &block))?;
                Ok(Input::Extended { height: block.header.height, round, extension })
            }
            Question::VerifyExtension { block, vote } => self.verify_extension(block, vote),
            Question::VerifyCommit { height, block_id, commit, validators, extensions_enabled } => {
                let at = (height, &block_id);
                let memory = &mut self.memory.lock();
                let valid = commit
                    .verify(&self.chain_id, &validators, at, extensions_enabled, memory)
                    .inspect_err(|error| tracing::debug!(%height, %error, "a served commit"))
                    .is_ok();
                Ok(Input::CommitVerified { height, block: block_id.hash, valid })
            }
            Question::Execute { state, block, .. } => {
                let height = block.header.height;
                let outcome = self.execute(&state, &block)?;
                self.watch.pass(Point::BeforeAnswer)?;
                Ok(Input::Executed { height, outcome })
            }
        }
    }

    /// Chooses transactions, asks the application, makes the block and cuts it.
    fn build(
        &self,
        round: Round,
        state: &ChainState,
        last_commit: Option<ExtendedCommit>,
        evidence: Vec<Evidence>,
    ) -> Result<Input, ExecutionError> {
        let height = state.next_height();
        let proposer = self.address.ok_or(ExecutionError::NoKey)?;
        let evidence_bytes = types::evidence::encoded_bytes(&evidence);
        let txs_bytes_max = state.txs_bytes_max(evidence_bytes);
        let reaped = self
            .pool
            .reap(BlockLimits { bytes_max: txs_bytes_max, gas_max: state.params.block.gas_max });
        let commit = last_commit.as_ref().map(ExtendedCommit::commit);
        // The block's time and next validators are asked before its transactions are known.
        let frame = state.make_block(vec![], commit.clone(), evidence.clone(), proposer);
        let request = PrepareProposalRequest {
            txs_bytes_max,
            txs: reaped,
            local_last_commit: extended_commit_of(state, last_commit.as_ref()),
            misbehavior: Misbehavior::of(&evidence),
            height,
            time: frame.header.time,
            next_validators_hash: frame.header.next_validators_hash,
            proposer_address: proposer,
        };
        let txs = self.application.prepare_proposal(&request)?;
        let bytes = txs.iter().map(|tx| abci::request::tx_bytes_in_block(tx)).sum::<u64>();
        if txs_bytes_max < bytes {
            tracing::error!(%height, bytes, limit = txs_bytes_max,
                "the application prepared more bytes than fit; nothing is proposed");
            return Ok(Input::Built { height, round, built: None });
        }
        let block = Arc::new(state.make_block(txs, commit, evidence, proposer));
        let parts: Arc<PartSet> = Arc::new(block.part_set());
        Ok(Input::Built { height, round, built: Some((block, parts)) })
    }

    /// Checks the signatures inside a block, then asks the application.
    fn judge(&self, state: &ChainState, block: &Block) -> Result<Judgement, ExecutionError> {
        if let (Some(commit), Some(last)) = (&block.last_commit, &state.last_block) {
            let checked = commit.verify_remembering(
                &state.chain_id,
                &last.validators,
                (last.height, &last.id, Demand::Full),
                &mut self.memory.lock(),
            );
            if let Err(error) = checked {
                tracing::warn!(height = %block.header.height, %error, "a proposal's last commit");
                return Ok(Judgement::Invalid);
            }
        }
        for piece in &block.evidence {
            match check_evidence(&self.store, &state.chain_id, piece, &self.memory) {
                Ok(()) => {}
                // The disk's fault, not the proposer's.
                Err(EvidenceRefusal::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(height = %block.header.height, %error, "a proposal's evidence");
                    return Ok(Judgement::Invalid);
                }
            }
        }
        match self.application.process_proposal(&request_of(state, block))? {
            Verdict::Accept => Ok(Judgement::Accept),
            Verdict::Reject => Ok(Judgement::Reject),
        }
    }

    fn verify_extension(&self, block: Hash, vote: Arc<Vote>) -> Result<Input, ExecutionError> {
        let extension = vote.extension.as_ref().map(|it| it.bytes.clone()).unwrap_or_default();
        let verdict = self.application.verify_vote_extension(&VerifyVoteExtensionRequest {
            hash: block,
            validator_address: vote.validator_address,
            height: vote.height,
            extension,
        })?;
        Ok(Input::ExtensionVerified { vote, accept: verdict == Verdict::Accept })
    }

    /// FinalizeBlock, its outcome made durable, then Commit with the mempool quiet.
    fn execute(
        &self,
        state: &ChainState,
        block: &Block,
    ) -> Result<Arc<BlockOutcome>, ExecutionError> {
        let (application, watch) = (&*self.application, &*self.watch);
        let outcome = finalize(application, &self.store, block, last_validators(state), watch)?;
        watch.pass(Point::AfterOutcome)?;
        let committed = self.pool.commit(application, block, &outcome)?;
        watch.pass(Point::AfterCommit)?;
        watch.executed(block, &outcome);
        self.forget_below(state, committed.retain_height)?;
        Ok(Arc::new(outcome))
    }

    /// Prunes what neither the application nor the proof of misbehaviour needs any more.
    fn forget_below(
        &self,
        state: &ChainState,
        retain: Option<Height>,
    ) -> Result<(), ExecutionError> {
        let Some(retain) = retain else { return Ok(()) };
        let Some((base, tip)) = self.store.range()? else { return Ok(()) };
        if tip < retain {
            return Err(ExecutionError::Retain { retain, tip });
        }
        // Evidence is checked against the validators and the time of its height.
        let retain = retain.min(provable_from(&self.store, &state.params.evidence, (base, tip))?);
        if base < retain {
            self.store.prune(retain)?;
        }
        Ok(())
    }
}

/// The first height about which evidence still counts: it expires only when it is too old by blocks
/// and by time.
///
/// # Errors
/// If the store fails.
pub fn provable_from(
    store: &Store,
    params: &EvidenceParams,
    (base, tip): (Height, Height),
) -> Result<Height, StorageError> {
    let time_of = |height: Height| -> Result<Option<Time>, StorageError> {
        Ok(store.block_meta(height)?.map(|meta| meta.header.time))
    };
    let Some(now) = time_of(tip)? else { return Ok(base) };
    // Time goes up with height, so the first that counts is found by halving.
    let (mut expired, mut counts) = (base.0, tip.0);
    while expired < counts {
        let middle = Height(expired.midpoint(counts));
        let is_old = time_of(middle)?.is_none_or(|time| params.expired(middle, time, tip, now));
        if is_old {
            expired = middle.0 + 1;
        } else {
            counts = middle.0;
        }
    }
    Ok(Height(counts))
}

/// Has the application finalize a block and makes the outcome durable. Also what replay does.
///
/// # Errors
/// If the application fails or gives a wrong number of results, or the store fails.
pub fn finalize(
    application: &dyn Application,
    store: &Store,
    block: &Block,
    last_validators: Option<&ValidatorSet>,
    watch: &dyn Watch,
) -> Result<BlockOutcome, ExecutionError> {
    let height = block.header.height;
    watch.pass(Point::BeforeFinalize)?;
    let outcome = application.finalize_block(&BlockRequest::of(block, last_validators))?;
    let (expected, given) = (block.txs.len(), outcome.tx_results.len());
    if given != expected {
        return Err(ExecutionError::Results { height, expected, given });
    }
    watch.pass(Point::AfterFinalize)?;
    let mut step = store.step();
    step.outcome(block, &outcome)?;
    step.write(Durable::Now)?;
    watch.synced();
    Ok(outcome)
}

/// A block as the application is told of it.
fn request_of(state: &ChainState, block: &Block) -> BlockRequest {
    BlockRequest::of(block, last_validators(state))
}

fn last_validators(state: &ChainState) -> Option<&ValidatorSet> {
    state.last_block.as_ref().map(|last| &*last.validators)
}

/// The last commit as a proposer tells the application of it, extensions included.
fn extended_commit_of(
    state: &ChainState,
    last_commit: Option<&ExtendedCommit>,
) -> ExtendedCommitInfo {
    match (&state.last_block, last_commit) {
        (Some(last), Some(commit)) => {
            let enabled = state.params.extensions_enabled(last.height);
            ExtendedCommitInfo::of(commit, &last.validators, enabled)
        }
        (None, _) | (Some(_), None) => ExtendedCommitInfo::default(),
    }
}
