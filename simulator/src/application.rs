//! The kvstore of a simulated node, with what it lacks: it takes time, rejects proposals, extends
//! votes, changes parameters, can be wrong on one node alone, and holds its caller to the rules.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxKind, CheckTxRequest, CommitResponse,
    InfoRequest, InfoResponse, InitChainRequest, InitChainResponse, PrepareProposalRequest,
    QueryRequest, QueryResponse, Verdict, VerifyVoteExtensionRequest,
};
use bytes::Bytes;
use types::params::{AbciParams, BlockParams, EvidenceParams, ParamsUpdate};
use types::{AppHash, BlockOutcome, ConsensusParams, Hash, Height, Tx, TxResult};

use crate::chance::Chance;
use crate::plan::whole::ApplicationPlan;

/// The code of a transaction whose time is over.
pub const CODE_EXPIRED: u32 = 90;
/// How a transaction begins that may wait until a height only, which follows.
pub const UNTIL: &str = "until-";
/// How every vote extension begins.
const EXTENSION: &[u8] = b"extension ";

/// An application around the kvstore.
pub struct Simulated {
    inner: Arc<dyn Application>,
    plan: ApplicationPlan,
    evidence: EvidenceParams,
    around: Surroundings,
    /// It is wrong from this height on.
    wrong_from: Option<Height>,
    state: Mutex<State>,
}

/// What an application has to do with the world around its node.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Of a thousand proposals, those that are rejected.
    pub rejects_permille: u64,
    /// Some validators lie. Nobody asks about the extensions of their late precommits.
    pub liars: bool,
    /// What must not be forgotten.
    pub needed: Needed,
}

/// The lowest height that some node has yet to execute: blocks from there on are not forgotten,
/// since nobody could get them any more.
pub type Needed = Arc<AtomicU64>;

struct State {
    chance: Chance,
    /// How long it has worked since this was asked last, in nanoseconds.
    worked_nanos: u64,
    committed: Option<Height>,
    executed: Option<Height>,
    complaint: Option<String>,
}

impl Simulated {
    /// Around `inner`, which stands at a height of its own. What it takes is drawn from `chance`.
    pub fn new(
        inner: Arc<dyn Application>,
        plan: &ApplicationPlan,
        wrong_from: Option<Height>,
        around: Surroundings,
        chance: Chance,
    ) -> Result<Self, ApplicationError> {
        let committed = inner.info(&InfoRequest::default())?.last_block_height;
        let (worked_nanos, executed, complaint) = (0, None, None);
        let state = State { chance, worked_nanos, committed, executed, complaint };
        let (plan, state) = (plan.clone(), Mutex::new(state));
        let evidence = evidence_params(&plan);
        Ok(Self { inner, plan, evidence, around, wrong_from, state })
    }

    /// How long it has worked since this was asked last, in nanoseconds.
    pub fn take_worked(&self) -> u64 {
        std::mem::take(&mut self.state().worked_nanos)
    }

