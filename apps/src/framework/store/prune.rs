//! Forgetting what nobody can ask about any more, a bounded piece after each commit.

use super::keys::{self, ANCHOR_PREFIX, STALE_PREFIX, VALUE_PREFIX, anchor_key, tombstone};
use super::records::{Batch, Durability};
use super::{Store, StoreError, tree};

/// Records that are forgotten after one commit, at most. A block that writes more than this leaves
/// the rest to those after it.
const AT_ONCE: usize = 100_000;

impl Store {
    /// Forgets what only heights below the floor need. May be lost in a crash: the notes of what is
    /// stale go with what they are about, so it is done again.
    pub(super) fn prune(&self) -> Result<(), StoreError> {
        let Some(tip) = self.tip() else { return Ok(()) };
        let mut batch = Batch::new();
        let heights = self.records.range(&[ANCHOR_PREFIX], &anchor_key(tip.floor), AT_ONCE)?;
        if heights.is_empty() {
            return Ok(());
        }
        batch.extend(heights.into_iter().map(|(key, _)| (key, None)));
        let needed_from = self.version_at(tip.floor)?;
        let end = keys::stale_key(needed_from.saturating_add(1), &[]);
        for (note, _) in self.records.range(&[STALE_PREFIX], &end, AT_ONCE)? {
            let damaged = StoreError::Damaged { record: "note of staleness" };
            let record = keys::decode_stale_key(&note).ok_or(damaged)?.to_vec();
            if let Some(preimage) = self.preimage_gone_with(&record, tip.version)? {
                batch.insert(preimage, None);
            }
            batch.insert(record, None);
            batch.insert(note, None);
        }
        self.records.write(batch, Durability::Lazy)
    }

    /// The note of a key's hash, if the last that happened to the key is this record of its
    /// removal.
    fn preimage_gone_with(
        &self,
        record: &[u8],
        version: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if record.first() != Some(&VALUE_PREFIX)
            || self.records.find(record)?.is_none_or(|it| it != tombstone())
        {
            return Ok(None);
        }
        let damaged = StoreError::Damaged { record: "key" };
        let (key, _) = keys::decode_value_key(record).ok_or(damaged)?;
        let newest = (keys::value_key(&key, version), keys::end_of(&keys::value_key(&key, 0)));
        let newest = self.records.range(&newest.0, &newest.1, 1)?;
        let is_last = newest.first().is_some_and(|(newest, _)| newest == record);
        Ok(is_last.then(|| keys::preimage_key(&tree::key_hash(&key))))
    }
}
