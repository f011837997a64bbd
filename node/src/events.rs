//! What happens, told to those who watch: logs, metrics, clients who wait for a transaction, and
//! subscribers.

mod rounds;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use consensus::Announcement;
use rpc::backend::DecidedTx;
use tokio::sync::oneshot;
use types::message::WireStep;
use types::{Block, BlockOutcome, ChainState, Height, Round, TxHash};

use self::rounds::Rounds;
use crate::indexer::IndexBell;
use crate::metrics::Metrics;

/// Those who watch.
pub struct Events {
    metrics: Arc<Metrics>,
    bus: rpc::Bus,
    rounds: Mutex<Rounds>,
    waiting: Mutex<HashMap<TxHash, Vec<oneshot::Sender<DecidedTx>>>>,
    round: Mutex<RoundClock>,
    catching_up: AtomicBool,
    height: AtomicU64,
    index: Option<IndexBell>,
}

/// When the current round's proposal phase began.
#[derive(Default)]
struct RoundClock {
    proposed: Option<(Height, Instant)>,
    decided_round: Option<Round>,
    last_block: Option<Instant>,
}

impl Events {
    /// Nobody waits yet. The indexer, if there is one, is rung for every executed block.
    pub fn new(metrics: Arc<Metrics>, index: Option<IndexBell>) -> Self {
        Self {
            metrics,
            bus: rpc::Bus::default(),
            rounds: Mutex::default(),
            waiting: Mutex::default(),
            round: Mutex::default(),
            catching_up: AtomicBool::new(false),
            height: AtomicU64::new(0),
            index,
        }
    }

    /// Where subscribers listen.
    pub fn bus(&self) -> &rpc::Bus {
        &self.bus
    }

    /// Whether blocks are being fetched from peers who are ahead.
    pub fn catching_up(&self) -> bool {
        self.catching_up.load(Ordering::Relaxed)
    }

    /// One synced write more.
    pub fn synced(&self) {
        self.metrics.synced_writes.inc();
    }

    /// Waits for a transaction to be executed; ask before it is submitted.
    pub fn wait_for(&self, tx: TxHash) -> oneshot::Receiver<DecidedTx> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(tx).or_default().push(sender);
        receiver
    }

    /// Nobody waits for this transaction any more, unless somebody else does.
    pub fn give_up(&self, tx: TxHash) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(senders) = waiting.get_mut(&tx) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&tx);
            }
        }
    }

    /// The replica's own news.
    pub fn announce(&self, announcement: Announcement) {
        if self.bus.listened() {
            let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
            rounds.news(&announcement).into_iter().for_each(|news| self.bus.announce(news));
        }
        match announcement {
            Announcement::Step { height, round, step, .. } => {
                tracing::debug!(target: "consensus", %height, %round, ?step, "step");
                let mut clock = self.round.lock().unwrap_or_else(PoisonError::into_inner);
                if step == WireStep::Propose && round == Round::FIRST {
                    clock.proposed = Some((height, Instant::now()));
                }
                self.metrics.rounds.set(i64::from(round.0));
                self.metrics.entered_step(step);
            }
            Announcement::Decided { height, round, caught_up, .. } => {
                let mut clock = self.round.lock().unwrap_or_else(PoisonError::into_inner);
                clock.decided_round = Some(round);
                if let Some((proposed, since)) = clock.proposed
                    && proposed == height
                    && !caught_up
                {
                    self.metrics.propose_to_decide.observe(since.elapsed().as_secs_f64());
                }
            }
            Announcement::TimedOut(timeout) => {
                let (height, round) = (timeout.height, timeout.round);
                tracing::debug!(target: "consensus", %height, %round, wait = ?timeout.wait,
                    "timed out");
            }
            Announcement::CatchingUp { active, best } => {
                self.catching_up.store(active, Ordering::Relaxed);
                tracing::info!(target: "consensus", active, %best, "catching up");
            }
            Announcement::Equivocation(evidence) => {
                tracing::warn!(target: "consensus", height = %evidence.height(),
                    hash = %evidence.hash(), "a validator voted twice in one round");
            }
            Announcement::CompleteProposal { height, round, block_id } => {
                tracing::debug!(target: "consensus", %height, %round, block = %block_id.hash,
                    "complete proposal");
            }
            Announcement::Polka { .. }
            | Announcement::Lock { .. }
            | Announcement::ValidBlock { .. }
            | Announcement::Vote(_) => {}
        }
    }

    /// A block was executed: clients who wait are told, metrics counted, one line logged.
    pub fn block_executed(&self, block: &Block, outcome: &BlockOutcome, took: Duration) {
        let height = block.header.height;
        self.tell_waiting(block, outcome);
        if let Some(bell) = &self.index {
            bell.ring();
        }
        self.bus.executed(height);
        let mut clock = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        let interval = clock.last_block.map(|last| last.elapsed());
        clock.last_block = Some(Instant::now());
        let round = clock.decided_round.take();
        drop(clock);
        self.height.store(height.0, Ordering::Relaxed);
        self.metrics.block_executed(block, interval, took);
        let round = round.map(|round| round.0).unwrap_or_default();
        let failed = outcome.tx_results.iter().filter(|result| result.code != 0).count();
        tracing::info!(%height, round, txs = block.txs.len(), failed,
            hash = %block.hash(), app_hash = %outcome.app_hash, took_ms = took.as_millis() as u64,
            "executed block");
    }

    fn tell_waiting(&self, block: &Block, outcome: &BlockOutcome) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            return;
        }
        for (index, (tx, result)) in (0..).zip(block.txs.iter().zip(&outcome.tx_results)) {
            for sender in waiting.remove(&TxHash::of(tx)).unwrap_or_default() {
                let height = block.header.height;
                // Whoever has given up in the meantime does not hear it.
                drop(sender.send(DecidedTx { height, index, result: result.clone() }));
            }
        }
    }

    /// The state after a block is known.
    pub fn executed(&self, state: &ChainState) {
        self.metrics.validators_changed(&state.validators);
    }
}
