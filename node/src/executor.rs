//! The application's thread: builds, judges and executes blocks over the consensus connection,
//! one call at a time, and answers the replica.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use abci::{
    BlockRequest, ExtendedCommitInfo, Misbehavior, PrepareProposalRequest, Verdict,
    VerifyVoteExtensionRequest,
};
use anyhow::{Context, Result, bail};
use consensus::{Input, Judgement, Question};
use mempool::BlockLimits;
use storage::{Durable, Store};
use types::{
    Block, BlockOutcome, ChainState, Evidence, ExtendedCommit, Hash, Height, PartSet, Round,
    ValidatorSet, Vote,
};

use crate::admission::Admission;
use crate::crash;
use crate::driver::Event;
use crate::events::Events;
use crate::verifier::{SharedMemory, check_evidence};

/// The consensus connection and what stands around it.
pub struct Executor {
    /// The application's consensus connection.
    pub application: abci::Client,
    /// The chain.
    pub chain_id: types::ChainId,
    /// Outcomes are kept here before the application commits.
    pub store: Store,
    /// Signatures that were checked already, as votes.
    pub memory: SharedMemory,
    /// Where transactions come from, and who is told which were decided.
    pub admission: Arc<Admission>,
    /// Who proposes here, if this node has a key.
    pub address: Option<types::Address>,
    /// Who wants to know.
    pub events: Arc<Events>,
    /// Where answers go.
    pub replica: SyncSender<Event>,
}

impl Executor {
    /// Works until the replica is gone.
    ///
    /// # Errors
    /// If the application or the store fails: the node stops.
    pub fn run(self, questions: &Receiver<Question>) -> Result<()> {
        while let Ok(question) = questions.recv() {
            let answer = self.answer(question)?;
            if self.replica.send(Event::Input(answer)).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, question: Question) -> Result<Input> {
        match question {
            Question::Build { round, state, last_commit, evidence, .. } => {
                self.build(round, &state, last_commit, evidence)
            }
            Question::Judge { state, block, .. } => {
                let judgement = self.judge(&state, &block)?;
                let height = block.header.height;
                Ok(Input::Judged { height, block: block.hash(), judgement })
            }
            Question::Extend { round, state, block } => {
                let extension = self.application.extend_vote(&request_of(&state, &block))?;
                Ok(Input::Extended { height: block.header.height, round, extension })
            }
            Question::VerifyExtension { block, vote } => self.verify_extension(block, vote),
            Question::VerifyCommit { height, block_id, commit, validators, extensions_enabled } => {
                let valid = commit
                    .verify(&self.chain_id, &validators, height, &block_id, extensions_enabled)
                    .inspect_err(|error| tracing::debug!(%height, %error, "a served commit"))
                    .is_ok();
                Ok(Input::CommitVerified { height, block: block_id.hash, valid })
            }
            Question::Execute { state, block, .. } => {
                let height = block.header.height;
                let outcome = self.execute(&state, &block)?;
                crash::point("before-answer");
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
    ) -> Result<Input> {
        let height = state.next_height();
        let proposer = self.address.context("a node without a key was asked to propose")?;
        let evidence_bytes = types::evidence::encoded_bytes(&evidence);
        let txs_bytes_max = state.txs_bytes_max(evidence_bytes);
        let reaped = self
            .admission
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
    fn judge(&self, state: &ChainState, block: &Block) -> Result<Judgement> {
        if let (Some(commit), Some(last)) = (&block.last_commit, &state.last_block) {
            let checked = commit.verify_remembering(
                &state.chain_id,
                &last.validators,
                (last.height, &last.id),
                &mut self.memory.lock(),
            );
            if let Err(error) = checked {
                tracing::warn!(height = %block.header.height, %error, "a proposal's last commit");
                return Ok(Judgement::Invalid);
            }
        }
        for piece in &block.evidence {
            if let Err(error) = check_evidence(&self.store, &state.chain_id, piece) {
                tracing::warn!(height = %block.header.height, %error, "a proposal's evidence");
                return Ok(Judgement::Invalid);
            }
            if self.store.is_committed(piece)? {
                return Ok(Judgement::Invalid);
            }
        }
        match self.application.process_proposal(&request_of(state, block))? {
            Verdict::Accept => Ok(Judgement::Accept),
            Verdict::Reject => Ok(Judgement::Reject),
        }
    }

    fn verify_extension(&self, block: Hash, vote: Vote) -> Result<Input> {
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
    fn execute(&self, state: &ChainState, block: &Arc<Block>) -> Result<Arc<BlockOutcome>> {
        let started = Instant::now();
        let height = block.header.height;
        let outcome =
            Arc::new(finalize(&self.application, &self.store, block, last_validators(state))?);
        self.events.synced();
        crash::point("after-outcome");
        let committed = self.admission.quietly(|| self.application.commit())?;
        crash::point("after-commit");
        self.admission.decided(height, &block.txs, &outcome);
        self.events.block_executed(block, &outcome, started.elapsed());
        self.forget_below(state, committed.retain_height)?;
        Ok(outcome)
    }

    /// Prunes what neither the application nor the proof of misbehaviour needs any more.
    fn forget_below(&self, state: &ChainState, retain: Option<Height>) -> Result<()> {
        let Some(retain) = retain else { return Ok(()) };
        let Some((base, tip)) = self.store.range()? else { return Ok(()) };
        if tip < retain {
            bail!("the application asked to keep blocks from height {retain}, the last is {tip}");
        }
        // Evidence is checked against the validators and the time of its height.
        let provable = Height(tip.0.saturating_sub(state.params.evidence.age_blocks_max).max(1));
        let retain = retain.min(provable);
        if base < retain {
            self.store.prune(retain)?;
        }
        Ok(())
    }
}

/// Has the application finalize a block and makes the outcome durable. Also what replay does.
///
/// # Errors
/// If the application fails or gives a wrong number of results, or the store fails.
pub fn finalize(
    application: &abci::Client,
    store: &Store,
    block: &Block,
    last_validators: Option<&ValidatorSet>,
) -> Result<BlockOutcome> {
    let height = block.header.height;
    crash::point("before-finalize");
    let outcome = application.finalize_block(&BlockRequest::of(block, last_validators))?;
    if outcome.tx_results.len() != block.txs.len() {
        bail!(
            "the application gave {} results for the {} transactions of height {height}; \
             FinalizeBlock must answer for each",
            outcome.tx_results.len(),
            block.txs.len(),
        );
    }
    crash::point("after-finalize");
    let mut step = store.step();
    step.outcome(block, &outcome)?;
    step.write(Durable::Now).context("the store failed; the node stops and must be restarted")?;
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
