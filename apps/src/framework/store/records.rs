//! The seam under the store: an ordered map of bytes that is written in batches.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Records and what becomes of them: a new value, or none if they are removed.
pub type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A record: its key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// When a batch must be safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Before the call returns.
    Synced,
    /// Whenever it suits; a crash may lose it.
    Lazy,
}

/// An ordered map of bytes, on disk or in memory. A batch is written whole or not at all.
pub trait Records: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// If the disk fails.
    fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `count_max` records from one key up to, and without, another.
    ///
    /// # Errors
    /// If the disk fails.
    fn range(&self, from: &[u8], to: &[u8], count_max: usize) -> Result<Vec<Record>, StoreError>;

    /// Writes a batch.
    ///
    /// # Errors
    /// If the disk fails.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), StoreError>;
}

/// Why the store cannot be read or written: the disk's fault, which stops the node.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// The engine under it says so.
    #[error("the application's store failed: {reason}")]
    Engine {
        /// In its words.
        reason: String,
    },
    /// Somebody else has it open.
    #[error(
        "another process uses the application's store in {}; stop it, or choose another folder",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Written by a later version of this software.
    #[error("the application's store has format {actual}, this software knows {known}")]
    Format {
        /// What was found.
        actual: u8,
        /// What is known.
        known: u8,
    },
    /// A record is not as it was written.
    #[error("the application's store is damaged: {record}")]
    Damaged {
        /// Which record.
        record: &'static str,
    },
    /// The tree cannot be read or changed.
    #[error("the tree of the application's state failed: {reason}")]
    Tree {
        /// In the tree's words.
        reason: String,
    },
}
