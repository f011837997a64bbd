//! Every column, key and value on one page. Changing anything here changes the format: raise
//! [`FORMAT`] and write a migration (`version.rs`).
//!
//! Heights, indices and sequences in keys are big-endian, so that byte order is their order.
//!
//! | column | key | value |
//! |---|---|---|
//! | `chain` | `genesis` | the genesis file, byte for byte |
//! | `metas` | height | [`MetaRow`]: id, header and sizes of the block |
//! | `parts` | height, index | `Part`: a slice of the encoded block and its proof |
//! | `heights` | block hash | height, 8 bytes |
//! | `commits` | height | `Commit` that the next block carries |
//! | `seen_commits` | height | `ExtendedCommit` by which this node decided |
//! | `outcomes` | height, and for all pieces but the first, index | `BlockOutcome` in pieces |
//! | `txs` | transaction hash | [`TxRow`]: where it stands and its code |
//! | `states` | `last` | `ChainState` after the last executed block |
//! | `members` | height | [`MembersRow`]: keys and powers in force from this height on |
//! | `rotations` | height | [`RotationRow`]: where the height's members stand, and priorities |
//! | `params` | height | `ConsensusParams` in force at this height |
//! | `records` | height, sequence | what the replica was told or said at the height |
//! | `pending_evidence` | evidence hash | `Evidence` |
//! | `committed_evidence` | height it speaks of, its deed | empty |
//! | `chain` | `index` | [`IndexRow`]: which heights are in the index; absent if there is none |
//! | `indexed` | height | [`IndexedRow`]: how many transactions |
//! | `tx_events` | name, form, value, place | what is under each name in transactions' events |
//! | `block_events` | name, form, value, place | the same of blocks' events |
//!
//! An outcome is cut between its fields into pieces of about [`PIECE_BYTES`]; the index is of the
//! first transaction of which the piece may speak. Before format 3 it was one piece.
//!
//! The keys of the last two have three forms: `index/rows.rs` describes them.

use bytes::Bytes;
use types::{Hash, Height};

/// The format that this release writes.
pub const FORMAT: u32 = 3;

/// Least bytes of an outcome's piece, but for the last.
pub const PIECE_BYTES: usize = 32 * 1024;

/// Key of the genesis file in [`Column::Chain`].
pub const GENESIS_KEY: &[u8] = b"genesis";
/// Key of the index's range in [`Column::Chain`].
pub const INDEX_KEY: &[u8] = b"index";
/// Key of the state in [`Column::States`].
pub const LAST_STATE_KEY: &[u8] = b"last";

/// A family of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// What concerns the chain as a whole.
    Chain,
    /// Blocks without their contents.
    Metas,
    /// Contents of blocks.
    Parts,
    /// Heights by block hash.
    Heights,
    /// Commits as the chain has them.
    Commits,
    /// Commits as this node saw them.
    SeenCommits,
    /// What came of executing blocks.
    Outcomes,
    /// Places of transactions by hash.
    Txs,
    /// The state between two blocks.
    States,
    /// Validators' keys and powers, where they changed.
    Members,
    /// Validators' priorities at each height.
    Rotations,
    /// Consensus parameters at each height.
    Params,
    /// What the replica was told or said.
    Records,
    /// Misbehaviour that is not in a block yet.
    PendingEvidence,
    /// Misbehaviour that is.
    CommittedEvidence,
    /// Heights that can be searched.
    Indexed,
    /// Events of transactions by what they carry.
    TxEvents,
    /// Events of blocks by what they carry.
    BlockEvents,
}

impl Column {
    /// All columns.
    pub const ALL: [Column; 18] = [
        Column::Chain,
        Column::Metas,
        Column::Parts,
        Column::Heights,
        Column::Commits,
        Column::SeenCommits,
        Column::Outcomes,
        Column::Txs,
        Column::States,
        Column::Members,
        Column::Rotations,
        Column::Params,
        Column::Records,
        Column::PendingEvidence,
        Column::CommittedEvidence,
        Column::Indexed,
        Column::TxEvents,
        Column::BlockEvents,
    ];

    /// Its name on disk and in errors.
    pub fn name(self) -> &'static str {
        match self {
            Column::Chain => "chain",
            Column::Metas => "metas",
            Column::Parts => "parts",
            Column::Heights => "heights",
            Column::Commits => "commits",
            Column::SeenCommits => "seen_commits",
            Column::Outcomes => "outcomes",
            Column::Txs => "txs",
            Column::States => "states",
            Column::Members => "members",
            Column::Rotations => "rotations",
            Column::Params => "params",
            Column::Records => "records",
            Column::PendingEvidence => "pending_evidence",
            Column::CommittedEvidence => "committed_evidence",
            Column::Indexed => "indexed",
            Column::TxEvents => "tx_events",
            Column::BlockEvents => "block_events",
        }
    }
}

/// Key of what there is one of at each height.
pub fn height_key(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}