    /// What its caller did against the rules, if anything.
    pub fn complaint(&self) -> Option<String> {
        self.state().complaint.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works for up to so many microseconds.
    fn work(&self, micros_max: u64) {
        let mut state = self.state();
        let nanos = if 0 < micros_max { state.chance.below(micros_max * 1000) } else { 0 };
        state.worked_nanos += nanos;
    }

    fn complain(&self, call: Call, what: String) -> ApplicationError {
        self.state().complaint.get_or_insert(format!("{call}: {what}"));
        ApplicationError::new(call, what)
    }

    fn said(&self, app_hash: AppHash, height: Option<Height>) -> AppHash {
        let wrong = self.wrong_from.zip(height).is_some_and(|(from, height)| from <= height);
        if !wrong {
            return app_hash;
        }
        let mut bytes = app_hash.0.to_vec();
        bytes.push(0xFF);
        AppHash(bytes.into())
    }

    fn params_update(&self, height: Height) -> Option<ParamsUpdate> {
        let mut update = ParamsUpdate::default();
        if self.plan.extensions_asked_at == Some(height.0) {
            let extensions_from = Some(Height(height.0 + self.plan.extensions_after.max(1)));
            update.abci = Some(AbciParams { extensions_from });
        }
        if let Some(every) = self.plan.params_every
            && height.0.is_multiple_of(every)
        {
            let mut chance = Chance::of(height.0, 1);
            let bytes_max = Some(chance.log_between(20_000, 4_000_000));
            let gas_max = chance.coin().then(|| chance.between(5, 200));
            update.block = Some(BlockParams { bytes_max, gas_max });
            update.evidence = Some(EvidenceParams { bytes_max: 10_000, ..self.evidence.clone() });
        }
        (update != ParamsUpdate::default()).then_some(update)
    }
}

impl Application for Simulated {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        let mut answer = self.inner.info(request)?;
        answer.last_block_app_hash =
            self.said(answer.last_block_app_hash, answer.last_block_height);
        Ok(answer)
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        if let Some(height) = self.state().committed {
            return Err(self.complain(Call::InitChain, format!("height {height} is committed")));
        }
        self.inner.init_chain(request)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        self.work(self.plan.check_micros);
        let next = self.state().committed.map_or(1, |height| height.0 + 1);
        let is_over = until(&request.tx).is_some_and(|until| until < next);
        if is_over && request.kind == CheckTxKind::Recheck {
            return Ok(TxResult { code: CODE_EXPIRED, ..TxResult::default() });
        }
        self.inner.check_tx(request)
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.inner.query(request)
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        self.work(self.plan.propose_micros);
        for vote in &request.local_last_commit.votes {
            let before = request.height.previous().unwrap_or(request.height);
            let strange = !vote.extension.is_empty() && !is_extension(&vote.extension, before);
            if strange && !self.around.liars {
                let what = format!("an extension that was never accepted: {:?}", vote.extension);
                return Err(self.complain(Call::PrepareProposal, what));
            }
        }
        self.inner.prepare_proposal(request)
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        self.work(self.plan.propose_micros);
        if rejects(&block.hash, self.around.rejects_permille) {
            return Ok(Verdict::Reject);
        }
        self.inner.process_proposal(block)
    }

    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        self.work(self.plan.propose_micros);
        let mut extension = [EXTENSION, &block.height.0.to_be_bytes()].concat();
        let more = self.state().chance.below(self.plan.extension_bytes_max + 1);
        extension.resize(extension.len() + usize::try_from(more).expect("small"), 7);
        Ok(extension.into())
    }

    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        self.work(self.plan.check_micros);
        let right = is_extension(&request.extension, request.height);
        Ok(if right { Verdict::Accept } else { Verdict::Reject })
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.work(self.plan.execute_micros);
        let (height, committed) = (block.height, self.state().committed);
        if committed.map_or(Height::FIRST, Height::next) != height {
            let what = format!("height {height} after {committed:?}");
            return Err(self.complain(Call::FinalizeBlock, what));
        }
        let mut outcome = self.inner.finalize_block(block)?;
        outcome.params_update = self.params_update(height);
        outcome.app_hash = self.said(outcome.app_hash, Some(height));
        self.state().executed = Some(height);
        Ok(outcome)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.work(self.plan.commit_micros);
        let mut answer = self.inner.commit()?;
        let needed = Height(self.around.needed.load(Ordering::Relaxed));
        answer.retain_height = answer.retain_height.map(|retain| retain.min(needed));
        let mut state = self.state();
        state.committed = state.executed;
        Ok(answer)
    }
}

/// How long evidence counts: who forgets blocks wants that to be short.
pub fn evidence_params(plan: &ApplicationPlan) -> EvidenceParams {
    let usual = ConsensusParams::default().evidence;
    if plan.retain_blocks == 0 {
        return usual;
    }
    let age_max = Duration::from_millis(1);
    EvidenceParams { age_blocks_max: plan.retain_blocks, age_max, ..usual }
}

/// Whether the application rejects a proposal: the same everywhere.
fn rejects(block: &Hash, permille: u64) -> bool {
    let [a, b, ..] = block.0;
    u64::from(u16::from_be_bytes([a, b])) % 1000 < permille
}

fn is_extension(bytes: &[u8], height: Height) -> bool {
    let said = bytes.strip_prefix(EXTENSION).and_then(|rest| rest.get(..8));
    said == Some(&height.0.to_be_bytes())
}

/// Until which height a transaction may wait; none is for ever.
fn until(tx: &[u8]) -> Option<u64> {
    let rest = std::str::from_utf8(tx).ok()?.strip_prefix(UNTIL)?;
    rest.split('-').next()?.parse().ok()
}
