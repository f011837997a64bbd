//! Transactions by hash: where each stands and what came of it, written with the block's outcome.

use std::collections::BTreeSet;

use bytes::Bytes;
use types::{Block, BlockOutcome, Height, Tx, TxHash, TxResult, codec};

use crate::error::{InRow, StorageError};
use crate::schema::{Column, TxRow, height_key};
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

    /// A block with what came of it, to take transactions from; none if it is not executed, or
    /// pruned.
    ///
    /// # Errors
    /// If the disk fails or the rows are damaged.
    pub fn executed(&self, height: Height) -> Result<Option<ExecutedBlock>, StorageError> {
        let outcome = self.read(Column::Outcomes, &height_key(height))?;
        let block = self.block(height)?;
        Ok(block.zip(outcome).map(|(block, outcome)| ExecutedBlock { block, outcome }))
    }
}

/// A block with what came of it.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Block,
    /// Encoded: of the many results in it few are asked for.
    outcome: Bytes,
}

impl ExecutedBlock {
    /// The transaction at this place in the block.
    ///
    /// # Errors
    /// If there is none, or its result is damaged.
    pub fn tx(&self, index: u32) -> Result<StoredTx, StorageError> {
        let height = self.block.header.height;
        let tx = self.block.txs.get(index as usize).cloned();
        let result = codec::decode_tx_result(&self.outcome, index).in_row("outcome", height)?;
        let (Some(tx), Some(result)) = (tx, result) else {
            let what = format!("transaction {index} of {height}");
            return Err(StorageError::damaged(what, "beyond its block"));
        };
        Ok(StoredTx { place: TxPlace { height, index, code: result.code }, tx, result })
    }
}

impl Step {
    /// Keeps what executing a block yielded, and where its transactions stand.
    ///
    /// # Errors
    /// If the disk fails: earlier places of transactions that failed are looked up.
    pub fn outcome(&mut self, block: &Block, outcome: &BlockOutcome) -> Result<(), StorageError> {
        let height = block.header.height;
        let row = codec::encode_outcome(outcome);
        self.batch.put(Column::Outcomes, height_key(height), row);
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

    /// Whether a transaction succeeded in an earlier block.
    fn has_succeeded(&self, hash: &TxHash) -> Result<bool, StorageError> {
        Ok(self.store.tx_place(hash)?.is_some_and(|place| place.code == CODE_OK))
    }
}
