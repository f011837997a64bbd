//! The seam under the store: ordered rows in columns. RocksDB on disk, [`crate::Memory`] in tests.

use bytes::Bytes;

use crate::error::StorageError;
use crate::schema::Column;

/// Rows in columns, ordered by key as bytes. Readable from any thread while one writes.
pub trait KeyValue: Send + Sync {
    /// The value under a key.
    ///
    /// # Errors
    /// If the disk fails.
    fn read(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StorageError>;

    /// The rows of a span in the given order, at most `limit` of them.
    ///
    /// # Errors
    /// If the disk fails.
    fn scan(
        &self,
        column: Column,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, StorageError>;

    /// The last row of a span within one run of the index (`index/rows.rs`). Most runs that are
    /// asked for do not exist: who can tell sooner than by a scan should.
    ///
    /// # Errors
    /// If the disk fails.
    fn last_in_run(&self, column: Column, span: &Span) -> Result<Option<Row>, StorageError> {
        Ok(self.scan(column, span, Order::Descending, 1)?.pop())
    }

    /// Writes all of a batch or nothing. With [`Durable::Now`] it, and whatever was written before
    /// it, survives a loss of power once this returns; even if the batch is empty.
    ///
    /// # Errors
    /// If the disk fails. What is on it is then unknown: the caller stops, and never retries.
    fn write(&self, batch: Batch, durable: Durable) -> Result<(), StorageError>;
}

/// When a write must be safe from a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// Before the call returns: one sync.
    Now,
    /// With the next synced write. A crash of the process alone loses nothing.
    Later,
}

/// In which order rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Greatest key first.
    Descending,
}

/// A row: its key and its value.
pub type Row = (Bytes, Bytes);

/// Keys from `from` on, up to but without `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first key that belongs to it.
    pub from: Vec<u8>,
    /// The first key after it; none is the end of the column.
    pub to: Option<Vec<u8>>,
}

impl Span {
    /// A whole column.
    pub fn all() -> Self {
        Self { from: vec![], to: None }
    }

    /// From a key up to but without another.
    pub fn between(from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) -> Self {
        Self { from: from.into(), to: Some(to.into()) }
    }
}

/// Changes that are made together or not at all, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a row.
    Put {
        /// Where.
        column: Column,
        /// Which row.
        key: Vec<u8>,
        /// What.
        value: Bytes,
    },
    /// Deletes a row, if it is there.
    Delete {
        /// Where.
        column: Column,
        /// Which row.
        key: Vec<u8>,
    },
    /// Deletes all rows from one key up to but without another.
    DeleteRange {
        /// Where.
        column: Column,
        /// The first.
        from: Vec<u8>,
        /// The first that stays.
        to: Vec<u8>,
    },
}

impl Batch {
    /// Sets a row.
    pub fn put(&mut self, column: Column, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.changes.push(Change::Put { column, key: key.into(), value: value.into() });
    }

    /// Deletes a row, if it is there.
    pub fn delete(&mut self, column: Column, key: impl Into<Vec<u8>>) {
        self.changes.push(Change::Delete { column, key: key.into() });
    }

    /// Deletes all rows from `from` up to but without `to`; nothing if `to` is not above `from`.
    pub fn delete_range(
        &mut self,
        column: Column,
        from: impl Into<Vec<u8>>,
        to: impl Into<Vec<u8>>,
    ) {
        let (from, to) = (from.into(), to.into());
        if from < to {
            self.changes.push(Change::DeleteRange { column, from, to });
        }
    }

    /// The changes in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
