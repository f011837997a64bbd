//! In which order an application is asked about transactions when blocks come between.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxKind, CheckTxRequest, CommitResponse,
    InfoRequest, InfoResponse, InitChainRequest, InitChainResponse, LocalClient, QueryRequest,
    QueryResponse, Timings,
};
use execution::admission::Herald;
use execution::{Admission, Pool};
use mempool::Mempool;
use storage::Durable;
use types::{Block, BlockOutcome, ExtendedCommit, Height, PeerId, Round, Tx, TxResult};

use crate::chain::{disk, first_state, key};

/// Takes one-byte transactions in the order of their numbers, as a ledger takes an account's.
#[derive(Default)]
struct Counting {
    committed: AtomicU8,
    /// The number that comes next, with those that wait.
    next: Mutex<u8>,
    /// Who comes in between while it commits; none if nobody is waited for.
    between: Option<Between>,
}

/// A commit that lasts until somebody submits a transaction.
#[derive(Default)]
struct Between {
    commits: AtomicBool,
    submitting: AtomicBool,
}

fn unasked<T>(call: Call) -> Result<T, ApplicationError> {
    Err(ApplicationError::new(call, "nobody asks this here"))
}

impl Application for Counting {
    fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        unasked(Call::Info)
    }

    fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
        unasked(Call::InitChain)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        let mut next = self.next.lock().unwrap();
        let code = u32::from(request.tx[0] != *next);
        *next += u8::from(code == 0);
        Ok(TxResult { code, ..TxResult::default() })
    }

    fn query(&self, _: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        unasked(Call::Query)
    }

    fn finalize_block(&self, _: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        unasked(Call::FinalizeBlock)
    }

    /// Blocks have one transaction each.
    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        if let Some(Between { commits, submitting }) = &self.between {
            commits.store(true, Ordering::Release);
            while !submitting.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            // By now it waits for us, or is about to.
            (0..1000).for_each(|_| std::thread::yield_now());
        }
        *self.next.lock().unwrap() = self.committed.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(CommitResponse::default())
    }
}

/// Nobody listens.
struct Silence;

impl Herald for Silence {
    fn available(&self, _: Height) {}

    fn stirred(&self) {}
}

fn tx(number: u8) -> Tx {
    Tx::from(vec![number])
}

/// Where a node has come to that was started again.
const FIRST: u64 = 1001;

/// The block of a height, with one transaction.
fn block(height: u64) -> (Block, BlockOutcome) {
    let number = u8::try_from(height - FIRST).unwrap();
    let mut block =
        first_state().make_block(vec![tx(number)], None, vec![], key().public_key().address());
    block.header.height = Height(height);
    let outcome = BlockOutcome { tx_results: vec![TxResult::default()], ..BlockOutcome::default() };
    (block, outcome)
}

fn admission() -> (Arc<dyn Application>, Admission<Arc<dyn Application>, Silence>) {
    let application: Arc<dyn Application> = Arc::new(Counting::default());
    let pool = Mempool::new(mempool::Config::default());
    let (_, store) = disk();
    (Arc::clone(&application), Admission::new(pool, application, store, Silence).unwrap())
}

#[test]
fn a_new_transaction_is_asked_about_after_those_that_a_block_left_behind() {
    let (application, admission) = admission();
    for number in 0..5 {
        assert_eq!(admission.submit(tx(number)).unwrap().code, 0);
    }
    for height in FIRST..FIRST + 3 {
        let (block, outcome) = block(height);
        admission.commit(&*application, &block, &outcome).unwrap();
        let next = u8::try_from(height - FIRST).unwrap() + 5;
        let result = admission.submit(tx(next)).unwrap();
        assert_eq!(result.code, 0, "{next} follows those that wait");
        assert_eq!(admission.pool().len(), 5);
    }
}

