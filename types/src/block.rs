//! A block, its header, and its id.

use crate::commit::Commit;
use crate::evidence::Evidence;
use crate::hash::{Address, AppHash, Hash};
use crate::height::{ChainId, Height};
use crate::part_set::PartSet;
use crate::time::Time;
use crate::tx::Tx;

/// Version of the block format that we make and accept.
pub const BLOCK_VERSION: u64 = 11;
/// Largest encoded block in bytes. spec: `MaxBlockSizeBytes`.
pub const BLOCK_BYTES_MAX: usize = 104_857_600;
/// Largest encoded header in bytes. spec: `MaxHeaderBytes`.
pub const HEADER_BYTES_MAX: usize = 626;

/// Versions that a header carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    /// Of the block format.
    pub block: u64,
    /// Of the application.
    pub app: u64,
}

/// Root and count of a block's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartSetHeader {
    /// How many parts.
    pub total: u32,
    /// Merkle root over the parts.
    pub hash: Hash,
}

/// What a vote is for: the header's hash, and the hash of the bytes it travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    /// Hash of the header.
    pub hash: Hash,
    /// The parts.
    pub parts: PartSetHeader,
}

/// What a block says of itself and of the chain before it. Its hash is the block's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Versions of block format and application.
    pub version: Version,
    /// The chain.
    pub chain_id: ChainId,
    /// Position in the chain.
    pub height: Height,
    /// Weighted median of the last commit's times; the genesis time in the first block.
    pub time: Time,
    /// The block before, none in the first.
    pub last_block_id: Option<BlockId>,
    /// Root over the last commit's signatures.
    pub last_commit_hash: Option<Hash>,
    /// Root over the transactions' hashes.
    pub data_hash: Option<Hash>,
    /// The validators of this height.
    pub validators_hash: Hash,
    /// The validators of the next height.
    pub next_validators_hash: Hash,
    /// The consensus parameters of this height.
    pub consensus_hash: Hash,
    /// The application's state after the block before.
    pub app_hash: AppHash,
    /// Root over the results of the block before.
    pub last_results_hash: Option<Hash>,
    /// Root over the evidence.
    pub evidence_hash: Option<Hash>,
    /// Who made the block.
    pub proposer_address: Address,
}

impl Header {
    /// Merkle root over the fourteen fields. spec: `Header.Hash`.
    pub fn hash(&self) -> Hash {
        crate::merkle::subtree_root(&crate::codec::header_leaves(self))
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it says of itself.
    pub header: Header,
    /// Transactions, in the order of execution.
    pub txs: Vec<Tx>,
    /// Proven misbehaviour.
    pub evidence: Vec<Evidence>,
    /// Why the block before was decided; none in the first block.
    pub last_commit: Option<Commit>,
}

impl Block {
    /// The header's hash.
    pub fn hash(&self) -> Hash {
        self.header.hash()
    }

    /// Encodes the block and cuts it into parts.
    pub fn part_set(&self) -> PartSet {
        PartSet::cut(crate::codec::encode_block(self))
    }

    /// Bytes of the encoded block, found without encoding it.
    pub fn encoded_bytes(&self) -> u64 {
        let bytes = crate::codec::block_bytes(self);
        u64::try_from(bytes).expect("what is in memory has a size of 64 bits")
    }

    /// The id of this block, given its parts.
    pub fn id(&self, parts: &PartSet) -> BlockId {
        BlockId { hash: self.hash(), parts: parts.header() }
    }
}

/// Root over the SHA-256 of each transaction. spec: `Txs.Hash`.
pub fn txs_hash(txs: &[Tx]) -> Hash {
    let leaves: Vec<Hash> = txs.iter().map(|tx| Hash::of(tx)).collect();
    let leaves: Vec<&[u8]> = leaves.iter().map(Hash::as_bytes).collect();
    crate::merkle::root(&leaves)
}

/// Root over the encoded evidence. spec: `EvidenceList.Hash`.
pub fn evidence_hash(evidence: &[Evidence]) -> Hash {
    let leaves: Vec<Vec<u8>> = evidence.iter().map(crate::codec::evidence_leaf).collect();
    crate::merkle::root(&leaves)
}
