//! Transactions by hash: where each stands and what came of it, written with the block's outcome.

use std::collections::BTreeSet;

use types::{Block, BlockOutcome, Height, Tx, TxHash, TxResult, codec};

use crate::error::{InRow, StorageError};
use crate::schema::{Column, INDEX_KEY, PIECE_BYTES, TxRow, height_key, piece_key};
use crate::store::{Step, Store};

/// Code of a transaction that succeeded.
const CODE_OK: u32 = 0;

/// Where a transaction stands in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxPlace {
    /// Of its block.
    pub height: Height,
    /// In its block.
    pub index: u32,
    /// The application's word; 0 is success.
    pub code: u32,
}

/// A transaction of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTx {
    /// Where it stands.
    pub place: TxPlace,
    /// Its bytes.
    pub tx: Tx,
    /// What came of it.
    pub result: TxResult,
}

impl Store {
    /// Where a transaction stands, if its block was executed and not pruned. Of several blocks with
    /// the same transaction, the last in which it succeeded, or else the last.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn tx_place(&self, hash: &TxHash) -> Result<Option<TxPlace>, StorageError> {
        let Some(row) = self.read(Column::Txs, hash.0.as_bytes())? else {
            return Ok(None);
        };
        let row: TxRow = prost::Message::decode(row).in_row("transaction", hash)?;
        Ok(Some(TxPlace { height: Height(row.height), index: row.index, code: row.code }))
    }
}

impl Step {
    /// Keeps what executing a block yielded, and where its transactions stand.
    ///
    /// # Errors
    /// If the disk fails: earlier places of transactions that failed are looked up.
    pub fn outcome(&mut self, block: &Block, outcome: &BlockOutcome) -> Result<(), StorageError> {
        let height = block.header.height;
        self.put_outcome(height, outcome)?;
        let mut succeeded = BTreeSet::new();
        for (index, (tx, result)) in (0..).zip(block.txs.iter().zip(&outcome.tx_results)) {
            let hash = TxHash::of(tx);
            if result.code == CODE_OK {
                succeeded.insert(hash);
            } else if succeeded.contains(&hash) || self.has_succeeded(&hash)? {
                // spec: the reference's index keeps a success over a later failure, too.
                continue;
            }
            let row = TxRow { height: height.0, index, code: result.code };
            let row = prost::Message::encode_to_vec(&row);
            self.batch.put(Column::Txs, hash.0.as_bytes(), row);
        }
        Ok(())
    }

    fn put_outcome(&mut self, height: Height, outcome: &BlockOutcome) -> Result<(), StorageError> {
        if self.store.read(Column::Outcomes, &height_key(height))?.is_some() {
            // A crash came between this and the state, or the application begins anew. Texts may be
            // others this time, and so their pieces.
            self.abandon_index_of_others(height, outcome)?;
            let after = height_key(height.next());
            self.batch.delete_range(Column::Outcomes, height_key(height), after);
        }
        let pieces = codec::cut_outcome(&codec::encode_outcome(outcome), PIECE_BYTES);
        for (before, piece) in pieces.expect("it was encoded just now") {
            self.batch.put(Column::Outcomes, piece_key(height, before), piece);
        }
        Ok(())
    }

    /// Ends the index if it may have rows of other events of a block: what is found by them would
    /// stay for ever, and the new ones would never be found.
    fn abandon_index_of_others(
        &mut self,
        height: Height,
        outcome: &BlockOutcome,
    ) -> Result<(), StorageError> {
        let Some(row) = self.store.index_row()? else { return Ok(()) };
        // Of the next block it may have some.
        if height.0 < row.base || Height(row.height).next() < height {
            return Ok(());
        }
        // It has as many results, since it is of the same block.
        let before = self.store.outcome(height)?.unwrap_or_default();
        let results = before.tx_results.iter().zip(&outcome.tx_results);
        let mut pairs = results.map(|(before, now)| (&before.events, &now.events));
        if before.events != outcome.events || pairs.any(|(before, now)| before != now) {
            self.batch.delete(Column::Chain, INDEX_KEY);
        }
        Ok(())
    }

    /// Whether a transaction succeeded in an earlier block.
    fn has_succeeded(&self, hash: &TxHash) -> Result<bool, StorageError> {
        Ok(self.store.tx_place(hash)?.is_some_and(|place| place.code == CODE_OK))
    }
}