#[test]
fn a_block_in_the_midst_of_a_recheck_begins_it_anew() {
    let (application, admission) = admission();
    for number in 0..=250 {
        assert_eq!(admission.submit(tx(number)).unwrap().code, 0);
    }
    // Blocks come while others ask again: whoever is asked about twice, or out of turn, is lost.
    std::thread::scope(|scope| {
        let recheckers = (0..2).map(|_| {
            scope.spawn(|| {
                while !admission.pool().is_empty() {
                    admission.recheck();
                }
            })
        });
        let recheckers: Vec<_> = recheckers.collect();
        let is_lost = |&height: &u64| {
            let (block, outcome) = block(height);
            let waits = admission.pool().has(&types::TxKey::of(&block.txs[0]));
            admission.commit(&*application, &block, &outcome).unwrap();
            !waits
        };
        let lost: Vec<u64> = (FIRST..=FIRST + 250).filter(is_lost).collect();
        recheckers.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(lost, [] as [u64; 0]);
    });
}

/// The first height of a node is far from 0, and whoever waited while its first block was committed
/// was taken to have waited for so many blocks.
#[test]
fn the_first_block_is_one_block() {
    let counting = Arc::new(Counting { between: Some(Between::default()), ..Counting::default() });
    let application: Arc<dyn Application> = Arc::clone(&counting) as Arc<dyn Application>;
    let pool = Mempool::new(mempool::Config::default());
    let (_, store) = disk();
    let admission = Admission::new(pool, Arc::clone(&application), store, Silence).unwrap();
    for number in 0..5 {
        assert_eq!(admission.submit(tx(number)).unwrap().code, 0);
    }
    let code = std::thread::scope(|scope| {
        let submitter = scope.spawn(|| {
            let between = counting.between.as_ref().unwrap();
            while !between.commits.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            between.submitting.store(true, Ordering::Release);
            admission.submit(tx(5)).unwrap().code
        });
        let (block, outcome) = block(FIRST);
        admission.commit(&*application, &block, &outcome).unwrap();
        submitter.join().unwrap()
    });
    assert_eq!(code, 0);
}

/// Takes its time when it is asked again, and counts how often it is.
#[derive(Default)]
struct Slow {
    asked_again: AtomicU64,
}

impl Application for Slow {
    fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        unasked(Call::Info)
    }

    fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
        unasked(Call::InitChain)
    }

    #[expect(clippy::disallowed_methods, reason = "an application of its own, and a slow one")]
    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        if request.kind == CheckTxKind::Recheck {
            std::thread::sleep(Duration::from_micros(200));
            self.asked_again.fetch_add(1, Ordering::Relaxed);
        }
        Ok(TxResult::default())
    }

    fn query(&self, _: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        unasked(Call::Query)
    }

    fn finalize_block(&self, _: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        unasked(Call::FinalizeBlock)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        Ok(CommitResponse::default())
    }
}

/// A block comes for every few that are asked about again, while many wait.
#[test]
fn nobody_waits_for_rechecks_that_never_end() {
    const BLOCKS: u64 = 300;
    const BETWEEN: u64 = 10;
    let slow = Arc::new(Slow::default());
    let application: Arc<dyn Application> = Arc::clone(&slow) as Arc<dyn Application>;
    let pool = Mempool::new(mempool::Config::default());
    let (_, store) = disk();
    let admission = Admission::new(pool, Arc::clone(&application), store, Silence).unwrap();
    for number in 0..=254 {
        admission.submit(tx(number)).unwrap();
    }
    let (mut empty, _) = block(FIRST);
    empty.txs.clear();
    let commit = |height| {
        let mut block = empty.clone();
        block.header.height = Height(height);
        admission.commit(&*application, &block, &BlockOutcome::default()).unwrap();
    };
    commit(1);
    let is_answered = AtomicBool::new(false);
    let blocks = std::thread::scope(|scope| {
        let is_due = |height: &u64| {
            let due = (height - 1) * BETWEEN;
            while slow.asked_again.load(Ordering::Relaxed) < due {
                if is_answered.load(Ordering::Relaxed) {
                    return false;
                }
                std::thread::yield_now();
            }
            true
        };
        let chain = scope.spawn(move || (2..=BLOCKS).take_while(is_due).map(commit).count());
        admission.submit(tx(255)).unwrap();
        is_answered.store(true, Ordering::Relaxed);
        chain.join().unwrap()
    });
    assert!(blocks < 100, "it waited for {blocks} blocks");
}

