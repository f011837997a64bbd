//! A small application that keeps to everything, or breaks with one thing.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use abci::{
    Application, ApplicationError, ApplySnapshotChunkRequest, ApplySnapshotChunkResponse,
    BlockRequest, Call, CheckTxRequest, ChunkVerdict, CommitResponse, InfoRequest, InfoResponse,
    InitChainRequest, InitChainResponse, LoadSnapshotChunkRequest, OfferSnapshotRequest,
    PrepareProposalRequest, QueryRequest, QueryResponse, Snapshot, SnapshotVerdict, Verdict,
    VerifyVoteExtensionRequest,
};
use bytes::Bytes;
use types::{AppHash, BlockOutcome, Event, EventAttribute, Hash, Height, Tx, TxResult};

/// How often a snapshot is taken.
const SNAPSHOT_EVERY: u64 = 5;
/// How long it takes from the first step to the second.
const STEP: Duration = Duration::from_millis(100);
/// How long whoever wants company while it executes waits for it.
const COMPANY_MAX: Duration = Duration::from_secs(5);

/// What the application does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    PreparesTooMuch,
    RejectsItsProposals,
    JudgesBlocksInTurns,
    JudgesBlocksByFolder,
    RejectsItsExtensions,
    JudgesExtensionsInTurns,
    JudgesExtensionsByFolder,
    ShowsWhatItExtends,
    CountsExtensions,
    CountsProposals,
    CountsChecks,
    HashesTheClock,
    KeepsTheClock,
    HashesInHashOrder,
    EmitsInHashOrder,
    OmitsAResult,
    ChecksInTurns,
    ChecksByHeight,
    ShowsBeforeCommit,
    KeepsBeforeCommit,
    ShowsTheLastHash,
    ForgetsTooMuch,
    KeepsNothing,
    KeepsTheBlockBefore,
    KeepsInTwoSteps,
    CountsStarts,
    TiresAfterRestart,
    WantsToBeAlone,
    RefusesItsSnapshot,
    TakesAnySnapshot,
    FailsInABlock,
    HasNoName,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct State {
    height: u64,
    pairs: BTreeMap<String, String>,
    /// More that goes into the digest.
    salt: u64,
}

impl State {
    fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.height, self.salt);
        for (key, value) in &self.pairs {
            text.push_str(&format!("{key}={value}\n"));
        }
        text
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let mut number = || lines.next().and_then(|it| it.parse().ok()).unwrap_or_default();
        let (height, salt) = (number(), number());
        let pairs = lines.filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { height, pairs, salt }
    }

    fn app_hash(&self, in_hash_order: bool) -> AppHash {
        let hash = if in_hash_order {
            let pairs: HashMap<_, _> = self.pairs.iter().collect();
            Hash::of(format!("{pairs:?}").as_bytes())
        } else {
            Hash::of(self.text().as_bytes())
        };
        AppHash(Bytes::copy_from_slice(&hash.0))
    }
}

#[derive(Default)]
struct Memory {
    committed: State,
    staged: Option<(State, AppHash)>,
    shown_hash: AppHash,
    snapshot: Option<(u64, String)>,
    restoring: Option<(AppHash, Vec<Bytes>)>,
    extended: bool,
}

/// Keys and values, in a file of its folder.
pub struct Small {
    folder: PathBuf,
    fault: Fault,
    memory: Mutex<Memory>,
    judged: AtomicU64,
    verified: AtomicU64,
    checked: AtomicU64,
    executed: AtomicU64,
    executing: AtomicBool,
    reopened: bool,
    /// Set by who kills it: a process would be gone.
    pub killed: Arc<AtomicBool>,
}

fn pair(tx: &[u8]) -> Option<(String, String)> {
    let (key, value) = std::str::from_utf8(tx).ok()?.split_once('=')?;
    Some((key.to_owned(), value.to_owned()))
}

fn event(key: &str, value: &str, in_hash_order: bool) -> Event {
    let pairs = [("key", key), ("value", value), ("by", "small"), ("kind", "set")];
    let attribute = |(key, value): (&str, &str)| EventAttribute {
        key: key.to_owned(),
        value: value.to_owned(),
        index: true,
    };
    let attributes = if in_hash_order {
        HashMap::from(pairs).into_iter().map(attribute).collect()
    } else {
        pairs.into_iter().map(attribute).collect()
    };
    Event { kind: "set".to_owned(), attributes }
}

