//! Pending transactions: the application is asked about each, the pool orders them, and peers are
//! told of them in batches.
//!
//! The pool is a value behind one lock that is held for the length of a look-up. The application
//! is asked outside of it, on the thread that brought the transaction; gossip and rechecks have a
//! thread of their own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use abci::{Application, ApplicationError, CheckTxKind, CheckTxRequest, CommitResponse};
use consensus::Input;
use execution::Pool;
use mempool::{BlockLimits, Checked, Mempool, Refusal, Source};
use storage::{StorageError, Store};
use types::{BlockOutcome, Height, Message, PeerId, Tx, TxHash, TxResult};

use crate::driver::Event;

/// Most messages of transactions waiting for admission. Peers' are dropped beyond it.
pub const QUEUE_MAX: usize = 1024;
/// Shortest time between two rounds of gossip: so many arrivals share one message.
const GOSSIP_PAUSE: Duration = Duration::from_millis(5);
/// Most bytes of transactions in one message to a peer.
const BATCH_BYTES_MAX: u64 = 512 * 1024;
/// Most transactions in one message to a peer.
const BATCH_COUNT_MAX: usize = 2048;
/// Most transactions asked about again between two looks at the queue.
const RECHECKS_AT_ONCE: usize = 256;

/// How many heights a transaction that succeeded is kept from coming back by way of peers. The
/// pool remembers the latest only; a message that waited while a node was stopped may hold older
/// ones. Who means to repeat a transaction after so many heights may do so, as at the reference.
const STALE_HEIGHTS_MAX: u64 = 10_000;
/// The code of a transaction that succeeded.
const CODE_OK: u32 = 0;

/// What the admission thread is told.
pub enum Work {
    /// A peer sent transactions.
    Received(PeerId, Vec<Tx>),
    /// A client sent one, and does not wait for the answer.
    Submitted(Tx),
    /// There may be something to gossip or to recheck.
    Wake,
    /// The node stops.
    Stop,
}

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

/// The pool and all who use it.
pub struct Admission {
    pool: Mutex<Mempool>,
    /// Held for reading while the application is asked, for writing while it commits.
    quiet: RwLock<()>,
    application: abci::Client,
    store: Store,
    /// The last decided height.
    height: AtomicU64,
    network: p2p::Handle,
    peers: Mutex<Vec<PeerId>>,
    work: SyncSender<Work>,
    /// Whether the admission thread was woken since it last began to gossip.
    woken: AtomicBool,
    replica: SyncSender<Event>,
}

impl Admission {
    /// A pool that asks `application`, looks up in `store` what has passed, and tells `network`.
    pub fn new(
        pool: Mempool,
        application: abci::Client,
        store: Store,
        network: p2p::Handle,
        work: SyncSender<Work>,
        replica: SyncSender<Event>,
    ) -> Self {
        Self {
            pool: Mutex::new(pool),
            quiet: RwLock::new(()),
            application,
            store,
            height: AtomicU64::new(0),
            network,
            peers: Mutex::new(vec![]),
            work,
            woken: AtomicBool::new(false),
            replica,
        }
    }

    /// Looks at the pool. The lock is for look-ups only.
    pub fn pool(&self) -> MutexGuard<'_, Mempool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the application about a transaction and, if it accepts it, keeps it for a block.
    ///
    /// # Errors
    /// If the pool or the application cannot take it. A code other than 0 is no error.
    pub fn submit(&self, tx: Tx, source: Source) -> Result<TxResult, SubmitError> {
        let key = self.pool().admit(tx.clone(), source)?;
        let result = self.check(tx, source).inspect_err(|_| self.pool().forget(&key))?;
        let checked = Checked { code: result.code, gas_wanted: result.gas_wanted };
        if self.pool().checked(&key, checked)? {
            self.announce();
        }
        Ok(result)
    }

    /// What the application says, unless a peer brings what has passed.
    fn check(&self, tx: Tx, source: Source) -> Result<TxResult, SubmitError> {
        if matches!(source, Source::Peer(_)) && self.has_passed(&tx)? {
            return Err(Refusal::Seen.into());
        }
        let _asking = self.quiet.read().unwrap_or_else(PoisonError::into_inner);
        Ok(self.application.check_tx(&CheckTxRequest { tx, kind: CheckTxKind::New })?)
    }

    /// Whether a transaction has succeeded not long ago.
    fn has_passed(&self, tx: &Tx) -> Result<bool, StorageError> {
        let place = self.store.tx_place(&TxHash::of(tx))?.filter(|place| place.code == CODE_OK);
        let height = self.height.load(Ordering::Relaxed);
        Ok(place.is_some_and(|place| height.saturating_sub(place.height.0) < STALE_HEIGHTS_MAX))
    }

