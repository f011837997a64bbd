//! Transactions: bytes that only the application understands.

use std::fmt;

use bytes::Bytes;

use crate::hash::Hash;

/// A transaction. Cloning shares the bytes.
pub type Tx = Bytes;

/// What the world calls a transaction: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxHash(pub Hash);

impl TxHash {
    /// The hash of a transaction.
    pub fn of(tx: &[u8]) -> Self {
        Self(Hash::of(tx))
    }
}

impl fmt::Display for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What this node calls a transaction: the BLAKE3 digest of its bytes. Never leaves the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxKey(pub [u8; 32]);

impl TxKey {
    /// The key of a transaction.
    pub fn of(tx: &[u8]) -> Self {
        Self(blake3::hash(tx).into())
    }
}