impl Small {
    pub fn open(folder: PathBuf, fault: Fault) -> Self {
        let text = std::fs::read_to_string(folder.join("state")).unwrap_or_default();
        let starts = std::fs::read_to_string(folder.join("starts")).unwrap_or_default();
        std::fs::write(folder.join("starts"), format!("{starts}.")).unwrap();
        let committed = State::parse(&text);
        let shown_hash = committed.app_hash(false);
        let memory = Memory { committed, shown_hash, ..Memory::default() };
        Self {
            fault,
            memory: Mutex::new(memory),
            judged: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            executed: AtomicU64::new(0),
            executing: AtomicBool::new(false),
            reopened: 1 < starts.len(),
            killed: Arc::default(),
            folder,
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn is_first(&self) -> bool {
        self.folder.ends_with("1")
    }

    fn keep(&self, state: &State) {
        // At once, whenever it is killed.
        std::fs::write(self.folder.join("next"), state.text()).unwrap();
        std::fs::rename(self.folder.join("next"), self.folder.join("state")).unwrap();
    }

    fn starts(&self) -> u64 {
        std::fs::read(self.folder.join("starts")).unwrap().len() as u64
    }

    /// What goes into the digest and should not.
    fn salt(&self) -> u64 {
        let executed = self.executed.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Fault::CountsExtensions => self.verified.swap(0, Ordering::SeqCst),
            Fault::CountsProposals => self.judged.swap(0, Ordering::SeqCst),
            Fault::CountsChecks => self.checked.swap(0, Ordering::SeqCst),
            Fault::CountsStarts => self.starts(),
            Fault::TiresAfterRestart => u64::from(self.reopened && 1 < executed),
            Fault::HashesTheClock => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                u64::try_from(now.as_nanos()).unwrap()
            }
            _ => 0,
        }
    }

    fn is_killed_meanwhile(&self) -> bool {
        let begun = Instant::now();
        while !self.killed.load(Ordering::SeqCst) && begun.elapsed() < STEP {
            std::thread::yield_now();
        }
        self.killed.load(Ordering::SeqCst)
    }

    fn await_company(&self, block: &BlockRequest) {
        let begun = Instant::now();
        let before = self.checked.load(Ordering::SeqCst);
        self.executing.store(true, Ordering::SeqCst);
        while !block.txs.is_empty()
            && before == self.checked.load(Ordering::SeqCst)
            && begun.elapsed() < COMPANY_MAX
        {
            std::thread::yield_now();
        }
        self.executing.store(false, Ordering::SeqCst);
    }
}

