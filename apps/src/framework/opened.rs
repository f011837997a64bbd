//! Transactions that were read once: what does not depend on the state (form, signature) is not
//! checked again when the same bytes come back in a proposal and in a decided block.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use types::keys::{Claim, verify_batch};
use types::{ChainId, Tx, TxKey};

use super::refusal::{FrameworkError, Refusal};
use super::router::{Opened, Router};

/// A transaction as it was read, or why it is none.
pub type Checked = Arc<Result<Opened, Refusal>>;

/// Transactions that are remembered, at most.
const COUNT_MAX: usize = 50_000;
/// Their bytes, at most.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// What was read lately. Threads share it; none waits for another's signatures.
#[derive(Default)]
pub struct OpenedTxs(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    checked: BTreeMap<TxKey, Checked>,
    /// The oldest first.
    order: VecDeque<(TxKey, usize)>,
    bytes: usize,
}

impl OpenedTxs {
    /// Reads transactions, as far as they are not known; signatures are checked together.
    pub fn open(&self, router: &Router, chain_id: &ChainId, txs: &[Tx]) -> Vec<Checked> {
        let keys: Vec<TxKey> = txs.iter().map(|tx| TxKey::of(tx)).collect();
        let known: Vec<Option<Checked>> = {
            let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            keys.iter().map(|key| memory.checked.get(key).cloned()).collect()
        };
        let unknown: Vec<&Tx> =
            txs.iter().zip(&known).filter(|(_, it)| it.is_none()).map(|(tx, _)| tx).collect();
        let mut read = read_all(router, chain_id, &unknown).into_iter();
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = keys.into_iter().zip(txs).zip(known).map(|((key, tx), known)| {
            known.unwrap_or_else(|| {
                let checked = read.next().expect("one was read for each that was not known");
                memory.remember(key, tx.len(), Arc::clone(&checked));
                checked
            })
        });
        checked.collect()
    }
}

impl Memory {
    fn remember(&mut self, key: TxKey, bytes: usize, checked: Checked) {
        if self.checked.insert(key, checked).is_some() {
            return;
        }
        self.order.push_back((key, bytes));
        self.bytes += bytes;
        while COUNT_MAX < self.order.len() || BYTES_MAX < self.bytes {
            let (oldest, bytes) = self.order.pop_front().expect("there are some");
            self.bytes -= bytes;
            self.checked.remove(&oldest);
        }
    }
}

fn read_all(router: &Router, chain_id: &ChainId, txs: &[&Tx]) -> Vec<Checked> {
    let (mut read, mut claims): (Vec<_>, Vec<Claim>) = (Vec::new(), Vec::new());
    for tx in txs {
        read.push(router.read(tx, chain_id).map(|(opened, claim)| {
            claims.push(claim);
            opened
        }));
    }
    let mut verdicts = verify_batch(&claims).into_iter();
    let checked = read.into_iter().map(|read| {
        read.and_then(|opened| match verdicts.next() {
            Some(true) => Ok(opened),
            Some(false) | None => {
                let chain_id = chain_id.as_str().to_owned();
                Err(FrameworkError::Signature { chain_id }.into())
            }
        })
    });
    checked.map(Arc::new).collect()
}
