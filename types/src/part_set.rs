//! A block cut into parts of 64 KiB, each provable under one root, so that they travel alone.

use bytes::{Bytes, BytesMut};

use crate::bits::BitArray;
use crate::block::{BLOCK_BYTES_MAX, PartSetHeader};
use crate::merkle::{self, Proof};

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
    /// Cuts bytes into parts with proofs. The parts are slices of `bytes`.
    pub fn cut(bytes: Bytes) -> Self {
        let starts = (0..bytes.len().max(1)).step_by(PART_BYTES);
        let slices: Vec<Bytes> =
            starts.map(|start| bytes.slice(start..bytes.len().min(start + PART_BYTES))).collect();
        let (hash, proofs) = merkle::root_and_proofs(&slices);
        let total = u32::try_from(slices.len()).expect("a block has few parts");
        let mut set = Self::awaiting(PartSetHeader { total, hash });
        for (index, (bytes, proof)) in (0..total).zip(slices.into_iter().zip(proofs)) {
            set.keep(Part { index, bytes, proof });
        }
        set
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
        let index = part.index;
        let Some(slot) = self.parts.get(index as usize) else {
            return Err(PartError::Index { index, total: self.header.total });
        };
        if slot.is_some() {
            return Ok(false);
        }
        let is_last = index + 1 == self.header.total;
        let length = part.bytes.len();
        if PART_BYTES < length || (length < PART_BYTES && !is_last) {
            return Err(PartError::Size { index, actual: length });
        }
        let of_this_set = part.proof.index == u64::from(index)
            && part.proof.total == u64::from(self.header.total);
        if !of_this_set || !part.proof.verifies(&self.header.hash, &part.bytes) {
            return Err(PartError::Proof { index });
        }
        self.keep(part);
        Ok(true)
    }

    fn keep(&mut self, part: Part) {
        let index = part.index as usize;
        self.bytes += part.bytes.len();
        self.have.set(index);
        self.parts[index] = Some(part);
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
    pub fn assemble(&self) -> Option<Bytes> {
        if !self.is_complete() {
            return None;
        }
        let mut bytes = BytesMut::with_capacity(self.bytes);
        for part in self.parts.iter().flatten() {
            bytes.extend_from_slice(&part.bytes);
        }
        Some(bytes.freeze())
    }
}
