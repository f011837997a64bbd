//! Rows in memory, which can lose what was not synced: a disk for tests and the simulator.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use crate::error::StorageError;
use crate::key_value::{Batch, Change, Durable, KeyValue, Order, Row, Span};
use crate::schema::Column;

/// Rows in memory. What is written without a sync can be lost, as by a loss of power.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What readers see.
    rows: Rows,
    /// What the disk surely has.
    synced: Rows,
    /// What leads from `synced` to `rows`, in order.
    unsynced: Vec<Batch>,
}

/// Cloning shares keys' and values' bytes.
#[derive(Clone, Debug, Default)]
struct Rows(BTreeMap<Column, BTreeMap<Bytes, Bytes>>);

impl Memory {
    /// How many writes a loss of power could take.
    pub fn unsynced(&self) -> usize {
        self.read_state().unsynced.len()
    }

    /// A loss of power: all that was not synced is gone.
    pub fn lose_unsynced(&self) {
        self.lose_unsynced_after(0);
    }

    /// A loss of power after the disk, on its own, had taken the first `kept` of the unsynced
    /// writes. What it has taken it keeps.
    pub fn lose_unsynced_after(&self, kept: usize) {
        let mut state = self.write_state();
        let mut unsynced = std::mem::take(&mut state.unsynced);
        unsynced.truncate(kept);
        for batch in unsynced {
            state.synced.apply(&batch);
        }
        state.rows = state.synced.clone();
    }

    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Memory {
    fn read(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let state = self.read_state();
        Ok(state.rows.0.get(&column).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(
        &self,
        column: Column,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        if span.to.as_ref().is_some_and(|to| *to <= span.from) {
            return Ok(vec![]);
        }
        let state = self.read_state();
        let Some(rows) = state.rows.0.get(&column) else {
            return Ok(vec![]);
        };
        let to = span.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = rows.range::<[u8], _>((Bound::Included(span.from.as_slice()), to));
        let row = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
        Ok(match order {
            Order::Ascending => rows.map(row).take(limit).collect(),
            Order::Descending => rows.rev().map(row).take(limit).collect(),
        })
    }

    fn write(&self, batch: Batch, durable: Durable) -> Result<(), StorageError> {
        let state = &mut *self.write_state();
        state.rows.apply(&batch);
        state.unsynced.push(batch);
        if durable == Durable::Now {
            for batch in state.unsynced.drain(..) {
                state.synced.apply(&batch);
            }
        }
        Ok(())
    }
}

impl Rows {
    fn apply(&mut self, batch: &Batch) {
        for change in batch.changes() {
            match change {
                Change::Put { column, key, value } => {
                    let rows = self.0.entry(*column).or_default();
                    rows.insert(Bytes::copy_from_slice(key), value.clone());
                }
                Change::Delete { column, key } => {
                    if let Some(rows) = self.0.get_mut(column) {
                        rows.remove(key.as_slice());
                    }
                }
                Change::DeleteRange { column, from, to } => self.delete_range(*column, from, to),
            }
        }
    }

    fn delete_range(&mut self, column: Column, from: &[u8], to: &[u8]) {
        let Some(rows) = self.0.get_mut(&column) else {
            return;
        };
        let span = (Bound::Included(from), Bound::Excluded(to));
        let keys: Vec<Bytes> = rows.range::<[u8], _>(span).map(|(key, _)| key.clone()).collect();
        for key in keys {
            rows.remove(&key);
        }
    }
}
