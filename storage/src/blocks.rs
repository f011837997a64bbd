//! Blocks, their parts and their commits, by height.
//!
//! A block's bytes are stored once, as its parts; what is asked for most (id, header, sizes) stands
//! apart, so that it is read without them.

use bytes::{Bytes, BytesMut};
use types::part_set::{PART_BYTES, PARTS_MAX};
use types::{
    Block, BlockId, Commit, ExtendedCommit, Hash, Header, Height, Part, PartSet, PartSetHeader,
    codec,
};

use crate::error::{InRow, StorageError};
use crate::key_value::{Order, Row, Span};
use crate::schema::{Column, MetaRow, height_key, part_key};
use crate::store::{Step, Store, fixed, height_in};

/// A block without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// Its id.
    pub id: BlockId,
    /// Its header.
    pub header: Header,
    /// Size of the encoded block in bytes.
    pub bytes: u64,
    /// How many transactions it has.
    pub txs_count: u32,
}

impl Store {
    /// The block of a height, if it is in the store.
    ///
    /// # Errors
    /// If the disk fails or the rows are damaged.
    pub fn block(&self, height: Height) -> Result<Option<Block>, StorageError> {
        let Some(bytes) = self.block_bytes(height)? else {
            return Ok(None);
        };
        codec::decode_block(bytes).map(Some).in_row("block", height)
    }

    /// The encoded block of a height, if it is in the store.
    ///
    /// # Errors
    /// If the disk fails or the rows are damaged.
    pub fn block_bytes(&self, height: Height) -> Result<Option<Bytes>, StorageError> {
        let mut slices = vec![];
        for (_, value) in self.part_rows(height)? {
            slices.push(decode_part(height, value)?.bytes);
        }
        let [only] = slices.as_slice() else {
            let mut whole = BytesMut::with_capacity(slices.iter().map(Bytes::len).sum());
            slices.iter().for_each(|slice| whole.extend_from_slice(slice));
            return Ok((!slices.is_empty()).then(|| whole.freeze()));
        };
        Ok(Some(only.clone()))
    }

    /// The id, header and sizes of a block.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn block_meta(&self, height: Height) -> Result<Option<BlockMeta>, StorageError> {
        let row = self.read(Column::Metas, &height_key(height))?;
        row.map(|row| decode_meta(height, row)).transpose()
    }

    /// The ids, headers and sizes of the blocks from `from` to `to`, both included, in the given
    /// order and at most `limit` of them.
    ///
    /// # Errors
    /// If the disk fails or a row is damaged.
    pub fn metas(
        &self,
        from: Height,
        to: Height,
        order: Order,
        limit: usize,
    ) -> Result<Vec<BlockMeta>, StorageError> {
        let span = Span::between(height_key(from), height_key(to.next()));
        let rows = self.scan(Column::Metas, &span, order, limit)?;
        rows.into_iter()
            .map(|(key, row)| decode_meta(height_in(Column::Metas, &key)?, row))
            .collect()
    }

    /// One part of a block, with its proof.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn part(&self, height: Height, index: u32) -> Result<Option<Part>, StorageError> {
        let row = self.read(Column::Parts, &part_key(height, index))?;
        row.map(|row| decode_part(height, row)).transpose()
    }

    /// All parts of a block. Their proofs are checked: what is served to peers is right.
    ///
    /// # Errors
    /// If the disk fails or the rows are damaged.
    pub fn part_set(&self, height: Height) -> Result<Option<PartSet>, StorageError> {
        let Some(meta) = self.block_meta(height)? else {
            return Ok(None);
        };
        let mut parts = PartSet::awaiting(meta.id.parts);
        for (_, row) in self.part_rows(height)? {
            let part = decode_part(height, row)?;
            parts.add(part).map_err(|error| damaged_part(height, error))?;
        }
        if parts.is_complete() {
            return Ok(Some(parts));
        }
        // It may have been pruned between the two reads.
        match self.block_meta(height)? {
            Some(_) => Err(damaged_part(height, "some are missing")),
            None => Ok(None),
        }
    }

    /// The commit of a block as the chain has it: the one that the next block carries. None at the
    /// tip, where [`Store::seen_commit`] is all there is.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn commit(&self, height: Height) -> Result<Option<Commit>, StorageError> {
        let row = self.read(Column::Commits, &height_key(height))?;
        row.map(|row| codec::decode_commit(&row)).transpose().in_row("commit", height)
    }

    /// The commit by which this node decided a block, with vote extensions where enabled.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn seen_commit(&self, height: Height) -> Result<Option<ExtendedCommit>, StorageError> {
        let row = self.read(Column::SeenCommits, &height_key(height))?;
        row.map(|row| codec::decode_extended_commit(&row)).transpose().in_row("seen commit", height)
    }

    /// The height of the block with this hash, if it is in the store.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn height_of(&self, block: &Hash) -> Result<Option<Height>, StorageError> {
        let row = self.read(Column::Heights, block.as_bytes())?;
        row.map(|row| height_in(Column::Heights, &row)).transpose()
    }

    pub(crate) fn meta_row(&self, height: Height) -> Result<Option<MetaRow>, StorageError> {
        let row = self.read(Column::Metas, &height_key(height))?;
        row.map(prost::Message::decode).transpose().in_row("meta", height)
    }

    fn part_rows(&self, height: Height) -> Result<Vec<Row>, StorageError> {
        let span = Span::between(height_key(height), height_key(height.next()));
        self.scan(Column::Parts, &span, Order::Ascending, PARTS_MAX)
    }
}

