//! Why the store could not do what it was asked. Whose fault: the disk's, or the operator's.

use std::path::PathBuf;

use types::DecodeError;

/// Why the store could not do what it was asked. Every one is a reason for the node to stop.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder cannot be made or read, or RocksDB refuses it.
    #[error("store in {}: cannot open: {reason}", folder.display())]
    Open {
        /// Where.
        folder: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// Another process has the folder open.
    #[error("store in {} is in use by another process; stop that node first", folder.display())]
    Locked {
        /// Where.
        folder: PathBuf,
    },
    /// The folder has files, but not ours.
    #[error(
        "{} holds files but no store ({problem}); choose an empty folder or restore the file",
        folder.display()
    )]
    NotAStore {
        /// Where.
        folder: PathBuf,
        /// What is missing or unreadable.
        problem: String,
    },
    /// Written by a later release.
    #[error(
        "store in {} has format {found}, this release knows up to {expected}; \
         use the newer release that wrote it",
        folder.display()
    )]
    NewerFormat {
        /// Where.
        folder: PathBuf,
        /// In the folder.
        found: u32,
        /// The newest that we know.
        expected: u32,
    },
    /// The folder belongs to another chain.
    #[error(
        "store in {} belongs to chain {found}, the genesis file is of chain {expected}; \
         use that chain's genesis file or another folder",
        folder.display()
    )]
    OtherChain {
        /// Where.
        folder: PathBuf,
        /// Name and genesis hash in the folder.
        found: String,
        /// Name and genesis hash of the genesis file.
        expected: String,
    },
    /// Rows could not be read.
    #[error("cannot read {column} from the store: {reason}; check the disk")]
    Read {
        /// Which column.
        column: &'static str,
        /// In the words of the system.
        reason: String,
    },
    /// Rows could not be written or synced. Nobody knows what is on the disk now, so nobody may
    /// try again: the node stops, and what was synced before is found at the next start.
    #[error("cannot write to the store: {reason}; the node stops, check space and health of disk")]
    Write {
        /// In the words of the system.
        reason: String,
    },
    /// A write has failed before, so no other is tried.
    #[error("the store takes no more writes, one has failed; the node must be started again")]
    Failed,
    /// What was read is not what was written.
    #[error("the store is damaged: {what}: {reason}; restore a backup or sync the node anew")]
    Damaged {
        /// Which row.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StorageError {
    /// A row that is there but cannot be read.
    pub(crate) fn damaged(what: impl Into<String>, reason: impl ToString) -> Self {
        StorageError::Damaged { what: what.into(), reason: reason.to_string() }
    }
}

/// Names the row in which a decoder found a fault.
pub(crate) trait InRow<T> {
    /// Turns the decoder's error into [`StorageError::Damaged`] for `row` of `column`.
    fn in_row(self, column: &'static str, row: impl ToString) -> Result<T, StorageError>;
}

impl<T> InRow<T> for Result<T, DecodeError> {
    fn in_row(self, column: &'static str, row: impl ToString) -> Result<T, StorageError> {
        self.map_err(|error| {
            StorageError::damaged(format!("{column} of {}", row.to_string()), error)
        })
    }
}

impl<T> InRow<T> for Result<T, prost::DecodeError> {
    fn in_row(self, column: &'static str, row: impl ToString) -> Result<T, StorageError> {
        self.map_err(|error| {
            StorageError::damaged(format!("{column} of {}", row.to_string()), error)
        })
    }
}