/// A peer sends what has succeeded, before the node has seen a block since its start. It looked as
/// if it stood at height 0, and each transaction that ever succeeded was kept from coming back.
#[test]
fn what_passed_long_ago_may_come_again_right_after_a_start() {
    for (last, comes_again) in [(FIRST + 9_999, false), (FIRST + 10_000, true)] {
        let (_, store) = disk();
        let (block, outcome) = block(FIRST);
        let mut step = store.step();
        step.outcome(&block, &outcome).unwrap();
        let mut tip = block.clone();
        tip.header.height = Height(last);
        let parts = tip.part_set();
        let id = tip.id(&parts);
        let commit = ExtendedCommit {
            height: Height(last),
            round: Round::FIRST,
            block_id: id,
            signatures: vec![],
        };
        step.decide(&tip, &id, &parts, &commit);
        step.write(Durable::Now).unwrap();
        let application: Arc<dyn Application> = Arc::new(Slow::default());
        let pool = Mempool::new(mempool::Config::default());
        let admission = Admission::new(pool, application, store, Silence).unwrap();
        admission.receive(PeerId(1), &[tx(0)], || true).unwrap();
        assert_eq!(admission.pool().len(), usize::from(comes_again), "{last}");
    }
}

/// Is best asked about three at once, of which it answers as many as it has courage for.
struct Together {
    asked: Mutex<Vec<usize>>,
    answers: usize,
}

impl Application for Together {
    fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        unasked(Call::Info)
    }

    fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
        unasked(Call::InitChain)
    }

    fn check_tx(&self, _: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        unasked(Call::CheckTx)
    }

    fn check_txs(
        &self,
        requests: &[CheckTxRequest],
        heard: &mut dyn FnMut(TxResult),
    ) -> Result<(), ApplicationError> {
        self.asked.lock().unwrap().push(requests.len());
        (0..self.answers.min(requests.len())).for_each(|_| heard(TxResult::default()));
        if self.answers < requests.len() { unasked(Call::CheckTx) } else { Ok(()) }
    }

    fn checks_at_once(&self) -> usize {
        3
    }

    fn query(&self, _: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        unasked(Call::Query)
    }

    fn finalize_block(&self, _: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        unasked(Call::FinalizeBlock)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        Ok(CommitResponse::default())
    }
}

/// A pool before it, watched as a node watches its own.
fn together(answers: usize) -> (Arc<Together>, Admission<Arc<dyn Application>, Silence>) {
    let together = Arc::new(Together { asked: Mutex::default(), answers });
    let application = Arc::clone(&together) as Arc<dyn Application>;
    let watched: Arc<dyn Application> =
        Arc::new(LocalClient::new(application, Arc::<Timings>::default()));
    let pool = Mempool::new(mempool::Config::default());
    let (_, store) = disk();
    (together, Admission::new(pool, watched, store, Silence).unwrap())
}

#[test]
fn what_a_peer_brings_and_what_a_block_leaves_is_asked_about_together() {
    let (together, admission) = together(3);
    let txs: Vec<Tx> = (0..5).map(tx).collect();
    admission.receive(PeerId(1), &txs, || true).unwrap();
    assert_eq!(admission.pool().reap_count(9), txs);
    let (mut empty, _) = block(FIRST);
    empty.txs.clear();
    admission.commit(&*together, &empty, &BlockOutcome::default()).unwrap();
    assert!(!admission.recheck());
    assert_eq!(*together.asked.lock().unwrap(), [3, 2, 3, 2]);
    // None of them is news, and a node that stops asks no more.
    admission.receive(PeerId(2), &txs, || true).unwrap();
    admission.receive(PeerId(2), &[tx(9)], || false).unwrap();
    assert_eq!(together.asked.lock().unwrap().len(), 4);
}

#[test]
fn what_has_no_answer_may_come_again() {
    let (together, admission) = together(1);
    let txs: Vec<Tx> = (0..3).map(tx).collect();
    admission.receive(PeerId(1), &txs, || true).unwrap_err();
    assert_eq!(admission.pool().reap_count(9), [tx(0)]);
    admission.receive(PeerId(1), &txs, || true).unwrap_err();
    assert_eq!(admission.pool().reap_count(9), [tx(0), tx(1)]);
    assert_eq!(*together.asked.lock().unwrap(), [3, 2]);
}
