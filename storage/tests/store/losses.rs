//! Losses of power, writes that fail, and what is counted as synced.

use std::sync::Arc;

use bytes::Bytes;
use storage::{Durable, KeyValue, Memory, StorageError, Store, Writes};
use types::Height;

use crate::chain::Chain;
use crate::failing::Failing;

const HEIGHT: Height = Height(1);

fn record(store: &Store, text: &'static str, durable: Durable) {
    let mut step = store.step();
    step.record(HEIGHT, text.as_bytes());
    step.write(durable).unwrap();
}

fn records(memory: &Arc<Memory>) -> Vec<Bytes> {
    Store::in_memory(Arc::clone(memory)).unwrap().records(HEIGHT).unwrap()
}

#[test]
fn loss_of_power_takes_what_was_not_synced() {
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).unwrap();
    record(&store, "a", Durable::Later);
    record(&store, "b", Durable::Now);
    record(&store, "c", Durable::Later);
    record(&store, "d", Durable::Later);
    assert_eq!(
        (memory.unsynced(), records(&memory)),
        (2, ["a", "b", "c", "d"].map(Bytes::from).into())
    );
    memory.lose_unsynced();
    assert_eq!((memory.unsynced(), records(&memory)), (0, ["a", "b"].map(Bytes::from).into()));
}

#[test]
fn loss_of_power_may_leave_some_of_what_was_not_synced() {
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).unwrap();
    ["a", "b", "c"].iter().for_each(|text| record(&store, text, Durable::Later));
    memory.lose_unsynced_after(2);
    assert_eq!(records(&memory), ["a", "b"]);
    // What the disk took it keeps.
    memory.lose_unsynced();
    assert_eq!(records(&memory), ["a", "b"]);
}

#[test]
fn lost_deletions_bring_rows_back() {
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).unwrap();
    record(&store, "a", Durable::Now);
    let mut step = store.step();
    Chain::new().grow_empty().decide(&mut step);
    step.write(Durable::Later).unwrap();
    assert!(records(&memory).is_empty());
    memory.lose_unsynced();
    assert_eq!(records(&memory), ["a"]);
}

#[test]
fn empty_synced_step_makes_earlier_writes_durable_and_is_free_after() {
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).unwrap();
    record(&store, "a", Durable::Later);
    store.step().write(Durable::Later).unwrap();
    assert_eq!(store.writes(), Writes { synced: 0, unsynced: 1 });
    store.step().write(Durable::Now).unwrap();
    assert_eq!(store.writes(), Writes { synced: 1, unsynced: 1 });
    store.step().write(Durable::Now).unwrap();
    assert_eq!(store.writes(), Writes { synced: 1, unsynced: 1 });
    memory.lose_unsynced();
    assert_eq!(records(&memory), ["a"]);
}

#[test]
fn after_a_failed_write_no_other_is_tried() {
    let rows = Arc::new(Failing::after(usize::MAX, Arc::default()));
    let store = Store::over(Arc::clone(&rows) as Arc<dyn KeyValue>).unwrap();
    record(&store, "a", Durable::Now);
    rows.take(0);
    let write = |durable| {
        let mut step = store.step();
        step.record(HEIGHT, &b"b"[..]);
        step.write(durable)
    };
    assert!(matches!(write(Durable::Now), Err(StorageError::Write { .. })));
    // The disk is well again, but nobody knows what it has.
    rows.take(usize::MAX);
    assert!(matches!(write(Durable::Now), Err(StorageError::Failed)));
    assert!(matches!(write(Durable::Later), Err(StorageError::Failed)));
    assert_eq!(store.records(HEIGHT).unwrap(), ["a"]);
    assert_eq!(store.writes(), Writes { synced: 1, unsynced: 0 });
}
