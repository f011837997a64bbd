//! Records in memory, for tests and simulations: they outlive the application that writes them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::records::{Batch, Durability, Record, Records, StoreError};

/// Records in memory. Cloning shares them, as two openings of a folder would.
#[derive(Clone, Default)]
pub struct MemoryRecords(Arc<RwLock<BTreeMap<Vec<u8>, Vec<u8>>>>);

impl MemoryRecords {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Records for MemoryRecords {
    fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], count_max: usize) -> Result<Vec<Record>, StoreError> {
        let records = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = records.range(from.to_vec()..to.to_vec()).take(count_max);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, batch: Batch, _durability: Durability) -> Result<(), StoreError> {
        let mut records = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => records.insert(key, value),
                None => records.remove(&key),
            };
        }
        Ok(())
    }
}
