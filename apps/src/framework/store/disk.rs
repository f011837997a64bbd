//! Records on disk, in the engine that the kvstore has too.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::records::{Batch, Durability, Record, Records, StoreError};

/// Bytes of blocks of the store's files that are kept in memory.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes of new records that are kept in memory before they get a file of their own.
const UNSORTED_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Records in a folder of their own.
pub struct DiskRecords {
    database: Database,
    /// All in one keyspace, so that the journal never waits for a part that is seldom written.
    records: Keyspace,
}

impl DiskRecords {
    /// Opens the records in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || -> Result<Self, fjall::Error> {
            let database = Database::builder(path).cache_size(CACHE_BYTES).open()?;
            let options = || KeyspaceCreateOptions::default().max_memtable_size(UNSORTED_BYTES_MAX);
            let records = database.keyspace("records", options)?;
            Ok(Self { database, records })
        };
        open().map_err(|error| match error {
            fjall::Error::Locked => StoreError::Locked { folder: path.to_owned() },
            error => failed(error),
        })
    }
}

impl Records for DiskRecords {
    fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.records.get(key).map_err(failed)?;
        Ok(found.map(|it| it.to_vec()))
    }

    fn range(&self, from: &[u8], to: &[u8], count_max: usize) -> Result<Vec<Record>, StoreError> {
        let mut found = Vec::new();
        for entry in self.records.range(from..to).take(count_max) {
            let (key, value) = entry.into_inner().map_err(failed)?;
            found.push((key.to_vec(), value.to_vec()));
        }
        Ok(found)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        let mode = match durability {
            Durability::Synced => Some(PersistMode::SyncAll),
            Durability::Lazy => None,
        };
        let mut writes = self.database.batch().durability(mode);
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(&self.records, key, value),
                None => writes.remove(&self.records, key),
            }
        }
        writes.commit().map_err(failed)
    }
}

fn failed(error: fjall::Error) -> StoreError {
    StoreError::Engine { reason: error.to_string() }
}
