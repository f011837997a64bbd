//! Hashes and what is named by them: SHA-256 for whatever somebody outside this node verifies.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Bytes of a SHA-256 hash.
pub const HASH_BYTES: usize = 32;
/// Bytes of an address: the first 20 of the SHA-256 of a public key.
pub const ADDRESS_BYTES: usize = 20;

/// A SHA-256 hash. Shown as upper-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; HASH_BYTES]);

impl Hash {
    /// Hashes `bytes` with SHA-256.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Who a validator is: the first 20 bytes of the SHA-256 of its public key. Upper-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; ADDRESS_BYTES]);

impl Address {
    /// The bytes of the address.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The application's own digest of its state after a block; of any length, in the next header.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AppHash(pub Bytes);

macro_rules! hex_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode_upper(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_text!(Hash);
hex_text!(Address);
hex_text!(AppHash);
