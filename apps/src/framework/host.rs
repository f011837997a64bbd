//! Modules as an ABCI application: the framework owns the state, so proposals are forks, a block is
//! executed once, every height that is retained can be asked about and proven, and snapshots need
//! nothing of the author.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use abci::{
    Application, ApplicationError, ApplySnapshotChunkRequest, ApplySnapshotChunkResponse,
    BlockRequest, Call, CheckTxRequest, CommitResponse, InfoRequest, InfoResponse,
    InitChainRequest, InitChainResponse, LoadSnapshotChunkRequest, OfferSnapshotRequest,
    PrepareProposalRequest, QueryRequest, QueryResponse, Snapshot, SnapshotVerdict, Verdict,
};
use bytes::Bytes;
use types::{AppHash, BlockOutcome, ChainId, Hash, Height, Tx, TxResult};

use super::execution::{Execution, ExecutionError, Running, gas_of};
use super::frame::Frame;
use super::opened::{Checked, OpenedTxs};
use super::overlay::Writes;
use super::query;
use super::router::Router;
use super::snapshot::Snapshots;
use super::state::State;
use super::store::{MemoryRecords, Records, Staged, Store, StoreError};
use super::typed::Item;

/// The chain that a state is of.
const CHAIN: Item<String> = Item::new("lockstep/chain");
/// Blocks of one height that were accepted and may yet be decided, at most.
const ACCEPTED_MAX: usize = 8;

/// How the framework keeps a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Keeping {
    /// How many heights can be asked about; none is all of them.
    pub retained: Option<u64>,
    /// Every how many heights there is a snapshot for others to start from; none is never.
    pub snapshots_every: Option<u64>,
}

/// An application made of modules.
pub struct Host {
    router: Router,
    store: Arc<Store>,
    opened: OpenedTxs,
    chain_id: RwLock<Option<ChainId>>,
    proposals: Mutex<Proposals>,
    /// What the mempool's transactions have been charged since the last commit.
    pending: Mutex<Option<State>>,
    snapshots: Snapshots,
    executed_txs: AtomicU64,
}

/// Blocks that were executed and are not committed.
#[derive(Default)]
struct Proposals {
    /// Our own, before it has a hash.
    prepared: Option<(Frame, Vec<Tx>, Execution)>,
    accepted: BTreeMap<Hash, Execution>,
    decided: Option<Decided>,
}

/// A decided block that waits for its commit.
struct Decided {
    height: Height,
    staged: Staged,
    writes: Writes,
}

impl Host {
    /// An application over the state that these records hold.
    ///
    /// # Errors
    /// If they cannot be read, or are not what this software writes.
    pub fn open(
        router: Router,
        records: Arc<dyn Records>,
        keeping: Keeping,
    ) -> Result<Self, StoreError> {
        let store = Store::open(records, keeping.retained)?;
        let host = Self {
            router,
            opened: OpenedTxs::default(),
            chain_id: RwLock::new(None),
            proposals: Mutex::default(),
            pending: Mutex::default(),
            snapshots: Snapshots::new(Arc::clone(&store), keeping.snapshots_every),
            executed_txs: AtomicU64::new(0),
            store,
        };
        host.learn_chain_id()?;
        Ok(host)
    }

    /// An application that forgets everything when it is dropped.
    pub fn in_memory(router: Router) -> Self {
        Self::open(router, Arc::new(MemoryRecords::default()), Keeping::default())
            .expect("there is nothing in memory that could be wrong")
    }

    /// The modules.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// A fork of the committed state.
    pub fn state(&self) -> State {
        State::over(self.store.view())
    }

    /// How many transactions were executed so far, for whatever reason.
    pub fn executed_txs(&self) -> u64 {
        self.executed_txs.load(Ordering::Relaxed)
    }

    fn learn_chain_id(&self) -> Result<(), StoreError> {
        let state = self.state();
        let name = CHAIN.get(&state);
        state.checked()?;
        let chain_id = name.and_then(|it| ChainId::new(it).ok());
        *self.chain_id.write().unwrap_or_else(PoisonError::into_inner) = chain_id;
        Ok(())
    }

