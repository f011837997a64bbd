//! Records: what the replica was told and said at the height it works on. They are opaque here.

use bytes::Bytes;
use types::Height;

use crate::error::StorageError;
use crate::key_value::{KeyValue, Order, Span};
use crate::schema::{Column, height_key, record_key, sequence_of_key};
use crate::store::{Step, Store};

impl Store {
    /// The records of a height, in the order in which they were made.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn records(&self, height: Height) -> Result<Vec<Bytes>, StorageError> {
        let span = Span::between(height_key(height), height_key(height.next()));
        let rows = self.scan(Column::Records, &span, Order::Ascending, usize::MAX)?;
        Ok(rows.into_iter().map(|(_, record)| record).collect())
    }
}

impl Step {
    /// Keeps a record after all earlier ones of its height.
    pub fn record(&mut self, height: Height, record: impl Into<Bytes>) {
        let key = record_key(height, self.store.take_sequence());
        self.batch.put(Column::Records, key, record);
    }

    /// Forgets the records up to and with a height: its block is decided.
    pub(crate) fn forget_records(&mut self, height: Height) {
        self.batch.delete_range(Column::Records, [], height_key(height.next()));
    }
}

/// The sequence number that follows those of all stored records.
pub(crate) fn next_sequence(rows: &dyn KeyValue) -> Result<u64, StorageError> {
    let last = rows.scan(Column::Records, &Span::all(), Order::Descending, 1)?;
    let Some((key, _)) = last.first() else {
        return Ok(0);
    };
    let sequence = sequence_of_key(key)
        .ok_or_else(|| StorageError::damaged(Column::Records.name(), "a key is too short"))?;
    Ok(sequence.saturating_add(1))
}
