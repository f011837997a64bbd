//! Blocks, headers, block ids and parts.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{self, WireType};
use tendermint_proto::v0_38::{crypto, types, version};

use super::scalar::{
    address, at_most, bytes_field, chain_id, hash, hash_option, hash_option_to_wire, height,
    height_to_wire, refused, required, time, time_to_wire, unsigned,
};
use super::{DecodeError, decoded, evidence, limit, vote, wire};
use crate::block::{BLOCK_BYTES_MAX, Block, BlockId, Header, PartSetHeader, Version};
use crate::hash::{AppHash, Hash};
use crate::merkle::{AUNTS_MAX, Proof, leaf_hash};
use crate::part_set::{PART_BYTES, PARTS_MAX, Part};

/// Longest digest of an application that a header may carry, in bytes. The reference sets no
/// limit of its own; this one keeps a header small.
pub const APP_HASH_BYTES_MAX: usize = 65_536;

/// The block's bytes, as they are cut into parts.
pub fn encode_block(block: &Block) -> Bytes {
    block_to_wire(block).encode_to_vec().into()
}

/// How many bytes [`encode_block`] makes, found without copying transactions.
pub fn block_bytes(block: &Block) -> usize {
    let txs: usize = block.txs.iter().map(|tx| field_bytes(tx.len())).sum();
    let frame = wire::Block {
        header: Some(header_to_wire(&block.header)),
        data: None,
        evidence: Some(evidence::list_to_wire(&block.evidence)),
        last_commit: Some(vote::last_commit_to_wire(block.last_commit.as_ref())),
    };
    frame.encoded_len() + field_bytes(txs)
}

/// Bytes of a field of so many bytes, with what stands before them.
fn field_bytes(bytes: usize) -> usize {
    1 + prost::length_delimiter_len(bytes) + bytes
}

/// The bytes of the encoded block at which the fields of its transactions begin.
pub fn tx_offsets(block: &Block) -> impl Iterator<Item = usize> + '_ {
    let fields: usize = block.txs.iter().map(|tx| field_bytes(tx.len())).sum();
    let header = field_bytes(header_to_wire(&block.header).encoded_len());
    let first = header + field_bytes(fields) - fields;
    block.txs.iter().scan(first, |next, tx| {
        let offset = *next;
        *next += field_bytes(tx.len());
        Some(offset)
    })
}

/// Most bytes of a transaction's field that stand before the transaction.
pub const TX_FRAME_BYTES_MAX: usize = 1 + 10;

/// Reads the beginning of a transaction's field: how many bytes stand before the transaction, and
/// how many it has.
///
/// # Errors
/// If the bytes do not begin so.
pub fn decode_tx_frame(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    let mut rest = bytes;
    let key = encoding::decode_key(&mut rest).ok();
    let length = encoding::decode_varint(&mut rest).ok().and_then(|it| usize::try_from(it).ok());
    match (key, length) {
        (Some((1, WireType::LengthDelimited)), Some(length)) if length <= BLOCK_BYTES_MAX => {
            Ok((bytes.len() - rest.len(), length))
        }
        _ => Err(refused("block.data.txs", "no transaction begins here")),
    }
}

/// Reads a block of at most [`BLOCK_BYTES_MAX`] bytes. Its transactions are slices of `bytes`.
///
/// # Errors
/// What is wrong with it.
pub fn decode_block(bytes: Bytes) -> Result<Block, DecodeError> {
    at_most("block.bytes", bytes.len(), BLOCK_BYTES_MAX)?;
    limit::block(&bytes)?;
    block_from_wire(decoded("block", bytes)?)
}

/// The part's bytes, for records.
pub fn encode_part(part: &Part) -> Bytes {
    part_to_wire(part).encode_to_vec().into()
}

/// Reads a part. Its content is a slice of `bytes`.
///
/// # Errors
/// What is wrong with it.
pub fn decode_part(bytes: Bytes) -> Result<Part, DecodeError> {
    limit::part(&bytes)?;
    part_from_wire(decoded("part", bytes)?)
}

/// The header's bytes, for the store.
pub fn encode_header(header: &Header) -> Bytes {
    header_to_wire(header).encode_to_vec().into()
}

/// Reads a header.
///
/// # Errors
/// What is wrong with it.
pub fn decode_header(bytes: &[u8]) -> Result<Header, DecodeError> {
    header_from_wire(decoded("header", bytes)?)
}

