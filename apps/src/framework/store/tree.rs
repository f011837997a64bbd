//! The Jellyfish Merkle tree over the state, kept among the other records. What it says of its
//! failures are `anyhow`'s errors, which go no further than this file.

use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher};
use sha2::Digest;

use super::keys;
use super::records::Batch;
use super::{StoreError, View};

/// The tree's hash function, in the version that the rest of the project has.
pub struct Sha256(sha2::Sha256);

impl SimpleHasher for Sha256 {
    fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The place of a key in the tree.
pub fn key_hash(key: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(key).into()
}

/// Changes of the tree: hashes of keys, and their new values or none.
pub type Changes = Vec<([u8; 32], Option<Vec<u8>>)>;

/// Puts the nodes of a new version of the tree into a batch. Returns its root.
pub fn update(
    before: &View,
    changes: Changes,
    version: u64,
    batch: &mut Batch,
) -> Result<[u8; 32], StoreError> {
    let tree = JellyfishMerkleTree::<_, Sha256>::new(before);
    let changes = changes.into_iter().map(|(hash, value)| (KeyHash(hash), value));
    let (root, update) = tree.put_value_set(changes, version).map_err(failed)?;
    for (key, node) in update.node_batch.nodes() {
        batch.insert(encoded_key(key)?, Some(encoded(node)?));
    }
    for stale in &update.stale_node_index_batch {
        let note = keys::stale_key(stale.stale_since_version, &encoded_key(&stale.node_key)?);
        batch.insert(note, Some(Vec::new()));
    }
    Ok(root.0)
}

/// The value of a key with a proof that it is there, or a proof that there is none.
pub fn prove(
    view: &View,
    key: &[u8],
) -> Result<(Option<OwnedValue>, ics23::CommitmentProof), StoreError> {
    let nothing = || StoreError::Tree { reason: "there is no state yet".to_owned() };
    let version = view.version.ok_or_else(nothing)?;
    let tree = JellyfishMerkleTree::<_, Sha256>::new(view);
    tree.get_with_ics23_proof(key.to_vec(), version).map_err(failed)
}

impl TreeReader for View {
    fn get_node_option(&self, node_key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let record = self.store.records.find(&encoded_key(node_key)?)?;
        Ok(record.map(|it| borsh::from_slice(&it)).transpose()?)
    }

    fn get_value_option(
        &self,
        max_version: jmt::Version,
        key_hash: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        let Some(key) = self.preimage(key_hash)? else { return Ok(None) };
        let view = View::new(self.store.clone(), Some(max_version));
        Ok(view.find(&key)?.map(Into::into))
    }

    /// Only asked for while a tree is restored node by node, which we do not do.
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

impl HasPreimage for View {
    fn preimage(&self, key_hash: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.store.records.find(&keys::preimage_key(&key_hash.0))?)
    }
}

fn encoded_key(key: &NodeKey) -> Result<Vec<u8>, StoreError> {
    Ok(keys::node_key(&encoded(key)?))
}

fn encoded<T: borsh::BorshSerialize>(it: &T) -> Result<Vec<u8>, StoreError> {
    borsh::to_vec(it).map_err(|error| StoreError::Tree { reason: error.to_string() })
}

fn failed(error: anyhow::Error) -> StoreError {
    StoreError::Tree { reason: format!("{error:#}") }
}
