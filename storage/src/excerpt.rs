//! Takes some transactions from a block of perhaps thousands, and reads little else: the parts in
//! which they stand, and the pieces of the outcome that say what came of them.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use types::part_set::PART_BYTES;
use types::{Block, Height, Tx, TxResult, codec};

use crate::error::{InRow, StorageError};
use crate::key_value::{Order, Span};
use crate::schema::{Column, MetaRow, before_piece, height_key, part_key};
use crate::store::Store;
use crate::txs::{StoredTx, TxPlace};

/// A block to take transactions from. It is quickest in the order of the chain, either way.
pub struct Excerpt {
    store: Store,
    height: Height,
    marks: MetaRow,
    /// Those that were needed last.
    parts: BTreeMap<u32, Bytes>,
    /// The piece that was needed last, and how many results stand before it.
    piece: Option<(u32, Bytes)>,
    /// The transaction after the one that was taken last: which it is, and where it begins.
    next: (u32, usize),
    /// All of it, if it is of an old format.
    whole: Option<Block>,
}

impl Store {
    /// A block to take transactions from; none if it is not in the store.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn excerpt(&self, height: Height) -> Result<Option<Excerpt>, StorageError> {
        let Some(marks) = self.meta_row(height)? else { return Ok(None) };
        let marked = (marks.txs_before.len(), marks.next_tx_at.len());
        let parts = marks.parts_total as usize;
        let whole = match marked {
            (0, 0) => self.block(height)?,
            marked if marked == (parts, parts) => None,
            _ => {
                let reason = "not one mark for each part";
                return Err(StorageError::damaged(format!("meta of {height}"), reason));
            }
        };
        let (parts, piece, next) = (BTreeMap::new(), None, (u32::MAX, 0));
        let store = self.clone();
        Ok(Some(Excerpt { store, height, marks, parts, piece, next, whole }))
    }

    /// What came of one transaction; none if its block is not executed, or pruned.
    pub(crate) fn tx_result(
        &self,
        height: Height,
        index: u32,
    ) -> Result<Option<TxResult>, StorageError> {
        let piece = self.piece(height, index)?;
        let result = piece.map(|(before, piece)| codec::decode_tx_result(&piece, index - before));
        Ok(result.transpose().in_row("outcome", height)?.flatten())
    }

    /// The piece of an outcome that speaks of a transaction, and how many results stand before it.
    fn piece(&self, height: Height, index: u32) -> Result<Option<(u32, Bytes)>, StorageError> {
        let after = [&part_key(height, index)[..], &[0]].concat();
        let span = Span::between(height_key(height), after);
        let Some((key, piece)) = self.scan(Column::Outcomes, &span, Order::Descending, 1)?.pop()
        else {
            return Ok(None);
        };
        let before = before_piece(&key).ok_or_else(|| {
            StorageError::damaged(Column::Outcomes.name(), "a key has neither height nor index")
        })?;
        Ok(Some((before, piece)))
    }
}

impl Excerpt {
    /// The transaction at this place in the block, and what came of it; none if the block is not
    /// executed, or was pruned meanwhile.
    ///
    /// # Errors
    /// If there is no such place, the disk fails, or the rows are damaged.
    pub fn tx(&mut self, index: u32) -> Result<Option<StoredTx>, StorageError> {
        let Some(result) = self.result(index)? else { return Ok(None) };
        let tx = match &self.whole {
            Some(block) => block.txs.get(index as usize).cloned(),
            None => self.read_tx(index)?,
        };
        let Some(tx) = tx else {
            // It may have been pruned between two reads.
            return match self.store.block_meta(self.height)? {
                Some(_) => Err(self.damaged(index)),
                None => Ok(None),
            };
        };
        let place = TxPlace { height: self.height, index, code: result.code };
        Ok(Some(StoredTx { place, tx, result }))
    }

    fn result(&mut self, index: u32) -> Result<Option<TxResult>, StorageError> {
        // A piece says how many results stand before it, not how many it has.
        let known = self.piece.as_ref().filter(|(before, _)| *before <= index);
        let decode = |(before, piece): &(u32, Bytes)| {
            codec::decode_tx_result(piece, index - before).in_row("outcome", self.height)
        };
        if let Some(result) = known.map(decode).transpose()?.flatten() {
            return Ok(Some(result));
        }
        let Some(piece) = self.store.piece(self.height, index)? else { return Ok(None) };
        let result = decode(&piece)?.ok_or_else(|| self.damaged(index))?;
        self.piece = Some(piece);
        Ok(Some(result))
    }

    /// The transaction at this place; none if a part is not there.
    fn read_tx(&mut self, index: u32) -> Result<Option<Tx>, StorageError> {
        let part = self.marks.txs_before.partition_point(|before| *before <= index);
        let part = part.checked_sub(1).ok_or_else(|| self.damaged(index))?;
        let marked = (self.marks.txs_before[part], self.marks.next_tx_at[part] as usize);
        // The one after the last is perhaps nearer.
        let (next, _) = self.next;
        let near = marked.0 < next && next <= index;
        let (mut passed, mut at) = if near { self.next } else { marked };
        let first = at / PART_BYTES;
        self.parts.retain(|kept, _| (first..=first + 1).contains(&(*kept as usize)));
        loop {
            let Some(frame) = self.bytes(at, codec::TX_FRAME_BYTES_MAX)? else { return Ok(None) };
            let frame = codec::decode_tx_frame(&frame).in_row("block", self.height);
            let (before, length) = frame?;
            at += before;
            if passed == index {
                self.next = (index.saturating_add(1), at + length);
                return self.bytes(at, length);
            }
            at += length;
            passed += 1;
        }
    }

    /// So many bytes of the encoded block, or fewer at its end; none if a part is not there.
    fn bytes(&mut self, from: usize, length: usize) -> Result<Option<Bytes>, StorageError> {
        let length = length.min((self.marks.block_bytes as usize).saturating_sub(from));
        let (first, offset) = (from / PART_BYTES, from % PART_BYTES);
        let Some(part) = self.part(first)? else { return Ok(None) };
        if offset + length <= part.len() {
            return Ok(Some(part.slice(offset..offset + length)));
        }
        let mut joined = BytesMut::with_capacity(length);
        joined.extend_from_slice(part.get(offset..).unwrap_or_default());
        for part in first + 1.. {
            if joined.len() == length {
                break;
            }
            let Some(part) = self.part(part)? else { return Ok(None) };
            joined.extend_from_slice(&part[..part.len().min(length - joined.len())]);
        }
        Ok(Some(joined.freeze()))
    }

    fn part(&mut self, index: usize) -> Result<Option<Bytes>, StorageError> {
        let Ok(index) = u32::try_from(index) else { return Ok(None) };
        if let Some(bytes) = self.parts.get(&index) {
            return Ok(Some(bytes.clone()));
        }
        let part = self.store.part(self.height, index)?;
        Ok(part.map(|part| self.parts.entry(index).or_insert(part.bytes).clone()))
    }

    fn damaged(&self, index: u32) -> StorageError {
        let what = format!("transaction {index} of {}", self.height);
        StorageError::damaged(what, "beyond its block")
    }
}
