//! The thread of pending transactions: takes in what peers send, gossips, and asks again about what
//! a block left behind. What is taken and what is told is decided in [`execution::Admission`], or,
//! if the application keeps them, by the application ([`Relay`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use consensus::Input;
use execution::admission::{Busy, GOSSIP_PAUSE, Herald, SubmitError, log_failure};
use mempool::Mempool;
use storage::{StorageError, Store};
use types::{Height, Message, PeerId, Tx, TxResult};

use crate::driver::Event;
use crate::relay::Relay;

/// Most bytes of transactions in one message to a peer, unless one alone has more.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// The rules, with who is told in a node.
pub type Rules = execution::Admission<abci::Client, Bell>;

/// What the admission thread is told.
pub enum Work {
    /// A peer sent transactions.
    Received(PeerId, Vec<Tx>),
    /// A client sent one, and does not wait for the answer.
    Submitted(Tx),
    /// There may be something to gossip or to recheck, or the node stops.
    Wake,
}

/// Wakes the admission thread, and tells the replica of transactions that it waits for.
pub struct Bell {
    work: SyncSender<Work>,
    /// Whether the admission thread was woken since it last began to gossip.
    woken: AtomicBool,
    stopping: AtomicBool,
    replica: SyncSender<Event>,
}

impl Bell {
    /// Rings at these two.
    pub fn new(work: SyncSender<Work>, replica: SyncSender<Event>) -> Self {
        let (woken, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { work, woken, stopping, replica }
    }
}

impl Herald for Bell {
    fn available(&self, height: Height) {
        // A replica that has stopped proposes nothing.
        drop(self.replica.send(Event::Input(Input::TxsAvailable { height })));
    }

    /// Once for all that comes until the thread looks.
    fn stirred(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // A full queue means that the thread is about to look anyway.
            drop(self.work.try_send(Work::Wake));
        }
    }
}

/// The pool and all who use it, from any thread.
pub struct Admission {
    rules: Arc<Rules>,
    /// If the application keeps the transactions; the pool is empty then.
    relay: Option<Relay>,
    network: p2p::Handle,
}

