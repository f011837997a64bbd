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
use storage::index::Writer;
use types::Height;

use crate::metrics::Metrics;

pub mod postgres;

use self::postgres::Sink;

/// How much nicer than the others the thread is, by the measure of nice(2).
const NICENESS: i32 = 10;
/// How often the log hears of a long way to the tip.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Follows the executed blocks.
pub struct Indexer {
    place: IndexPlace,
    metrics: Arc<Metrics>,
    rung: Receiver<()>,
    stopping: Arc<AtomicBool>,
}

/// Where the index is.
pub enum IndexPlace {
    /// In the store.
    Store {
        /// Who writes it.
        writer: Writer,
        /// How many blocks stay in it; all that are in the store, if none is said.
        retain_blocks: Option<u64>,
    },
    /// In a database outside.
    Database(Box<Sink>),
}

/// What came of looking for the next block.
pub enum Progress {
    /// All up to this height are in the index.
    Indexed(Height),
    /// Something was forgotten, and there may be more.
    Forgotten,
    /// There was nothing to do.
    Idle,
    /// There is nothing to try before this time.
    Wait(Instant),
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
    /// An indexer of this index, and what wakes it.
    pub fn new(place: IndexPlace, metrics: Arc<Metrics>) -> (Self, IndexBell) {
        let (ring, rung) = sync_channel(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let bell = IndexBell { ring, stopping: Arc::clone(&stopping) };
        (Self { place, metrics, rung, stopping }, bell)
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
            match self.place.advance()? {
                Progress::Indexed(height) => {
                    self.metrics.indexed_height.set(i64::try_from(height.0).unwrap_or(i64::MAX));
                    if PROGRESS_EVERY <= told.elapsed() {
                        tracing::info!(target: "index", %height, "indexed");
                        told = Instant::now();
                    }
                }
                Progress::Forgotten => {}
                Progress::Idle => {
                    if self.rung.recv().is_err() {
                        break;
                    }
                    told = Instant::now();
                }
                Progress::Wait(until) => self.wait(until),
            }
        }
        Ok(())
    }

    /// Waits until then, or until the node stops, however often it is rung.
    fn wait(&self, until: Instant) {
        while !self.stopping.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.rung.recv_timeout(left).is_err() {
                break;
            }
        }
    }
}

impl IndexPlace {
    fn advance(&mut self) -> Result<Progress> {
        match self {
            IndexPlace::Store { writer, retain_blocks } => {
                let indexed = writer.advance()?;
                let forgotten = writer.forget(*retain_blocks)?;
                Ok(match (indexed, forgotten) {
                    (Some(height), _) => Progress::Indexed(height),
                    (None, Some(_)) => Progress::Forgotten,
                    (None, None) => Progress::Idle,
                })
            }
            IndexPlace::Database(sink) => sink.advance(),
        }
    }
}
