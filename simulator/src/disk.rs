//! A simulated disk under a real store: rows in memory that can be lost, and writes that can fail,
//! at any of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use storage::key_value::{Order, Row, Span};
use storage::schema::Column;
use storage::{Batch, Durable, KeyValue, Memory, StorageError};

use crate::member::trouble::Trouble;

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ailment {
    /// Nothing.
    #[default]
    None,
    /// Syncs fail. What was to be synced is written, and can be lost.
    FailsSyncs,
    /// It is full: every write fails.
    Full,
}

/// When the power is cut in the midst of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// After so many further writes.
    pub after_writes: u64,
    /// Whether the write at which it happens is on the disk.
    pub written: bool,
}

/// A disk. What is on it survives its node.
#[derive(Debug, Default)]
pub struct Disk {
    memory: Memory,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ailment: Ailment,
    cut: Option<Cut>,
    /// The power is gone: nothing more is written.
    dead: bool,
    synced_writes: u64,
}

impl Ailment {
    /// What faults of the plan make of it.
    pub fn of(trouble: &Trouble) -> Self {
        match (trouble.full, trouble.sync_fails) {
            (Some(_), _) => Ailment::Full,
            (None, Some(_)) => Ailment::FailsSyncs,
            (None, None) => Ailment::None,
        }
    }
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this is wrong with it.
    pub fn ail(&self, ailment: Ailment) {
        self.state().ailment = ailment;
    }

    /// What is wrong with it.
    pub fn ailment(&self) -> Ailment {
        self.state().ailment
    }

    /// The power will be cut in the midst of writing; none takes it back.
    pub fn cut_power(&self, cut: Option<Cut>) {
        self.state().cut = cut;
    }

    /// Whether the power was cut in the midst of writing.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// How many synced writes there were since this was asked last: each takes time.
    pub fn take_synced_writes(&self) -> u64 {
        std::mem::take(&mut self.state().synced_writes)
    }

    /// How many writes a loss of power could take.
    pub fn unsynced(&self) -> u64 {
        u64::try_from(self.memory.unsynced()).expect("few writes")
    }

    /// The power is cut, after the disk had taken the first `taken` of the unsynced writes by
    /// itself. Then it is back.
    pub fn lose_power(&self, taken: u64) {
        self.memory.lose_unsynced_after(usize::try_from(taken).expect("few writes"));
        self.revive();
    }

    /// The node has stopped, and the power stayed on.
    pub fn revive(&self) {
        let mut state = self.state();
        (state.dead, state.cut) = (false, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Disk {
    fn read(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.memory.read(column, key)
    }

    fn scan(
        &self,
        column: Column,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        self.memory.scan(column, span, order, limit)
    }

    fn write(&self, batch: Batch, durable: Durable) -> Result<(), StorageError> {
        let mut state = self.state();
        if state.dead {
            return failed("the power is off");
        }
        match &mut state.cut {
            Some(Cut { after_writes: 0, written }) => {
                if *written {
                    self.memory.write(batch, durable)?;
                }
                state.dead = true;
                return failed("the power is cut");
            }
            Some(Cut { after_writes, .. }) => *after_writes -= 1,
            None => {}
        }
        match (state.ailment, durable) {
            (Ailment::Full, _) => failed("no space left on device"),
            (Ailment::FailsSyncs, Durable::Now) => {
                self.memory.write(batch, Durable::Later)?;
                failed("input/output error")
            }
            (Ailment::None, Durable::Now) => {
                state.synced_writes += 1;
                self.memory.write(batch, durable)
            }
            (Ailment::None | Ailment::FailsSyncs, Durable::Later) => {
                self.memory.write(batch, durable)
            }
        }
    }
}

fn failed(reason: &str) -> Result<(), StorageError> {
    Err(StorageError::Write { reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(key: &[u8]) -> Batch {
        let mut batch = Batch::default();
        batch.put(Column::Records, key, vec![1]);
        batch
    }

    fn has(disk: &Disk, key: &[u8]) -> bool {
        disk.read(Column::Records, key).unwrap().is_some()
    }

    #[test]
    fn the_power_is_cut_between_two_writes() {
        for written in [false, true] {
            let disk = Disk::new();
            disk.cut_power(Some(Cut { after_writes: 1, written }));
            disk.write(batch(b"a"), Durable::Later).unwrap();
            disk.write(batch(b"b"), Durable::Now).unwrap_err();
            disk.write(batch(b"c"), Durable::Now).unwrap_err();
            assert!(disk.is_dead());
            disk.lose_power(0);
            let expected = [written, written, false];
            assert_eq!([b"a", b"b", b"c"].map(|it| has(&disk, it)), expected);
            disk.write(batch(b"d"), Durable::Now).unwrap();
        }
    }

    #[test]
    fn what_failed_to_sync_may_be_there_or_not() {
        for taken in [0, 1] {
            let disk = Disk::new();
            disk.ail(Ailment::FailsSyncs);
            disk.write(batch(b"a"), Durable::Now).unwrap_err();
            assert!(has(&disk, b"a"));
            disk.lose_power(taken);
            assert_eq!(has(&disk, b"a"), taken == 1);
        }
    }

    #[test]
    fn a_full_disk_takes_nothing() {
        let disk = Disk::new();
        disk.ail(Ailment::Full);
        disk.write(batch(b"a"), Durable::Later).unwrap_err();
        disk.ail(Ailment::None);
        assert!(!has(&disk, b"a"));
        disk.write(batch(b"a"), Durable::Now).unwrap();
        assert_eq!((disk.take_synced_writes(), disk.take_synced_writes()), (1, 0));
    }
}
