//! A block cut into parts of 64 KiB, each provable under one root, so that they travel alone.

use bytes::Bytes;

use crate::bits::BitArray;
use crate::block::{BLOCK_BYTES_MAX, PartSetHeader};
use crate::merkle::Proof;

/// Bytes of a part; the last may be shorter. spec: `BlockPartSizeBytes`.
pub const PART_BYTES: usize = 65_536;
/// Most parts of a block.
pub const PARTS_MAX: usize = BLOCK_BYTES_MAX.div_ceil(PART_BYTES) + 1;

/// One part of a block. `index` always equals the proof's (checked where it is decoded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which part, from 0.
    pub index: u32,
    /// The bytes.
    pub bytes: Bytes,
    /// That they belong to the set.
    pub proof: Proof,
}

/// Parts under one header: complete when cut from a block, growing when they come from peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSet {
    header: PartSetHeader,
    parts: Vec<Option<Part>>,
    have: BitArray,
    bytes: usize,
}

/// Why a part was not added.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PartError {
    /// Its index is beyond the set.
    #[error("part {index} of a set of {total}")]
    Index {
        /// Of the part.
        index: u32,
        /// Of the set.
        total: u32,
    },
    /// Its proof does not lead to the set's root.
    #[error("part {index} is not of this set")]
    Proof {
        /// Of the part.
        index: u32,
    },
    /// It is longer than a part may be, or shorter though not the last.
    #[error("part {index} has {actual} bytes")]
    Size {
        /// Of the part.
        index: u32,
        /// Of the part.
        actual: usize,
    },
}

impl PartSet {
    /// Cuts bytes into parts with proofs.
    pub fn cut(bytes: &[u8]) -> Self {
        let _ = bytes;
        unimplemented!()
    }

    /// An empty set that waits for the parts under `header`. The caller has checked
    /// `header.total` against [`PARTS_MAX`].
    pub fn awaiting(header: PartSetHeader) -> Self {
        let total = header.total as usize;
        Self { header, parts: vec![None; total], have: BitArray::new(total), bytes: 0 }
    }

    /// Root and count.
    pub fn header(&self) -> PartSetHeader {
        self.header
    }

    /// Adds a part after checking its proof. Returns false if it was already there.
    ///
    /// # Errors
    /// If the part is not of this set.
    pub fn add(&mut self, part: Part) -> Result<bool, PartError> {
        let _ = part;
        unimplemented!()
    }

    /// A part, if it is here.
    pub fn get(&self, index: u32) -> Option<&Part> {
        self.parts.get(index as usize)?.as_ref()
    }

    /// Which parts are here.
    pub fn have(&self) -> &BitArray {
        &self.have
    }

    /// Bytes of the parts that are here.
    pub fn bytes_count(&self) -> usize {
        self.bytes
    }

    /// Whether all parts are here.
    pub fn is_complete(&self) -> bool {
        self.have.is_full()
    }

    /// The encoded block, once all parts are here.
    pub fn assemble(&self) -> Option<Vec<u8>> {
        unimplemented!()
    }
}