pub fn block_to_wire(block: &Block) -> wire::Block {
    wire::Block {
        header: Some(header_to_wire(&block.header)),
        data: Some(wire::Txs { txs: block.txs.clone() }),
        evidence: Some(evidence::list_to_wire(&block.evidence)),
        last_commit: Some(vote::last_commit_to_wire(block.last_commit.as_ref())),
    }
}

pub fn block_from_wire(wire: wire::Block) -> Result<Block, DecodeError> {
    Ok(Block {
        header: header_from_wire(required("block.header", wire.header)?)?,
        txs: wire.data.unwrap_or_default().txs,
        evidence: evidence::list_from_wire(wire.evidence.unwrap_or_default())?,
        last_commit: vote::last_commit_from_wire(required("block.last_commit", wire.last_commit)?)?,
    })
}

pub fn header_to_wire(header: &Header) -> types::Header {
    types::Header {
        version: Some(version_to_wire(header.version)),
        chain_id: header.chain_id.as_str().to_owned(),
        height: height_to_wire(header.height),
        time: Some(time_to_wire(header.time)),
        last_block_id: Some(block_id_to_wire(header.last_block_id.as_ref())),
        last_commit_hash: hash_option_to_wire(header.last_commit_hash.as_ref()),
        data_hash: hash_option_to_wire(header.data_hash.as_ref()),
        validators_hash: header.validators_hash.0.to_vec(),
        next_validators_hash: header.next_validators_hash.0.to_vec(),
        consensus_hash: header.consensus_hash.0.to_vec(),
        app_hash: header.app_hash.0.to_vec(),
        last_results_hash: hash_option_to_wire(header.last_results_hash.as_ref()),
        evidence_hash: hash_option_to_wire(header.evidence_hash.as_ref()),
        proposer_address: header.proposer_address.0.to_vec(),
    }
}

pub fn header_from_wire(wire: types::Header) -> Result<Header, DecodeError> {
    let version = wire.version.unwrap_or_default();
    at_most("header.app_hash", wire.app_hash.len(), APP_HASH_BYTES_MAX)?;
    Ok(Header {
        version: Version { block: version.block, app: version.app },
        chain_id: chain_id("header.chain_id", wire.chain_id)?,
        height: height("header.height", wire.height)?,
        time: time("header.time", wire.time.as_ref())?,
        last_block_id: block_id_from_wire(&wire.last_block_id.unwrap_or_default())?,
        last_commit_hash: hash_option("header.last_commit_hash", &wire.last_commit_hash)?,
        data_hash: hash_option("header.data_hash", &wire.data_hash)?,
        validators_hash: hash("header.validators_hash", &wire.validators_hash)?,
        next_validators_hash: hash("header.next_validators_hash", &wire.next_validators_hash)?,
        consensus_hash: hash("header.consensus_hash", &wire.consensus_hash)?,
        app_hash: AppHash(wire.app_hash.into()),
        last_results_hash: hash_option("header.last_results_hash", &wire.last_results_hash)?,
        evidence_hash: hash_option("header.evidence_hash", &wire.evidence_hash)?,
        proposer_address: address("header.proposer_address", &wire.proposer_address)?,
    })
}

/// The hashes of the fourteen leaves under a header's; what is empty or zero has an empty leaf.
/// spec: `Header.Hash`, `cdcEncode`.
pub fn header_leaves(header: &Header) -> [Hash; 14] {
    let mut leaf = Leaf::default();
    [
        leaf.message(&version_to_wire(header.version)),
        leaf.bytes(header.chain_id.as_str().as_bytes()),
        leaf.message(&height_to_wire(header.height)),
        leaf.message(&time_to_wire(header.time)),
        leaf.message(&block_id_to_wire(header.last_block_id.as_ref())),
        leaf.hash(header.last_commit_hash.as_ref()),
        leaf.hash(header.data_hash.as_ref()),
        leaf.hash(Some(&header.validators_hash)),
        leaf.hash(Some(&header.next_validators_hash)),
        leaf.hash(Some(&header.consensus_hash)),
        leaf.bytes(&header.app_hash.0),
        leaf.hash(header.last_results_hash.as_ref()),
        leaf.hash(header.evidence_hash.as_ref()),
        leaf.bytes(&header.proposer_address.0),
    ]
}

/// Encodes and hashes leaves, one after the other in the same memory.
#[derive(Default)]
struct Leaf(Vec<u8>);

impl Leaf {
    fn message(&mut self, message: &impl prost::Message) -> Hash {
        self.0.clear();
        message.encode(&mut self.0).expect("a vector has room for every message");
        leaf_hash(&self.0)
    }

