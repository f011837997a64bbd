//! Signatures that were found right, for all in a node who check some: a precommit is checked once,
//! not again in the next block's last commit.

#![expect(clippy::disallowed_types, reason = "two threads of a node share it")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use types::verified::Remembered;

/// Signatures that were found right. Cloning shares them.
#[derive(Clone, Default)]
pub struct SharedMemory {
    remembered: Arc<Mutex<Remembered>>,
}

impl SharedMemory {
    /// Shares what is remembered.
    pub fn new(remembered: Remembered) -> Self {
        Self { remembered: Arc::new(Mutex::new(remembered)) }
    }

    /// Looks things up, and adds to them. Held for the length of one batch.
    pub fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
