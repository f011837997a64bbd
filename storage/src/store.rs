//! `Store` reads; `Step` gathers what is to be kept and writes it in one go.

#[cfg(feature = "rocks")]
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use types::Height;

use crate::error::StorageError;
use crate::key_value::{Batch, Durable, KeyValue, Order, Row, Span};
use crate::memory::Memory;
use crate::records::next_sequence;
#[cfg(feature = "rocks")]
use crate::rocks::Rocks;
use crate::schema::{Column, GENESIS_KEY};
#[cfg(feature = "rocks")]
use crate::version::{ChainIdentity, claim};

/// All that a node keeps. Cloning shares it; every thread may read, one at a time writes.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    rows: Arc<dyn KeyValue>,
    /// Of the next record: records of a height are read back in this order.
    sequence: AtomicU64,
    /// Whether a write has failed. Then nothing more is written.
    failed: AtomicBool,
    /// Writes without and with a sync.
    unsynced_writes: AtomicU64,
    synced_writes: AtomicU64,
    /// How many of the writes without a sync were followed by one with it.
    settled_writes: AtomicU64,
    /// Below this height nobody needs blocks any more.
    wanted_base: AtomicU64,
    rows_read: AtomicU64,
    bytes_read: AtomicU64,
    /// From this height on blocks stay, for somebody who has yet to read them.
    held_from: AtomicU64,
}

/// How often the store was written to since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// Those that waited for the disk.
    pub synced: u64,
    /// Those that did not.
    pub unsynced: u64,
}

/// How much of the store was read since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Rows, whatever their size.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// What is to be kept together: gathered during a turn, then written as one batch.
pub struct Step {
    pub(crate) store: Store,
    pub(crate) batch: Batch,
    /// The latest rotation in this batch: its height, and where its members stand.
    pub(crate) rotation: Option<(Height, Height)>,
}

impl Store {
    /// Opens the store of a chain in `folder`, or founds it if the folder is empty or absent.
    ///
    /// # Errors
    /// If the folder is another chain's, a later format's, in use, or broken. Then it is as it was.
    #[cfg(feature = "rocks")]
    pub fn open(folder: &Path, identity: &ChainIdentity) -> Result<Self, StorageError> {
        let rows = Rocks::open(&claim(folder, identity)?)?;
        Self::over(Arc::new(rows))
    }

    /// A store in memory. Whoever keeps `memory` can lose what is not synced, and open it again.
    ///
    /// # Errors
    /// Only if what is in `memory` was not written by a store.
    pub fn in_memory(memory: Arc<Memory>) -> Result<Self, StorageError> {
        Self::over(memory)
    }

    /// A store over any rows.
    ///
    /// # Errors
    /// If the rows cannot be read.
    pub fn over(rows: Arc<dyn KeyValue>) -> Result<Self, StorageError> {
        let sequence = next_sequence(rows.as_ref())?;
        let shared = Shared {
            rows,
            sequence: AtomicU64::new(sequence),
            failed: AtomicBool::new(false),
            unsynced_writes: AtomicU64::new(0),
            synced_writes: AtomicU64::new(0),
            settled_writes: AtomicU64::new(0),
            wanted_base: AtomicU64::new(0),
            rows_read: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            held_from: AtomicU64::new(u64::MAX),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Begins to gather what is to be kept together.
    pub fn step(&self) -> Step {
        Step { store: self.clone(), batch: Batch::default(), rotation: None }
    }

    /// How often was written, for metrics.
    pub fn writes(&self) -> Writes {
        Writes {
            synced: self.shared.synced_writes.load(Ordering::Relaxed),
            unsynced: self.shared.unsynced_writes.load(Ordering::Relaxed),
        }
    }

    /// How much was read, for metrics.
    pub fn reads(&self) -> Reads {
        Reads {
            rows: self.shared.rows_read.load(Ordering::Relaxed),
            bytes: self.shared.bytes_read.load(Ordering::Relaxed),
        }
    }

    fn count_reads(&self, rows: usize, bytes: usize) {
        self.shared.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
        self.shared.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// First and last block, if there is any.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn range(&self) -> Result<Option<(Height, Height)>, StorageError> {
        let first = self.end(Column::Metas, Order::Ascending)?;
        let last = self.end(Column::Metas, Order::Descending)?;
        Ok(first.zip(last))
    }

    /// The genesis file as it was when the chain was founded here.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn genesis(&self) -> Result<Option<String>, StorageError> {
        let Some(bytes) = self.read(Column::Chain, GENESIS_KEY)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes.into());
        text.map(Some).map_err(|error| StorageError::damaged("genesis", error))
    }

