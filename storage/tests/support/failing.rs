//! Rows in memory whose writes fail from some time on, as those of a disk do that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use storage::key_value::{Order, Row, Span};
use storage::schema::Column;
use storage::{Batch, Durable, KeyValue, Memory, StorageError};

/// Rows that take so many writes more, and then fail.
pub struct Failing {
    rows: Arc<Memory>,
    writes_left: AtomicUsize,
}

impl Failing {
    /// These rows take so many writes more.
    pub fn after(writes: usize, rows: Arc<Memory>) -> Self {
        Self { rows, writes_left: AtomicUsize::new(writes) }
    }

    /// From now on they take so many.
    #[allow(dead_code, reason = "not every test changes its mind")]
    pub fn take(&self, writes: usize) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }
}

impl KeyValue for Failing {
    fn read(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.rows.read(column, key)
    }

    fn scan(
        &self,
        column: Column,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        self.rows.scan(column, span, order, limit)
    }

    fn write(&self, batch: Batch, durable: Durable) -> Result<(), StorageError> {
        let left = self
            .writes_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            return Err(StorageError::Write { reason: "no space left on device".to_owned() });
        }
        self.rows.write(batch, durable)
    }
}