impl Admission {
    /// A pool that asks `application`, looks up in `store` what has passed, tells `network`, and
    /// rings `bell`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn new(
        pool: Mempool,
        application: abci::Client,
        store: Store,
        network: p2p::Handle,
        bell: Bell,
    ) -> Result<Self, StorageError> {
        let rules = Arc::new(Rules::new(pool, application, store, bell)?);
        Ok(Self { rules, relay: None, network })
    }

    /// The same, with transactions passed on to the application and back.
    pub fn relayed(self, relay: Option<Relay>) -> Self {
        Self { relay, ..self }
    }

    /// What the executor takes transactions from.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules)
    }

    /// Looks at the pool. The lock is for look-ups only.
    pub fn pool(&self) -> MutexGuard<'_, Mempool> {
        self.rules.pool()
    }

    /// Asks the application about a transaction and, if it accepts it, keeps it for a block.
    ///
    /// # Errors
    /// If the pool or the application cannot take it. A code other than 0 is no error.
    pub fn submit(&self, tx: Tx) -> Result<TxResult, SubmitError> {
        match &self.relay {
            None => self.rules.submit(tx),
            Some(relay) => relay.submit(tx),
        }
    }

    /// Takes in what a peer sent, unless the node stops meanwhile.
    fn receive(&self, peer: PeerId, txs: &[Tx]) {
        if let Some(relay) = &self.relay {
            let wanted = txs.iter().take_while(|_| !self.is_stopping());
            return wanted.for_each(|tx| log_failure(relay.bring(tx)));
        }
        log_failure(self.rules.receive(peer, txs, || !self.is_stopping()));
    }

    /// Transactions from a peer; dropped if too many wait already (it will not be the only one to
    /// offer them).
    pub fn received(&self, peer: PeerId, txs: Vec<Tx>) {
        if let Err(TrySendError::Full(_)) = self.bell().work.try_send(Work::Received(peer, txs)) {
            tracing::debug!(%peer, "admission is busy; a peer's transactions are dropped");
        }
    }

    /// A transaction whose sender does not wait for the answer.
    ///
    /// # Errors
    /// If too many wait already.
    pub fn submit_later(&self, tx: Tx) -> Result<(), Busy> {
        self.bell().work.try_send(Work::Submitted(tx)).map_err(|_| Busy)
    }

    /// Tells the replica once there are transactions for this height; returns it if there are some
    /// already.
    pub fn await_txs(&self, height: Height) -> Option<Height> {
        self.rules.await_txs(height)
    }

    /// A peer to gossip to.
    pub fn peer_up(&self, peer: PeerId) {
        self.rules.peer_up(peer);
    }

    /// A peer less.
    pub fn peer_down(&self, peer: PeerId) {
        self.rules.peer_down(peer);
    }

    fn bell(&self) -> &Bell {
        self.rules.herald()
    }

    fn is_stopping(&self) -> bool {
        self.bell().stopping.load(Ordering::Acquire)
    }

    /// The admission thread: takes peers' transactions, gossips, rechecks. Ends when it is stopped.
    pub fn run(&self, work: &Receiver<Work>) {
        let relayed = self.relay.as_ref().map(|it| it.config().reap_interval);
        let pause = relayed.unwrap_or(GOSSIP_PAUSE);
        let mut gossiped = Instant::now();
        // An application that keeps transactions is asked whether anybody wakes us or not.
        let mut waiting = relayed.is_some();
        while !self.is_stopping() {
            let next = if waiting {
                work.recv_timeout(pause.saturating_sub(gossiped.elapsed()))
            } else {
                work.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match next {
                Ok(Work::Received(peer, txs)) => self.receive(peer, &txs),
                Ok(Work::Submitted(tx)) => log_failure(self.submit(tx)),
                Ok(Work::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            waiting = true;
            if pause <= gossiped.elapsed() {
                // Before it looks, so that what comes meanwhile wakes it again.
                self.bell().woken.store(false, Ordering::Release);
                waiting = match &self.relay {
                    Some(relay) => {
                        self.pass_on(relay);
                        true
                    }
                    None => {
                        self.rules.gossip(|peer, txs| {
                            let message = Message::Txs(txs);
                            self.network.send(peer, message.channel(), message.encode());
                        });
                        self.rules.recheck()
                    }
                };
                gossiped = Instant::now();
            }
        }
    }

    /// Tells all peers of what the application gives out.
    fn pass_on(&self, relay: &Relay) {
        // Nobody hears of it a second time, so the application keeps it until somebody can.
        if !relay.config().broadcast || self.network.peer_count() == 0 {
            return;
        }
        let mut txs = match relay.reap() {
            Ok(txs) => txs,
            Err(error) => {
                tracing::error!(%error, "the application gave out no transactions");
                return;
            }
        };
        // All together are no larger than one may be: the reference takes no larger message.
        let bytes_max = BATCH_BYTES_MAX.min(relay.config().tx_bytes_max);
        while !txs.is_empty() {
            let mut bytes = 0;
            let mut fits = |tx: &Tx| {
                bytes += tx.len();
                bytes <= bytes_max
            };
            let count = txs.iter().take_while(|tx| fits(tx)).count().max(1);
            let rest = txs.split_off(count);
            let message = Message::Txs(txs);
            self.network.broadcast(message.channel(), &message.encode());
            txs = rest;
        }
    }

    /// Ends the admission thread. What waits for it is as lost as it would be a moment later.
    pub fn stop(&self) {
        self.bell().stopping.store(true, Ordering::Release);
        // A full queue means that the thread is about to look anyway.
        drop(self.bell().work.try_send(Work::Wake));
    }
}
