//! RFC 6962 Merkle trees over SHA-256, and proofs of membership. spec: `crypto/merkle`.

use crate::hash::Hash;

/// Longest chain of aunts in a proof. spec: `MaxAunts`.
pub const AUNTS_MAX: usize = 100;

/// Proves that a leaf is at an index of a tree with a known root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Leaves of the tree.
    pub total: u64,
    /// Which leaf, from 0.
    pub index: u64,
    /// Hash of the leaf (with the leaf prefix).
    pub leaf_hash: Hash,
    /// Siblings from the leaf's up to the root's children.
    pub aunts: Vec<Hash>,
}

/// Root of the tree over `leaves`; the SHA-256 of nothing if there are none.
pub fn root<L: AsRef<[u8]>>(leaves: &[L]) -> Hash {
    let _ = leaves;
    unimplemented!()
}

/// Root of the tree over `leaves`, and a proof for each.
pub fn root_and_proofs<L: AsRef<[u8]>>(leaves: &[L]) -> (Hash, Vec<Proof>) {
    let _ = leaves;
    unimplemented!()
}

impl Proof {
    /// Whether this proves that `leaf` is at `self.index` of the tree of `self.total` leaves under
    /// `root`.
    pub fn verifies(&self, root: &Hash, leaf: &[u8]) -> bool {
        let _ = (root, leaf);
        unimplemented!()
    }
}
