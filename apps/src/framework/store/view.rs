//! The state as it was at one version, for reading.

use std::sync::Arc;

use bytes::Bytes;

use super::keys::{decode_value, decode_value_key, end_of, value_key, values_from};
use super::{Store, StoreError, tree};

/// The state after one version of the tree.
#[derive(Clone)]
pub struct View {
    pub(super) store: Arc<Store>,
    /// None is before the first.
    pub(super) version: Option<u64>,
}

impl View {
    pub(super) fn new(store: Arc<Store>, version: Option<u64>) -> Self {
        Self { store, version }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn find(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.newest(key)?.and_then(|(_, value)| value))
    }

    /// The first key at or after `from` that begins with `prefix`, and its value.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn first_from(
        &self,
        from: &[u8],
        prefix: &[u8],
    ) -> Result<Option<(Vec<u8>, Bytes)>, StoreError> {
        let mut from = values_from(from.max(prefix));
        let to = end_of(&values_from(prefix));
        while from < to {
            let found = self.store.records.range(&from, &to, 1)?;
            let Some((record, _)) = found.first() else { break };
            let damaged = StoreError::Damaged { record: "key" };
            let (key, _) = decode_value_key(record).ok_or(damaged)?;
            if let Some(value) = self.find(&key)? {
                return Ok(Some((key, value)));
            }
            // Past all versions of this key.
            from = end_of(&value_key(&key, 0));
        }
        Ok(None)
    }

    /// The value of a key with a proof that it is there, or a proof that there is none.
    ///
    /// # Errors
    /// If the store cannot be read, or there is no state yet.
    pub fn prove(
        &self,
        key: &[u8],
    ) -> Result<(Option<Vec<u8>>, ics23::CommitmentProof), StoreError> {
        tree::prove(self, key)
    }

    /// The last that happened to a key: with which version, and its value unless it was removed.
    pub(super) fn newest(&self, key: &[u8]) -> Result<Option<(u64, Option<Bytes>)>, StoreError> {
        let Some(version) = self.version else { return Ok(None) };
        let (from, to) = (value_key(key, version), end_of(&value_key(key, 0)));
        let found = self.store.records.range(&from, &to, 1)?;
        let Some((record, value)) = found.first() else { return Ok(None) };
        let damaged = StoreError::Damaged { record: "key" };
        let (_, version) = decode_value_key(record).ok_or(damaged)?;
        let value = decode_value(value)?.map(Bytes::copy_from_slice);
        Ok(Some((version, value)))
    }
}
