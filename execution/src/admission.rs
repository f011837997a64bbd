//! Pending transactions: the application is asked about each, the pool orders them, and peers are
//! told of them in batches.
//!
//! The pool is a value behind one lock that is held for the length of a look-up. The application
//! is asked outside of it, on the thread that brought the transaction. Who gossips and rechecks,
//! and when, is the caller's decision; but whoever brings a transaction first makes up for the
//! rechecks that are due.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError, RwLockReadGuard};
use std::time::Duration;

use abci::{Application, ApplicationError, CheckTxKind, CheckTxRequest, CommitResponse};
use mempool::{BlockLimits, Checked, Mempool, Refusal, Source};
use storage::{StorageError, Store};
use types::{Block, BlockOutcome, Height, PeerId, Tx, TxHash, TxKey, TxResult};

use crate::executor::Pool;

/// Most messages of transactions waiting for admission. Peers' are dropped beyond it.
pub const QUEUE_MAX: usize = 1024;
/// Shortest time between two rounds of gossip: so many arrivals share one message.
pub const GOSSIP_PAUSE: Duration = Duration::from_millis(5);
/// Most bytes of transactions in one message to a peer.
const BATCH_BYTES_MAX: u64 = 512 * 1024;
/// Most transactions in one message to a peer.
const BATCH_COUNT_MAX: usize = 2048;
/// Most transactions asked about again between two looks at the queue.
const RECHECKS_AT_ONCE: usize = 256;
/// Blocks that may come while somebody waits for all rechecks; who has waited for more is served
/// out of turn, since an application may be slower than the chain.
const BLOCKS_WAITED_MAX: u64 = 2;

/// How many heights a transaction that succeeded is kept from coming back by way of peers. The
/// pool remembers the latest only; a message that waited while a node was stopped may hold older
/// ones. Who means to repeat a transaction after so many heights may do so, as at the reference.
const STALE_HEIGHTS_MAX: u64 = 10_000;
/// The code of a transaction that succeeded.
const CODE_OK: u32 = 0;

/// Why a transaction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The pool refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The application failed.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// Too many transactions wait for admission.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many transactions wait for CheckTx; try again later")]
pub struct Busy;

/// Who is told how the pool stands.
pub trait Herald {
    /// Transactions wait for a block of this height, which somebody wanted to know.
    fn available(&self, height: Height);

    /// There may be something to gossip or to recheck.
    fn stirred(&self);
}

/// The pool and all who use it.
#[expect(
    clippy::disallowed_types,
    reason = "threads of a node share it; taken in this order: `rechecking`, `quiet`, the pool"
)]
pub struct Admission<A, H> {
    pool: std::sync::Mutex<Mempool>,
    /// Held for reading while the application is asked and until the pool has its answer, for
    /// writing while it commits.
    quiet: std::sync::RwLock<()>,
    /// Held by whoever asks again about what a block left behind: one after the other, in order.
    rechecking: std::sync::Mutex<()>,
    application: A,
    store: Store,
    /// The last decided height.
    height: AtomicU64,
    /// How many blocks were decided since the start.
    blocks: AtomicU64,
    peers: std::sync::Mutex<Vec<PeerId>>,
    herald: H,
}

