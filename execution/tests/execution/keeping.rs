//! Barriers: what is to be kept is written with the first of them, and is durable behind it.

use std::sync::Arc;

use consensus::{Output, Record, Timeout, Wait};
use execution::{KeepError, Keeping, Point, Stopped};
use storage::{Memory, Store};
use types::{Height, Round};

use crate::chain::{Diary, disk, first_state};

const HEIGHT: Height = Height(1);

fn record(round: u32) -> Output {
    let wait = Wait::Propose;
    Output::Record(Record::Timeout(Timeout { height: HEIGHT, round: Round(round), wait }))
}

/// How many records a loss of power leaves.
fn records_left(memory: &Arc<Memory>) -> usize {
    memory.lose_unsynced();
    Store::in_memory(Arc::clone(memory)).unwrap().records(HEIGHT).unwrap().len()
}

fn await_txs() -> Output {
    Output::AwaitTxs { height: HEIGHT }
}

#[test]
fn all_that_a_turn_keeps_is_durable_behind_its_first_barrier() {
    let (memory, store) = disk();
    let (mut keeping, diary) = (Keeping::default(), Diary::default());
    let outputs = vec![record(0), await_txs(), Output::Persist, await_txs(), record(1)];
    let acts = keeping.take(outputs);
    assert!(matches!(
        acts[..],
        [Output::AwaitTxs { .. }, Output::Persist, Output::AwaitTxs { .. }]
    ));
    assert!(!keeping.is_empty() && !keeping.has_decision());
    keeping.barrier(&store, &diary).unwrap();
    assert!(keeping.is_empty());
    assert_eq!(diary.entries(), ["before-persist", "synced", "after-persist"]);
    assert_eq!(records_left(&memory), 2);
    // Nothing is written or passed where nothing is held.
    keeping.barrier(&store, &diary).unwrap();
    keeping.settle(&store, &diary).unwrap();
    assert_eq!(diary.entries().len(), 3);
}

#[test]
fn a_node_that_ends_at_a_barrier_has_kept_all_of_it_or_nothing() {
    for (end, left) in [(Point::BeforePersist, 0), (Point::AfterPersist, 2)] {
        let (memory, store) = disk();
        let mut keeping = Keeping::default();
        keeping.take(vec![record(0), record(1)]);
        let error = keeping.barrier(&store, &Diary::ending(end)).unwrap_err();
        assert!(matches!(error, KeepError::Stopped(Stopped { point }) if point == end));
        assert_eq!(records_left(&memory), left);
    }
}

#[test]
fn a_new_state_is_readable_after_its_turn_and_durable_behind_the_next_barrier() {
    let (memory, store) = disk();
    let (mut keeping, diary) = (Keeping::default(), Diary::default());
    keeping.take(vec![Output::KeepState(first_state())]);
    assert!(keeping.state().is_some());
    keeping.settle(&store, &diary).unwrap();
    assert_eq!(diary.entries(), ["after-state"]);
    assert_eq!(store.state().unwrap(), Some((*first_state()).clone()));
    memory.lose_unsynced();
    assert_eq!(store.state().unwrap(), None, "it needs no sync of its own");

    keeping.take(vec![Output::KeepState(first_state()), record(0)]);
    keeping.barrier(&store, &diary).unwrap();
    keeping.settle(&store, &diary).unwrap();
    let passed = ["after-state", "before-persist", "synced", "after-persist", "after-state"];
    assert_eq!(diary.entries(), passed);
    memory.lose_unsynced();
    assert_eq!(store.state().unwrap(), Some((*first_state()).clone()));
}