    fn open_txs(&self, txs: &[Tx], call: Call) -> Result<Vec<Checked>, ApplicationError> {
        let chain_id = self.chain_id.read().unwrap_or_else(PoisonError::into_inner).clone();
        let chain_id =
            chain_id.ok_or_else(|| ApplicationError::new(call, "the chain has not begun"))?;
        Ok(self.opened.open(&self.router, &chain_id, txs))
    }

    fn proposals(&self) -> MutexGuard<'_, Proposals> {
        self.proposals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<'a>(&'a self, frame: &'a Frame) -> Result<Running<'a>, ExecutionError> {
        Running::begin(&self.router, frame, self.state())
    }

    fn count(&self, txs: usize) {
        self.executed_txs.fetch_add(txs as u64, Ordering::Relaxed);
    }

    /// Executes a block whose transactions must all be admitted.
    fn judge(&self, frame: &Frame, checked: &[Checked]) -> Result<Execution, ExecutionError> {
        let not_admitted = |index, refusal| ExecutionError::NotAdmitted { index, refusal };
        for (index, checked) in checked.iter().enumerate() {
            if let Err(refusal) = checked.as_ref() {
                return Err(not_admitted(index, refusal.clone()));
            }
        }
        let mut running = self.begin(frame)?;
        self.count(checked.len());
        for (index, checked) in checked.iter().enumerate() {
            if let Err(refusal) = running.run(checked) {
                running.checked()?;
                return Err(not_admitted(index, refusal));
            }
        }
        running.end()
    }

    /// Executes a block that was decided, whatever is in it.
    fn execute(&self, frame: &Frame, checked: &[Checked]) -> Result<Execution, ExecutionError> {
        let mut running = self.begin(frame)?;
        self.count(checked.len());
        for checked in checked {
            if let Err(refusal) = running.run(checked) {
                running.refuse(&refusal);
            }
        }
        running.end()
    }

    /// Keeps an accepted block's execution until it is decided, or its height is over.
    fn accept(&self, hash: Hash, execution: Execution) {
        let mut proposals = self.proposals();
        if proposals.accepted.len() < ACCEPTED_MAX {
            proposals.accepted.insert(hash, execution);
        }
    }

    /// The execution of our own proposal, if this is it.
    fn take_prepared(&self, frame: &Frame, txs: &[Tx]) -> Option<Execution> {
        let mut proposals = self.proposals();
        let is_ours = |it: &mut (Frame, Vec<Tx>, Execution)| it.0 == *frame && it.1 == txs;
        proposals.prepared.take_if(is_ours).map(|(_, _, execution)| execution)
    }

