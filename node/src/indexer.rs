//! The indexer's thread: it follows the executed blocks from behind, so that transactions and
//! blocks are found by what their events carry. Nobody waits for it.
//!
//! It is rung when a block was executed and reads blocks and outcomes from the store, so that it
//! goes on where it stopped, however it stopped and whatever was executed since. What it writes it
//! writes a little at a time, without syncs, and where the system has fair turns it takes the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use storage::Store;
use storage::index::Writer;

use crate::metrics::Metrics;

/// How much nicer than the others the thread is, by the measure of nice(2).
const NICENESS: i32 = 10;
/// How often the log hears of a long way to the tip.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Follows the executed blocks.
pub struct Indexer {
    writer: Writer,
    retain_blocks: Option<u64>,
    metrics: Arc<Metrics>,
    rung: Receiver<()>,
    stopping: Arc<AtomicBool>,
}

/// Wakes the indexer.
#[derive(Clone)]
pub struct IndexBell {
    ring: SyncSender<()>,
    stopping: Arc<AtomicBool>,
}

impl IndexBell {
    /// There is a block to index. Never waits: who is rung twice comes once.
    pub fn ring(&self) {
        // It may have been rung before, or have ended.
        self.ring.try_send(()).ok();
    }

    /// The node stops.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.ring();
    }
}

impl Indexer {
    /// An indexer that keeps so many blocks in the index (all that are in the store, if none is
    /// said), and what wakes it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn open(
        store: Store,
        retain_blocks: Option<u64>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, IndexBell)> {
        let writer = Writer::open(store)?;
        let (ring, rung) = sync_channel(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let bell = IndexBell { ring, stopping: Arc::clone(&stopping) };
        Ok((Self { writer, retain_blocks, metrics, rung, stopping }, bell))
    }

    /// Works until the node stops.
    ///
    /// # Errors
    /// If the store fails, which ends the node.
    pub fn run(mut self) -> Result<()> {
        // On systems where threads cannot be nicer by themselves it takes its turn like others.
        rustix::process::nice(NICENESS).ok();
        let mut told = Instant::now();
        while !self.stopping.load(Ordering::Relaxed) {
            let indexed = self.writer.advance()?;
            let forgotten = self.writer.forget(self.retain_blocks)?;
            if let Some(height) = indexed {
                self.metrics.indexed_height.set(i64::try_from(height.0).unwrap_or(i64::MAX));
                if PROGRESS_EVERY <= told.elapsed() {
                    tracing::info!(target: "index", %height, "indexed");
                    told = Instant::now();
                }
            }
            if indexed.is_none() && forgotten.is_none() {
                if self.rung.recv().is_err() {
                    break;
                }
                told = Instant::now();
            }
        }
        Ok(())
    }
}