    /// Transactions from a peer; dropped if too many wait already (it will not be the only one to
    /// offer them).
    pub fn received(&self, peer: PeerId, txs: Vec<Tx>) {
        if let Err(TrySendError::Full(_)) = self.work.try_send(Work::Received(peer, txs)) {
            tracing::debug!(%peer, "admission is busy; a peer's transactions are dropped");
        }
    }

    /// A transaction whose sender does not wait for the answer.
    ///
    /// # Errors
    /// If too many wait already.
    pub fn submit_later(&self, tx: Tx) -> Result<(), Busy> {
        self.work.try_send(Work::Submitted(tx)).map_err(|_| Busy)
    }

    /// Tells the replica once there are transactions for this height.
    pub fn await_txs(&self, height: Height) {
        self.pool().await_txs(height);
        self.announce();
    }

    /// A peer to gossip to.
    pub fn peer_up(&self, peer: PeerId) {
        self.pool().peer_up(peer);
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
        self.wake();
    }

    /// A peer less.
    pub fn peer_down(&self, peer: PeerId) {
        self.pool().peer_down(peer);
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).retain(|&it| it != peer);
    }

    /// Tells a waiting proposer, and the gossip.
    fn announce(&self) {
        let available = self.pool().take_available();
        if let Some(height) = available {
            // A replica that has stopped proposes nothing.
            drop(self.replica.send(Event::Input(Input::TxsAvailable { height })));
        }
        self.wake();
    }

    /// Has the admission thread look soon: once for all that comes until it does.
    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // A full queue means that the thread is about to look anyway.
            drop(self.work.try_send(Work::Wake));
        }
    }

    /// The admission thread: takes peers' transactions, gossips, rechecks. Ends with `Work::Stop`.
    pub fn run(&self, work: &Receiver<Work>) {
        let mut gossiped = Instant::now();
        let mut waiting = false;
        loop {
            let next = if waiting {
                work.recv_timeout(GOSSIP_PAUSE.saturating_sub(gossiped.elapsed()))
            } else {
                work.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match next {
                Ok(Work::Received(peer, txs)) => {
                    txs.into_iter().for_each(|tx| self.admit(tx, Source::Peer(peer)));
                }
                Ok(Work::Submitted(tx)) => self.admit(tx, Source::Local),
                Ok(Work::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Work::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            waiting = true;
            if GOSSIP_PAUSE <= gossiped.elapsed() {
                // Before it looks, so that what comes meanwhile wakes it again.
                self.woken.store(false, Ordering::Release);
                self.gossip();
                self.recheck();
                gossiped = Instant::now();
                waiting = self.pool().rechecks_pending();
            }
        }
    }

    fn admit(&self, tx: Tx, source: Source) {
        match self.submit(tx, source) {
            Ok(_) | Err(SubmitError::Refused(_)) => {}
            Err(error @ (SubmitError::Application(_) | SubmitError::Store(_))) => {
                tracing::error!(%error, "a transaction could not be checked");
            }
        }
    }

    /// Sends every peer what it lacks, as far as its queue takes it.
    fn gossip(&self) {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for peer in peers {
            loop {
                let batch = self.pool().batch_for(peer, BATCH_BYTES_MAX, BATCH_COUNT_MAX);
                let Some(txs) = batch else { break };
                let message = Message::Txs(txs);
                self.network.send(peer, message.channel(), message.encode());
            }
        }
    }

    /// Asks again about some of the transactions that a block left behind.
    fn recheck(&self) {
        let queue = self.pool().next_recheck(RECHECKS_AT_ONCE);
        for (key, tx) in queue {
            let request = CheckTxRequest { tx, kind: CheckTxKind::Recheck };
            let answer = {
                let _asking = self.quiet.read().unwrap_or_else(PoisonError::into_inner);
                self.application.check_tx(&request)
            };
            match answer {
                Ok(result) => {
                    let checked = Checked { code: result.code, gas_wanted: result.gas_wanted };
                    self.pool().rechecked(&key, checked);
                }
                Err(error) => {
                    tracing::error!(%error, "the application could not recheck a transaction");
                    return;
                }
            }
        }
    }

    /// Ends the admission thread.
    pub fn stop(&self) {
        drop(self.work.send(Work::Stop));
    }
}

impl Pool for Admission {
    fn reap(&self, limits: BlockLimits) -> Vec<Tx> {
        let mut pool = self.pool();
        pool.limit(limits);
        pool.reap(limits.bytes_max, limits.gas_max)
    }

    fn commit(&self, application: &dyn Application) -> Result<CommitResponse, ApplicationError> {
        let _quiet = self.quiet.write().unwrap_or_else(PoisonError::into_inner);
        application.commit()
    }

    fn decided(&self, height: Height, txs: &[Tx], outcome: &BlockOutcome) {
        let succeeded = |index: usize| outcome.tx_results.get(index).is_some_and(|it| it.code == 0);
        self.height.store(height.0, Ordering::Relaxed);
        self.pool().update(height, txs, succeeded);
        self.announce();
    }
}
