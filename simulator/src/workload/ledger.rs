//! What was decided, as a client would work it out from the chain alone: which transaction is
//! where, and what each key was when.

use std::collections::BTreeMap;

use bytes::Bytes;
use types::{Block, Height, TxHash};

/// Blocks as they were decided first.
#[derive(Debug, Default)]
pub struct Ledger {
    tip: Option<Height>,
    txs: BTreeMap<TxHash, Height>,
    /// What a key was set to, and at which heights; the last setting of a block counts.
    values: BTreeMap<Bytes, BTreeMap<Height, Bytes>>,
}

impl Ledger {
    /// A block is decided.
    ///
    /// # Errors
    /// If a transaction was in a block before that nobody has sent twice.
    pub fn learn(&mut self, block: &Block) -> Result<(), String> {
        let height = block.header.height;
        self.tip = Some(height);
        for tx in &block.txs {
            let text = || String::from_utf8_lossy(tx).into_owned();
            let is_update = tx.starts_with(b"val=");
            if let Some(before) = self.txs.insert(TxHash::of(tx), height)
                && !is_update
            {
                return Err(format!("{} is in {before} and again in {height}", text()));
            }
            let Some(at) = tx.iter().position(|&byte| byte == b'=') else { continue };
            if !is_update {
                let (key, value) = (tx.slice(..at), tx.slice(at + 1..));
                self.values.entry(key).or_default().insert(height, value);
            }
        }
        Ok(())
    }

    /// In which block a transaction is.
    pub fn height_of(&self, tx: &TxHash) -> Option<Height> {
        self.txs.get(tx).copied()
    }

    /// How many transactions there are.
    pub fn txs_count(&self) -> u64 {
        u64::try_from(self.txs.len()).expect("a count fits 64 bits")
    }

    /// Whether a key has this value after the block of a height.
    ///
    /// # Errors
    /// If it has another, or no such block is decided.
    pub fn check_read(
        &self,
        key: &Bytes,
        value: Option<&Bytes>,
        height: Height,
    ) -> Result<(), String> {
        if self.tip.is_none_or(|tip| tip < height) {
            return Err(format!("of height {height}, which is not decided"));
        }
        let known = self.values.get(key).and_then(|it| it.range(..=height).next_back());
        let known = known.map(|(_, value)| value);
        if known != value {
            return Err(format!("{key:?} is {value:?} at {height}; it is {known:?}"));
        }
        Ok(())
    }
}