impl Step {
    /// Keeps a decided block with its parts and what decided it; forgets the records of its height
    /// and below, and moves its evidence from pending to committed.
    pub fn decide(
        &mut self,
        block: &Block,
        id: &BlockId,
        parts: &PartSet,
        commit: &ExtendedCommit,
    ) {
        let height = block.header.height;
        assert!(parts.is_complete(), "only a complete block can be decided");
        assert_eq!(parts.header(), id.parts, "the parts are the block's");
        assert_eq!((commit.height, commit.block_id), (height, *id), "the commit is the block's");
        let key = height_key(height);
        self.batch.put(Column::Metas, key, encode_meta(block, id, parts));
        for index in 0..id.parts.total {
            let part = parts.get(index).expect("the set is complete");
            self.batch.put(Column::Parts, part_key(height, index), codec::encode_part(part));
        }
        self.batch.put(Column::Heights, id.hash.as_bytes(), key.to_vec());
        self.batch.put(Column::SeenCommits, key, codec::encode_extended_commit(commit));
        if let Some(last) = &block.last_commit {
            self.batch.put(Column::Commits, height_key(last.height), codec::encode_commit(last));
        }
        self.forget_records(height);
        block.evidence.iter().for_each(|evidence| self.commit_evidence(evidence));
    }
}

fn encode_meta(block: &Block, id: &BlockId, parts: &PartSet) -> Vec<u8> {
    let (txs_before, next_tx_at) = tx_marks(block, parts);
    let row = MetaRow {
        hash: Bytes::copy_from_slice(id.hash.as_bytes()),
        parts_total: id.parts.total,
        parts_hash: Bytes::copy_from_slice(id.parts.hash.as_bytes()),
        block_bytes: parts.bytes_count() as u64,
        txs_count: u32::try_from(block.txs.len()).expect("a block's bytes bound its transactions"),
        header: codec::encode_header(&block.header),
        txs_before,
        next_tx_at,
    };
    prost::Message::encode_to_vec(&row)
}

/// For each part, how many transactions begin before it, and where the next one begins.
fn tx_marks(block: &Block, parts: &PartSet) -> (Vec<u32>, Vec<u32>) {
    let bytes = |at: usize| u32::try_from(at).expect("a block's bytes have a limit");
    let mut offsets = codec::tx_offsets(block).peekable();
    let mut passed = 0;
    let mark = |part: u32| {
        while offsets.next_if(|at| *at < part as usize * PART_BYTES).is_some() {
            passed += 1;
        }
        (passed, bytes(offsets.peek().copied().unwrap_or(parts.bytes_count())))
    };
    (0..parts.header().total).map(mark).unzip()
}

fn decode_meta(height: Height, row: Bytes) -> Result<BlockMeta, StorageError> {
    let row: MetaRow = prost::Message::decode(row).in_row("meta", height)?;
    let parts = PartSetHeader {
        total: row.parts_total,
        hash: Hash(fixed(Column::Metas, &row.parts_hash)?),
    };
    Ok(BlockMeta {
        id: BlockId { hash: Hash(fixed(Column::Metas, &row.hash)?), parts },
        header: codec::decode_header(&row.header).in_row("header", height)?,
        bytes: row.block_bytes,
        txs_count: row.txs_count,
    })
}

fn decode_part(height: Height, row: Bytes) -> Result<Part, StorageError> {
    codec::decode_part(row).in_row("parts", height)
}

fn damaged_part(height: Height, reason: impl ToString) -> StorageError {
    StorageError::damaged(format!("parts of {height}"), reason)
}