    /// Keeps the genesis file, durably.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn put_genesis(&self, text: &str) -> Result<(), StorageError> {
        let mut step = self.step();
        step.batch.put(Column::Chain, GENESIS_KEY, Bytes::copy_from_slice(text.as_bytes()));
        step.write(Durable::Now)
    }

    pub(crate) fn read(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let row = self.shared.rows.read(column, key)?;
        if let Some(row) = &row {
            self.count_reads(1, key.len() + row.len());
        }
        Ok(row)
    }

    pub(crate) fn scan(
        &self,
        column: Column,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        let rows = self.shared.rows.scan(column, span, order, limit)?;
        self.count_reads(rows.len(), rows.iter().map(|(key, row)| key.len() + row.len()).sum());
        Ok(rows)
    }

    pub(crate) fn last_in_run(
        &self,
        column: Column,
        span: &Span,
    ) -> Result<Option<Row>, StorageError> {
        let row = self.shared.rows.last_in_run(column, span)?;
        if let Some((key, row)) = &row {
            self.count_reads(1, key.len() + row.len());
        }
        Ok(row)
    }

    /// The height of the first or last row of a column whose keys begin with a height.
    pub(crate) fn end(&self, column: Column, order: Order) -> Result<Option<Height>, StorageError> {
        let rows = self.scan(column, &Span::all(), order, 1)?;
        rows.first().map(|(key, _)| height_in(column, key)).transpose()
    }

    /// Below this height nobody needs blocks any more, as far as is known since the start.
    pub(crate) fn wanted_base(&self) -> Height {
        Height(self.shared.wanted_base.load(Ordering::Relaxed))
    }

    /// Nobody needs blocks below this height any more.
    pub(crate) fn raise_wanted_base(&self, height: Height) {
        self.shared.wanted_base.fetch_max(height.0, Ordering::Relaxed);
    }

    /// From this height on no block is pruned until this is called with another one. Nobody holds
    /// blocks when a store is opened.
    pub fn hold_from(&self, height: Height) {
        self.shared.held_from.store(height.0, Ordering::Relaxed);
    }

    pub(crate) fn held_from(&self) -> Height {
        Height(self.shared.held_from.load(Ordering::Relaxed))
    }

    pub(crate) fn take_sequence(&self) -> u64 {
        self.shared.sequence.fetch_add(1, Ordering::Relaxed)
    }

    fn write(&self, batch: Batch, durable: Durable) -> Result<(), StorageError> {
        let shared = &self.shared;
        if shared.failed.load(Ordering::Acquire) {
            return Err(StorageError::Failed);
        }
        let unsynced = shared.unsynced_writes.load(Ordering::Acquire);
        let settled = shared.settled_writes.load(Ordering::Acquire);
        if batch.is_empty() && (durable == Durable::Later || settled == unsynced) {
            return Ok(());
        }
        if let Err(error) = shared.rows.write(batch, durable) {
            shared.failed.store(true, Ordering::Release);
            return Err(error);
        }
        match durable {
            Durable::Later => {
                shared.unsynced_writes.fetch_add(1, Ordering::AcqRel);
            }
            Durable::Now => {
                shared.synced_writes.fetch_add(1, Ordering::Relaxed);
                shared.settled_writes.fetch_max(unsynced, Ordering::AcqRel);
            }
        }
        Ok(())
    }
}

impl Step {
    /// Whether nothing was gathered yet.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Writes all that was gathered, or nothing. With [`Durable::Now`], it and all that was
    /// written before is safe from a loss of power once this returns.
    ///
    /// # Errors
    /// If the disk fails. It is fatal: the caller stops the node. No later write is tried.
    pub fn write(self, durable: Durable) -> Result<(), StorageError> {
        self.store.write(self.batch, durable)
    }
}

/// The height that a stored key begins with.
pub(crate) fn height_in(column: Column, key: &[u8]) -> Result<Height, StorageError> {
    crate::schema::height_of_key(key)
        .ok_or_else(|| StorageError::damaged(column.name(), "a key is too short"))
}

/// A stored number or hash of a fixed length.
pub(crate) fn fixed<const N: usize>(column: Column, bytes: &[u8]) -> Result<[u8; N], StorageError> {
    bytes.try_into().map_err(|_| {
        StorageError::damaged(column.name(), format!("{} bytes, expected {N}", bytes.len()))
    })
}