impl<A, H> Admission<A, H>
where
    A: Deref<Target = dyn Application>,
    H: Herald,
{
    /// A pool that asks `application`, looks up in `store` what has passed, and tells `herald`.
    ///
    /// # Errors
    /// If the store fails.
    #[expect(clippy::disallowed_types, reason = "see the type")]
    pub fn new(
        pool: Mempool,
        application: A,
        store: Store,
        herald: H,
    ) -> Result<Self, StorageError> {
        let last = store.range()?.map_or(0, |(_, last)| last.0);
        Ok(Self {
            pool: std::sync::Mutex::new(pool),
            quiet: std::sync::RwLock::new(()),
            rechecking: std::sync::Mutex::new(()),
            application,
            store,
            height: AtomicU64::new(last),
            blocks: AtomicU64::new(0),
            peers: std::sync::Mutex::new(vec![]),
            herald,
        })
    }

    /// Looks at the pool. The lock is for look-ups only.
    pub fn pool(&self) -> MutexGuard<'_, Mempool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is told.
    pub fn herald(&self) -> &H {
        &self.herald
    }

    /// Asks the application about a client's transaction and, if it accepts it, keeps it for a
    /// block.
    ///
    /// # Errors
    /// If the pool or the application cannot take it. A code other than 0 is no error.
    pub fn submit(&self, tx: Tx) -> Result<TxResult, SubmitError> {
        let key = self.pool().admit(tx.clone(), Source::Local)?;
        let asking = self.asking_in_turn();
        let request = CheckTxRequest { tx, kind: CheckTxKind::New };
        let result = self.application.check_tx(&request);
        let result = result.inspect_err(|_| self.pool().forget(&key))?;
        let waits = self.pool().checked(&key, answer_of(&result))?;
        drop(asking);
        if waits {
            self.announce();
        }
        Ok(result)
    }

    /// The same for what a peer sent, a few at a time, as long as `goes_on` says so. What has
    /// passed not long ago is not taken in again.
    ///
    /// # Errors
    /// If the application or the store fails.
    pub fn receive(
        &self,
        peer: PeerId,
        txs: &[Tx],
        goes_on: impl Fn() -> bool,
    ) -> Result<(), SubmitError> {
        let mut few = txs.chunks(self.checks_at_once()).take_while(|_| goes_on());
        few.try_for_each(|txs| self.receive_few(peer, txs))
    }

    fn receive_few(&self, peer: PeerId, txs: &[Tx]) -> Result<(), SubmitError> {
        let mut begun = Vec::with_capacity(txs.len());
        for tx in txs {
            // Those that the pool refuses end here.
            if let Ok(key) = self.pool().admit(tx.clone(), Source::Peer(peer)) {
                begun.push((key, tx.clone()));
            }
        }
        if begun.is_empty() {
            return Ok(());
        }
        let asking = self.asking_in_turn();
        let waits = self.check_new(begun)?;
        drop(asking);
        if waits {
            self.announce();
        }
        Ok(())
    }

    /// Asks about transactions of peers whose check has begun. Each goes into the pool as soon as
    /// there is an answer, so that it stands before those that are asked about later. Returns
    /// whether some of them wait for a block now.
    fn check_new(&self, begun: Vec<(TxKey, Tx)>) -> Result<bool, SubmitError> {
        let (keys, txs): (Vec<TxKey>, Vec<Tx>) = begun.into_iter().unzip();
        let give_up = |keys: &[TxKey]| keys.iter().for_each(|key| self.pool().forget(key));
        let passed: Result<Vec<bool>, _> = txs.iter().map(|tx| self.has_passed(tx)).collect();
        let passed = passed.inspect_err(|_| give_up(&keys))?;
        let (mut asked, mut requests) = (Vec::new(), Vec::new());
        for ((key, tx), passed) in keys.into_iter().zip(txs).zip(passed) {
            if passed {
                give_up(&[key]);
            } else {
                asked.push(key);
                requests.push(CheckTxRequest { tx, kind: CheckTxKind::New });
            }
        }
        let (mut left, mut waits) = (asked.iter(), false);
        let answered = self.application.check_txs(&requests, &mut |result| {
            let Some(key) = left.next() else { return };
            waits |= self.pool().checked(key, answer_of(&result)) == Ok(true);
        });
        give_up(left.as_slice());
        answered?;
        Ok(waits)
    }

    /// How many transactions the application is asked about together.
    fn checks_at_once(&self) -> usize {
        self.application.checks_at_once().clamp(1, RECHECKS_AT_ONCE)
    }

    /// Keeps the application from committing until the pool has what it answers: what an answer
    /// about the state before a block lets in is to be asked about again after that block.
    fn asking(&self) -> RwLockReadGuard<'_, ()> {
        self.quiet.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Admission::asking`], once those that have waited longer were asked about again: an
    /// application may count on the order, such as by the numbers of an account's transactions.
    fn asking_in_turn(&self) -> RwLockReadGuard<'_, ()> {
        // Before it waits for its turn, so that those behind each other wait together.
        let begun = self.blocks.load(Ordering::Relaxed);
        let _turn = self.rechecking.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let asking = self.asking();
            let blocks = self.blocks.load(Ordering::Relaxed) - begun;
            if BLOCKS_WAITED_MAX <= blocks || !self.pool().rechecks_pending() {
                return asking;
            }
            drop(asking);
            if self.recheck_next().is_err() {
                // It will say so again when it is asked about the new one.
                return self.asking();
            }
        }
    }

    /// Whether a transaction has succeeded not long ago.
    fn has_passed(&self, tx: &Tx) -> Result<bool, StorageError> {
        let place = self.store.tx_place(&TxHash::of(tx))?.filter(|place| place.code == CODE_OK);
        let height = self.height.load(Ordering::Relaxed);
        Ok(place.is_some_and(|place| height.saturating_sub(place.height.0) < STALE_HEIGHTS_MAX))
    }

    /// Tells once there are transactions for this height; returns it if there are some already.
    /// Whoever asks is not told by the herald, since it might wait for itself.
    pub fn await_txs(&self, height: Height) -> Option<Height> {
        let mut pool = self.pool();
        pool.await_txs(height);
        pool.take_available()
    }

    /// A peer to gossip to.
    pub fn peer_up(&self, peer: PeerId) {
        self.pool().peer_up(peer);
        self.peers().push(peer);
        self.herald.stirred();
    }

    /// A peer less.
    pub fn peer_down(&self, peer: PeerId) {
        self.pool().peer_down(peer);
        self.peers().retain(|&it| it != peer);
    }

    fn peers(&self) -> MutexGuard<'_, Vec<PeerId>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells who waits for transactions, and whoever gossips.
    fn announce(&self) {
        let available = self.pool().take_available();
        if let Some(height) = available {
            self.herald.available(height);
        }
        self.herald.stirred();
    }

    /// Sends every peer what it lacks.
    pub fn gossip(&self, mut send: impl FnMut(PeerId, Vec<Tx>)) {
        let peers = self.peers().clone();
        for peer in peers {
            loop {
                let batch = self.pool().batch_for(peer, BATCH_BYTES_MAX, BATCH_COUNT_MAX);
                let Some(txs) = batch else { break };
                send(peer, txs);
            }
        }
    }

    /// Asks again about some of the transactions that a block left behind. Returns whether there
    /// are more.
    pub fn recheck(&self) -> bool {
        let _turn = self.rechecking.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..RECHECKS_AT_ONCE.div_ceil(self.checks_at_once()) {
            match self.recheck_next() {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    tracing::error!(%error, "the application could not recheck a transaction");
                    return false;
                }
            }
        }
        self.pool().rechecks_pending()
    }

    /// Asks again about the next transactions, under the lock that keeps the next block away: each
    /// is asked about once after a block. Returns whether there were any.
    fn recheck_next(&self) -> Result<bool, ApplicationError> {
        let _asking = self.asking();
        let next = self.pool().next_recheck(self.checks_at_once());
        let request = |(key, tx)| (key, CheckTxRequest { tx, kind: CheckTxKind::Recheck });
        let (keys, requests): (Vec<_>, Vec<_>) = next.into_iter().map(request).unzip();
        if requests.is_empty() {
            return Ok(false);
        }
        let mut left = keys.iter();
        self.application.check_txs(&requests, &mut |result| {
            let Some(key) = left.next() else { return };
            self.pool().rechecked(key, answer_of(&result));
        })?;
        Ok(true)
    }
}

impl<A, H> Pool for Admission<A, H>
where
    A: Deref<Target = dyn Application>,
    H: Herald,
{
    fn reap(&self, limits: BlockLimits) -> Vec<Tx> {
        let mut pool = self.pool();
        pool.limit(limits);
        pool.reap(limits.bytes_max, limits.gas_max)
    }

    fn commit(
        &self,
        application: &dyn Application,
        block: &Block,
        outcome: &BlockOutcome,
    ) -> Result<CommitResponse, ApplicationError> {
        let height = block.header.height;
        let succeeded =
            |index: usize| outcome.tx_results.get(index).is_some_and(|it| it.code == CODE_OK);
        let quiet = self.quiet.write().unwrap_or_else(PoisonError::into_inner);
        let committed = application.commit()?;
        self.height.store(height.0, Ordering::Relaxed);
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.pool().update(height, &block.txs, succeeded);
        drop(quiet);
        self.announce();
        Ok(committed)
    }
}

/// What nobody waits for is logged, unless it is the transaction's own fault.
pub fn log_failure<T>(outcome: Result<T, SubmitError>) {
    match outcome {
        Ok(_) | Err(SubmitError::Refused(_)) => {}
        Err(error @ (SubmitError::Application(_) | SubmitError::Store(_))) => {
            tracing::error!(%error, "a transaction could not be checked");
        }
    }
}

fn answer_of(result: &TxResult) -> Checked {
    Checked { code: result.code, gas_wanted: result.gas_wanted }
}
