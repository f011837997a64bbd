//! Forgetting old blocks. How much must stay (for evidence, for peers, for the application) is the
//! caller's decision.

use types::{Height, TxHash};

use crate::error::StorageError;
use crate::key_value::Durable;
use crate::schema::{Column, height_key};
use crate::store::{Step, Store};

/// Blocks forgotten in one batch; bounds its memory and how long other writes wait for it.
const PRUNE_BLOCKS_MAX: u64 = 100;

/// Columns whose rows go with their height's block.
const BLOCK_COLUMNS: [Column; 7] = [
    Column::Metas,
    Column::Parts,
    Column::Commits,
    Column::SeenCommits,
    Column::Outcomes,
    Column::Params,
    Column::CommittedEvidence,
];

impl Store {
    /// Forgets the blocks below `retain`, and all that belongs to them; the tip always stays.
    /// Blocks whose events are in the index stay until its writer has deleted them there, for which
    /// it needs their outcomes, and so do those from [`Store::hold_from`] on: they go with a later
    /// call.
    /// Validators stay resolvable from `retain` - 1 on (they signed the commit that the block at
    /// `retain` carries), parameters and outcomes from `retain` on. Returns how many blocks went.
    ///
    /// # Errors
    /// If the disk fails or what is to go is damaged.
    pub fn prune(&self, retain: Height) -> Result<u64, StorageError> {
        let Some((base, tip)) = self.range()? else {
            return Ok(0);
        };
        self.raise_wanted_base(retain);
        let mut retain = retain.min(tip).min(self.held_from());
        if let Some(index) = self.index_row()? {
            retain = retain.min(Height(index.base));
        }
        let mut from = base;
        while from < retain {
            let to = Height(from.0.saturating_add(PRUNE_BLOCKS_MAX)).min(retain);
            let mut step = self.step();
            step.forget_blocks(from, to)?;
            step.write(Durable::Later)?;
            from = to;
        }
        Ok(from.0 - base.0)
    }
}

impl Step {
    /// Forgets the blocks from `from` up to but without `to`.
    fn forget_blocks(&mut self, from: Height, to: Height) -> Result<(), StorageError> {
        let mut height = from;
        while height < to {
            self.forget_hashes(height)?;
            height = height.next();
        }
        for column in BLOCK_COLUMNS {
            self.batch.delete_range(column, [], height_key(to));
        }
        let signers = to.previous().unwrap_or(to);
        self.batch.delete_range(Column::Rotations, [], height_key(signers));
        if let Some(rotation) = self.store.rotation(signers)? {
            let members_from = Height(rotation.members_from);
            self.batch.delete_range(Column::Members, [], height_key(members_from));
        }
        Ok(())
    }

    /// Forgets what leads from hashes to a block and its transactions.
    fn forget_hashes(&mut self, height: Height) -> Result<(), StorageError> {
        if let Some(meta) = self.store.block_meta(height)? {
            self.batch.delete(Column::Heights, meta.id.hash.as_bytes());
        }
        let Some(block) = self.store.block(height)? else {
            return Ok(());
        };
        for tx in &block.txs {
            let hash = TxHash::of(tx);
            // The same transaction may stand in a later block, too.
            if self.store.tx_place(&hash)?.is_some_and(|place| place.height == height) {
                self.batch.delete(Column::Txs, hash.0.as_bytes());
            }
        }
        Ok(())
    }
}
