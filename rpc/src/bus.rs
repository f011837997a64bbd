//! The way of an event from the node to those who listen.
//!
//! The node only says that a block was executed: what there is to tell of it is read from the
//! store, and only if somebody listens, so that no subscriber can hold up the chain, and events of
//! a block can be told again at any time ([`crate::stream`]). Listeners read the latest events,
//! which are kept once for all of them; who falls behind what is kept has missed some, and is told
//! so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use storage::{StorageError, Store};
use tokio::sync::{Notify, watch};
use types::Height;

use crate::events::{Batch, RoundNews};

/// Most news that wait to be told. More are dropped: only of consensus, never of blocks.
const NEWS_MAX: usize = 4096;
/// Most bytes of told events that are kept, whatever their number.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the node tells, and clients listen.
#[derive(Clone)]
pub struct Bus(Arc<Shared>);

struct Shared {
    news: Mutex<VecDeque<News>>,
    arrived: Notify,
    listeners: AtomicUsize,
    /// Height of the block that was executed last, whether or not anybody listened.
    executed: watch::Sender<Height>,
    /// Blocks up to here are not told: nobody listened.
    silent: AtomicU64,
    kept: Mutex<Kept>,
    /// How many batches were told so far.
    told: watch::Sender<u64>,
}

/// What the node says.
enum News {
    Executed(Height),
    Round(Box<RoundNews>),
}

/// The batches that were told last.
struct Kept {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// How many batches were told before the first of them.
    before: u64,
    count_max: usize,
}

/// Some events were dropped before a listener came for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("client is not pulling messages fast enough")]
pub struct Missed;

impl Default for Bus {
    fn default() -> Self {
        let kept = Kept { batches: VecDeque::new(), bytes: 0, before: 0, count_max: 1 };
        Self(Arc::new(Shared {
            news: Mutex::default(),
            arrived: Notify::new(),
            listeners: AtomicUsize::new(0),
            executed: watch::Sender::new(Height(0)),
            silent: AtomicU64::new(0),
            kept: Mutex::new(kept),
            told: watch::Sender::new(0),
        }))
    }
}

impl Bus {
    /// Where the chain stands when the node starts: of what was executed before nobody is told.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn begin(&self, store: &Store) -> Result<(), StorageError> {
        self.0.executed.send_replace(executed_height(store)?);
        Ok(())
    }

    /// A block was executed, and its outcome is stored.
    pub fn executed(&self, height: Height) {
        self.0.executed.send_replace(height);
        if self.listened() {
            self.push(News::Executed(height));
        }
    }

    /// Something happened in consensus. Ask [`Bus::listened`] before making it.
    pub fn announce(&self, news: RoundNews) {
        if self.listened() {
            self.push(News::Round(Box::new(news)));
        }
    }

    /// Whether anybody listens.
    pub fn listened(&self) -> bool {
        self.0.listeners.load(Ordering::Acquire) != 0
    }

    /// Follows the height of the block that was executed last.
    pub fn heights(&self) -> watch::Receiver<Height> {
        self.0.executed.subscribe()
    }

    fn push(&self, news: News) {
        let mut waiting = self.0.news.lock().unwrap_or_else(PoisonError::into_inner);
        // The next news of a block, or the end of the queue, brings those whose news were dropped.
        if waiting.len() < NEWS_MAX {
            waiting.push_back(news);
        }
        drop(waiting);
        self.0.arrived.notify_one();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to listen: what happens from now on is heard.
    pub fn listen(&self) -> Listener {
        let mut waiting = self.0.news.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.listened() {
            waiting.clear();
            self.0.silent.store(self.0.executed.borrow().0, Ordering::Release);
        }
        self.0.listeners.fetch_add(1, Ordering::AcqRel);
        drop(waiting);
        // A block may have been executed since we looked.
        self.0.arrived.notify_one();
        let told = self.0.told.subscribe();
        let next = *told.borrow();
        Listener { bus: self.clone(), told, next }
    }

    /// Tells what the node says, for ever. At most `count_max` batches are kept.
    pub async fn tell(self, store: Store, count_max: usize) {
        self.kept().count_max = count_max.max(1);
        let mut last = 0;
        loop {
            let news = self.0.news.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match news {
                Some(News::Executed(height)) => last = self.tell_blocks(&store, last, height).await,
                Some(News::Round(news)) => self.keep(Batch::of_round(*news, &store)),
                None => {
                    if self.listened() {
                        let height = *self.0.executed.borrow();
                        last = self.tell_blocks(&store, last, height).await;
                    }
                    self.0.arrived.notified().await;
                }
            }
        }
    }

    /// Tells of the blocks after `last` up to `height`, and returns the last.
    async fn tell_blocks(&self, store: &Store, last: u64, height: Height) -> u64 {
        let last = last.max(self.0.silent.load(Ordering::Acquire));
        for height in last + 1..=height.0 {
            match read(store, Height(height)).await {
                Some(batch) => self.keep(batch),
                None => tracing::warn!(target: "rpc", height, "its events cannot be told"),
            }
        }
        last.max(height.0)
    }

    fn keep(&self, batch: Batch) {
        let mut kept = self.kept();
        kept.bytes += batch.bytes;
        kept.batches.push_back(Arc::new(batch));
        while kept.count_max < kept.batches.len()
            || (KEPT_BYTES_MAX < kept.bytes && 1 < kept.batches.len())
        {
            if let Some(gone) = kept.batches.pop_front() {
                kept.bytes -= gone.bytes;
                kept.before += 1;
            }
        }
        let told = kept.before + kept.batches.len() as u64;
        drop(kept);
        self.0.told.send_replace(told);
    }

    /// The batch of this number: none if it is gone.
    fn batch(&self, number: u64) -> Option<Arc<Batch>> {
        let kept = self.kept();
        let index = usize::try_from(number.checked_sub(kept.before)?).ok()?;
        kept.batches.get(index).cloned()
    }
}

/// The height of the block that was executed last; 0 if there is none.
///
/// # Errors
/// If the disk fails or the row is damaged.
pub fn executed_height(store: &Store) -> Result<Height, StorageError> {
    let state = store.state()?;
    Ok(state.and_then(|state| state.next_height().previous()).unwrap_or(Height(0)))
}

/// The events of a block, on a thread that may wait for the disk; none if they cannot be read.
async fn read(store: &Store, height: Height) -> Option<Batch> {
    let store = store.clone();
    match tokio::task::spawn_blocking(move || Batch::read(&store, height)).await {
        Ok(Ok(batch)) => batch,
        Ok(Err(error)) => {
            tracing::error!(target: "rpc", %height, %error, "a block's events cannot be read");
            None
        }
        Err(error) => {
            tracing::error!(target: "rpc", %height, %error, "a block's events made us panic");
            None
        }
    }
}

/// One who listens. Stops when dropped.
pub struct Listener {
    bus: Bus,
    told: watch::Receiver<u64>,
    next: u64,
}

impl Listener {
    /// Waits for the next batch. Nothing is lost if this is dropped before it ends.
    ///
    /// # Errors
    /// If it is not kept any more. What is kept now can be heard by a new listener.
    pub async fn next(&mut self) -> Result<Arc<Batch>, Missed> {
        let next = self.next;
        // The sender lives as long as the bus, of which we have a part.
        let arrived = self.told.wait_for(|told| next < *told).await;
        drop(arrived.expect("the bus outlives its listeners"));
        let batch = self.bus.batch(next).ok_or(Missed)?;
        self.next += 1;
        Ok(batch)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.bus.0.listeners.fetch_sub(1, Ordering::AcqRel);
    }
}