/// The height that a key begins with; none if the key is too short.
pub fn height_of_key(key: &[u8]) -> Option<Height> {
    Some(Height(u64::from_be_bytes(*key.first_chunk()?)))
}

/// Key of a block's part.
pub fn part_key(height: Height, index: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&height_key(height));
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Key of a piece of an outcome, before which so many results stand.
pub fn piece_key(height: Height, before: u32) -> Vec<u8> {
    match before {
        0 => height_key(height).to_vec(),
        before => part_key(height, before).to_vec(),
    }
}

/// How many results stand before a piece of an outcome; none if the key is too short.
pub fn before_piece(key: &[u8]) -> Option<u32> {
    match key.get(8..)? {
        [] => Some(0),
        before => Some(u32::from_be_bytes(*before.first_chunk()?)),
    }
}

/// Key of a record.
pub fn record_key(height: Height, sequence: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&height_key(height));
    key[8..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// The sequence in a record's key; none if the key is too short.
pub fn sequence_of_key(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(8..)?.first_chunk()?))
}

/// Key of committed evidence that speaks of `height`, by what was done.
pub fn committed_evidence_key(height: Height, deed: &Hash) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&height_key(height));
    key[8..].copy_from_slice(deed.as_bytes());
    key
}

/// A block without its contents.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MetaRow {
    /// Hash of the header.
    #[prost(bytes = "bytes", tag = "1")]
    pub hash: Bytes,
    /// How many parts.
    #[prost(uint32, tag = "2")]
    pub parts_total: u32,
    /// Root over the parts.
    #[prost(bytes = "bytes", tag = "3")]
    pub parts_hash: Bytes,
    /// Size of the encoded block.
    #[prost(uint64, tag = "4")]
    pub block_bytes: u64,
    /// How many transactions.
    #[prost(uint32, tag = "5")]
    pub txs_count: u32,
    /// The header in protobuf.
    #[prost(bytes = "bytes", tag = "6")]
    pub header: Bytes,
    /// For each part, how many transactions begin before it. Empty in rows of formats before 3.
    #[prost(uint32, repeated, tag = "7")]
    pub txs_before: Vec<u32>,
    /// For each part, at which byte of the encoded block the first transaction begins that begins
    /// in it or later; the end of the block if there is none. Empty in rows of formats before 3.
    #[prost(uint32, repeated, tag = "8")]
    pub next_tx_at: Vec<u32>,
}

/// Where a transaction stands.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TxRow {
    /// Of its block.
    #[prost(uint64, tag = "1")]
    pub height: u64,
    /// In its block.
    #[prost(uint32, tag = "2")]
    pub index: u32,
    /// 0 is success.
    #[prost(uint32, tag = "3")]
    pub code: u32,
}

/// Which heights are in the index.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct IndexRow {
    /// The first.
    #[prost(uint64, tag = "1")]
    pub base: u64,
    /// The last; one below the first if there is none yet.
    #[prost(uint64, tag = "2")]
    pub height: u64,
}

/// A height in the index.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct IndexedRow {
    /// Transactions of all heights before it, as far as the index ever knew them.
    #[prost(uint64, tag = "1")]
    pub txs_before: u64,
    /// Its own transactions.
    #[prost(uint32, tag = "2")]
    pub txs: u32,
}

/// Validators' keys and powers in the order of the set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MembersRow {
    /// The members.
    #[prost(message, repeated, tag = "1")]
    pub members: Vec<MemberRow>,
}

/// One validator's key and power.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MemberRow {
    /// Ed25519, 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub public_key: Bytes,
    /// Above zero.
    #[prost(uint64, tag = "2")]
    pub power: u64,
}

/// What changes at every height though the members stay: the rotation of proposers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RotationRow {
    /// Height under which the members stand.
    #[prost(uint64, tag = "1")]
    pub members_from: u64,
    /// Address of the proposer of round 0.
    #[prost(bytes = "bytes", tag = "2")]
    pub proposer: Bytes,
    /// One for each member, in order.
    #[prost(sint64, repeated, tag = "3")]
    pub priorities: Vec<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_what_they_are_made_of() {
        assert!(part_key(Height(1), u32::MAX) < part_key(Height(2), 0));
        assert!(part_key(Height(255), 1) < part_key(Height(256), 0));
        assert!(record_key(Height(7), 255) < record_key(Height(7), 256));
        assert!(record_key(Height(7), u64::MAX)[..] < height_key(Height(8))[..]);
    }

    #[test]
    fn keys_give_back_what_they_are_made_of() {
        let key = record_key(Height(3), 9);
        assert_eq!(height_of_key(&key), Some(Height(3)));
        assert_eq!(sequence_of_key(&key), Some(9));
        assert_eq!(height_of_key(&key[..7]), None);
        assert_eq!(sequence_of_key(&key[..15]), None);
    }

    #[test]
    fn column_names_differ() {
        let names: std::collections::BTreeSet<_> =
            Column::ALL.iter().map(|column| column.name()).collect();
        assert_eq!(names.len(), Column::ALL.len());
    }
}