    /// Of what protobuf calls a `BytesValue` or a `StringValue`.
    fn bytes(&mut self, content: &[u8]) -> Hash {
        self.0.clear();
        bytes_field(1, content, &mut self.0);
        leaf_hash(&self.0)
    }

    fn hash(&mut self, hash: Option<&Hash>) -> Hash {
        self.bytes(hash.map_or(&[], Hash::as_bytes))
    }
}

pub fn version_to_wire(version: Version) -> version::Consensus {
    version::Consensus { block: version.block, app: version.app }
}

/// None is the zero id, whose part set header is still written.
pub fn block_id_to_wire(id: Option<&BlockId>) -> types::BlockId {
    types::BlockId {
        hash: hash_option_to_wire(id.map(|id| &id.hash)),
        part_set_header: Some(
            id.map_or_else(Default::default, |id| part_set_header_to_wire(&id.parts)),
        ),
    }
}

/// Either all of an id or nothing of it. spec: `BlockID.IsComplete`, `IsZero`.
pub fn block_id_from_wire(wire: &types::BlockId) -> Result<Option<BlockId>, DecodeError> {
    let parts = wire.part_set_header.clone().unwrap_or_default();
    if wire.hash.is_empty() && parts.hash.is_empty() && parts.total == 0 {
        return Ok(None);
    }
    if parts.total == 0 {
        return Err(refused("block_id.part_set_header.total", "is 0 in an id that is not empty"));
    }
    let parts = part_set_header_from_wire("block_id.part_set_header.hash", &parts)?;
    Ok(Some(BlockId { hash: hash("block_id.hash", &wire.hash)?, parts }))
}

pub fn part_set_header_to_wire(header: &PartSetHeader) -> types::PartSetHeader {
    types::PartSetHeader { total: header.total, hash: header.hash.0.to_vec() }
}

pub fn part_set_header_from_wire(
    field: &'static str,
    wire: &types::PartSetHeader,
) -> Result<PartSetHeader, DecodeError> {
    Ok(PartSetHeader { total: wire.total, hash: hash(field, &wire.hash)? })
}

/// Refuses a set of parts that no block can have. Asked where we would collect the parts.
pub fn collectable(field: &'static str, parts: &PartSetHeader) -> Result<(), DecodeError> {
    if parts.total == 0 {
        return Err(refused(field, "is 0"));
    }
    at_most(field, parts.total as usize, PARTS_MAX)
}

pub fn part_to_wire(part: &Part) -> wire::Part {
    wire::Part {
        index: part.index,
        bytes: part.bytes.clone(),
        proof: Some(crypto::Proof {
            total: wire_count(part.proof.total),
            index: wire_count(part.proof.index),
            leaf_hash: part.proof.leaf_hash.0.to_vec(),
            aunts: part.proof.aunts.iter().map(|aunt| aunt.0.to_vec()).collect(),
        }),
    }
}

fn wire_count(count: u64) -> i64 {
    i64::try_from(count).expect("a tree in memory has fewer than 2^63 leaves")
}

/// spec: `Part.ValidateBasic`; the index is the proof's (ASA-2025-002).
pub fn part_from_wire(wire: wire::Part) -> Result<Part, DecodeError> {
    let proof = proof_from_wire(required("part.proof", wire.proof)?)?;
    at_most("part.bytes", wire.bytes.len(), PART_BYTES)?;
    at_most("part.proof.total", usize::try_from(proof.total).unwrap_or(usize::MAX), PARTS_MAX)?;
    if u64::from(wire.index) != proof.index {
        return Err(refused(
            "part.index",
            format_args!("is {}, but its proof is for part {}", wire.index, proof.index),
        ));
    }
    if proof.total <= proof.index {
        return Err(refused("part.index", "is beyond the set"));
    }
    if proof.index + 1 < proof.total && wire.bytes.len() != PART_BYTES {
        return Err(refused("part.bytes", "are fewer than a part has, and it is not the last"));
    }
    Ok(Part { index: wire.index, bytes: wire.bytes, proof })
}

fn proof_from_wire(wire: crypto::Proof) -> Result<Proof, DecodeError> {
    at_most("part.proof.aunts", wire.aunts.len(), AUNTS_MAX)?;
    let aunts = wire.aunts.iter().map(|aunt| hash("part.proof.aunts", aunt));
    Ok(Proof {
        total: unsigned("part.proof.total", wire.total)?,
        index: unsigned("part.proof.index", wire.index)?,
        leaf_hash: hash("part.proof.leaf_hash", &wire.leaf_hash)?,
        aunts: aunts.collect::<Result<_, _>>()?,
    })
}