impl Application for Small {
    fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        let memory = self.memory.lock().unwrap();
        let early = memory.staged.as_ref().filter(|_| self.is(Fault::ShowsBeforeCommit));
        let height = early.map_or(memory.committed.height, |(state, _)| state.height);
        let last_block_app_hash = if memory.extended && self.is(Fault::ShowsWhatItExtends) {
            AppHash::default()
        } else {
            memory.shown_hash.clone()
        };
        Ok(InfoResponse {
            data: if self.is(Fault::HasNoName) { "" } else { "small" }.to_owned(),
            last_block_height: (height != 0).then_some(Height(height)),
            last_block_app_hash,
            ..InfoResponse::default()
        })
    }

    fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
        let app_hash = State::default().app_hash(false);
        Ok(InitChainResponse { app_hash, ..InitChainResponse::default() })
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        if self.is(Fault::WantsToBeAlone) && self.executing.load(Ordering::SeqCst) {
            self.checked.fetch_add(1, Ordering::SeqCst);
            return Err(ApplicationError::new(Call::CheckTx, "not now"));
        }
        let turn = self.checked.fetch_add(1, Ordering::SeqCst);
        let wrong = match self.fault {
            Fault::ChecksInTurns => turn % 2 == 1,
            Fault::ChecksByHeight => self.memory.lock().unwrap().committed.height % 2 == 1,
            _ => pair(&request.tx).is_none(),
        };
        Ok(TxResult { code: u32::from(wrong), ..TxResult::default() })
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        let memory = self.memory.lock().unwrap();
        let key = String::from_utf8_lossy(&request.data).into_owned();
        let value = memory.committed.pairs.get(&key).cloned().unwrap_or_default();
        let (key, value) = (request.data.clone(), Bytes::from(value));
        Ok(QueryResponse { key, value, ..QueryResponse::default() })
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        if self.is(Fault::PreparesTooMuch) {
            return Ok(request.txs.clone());
        }
        Ok(request.txs_that_fit())
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        let turn = self.judged.fetch_add(1, Ordering::SeqCst);
        let good = block.txs.iter().all(|tx| pair(tx).is_some());
        let accepts = match self.fault {
            Fault::RejectsItsProposals => good && block.height.0 % 4 != 2,
            Fault::JudgesBlocksInTurns => good || turn % 2 == 1,
            Fault::JudgesBlocksByFolder => good || self.is_first(),
            _ => good,
        };
        Ok(if accepts { Verdict::Accept } else { Verdict::Reject })
    }

    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        self.memory.lock().unwrap().extended = true;
        Ok(Bytes::copy_from_slice(&block.hash.0))
    }

    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        let turn = self.verified.fetch_add(1, Ordering::SeqCst);
        let good = request.extension == request.hash.0[..];
        let accepts = match self.fault {
            Fault::RejectsItsExtensions => false,
            Fault::JudgesExtensionsInTurns => good || turn % 2 == 1,
            Fault::JudgesExtensionsByFolder => good || self.is_first(),
            _ => good,
        };
        Ok(if accepts { Verdict::Accept } else { Verdict::Reject })
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        let height = block.height.0;
        if self.is(Fault::FailsInABlock) && height == 6 {
            return Err(ApplicationError::new(Call::FinalizeBlock, "the sixth is too much"));
        }
        // The blocks in which the check uses all connections.
        if self.is(Fault::WantsToBeAlone) && 16 < height {
            self.await_company(block);
        }
        let mut memory = self.memory.lock().unwrap();
        memory.extended = false;
        let mut state = memory.committed.clone();
        state.height = height;
        let mut tx_results = Vec::new();
        for tx in &block.txs {
            let Some((key, mut value)) = pair(tx) else {
                tx_results.push(TxResult { code: 1, ..TxResult::default() });
                continue;
            };
            if self.is(Fault::KeepsTheClock) {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                value = format!("{value} at {}", now.as_secs());
            }
            let event = event(&key, &value, self.is(Fault::EmitsInHashOrder));
            tx_results.push(TxResult { events: vec![event], ..TxResult::default() });
            state.pairs.insert(key, value);
        }
        if self.is(Fault::KeepsTheClock) {
            // Only the state is wrong, so that only that is found.
            tx_results.iter_mut().for_each(|it| it.events.clear());
        }
        if self.is(Fault::OmitsAResult) {
            tx_results.pop();
        }
        state.salt = self.salt();
        let app_hash = state.app_hash(self.is(Fault::HashesInHashOrder));
        if self.is(Fault::KeepsBeforeCommit) {
            self.keep(&state);
        }
        memory.staged = Some((state, app_hash.clone()));
        Ok(BlockOutcome { tx_results, app_hash, ..BlockOutcome::default() })
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        let mut memory = self.memory.lock().unwrap();
        let (state, app_hash) = memory.staged.take().expect("a block was executed");
        match self.fault {
            Fault::KeepsNothing => {}
            Fault::KeepsTheBlockBefore => self.keep(&memory.committed),
            Fault::KeepsInTwoSteps if self.reopened => {
                self.keep(&State { height: state.height, ..memory.committed.clone() });
                if self.is_killed_meanwhile() {
                    return Err(ApplicationError::new(Call::Commit, "it is no more"));
                }
                self.keep(&state);
            }
            _ => self.keep(&state),
        }
        let last = std::mem::replace(&mut memory.committed, state);
        memory.shown_hash = match self.fault {
            Fault::ShowsTheLastHash => last.app_hash(false),
            _ => app_hash,
        };
        let (height, text) = (memory.committed.height, memory.committed.text());
        if height % SNAPSHOT_EVERY == 0 {
            memory.snapshot = Some((height, text));
        }
        let retained = if self.is(Fault::ForgetsTooMuch) { height + 1 } else { height };
        Ok(CommitResponse { retain_height: Some(Height(retained)) })
    }

    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        let memory = self.memory.lock().unwrap();
        let snapshot = memory.snapshot.iter().map(|(height, text)| Snapshot {
            height: Height(*height),
            format: 1,
            chunks: 2,
            hash: Bytes::copy_from_slice(&Hash::of(text.as_bytes()).0),
            metadata: Bytes::new(),
        });
        Ok(snapshot.collect())
    }

    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        let memory = self.memory.lock().unwrap();
        let (_, text) = memory.snapshot.as_ref().expect("one is listed");
        let (first, second) = text.as_bytes().split_at(text.len() / 2);
        let chunk = if request.chunk == 0 { first } else { second };
        Ok(Some(Bytes::copy_from_slice(chunk)))
    }

    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        if self.is(Fault::RefusesItsSnapshot) {
            return Ok(SnapshotVerdict::Reject);
        }
        let restoring = Some((request.app_hash.clone(), Vec::new()));
        self.memory.lock().unwrap().restoring = restoring;
        Ok(SnapshotVerdict::Accept)
    }

    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        let mut memory = self.memory.lock().unwrap();
        let (due, chunks) = memory.restoring.as_mut().expect("one was accepted");
        chunks.push(request.chunk.clone());
        let mut verdict = ChunkVerdict::Accept;
        if chunks.len() == 2 {
            let state = State::parse(&String::from_utf8_lossy(&chunks.concat()));
            let app_hash = state.app_hash(false);
            if app_hash == *due || self.is(Fault::TakesAnySnapshot) {
                self.keep(&state);
                (memory.committed, memory.shown_hash) = (state, app_hash);
            } else {
                verdict = ChunkVerdict::RejectSnapshot;
            }
        }
        let (refetch_chunks, reject_senders) = (Vec::new(), Vec::new());
        Ok(ApplySnapshotChunkResponse { verdict, refetch_chunks, reject_senders })
    }
}