    fn forget_proposals(&self) {
        *self.proposals() = Proposals::default();
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Application for Host {
    fn info(&self, _request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        let names = self.router.descriptions().into_iter().map(|it| it.name);
        let last_block_height = self.store.height();
        let app_hash = || self.store.app_hash();
        Ok(InfoResponse {
            data: format!("modules: {}", names.collect::<Vec<_>>().join(", ")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            app_version: self.router.version(),
            last_block_height,
            last_block_app_hash: last_block_height.map(|_| app_hash()).unwrap_or_default(),
        })
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        let failed = |reason: String| ApplicationError::new(Call::InitChain, reason);
        if let Some(height) = self.store.height() {
            return Err(failed(format!("there is a state of height {height} already")));
        }
        // A chain that got no further than this call may have left a state.
        self.store.clear().map_err(|error| failed(error.to_string()))?;
        let mut state = self.state();
        CHAIN.set(&mut state, &request.chain_id.as_str().to_owned());
        self.router.genesis(&mut state, request).map_err(failed)?;
        self.router.invariants(&state).map_err(failed)?;
        let before = request.initial_height.0.saturating_sub(1);
        let begin = || -> Result<AppHash, StoreError> {
            let app_hash = self.store.begin(&state.into_writes()?, before)?;
            self.learn_chain_id()?;
            Ok(app_hash)
        };
        let app_hash = begin().map_err(|error| failed(error.to_string()))?;
        self.forget_proposals();
        Ok(InitChainResponse { app_hash, ..InitChainResponse::default() })
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        let checked = self.open_txs(std::slice::from_ref(&request.tx), Call::CheckTx)?;
        let opened = match checked[0].as_ref() {
            Ok(opened) => opened,
            Err(refusal) => return Ok(refusal.result()),
        };
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let state = pending.get_or_insert_with(|| self.state());
        let admitted = self.router.admit(state, opened);
        state.checked().map_err(|error| ApplicationError::new(Call::CheckTx, error))?;
        state.take_events();
        let gas_wanted = gas_of(opened.body.messages.len());
        Ok(match admitted {
            Ok(()) => TxResult { gas_wanted, ..TxResult::default() },
            Err(refusal) => refusal.result(),
        })
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        query::answer(&self.router, &self.store, request)
            .map_err(|error| ApplicationError::new(Call::Query, error))
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        let frame = Frame::of_proposal(request);
        let waiting = request.txs_that_fit();
        let checked = self.open_txs(&waiting, Call::PrepareProposal)?;
        let failed = |error: ExecutionError| error.of(Call::PrepareProposal);
        let mut running = self.begin(&frame).map_err(failed)?;
        self.count(waiting.len());
        let admitted = waiting.into_iter().zip(&checked);
        let txs: Vec<Tx> =
            admitted.filter(|(_, it)| running.run(it).is_ok()).map(|(tx, _)| tx).collect();
        let execution = match running.end() {
            Ok(execution) => execution,
            // Others would reject a block with these transactions.
            Err(ExecutionError::Module(refusal)) if !refusal.is_halt() => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        self.proposals().prepared = Some((frame, txs.clone(), execution));
        Ok(txs)
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        if self.proposals().accepted.contains_key(&block.hash) {
            return Ok(Verdict::Accept);
        }
        let frame = Frame::of(block);
        let judged = match self.take_prepared(&frame, &block.txs) {
            Some(execution) => Ok(execution),
            None => self.judge(&frame, &self.open_txs(&block.txs, Call::ProcessProposal)?),
        };
        match judged {
            Ok(execution) => {
                self.accept(block.hash, execution);
                Ok(Verdict::Accept)
            }
            Err(ExecutionError::Module(refusal)) if !refusal.is_halt() => Ok(Verdict::Reject),
            Err(ExecutionError::NotAdmitted { .. }) => Ok(Verdict::Reject),
            Err(error @ (ExecutionError::Store(_) | ExecutionError::Module(_))) => {
                Err(error.of(Call::ProcessProposal))
            }
        }
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        let failed = |error: ExecutionError| error.of(Call::FinalizeBlock);
        let accepted = self.proposals().accepted.remove(&block.hash);
        let execution = match accepted {
            Some(execution) => execution,
            None => {
                let checked = self.open_txs(&block.txs, Call::FinalizeBlock)?;
                self.execute(&Frame::of(block), &checked).map_err(failed)?
            }
        };
        let Execution { writes, events, tx_results, effects } = execution;
        let staged = self.store.stage(&writes).map_err(|error| failed(error.into()))?;
        let app_hash = staged.app_hash.clone();
        self.proposals().decided = Some(Decided { height: block.height, staged, writes });
        Ok(BlockOutcome {
            events,
            tx_results,
            validator_updates: effects.validator_updates,
            params_update: effects.params_update,
            app_hash,
        })
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        let failed = |reason: String| ApplicationError::new(Call::Commit, reason);
        let decided = self.proposals().decided.take();
        let decided = decided.ok_or_else(|| failed("no block was executed".to_owned()))?;
        self.store
            .commit(decided.staged, decided.height)
            .map_err(|error| failed(error.to_string()))?;
        self.forget_proposals();
        Ok(CommitResponse::default())
    }

    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        self.snapshots.list().map_err(|error| ApplicationError::new(Call::ListSnapshots, error))
    }

    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        Ok(self.snapshots.offer(request))
    }

    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        self.snapshots
            .load(request)
            .map_err(|error| ApplicationError::new(Call::LoadSnapshotChunk, error))
    }

    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        let failed = |error| ApplicationError::new(Call::ApplySnapshotChunk, error);
        let response = self.snapshots.apply(request).map_err(failed)?;
        self.learn_chain_id().map_err(failed)?;
        self.forget_proposals();
        Ok(response)
    }
}

impl abci::testing::Inspected for Host {
    fn staged_writes(&self) -> BTreeMap<Vec<u8>, Option<Bytes>> {
        self.proposals().decided.as_ref().map(|it| it.writes.clone()).unwrap_or_default()
    }

    fn broken_invariant(&self) -> Option<String> {
        let state = self.state();
        self.router.invariants(&state).err()
    }
}
