//! RFC 6962 Merkle trees over SHA-256, and proofs of membership. spec: `crypto/merkle`.

use sha2::{Digest, Sha256};

use crate::hash::{HASH_BYTES, Hash};

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
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
    subtree_root(&hashes)
}

/// Root of the tree over `leaves`, and a proof for each.
pub fn root_and_proofs<L: AsRef<[u8]>>(leaves: &[L]) -> (Hash, Vec<Proof>) {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
    let mut aunts = vec![Vec::new(); hashes.len()];
    let root = collect_aunts(&hashes, &mut aunts);
    let total = hashes.len() as u64;
    let proofs = (0..total).zip(hashes.into_iter().zip(aunts));
    let proofs = proofs.map(|(index, (leaf_hash, aunts))| Proof { total, index, leaf_hash, aunts });
    (root, proofs.collect())
}

impl Proof {
    /// Whether this proves that `leaf` is at `self.index` of the tree of `self.total` leaves under
    /// `root`.
    pub fn verifies(&self, root: &Hash, leaf: &[u8]) -> bool {
        self.leaf_hash == leaf_hash(leaf) && self.root().is_some_and(|own| own == *root)
    }

    /// The root that this proof leads to, if it has exactly the aunts that its index needs.
    fn root(&self) -> Option<Hash> {
        if self.total <= self.index || AUNTS_MAX < self.aunts.len() {
            return None;
        }
        // From the root down: on which side of its parent our subtree lies.
        let (mut index, mut total) = (self.index, self.total);
        let mut sides = Vec::new();
        while 1 < total {
            let left = left_count(total);
            let is_left = index < left;
            (index, total) = if is_left { (index, left) } else { (index - left, total - left) };
            sides.push(is_left);
        }
        if sides.len() != self.aunts.len() {
            return None;
        }
        let upwards = sides.into_iter().rev().zip(&self.aunts);
        Some(upwards.fold(self.leaf_hash, |hash, (is_left, aunt)| {
            if is_left { inner_hash(&hash, aunt) } else { inner_hash(aunt, &hash) }
        }))
    }
}

/// Leaves and inner nodes are hashed with different prefixes, so that none passes for the other.
pub(crate) fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

fn inner_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 1 + 2 * HASH_BYTES];
    bytes[1..=HASH_BYTES].copy_from_slice(&left.0);
    bytes[1 + HASH_BYTES..].copy_from_slice(&right.0);
    Hash::of(&bytes)
}

/// How many of `total` leaves (at least two) are on the left: the largest power of two below it.
fn left_count(total: u64) -> u64 {
    1 << (total - 1).ilog2()
}

/// Root of the tree over leaves with these hashes.
pub(crate) fn subtree_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::of(&[]),
        [leaf] => *leaf,
        [_, _, ..] => {
            let (left, right) = split(hashes);
            inner_hash(&subtree_root(left), &subtree_root(right))
        }
    }
}

/// As [`subtree_root`], and adds to each leaf's aunts those of this subtree.
fn collect_aunts(hashes: &[Hash], aunts: &mut [Vec<Hash>]) -> Hash {
    let [_, _, ..] = hashes else {
        return subtree_root(hashes);
    };
    let (left, right) = split(hashes);
    let (left_aunts, right_aunts) = aunts.split_at_mut(left.len());
    let left_root = collect_aunts(left, left_aunts);
    let right_root = collect_aunts(right, right_aunts);
    left_aunts.iter_mut().for_each(|aunts| aunts.push(right_root));
    right_aunts.iter_mut().for_each(|aunts| aunts.push(left_root));
    inner_hash(&left_root, &right_root)
}

fn split(hashes: &[Hash]) -> (&[Hash], &[Hash]) {
    let left = left_count(hashes.len() as u64);
    hashes.split_at(usize::try_from(left).expect("less than the length of a slice"))
}
