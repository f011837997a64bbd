//! What waits to be sent to one peer: a bounded queue for each class. Full queues drop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc;
use types::Channel;

use crate::channels::{CLASSES, Class};
use crate::framing::Frame;

/// Most frames handed to a writer at once.
const BATCH_FRAMES_MAX: usize = 256;

/// Most frames that wait for a peer in a class.
fn frames_max(class: Class) -> usize {
    match class {
        Class::Votes => 8192,
        Class::Proposals => 2048,
        Class::Blocks => 256,
        Class::Transactions => 2048,
    }
}

/// Bytes that may wait for a peer in a class before more is dropped. The last frame let in may
/// exceed it, so that the largest message can be sent at all.
fn bytes_max(class: Class) -> usize {
    match class {
        Class::Votes => 8 * 1024 * 1024,
        Class::Proposals => 32 * 1024 * 1024,
        Class::Blocks => 64 * 1024 * 1024,
        Class::Transactions => 16 * 1024 * 1024,
    }
}

/// The sending ends of a peer's queues. Any thread may push; pushing never waits.
#[derive(Debug)]
pub(crate) struct Outbox {
    lanes: [Lane; CLASSES],
}

#[derive(Debug)]
struct Lane {
    queue: mpsc::Sender<Frame>,
    bytes_max: usize,
    gauge: Arc<Gauge>,
}

/// What both ends of a queue know about it.
#[derive(Debug, Default)]
struct Gauge {
    waiting_bytes: AtomicUsize,
    dropped_frames: AtomicU64,
}

/// The receiving end of one class's queue, for its writer.
#[derive(Debug)]
pub(crate) struct Drain {
    queue: mpsc::Receiver<Frame>,
    gauge: Arc<Gauge>,
}

impl Outbox {
    /// Empty queues, and their receiving ends in order of class.
    pub(crate) fn new() -> (Self, [Drain; CLASSES]) {
        let mut drains = Vec::with_capacity(CLASSES);
        let lanes = Class::ALL.map(|class| {
            let (sender, queue) = mpsc::channel(frames_max(class));
            let gauge = Arc::new(Gauge::default());
            drains.push(Drain { queue, gauge: gauge.clone() });
            Lane { queue: sender, bytes_max: bytes_max(class), gauge }
        });
        let drains = drains.try_into().expect("one drain was pushed for each class");
        (Self { lanes }, drains)
    }

    /// Queues a frame, or drops and counts it if its class's queue is full or closed.
    pub(crate) fn push(&self, channel: Channel, message: bytes::Bytes) -> bool {
        let lane = &self.lanes[Class::of(channel).index()];
        let length = message.len();
        let has_room = lane.gauge.waiting_bytes.load(Ordering::Relaxed) < lane.bytes_max;
        if has_room {
            // Counted before it can be taken out, so that the count never falls below zero.
            lane.gauge.waiting_bytes.fetch_add(length, Ordering::Relaxed);
            if lane.queue.try_send((channel, message)).is_ok() {
                return true;
            }
            lane.gauge.waiting_bytes.fetch_sub(length, Ordering::Relaxed);
        }
        lane.gauge.dropped_frames.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Frames dropped so far, in all classes.
    pub(crate) fn dropped(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.gauge.dropped_frames.load(Ordering::Relaxed)).sum()
    }
}

impl Drain {
    /// Waits for frames and takes those that are there into `batch`. False when no more can come.
    pub(crate) async fn take(&mut self, batch: &mut Vec<Frame>) -> bool {
        let count = self.queue.recv_many(batch, BATCH_FRAMES_MAX).await;
        let bytes: usize = batch.iter().map(|(_, message)| message.len()).sum();
        self.gauge.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        0 < count
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn full_queue_drops_and_counts_and_leaves_the_others_alone() {
        let (outbox, _drains) = Outbox::new();
        let frames = frames_max(Class::Transactions);
        let queued = (0..frames + 5)
            .filter(|_| outbox.push(Channel::Mempool, Bytes::from_static(b"tx")))
            .count();
        assert_eq!((queued, outbox.dropped()), (frames, 5));
        assert!(outbox.push(Channel::Vote, Bytes::from_static(b"vote")));
    }

    #[test]
    fn bytes_are_bounded_and_given_back() {
        let (outbox, [_, _, mut blocks, _]) = Outbox::new();
        let large = Bytes::from(vec![0; bytes_max(Class::Blocks)]);
        assert!(outbox.push(Channel::BlockSync, large));
        assert!(!outbox.push(Channel::BlockSync, Bytes::from_static(b"one more")));
        let mut batch = Vec::new();
        assert!(futures::executor::block_on(blocks.take(&mut batch)));
        assert_eq!(batch.len(), 1);
        assert!(outbox.push(Channel::BlockSync, Bytes::from_static(b"one more")));
    }
}
