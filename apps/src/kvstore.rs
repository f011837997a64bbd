//! The reference's kvstore: transactions set keys, or change the validators.
//!
//! It answers byte for byte as the reference release does, so that a network may mix the two. It
//! differs only where the reference would stop: a change of the validators that no chain could
//! take is refused with a code, a vote against an unknown culprit is passed over, and what only a
//! faulty proposer can put into a block has a code too.

mod answer;
mod execution;
mod store;
mod transaction;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxRequest, CommitResponse, InfoRequest,
    InfoResponse, InitChainRequest, InitChainResponse, PrepareProposalRequest, QueryRequest,
    QueryResponse, Verdict,
};
use bytes::Bytes;
use types::{BlockOutcome, Height, Tx, TxResult, ValidatorUpdate, VotingPower};

use answer::{app_hash, validator_record};
use execution::execute;
pub use store::KvStoreError;
use store::{Changes, Disk, Pairs, Summary, Validators};
pub use transaction::update_tx;
use transaction::{Transaction, canonical};

/// Done.
pub const CODE_OK: u32 = 0;
/// Neither a pair nor a change of the validators.
pub const CODE_INVALID_FORMAT: u32 = 2;
/// The block's changes of the validators make no set. Of our own; the reference stops.
pub const CODE_UNAUTHORIZED: u32 = 3;
/// Of the rules above; goes into headers.
pub const APP_VERSION: u64 = 1;

/// What the application says of its software. spec: `ABCIVersion`.
const VERSION: &str = "2.0.0";

/// The application.
pub struct KvStore {
    /// None keeps the state in memory only.
    disk: Option<Disk>,
    committed: RwLock<Committed>,
    /// The executed block that waits for its commit.
    staged: Mutex<Option<Changes>>,
    retain_blocks: u64,
}

/// What readers see.
struct Committed {
    summary: Summary,
    pairs: Pairs,
}

impl KvStore {
    /// A kvstore that forgets everything when it is dropped.
    pub fn in_memory() -> Self {
        Self::new(None, Summary::default(), Pairs::Memory(Default::default()))
    }

    /// A kvstore in a folder of its own, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be used, or holds something else.
    pub fn open(path: &Path) -> Result<Self, KvStoreError> {
        let (disk, summary) = Disk::open(path)?;
        let pairs = disk.pairs();
        Ok(Self::new(Some(disk), summary, pairs))
    }

    /// A kvstore over the committed state of one in memory, as after a crash: what was executed and
    /// not committed is gone.
    ///
    /// # Panics
    /// If that one keeps its state on disk: open its folder instead.
    #[must_use]
    pub fn reopened(&self) -> Self {
        assert!(self.disk.is_none(), "a kvstore on disk is opened by its folder");
        let committed = self.committed();
        let (summary, pairs) = (committed.summary.clone(), committed.pairs.in_memory());
        Self { retain_blocks: self.retain_blocks, ..Self::new(None, summary, pairs) }
    }

    fn new(disk: Option<Disk>, summary: Summary, pairs: Pairs) -> Self {
        let committed = RwLock::new(Committed { summary, pairs });
        Self { disk, committed, staged: Mutex::new(None), retain_blocks: 0 }
    }

    /// Lets the node forget all but the last `blocks` blocks; 0, the default, keeps all.
    #[must_use]
    pub fn retaining(self, blocks: u64) -> Self {
        Self { retain_blocks: blocks, ..self }
    }

    fn committed(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes changes durable, then visible.
    fn keep(&self, changes: Changes) -> Result<(), fjall::Error> {
        let written = self.disk.as_ref().map(|disk| disk.write(&changes)).transpose()?;
        let mut committed = self.committed.write().unwrap_or_else(PoisonError::into_inner);
        committed.summary = changes.summary;
        if let Some(pairs) = written {
            committed.pairs = pairs;
        } else if let Pairs::Memory(known) = &mut committed.pairs {
            known.extend(changes.pairs);
        }
        Ok(())
    }

    fn retain_height(&self, height: Height) -> Option<Height> {
        let kept = 0 < self.retain_blocks && self.retain_blocks <= height.0;
        kept.then(|| Height(height.0 - self.retain_blocks).next())
    }
}

impl abci::testing::Inspected for KvStore {
    fn staged_writes(&self) -> BTreeMap<Vec<u8>, Option<Bytes>> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = staged.iter().flat_map(|it| &it.pairs);
        pairs.map(|(key, value)| (key.to_vec(), Some(value.clone()))).collect()
    }

    fn broken_invariant(&self) -> Option<String> {
        None
    }
}

impl Application for KvStore {
    fn info(&self, _request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        let committed = self.committed();
        Ok(InfoResponse {
            data: format!("{{\"size\":{}}}", committed.summary.size),
            version: VERSION.to_owned(),
            app_version: APP_VERSION,
            last_block_height: committed.summary.height,
            last_block_app_hash: app_hash(committed.summary.size),
        })
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        let named = request.validators.iter().map(|it| (it.public_key.address(), it.clone()));
        let validators: Validators = named.collect();
        // A chain that got no further than this call may have left others.
        let known = Arc::clone(&self.committed().summary.validators);
        let gone = known.iter().filter(|(address, _)| !validators.contains_key(address));
        let gone = gone.map(|(_, it)| ValidatorUpdate { power: VotingPower::ZERO, ..it.clone() });
        let updates = gone.chain(validators.values().cloned()).collect();
        let summary = Summary { validators: Arc::new(validators), ..Summary::default() };
        self.keep(Changes { summary, pairs: Default::default(), updates })
            .map_err(|error| ApplicationError::new(Call::InitChain, error))?;
        Ok(InitChainResponse { app_hash: app_hash(0), ..InitChainResponse::default() })
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        Ok(match canonical(&request.tx) {
            Some(_) => TxResult { code: CODE_OK, gas_wanted: 1, ..TxResult::default() },
            None => TxResult { code: CODE_INVALID_FORMAT, ..TxResult::default() },
        })
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        let key = request.data.clone();
        let committed = self.committed();
        if request.path == "/val" {
            let value = validator_record(&committed.summary.validators, &key);
            return Ok(QueryResponse { key, value, ..QueryResponse::default() });
        }
        let found = committed.pairs.find(&key);
        let value = found.map_err(|error| ApplicationError::new(Call::Query, error))?;
        Ok(QueryResponse {
            log: if value.is_some() { "exists" } else { "does not exist" }.to_owned(),
            // There are no proofs. The reference says so with this index.
            index: if request.prove { -1 } else { 0 },
            key,
            value: value.unwrap_or_default(),
            height: committed.summary.height,
            ..QueryResponse::default()
        })
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        Ok(request.txs_that_fit().iter().filter_map(canonical).collect())
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        let well_formed = block.txs.iter().all(|tx| Transaction::parse(tx).is_some());
        Ok(if well_formed { Verdict::Accept } else { Verdict::Reject })
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        let summary = self.committed().summary.clone();
        let (changes, outcome) = execute(summary, block);
        *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = Some(changes);
        Ok(outcome)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        let failed = |reason: String| ApplicationError::new(Call::Commit, reason);
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).take();
        let changes = staged.ok_or_else(|| failed("no block was executed".to_owned()))?;
        let height = changes.summary.height;
        self.keep(changes).map_err(|error| failed(error.to_string()))?;
        Ok(CommitResponse { retain_height: height.and_then(|it| self.retain_height(it)) })
    }
}
