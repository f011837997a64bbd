//! The committed state: every key with its earlier values, as far back as is retained, and the tree
//! whose root is the app hash.
//!
//! A *version* is a change of the tree; a height at which nothing changes has the version of the
//! one before, so an empty block leaves the app hash alone. A commit is one synced batch. Readers
//! need no lock and no snapshot: what they read has a version.

mod disk;
mod keys;
mod memory;
mod prune;
mod records;
mod tree;
mod view;

use std::sync::{Arc, PoisonError, RwLock};

use types::{AppHash, Height};

pub use disk::DiskRecords;
pub use memory::MemoryRecords;
pub use records::{Batch, Durability, Records, StoreError};
pub use view::View;

use super::overlay::Writes;
use keys::{Tip, anchor_key, decode_tip, encode_tip, live, tombstone, value_key};

/// The committed state of one application.
pub struct Store {
    records: Arc<dyn Records>,
    /// How many heights can be asked about, the last included; none is all of them.
    retained: Option<u64>,
    tip: RwLock<Option<Tip>>,
}

/// What a block changes, worked out and ready to be written.
pub struct Staged {
    /// The digest of the state after it.
    pub app_hash: AppHash,
    version: u64,
    batch: Batch,
}

impl Store {
    /// Opens the state that these records hold.
    ///
    /// # Errors
    /// If they cannot be read, or are not what this software writes.
    pub fn open(records: Arc<dyn Records>, retained: Option<u64>) -> Result<Arc<Self>, StoreError> {
        let tip = records.find(keys::TIP_KEY)?.map(|it| decode_tip(&it)).transpose()?;
        Ok(Arc::new(Self { records, retained, tip: RwLock::new(tip) }))
    }

    /// The last committed height; none before the first block.
    pub fn height(&self) -> Option<Height> {
        self.tip().and_then(|tip| (!tip.is_genesis).then_some(Height(tip.height)))
    }

    /// The digest of the committed state; empty if there is none.
    pub fn app_hash(&self) -> AppHash {
        self.tip().map(|tip| app_hash(tip.root)).unwrap_or_default()
    }

    /// The lowest height that can be asked about; none before the first block.
    pub fn floor(&self) -> Option<Height> {
        self.tip().map(|tip| Height(tip.floor))
    }

    /// The committed state.
    pub fn view(self: &Arc<Self>) -> View {
        View::new(Arc::clone(self), self.tip().map(|tip| tip.version))
    }

    /// The state as it was after a height; none if that is not retained, or not reached.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn view_at(self: &Arc<Self>, height: Height) -> Result<Option<View>, StoreError> {
        let Some(tip) = self.tip() else { return Ok(None) };
        if height.0 < tip.floor || tip.height < height.0 {
            return Ok(None);
        }
        match self.version_at(height.0) {
            Ok(version) => Ok(Some(View::new(Arc::clone(self), Some(version)))),
            // It was forgotten while we looked.
            Err(_) if self.floor().is_none_or(|floor| height < floor) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces whatever there is by a state, as that before the first block.
    ///
    /// # Errors
    /// If the store fails.
    pub fn begin(self: &Arc<Self>, writes: &Writes, height: u64) -> Result<AppHash, StoreError> {
        self.clear()?;
        let staged = self.stage(writes)?;
        let app_hash = staged.app_hash.clone();
        self.write(staged, height, true)?;
        Ok(app_hash)
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// If the store fails.
    pub fn clear(&self) -> Result<(), StoreError> {
        const AT_ONCE: usize = 10_000;
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = None;
        // The tip goes with the first batch, so that a crash leaves nothing that looks whole.
        let mut batch = Batch::from([(keys::TIP_KEY.to_vec(), None)]);
        loop {
            let found = self.records.range(&[], &[0xff], AT_ONCE)?;
            let is_last = found.len() < AT_ONCE;
            batch.extend(found.into_iter().map(|(key, _)| (key, None)));
            self.records.write(std::mem::take(&mut batch), Durability::Synced)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Works out what these writes make of the committed state. Writes that change nothing are left
    /// out.
    ///
    /// # Errors
    /// If the store fails.
    pub fn stage(self: &Arc<Self>, writes: &Writes) -> Result<Staged, StoreError> {
        let (tip, view) = (self.tip(), self.view());
        let version = tip.map_or(0, |tip| tip.version + 1);
        let mut batch = Batch::new();
        let mut changes = Vec::new();
        for (key, value) in writes {
            let known = view.newest(key)?;
            let known_value = known.as_ref().and_then(|it| it.1.as_ref());
            if known_value == value.as_ref() {
                continue;
            }
            if known_value.is_none() {
                batch.insert(keys::preimage_key(&tree::key_hash(key)), Some(key.clone()));
            }
            let record = value_key(key, version);
            if let Some((known_version, _)) = known {
                let stale = keys::stale_key(version, &value_key(key, known_version));
                batch.insert(stale, Some(Vec::new()));
            }
            if value.is_none() {
                // A version later: a tombstone outlives what it hides, wherever pruning stops.
                batch.insert(keys::stale_key(version + 1, &record), Some(Vec::new()));
            }
            batch.insert(record, Some(value.as_ref().map_or_else(tombstone, |it| live(it))));
            changes.push((tree::key_hash(key), value.as_ref().map(|it| it.to_vec())));
        }
        match tip {
            Some(tip) if changes.is_empty() => {
                Ok(Staged { app_hash: app_hash(tip.root), version: tip.version, batch })
            }
            Some(_) | None => {
                let root = tree::update(&view, changes, version, &mut batch)?;
                Ok(Staged { app_hash: app_hash(root), version, batch })
            }
        }
    }

    /// Makes a staged block the committed state of a height, durably.
    ///
    /// # Errors
    /// If the store fails.
    pub fn commit(&self, staged: Staged, height: Height) -> Result<(), StoreError> {
        self.write(staged, height.0, false)?;
        self.prune()
    }

    fn write(&self, staged: Staged, height: u64, is_genesis: bool) -> Result<(), StoreError> {
        let Staged { app_hash, version, mut batch } = staged;
        let root = app_hash.0[..].try_into().expect("a root of the tree has 32 bytes");
        let known_floor = self.tip().map_or(height, |tip| tip.floor);
        let floor = match self.retained {
            Some(retained) => known_floor.max(height.saturating_sub(retained.saturating_sub(1))),
            None => known_floor,
        };
        let tip = Tip { height, is_genesis, version, root, floor };
        batch.insert(anchor_key(height), Some(version.to_be_bytes().to_vec()));
        batch.insert(keys::TIP_KEY.to_vec(), Some(encode_tip(&tip)));
        self.records.write(batch, Durability::Synced)?;
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        Ok(())
    }

    fn tip(&self) -> Option<Tip> {
        *self.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn version_at(&self, height: u64) -> Result<u64, StoreError> {
        let damaged = StoreError::Damaged { record: "height" };
        let record = self.records.find(&anchor_key(height))?.ok_or_else(|| damaged.clone())?;
        Ok(u64::from_be_bytes(record.try_into().map_err(|_| damaged)?))
    }
}

fn app_hash(root: [u8; 32]) -> AppHash {
    AppHash(bytes::Bytes::copy_from_slice(&root))
}
