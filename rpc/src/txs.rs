//! Routes that take transactions and show them: `broadcast_tx_*`, `unconfirmed_txs`,
//! `num_unconfirmed_txs`, `tx`, `tx_search`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage::index::{Hit, Subject};
use storage::{Excerpt, StoredTx};
use tokio::sync::oneshot;
use types::{Hash, Height, TxHash, TxResult, merkle};

use crate::backend::{Backend, DecidedTx, Index, Node};
use crate::budget::Budget;
use crate::error::{Answer, RpcError};
use crate::json::block::tx_base64;
use crate::json::{base64, hex_upper, number, results};
use crate::page::per_page;
use crate::params::Arguments;
use crate::search::answer::find;

/// The code of a transaction that CheckTx lets in.
const CODE_OK: u32 = 0;

/// Takes a transaction without waiting for CheckTx.
pub fn broadcast_tx_async(backend: &Backend, arguments: &Arguments) -> Answer {
    let tx = arguments.tx()?;
    let hash = TxHash::of(&tx);
    backend.node.submit_later(tx).map_err(RpcError::internal)?;
    Ok(taken(hash, &TxResult::default()))
}

/// Takes a transaction and says what CheckTx said.
pub fn broadcast_tx_sync(backend: &Backend, arguments: &Arguments) -> Answer {
    let tx = arguments.tx()?;
    let hash = TxHash::of(&tx);
    let checked = backend.node.submit(tx).map_err(RpcError::internal)?;
    Ok(taken(hash, &checked))
}

fn taken(hash: TxHash, checked: &TxResult) -> Value {
    json!({
        "code": checked.code,
        "data": hex_upper(&checked.data),
        "log": checked.log,
        "codespace": checked.codespace,
        "hash": hash.to_string(),
    })
}

/// A transaction that was submitted, and whose execution is waited for; nobody waits for it once
/// this is dropped, even if the client was gone before.
pub struct Awaited {
    node: Arc<dyn Node>,
    hash: TxHash,
    executed: oneshot::Receiver<DecidedTx>,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.executed.close();
        self.node.give_up(self.hash);
    }
}

/// The first half of `broadcast_tx_commit`: what to wait for, and what CheckTx said.
///
/// # Errors
/// If the mempool or the application cannot take the transaction.
pub fn submit_awaited(
    backend: &Backend,
    arguments: &Arguments,
) -> Result<(Awaited, TxResult), RpcError> {
    let tx = arguments.tx()?;
    let hash = TxHash::of(&tx);
    // Asked for first: it may be executed before CheckTx has answered us.
    let executed = backend.node.wait_for(hash);
    let awaited = Awaited { node: Arc::clone(&backend.node), hash, executed };
    let checked = backend.node.submit(tx);
    let failed = |error| RpcError::internal(format!("error on broadcastTxCommit: {error}"));
    Ok((awaited, checked.map_err(failed)?))
}

/// The second half: waits, up to `patience`, until the transaction is executed; not at all if
/// CheckTx refused it.
///
/// # Errors
/// If it is not executed in that time, or the node stops.
pub async fn until_executed(mut awaited: Awaited, checked: TxResult, patience: Duration) -> Answer {
    let hash = awaited.hash;
    if checked.code != CODE_OK {
        return Ok(committed(hash, &checked, None));
    }
    let waited = tokio::time::timeout(patience, &mut awaited.executed).await;
    match waited {
        Ok(Ok(decided)) => Ok(committed(hash, &checked, Some(&decided))),
        Ok(Err(_)) => Err(RpcError::internal("txSub was canceled (reason: the node exited)")),
        Err(_) => Err(RpcError::internal("timed out waiting for tx to be included in a block")),
    }
}

fn committed(hash: TxHash, checked: &TxResult, decided: Option<&DecidedTx>) -> Value {
    let result = decided.map_or_else(TxResult::default, |decided| decided.result.clone());
    json!({
        "check_tx": results::tx_result(checked),
        "tx_result": results::tx_result(&result),
        "hash": hash.to_string(),
        "height": number(decided.map_or(0, |decided| decided.height.0)),
    })
}

/// The first pending transactions.
pub fn unconfirmed_txs(backend: &Backend, arguments: &Arguments) -> Answer {
    let pending = backend.node.pending(per_page(arguments.int("limit")));
    let mut budget = Budget::new(backend.answer_bytes_max);
    let mut txs = Vec::with_capacity(pending.txs.len());
    for tx in &pending.txs {
        let tx = tx_base64(tx);
        budget.charge(&tx)?;
        txs.push(tx);
    }
    Ok(json!({
        "n_txs": number(txs.len()),
        "total": number(pending.total),
        "total_bytes": number(pending.total_bytes),
        "txs": txs,
    }))
}

/// How many transactions are pending.
pub fn num_unconfirmed_txs(backend: &Backend, _: &Arguments) -> Answer {
    let pending = backend.node.pending(0);
    Ok(json!({
        "n_txs": number(pending.total),
        "total": number(pending.total),
        "total_bytes": number(pending.total_bytes),
        "txs": null,
    }))
}

/// A decided transaction by its hash, with a proof that its block has it, if asked for.
pub fn tx(backend: &Backend, arguments: &Arguments) -> Answer {
    if backend.node.identity().index == Index::Off {
        return Err(RpcError::internal("transaction indexing is disabled"));
    }
    let asked = arguments.bytes("hash");
    if asked.is_empty() {
        return Err(RpcError::internal("transaction hash cannot be empty"));
    }
    let not_found = || RpcError::internal(format!("tx ({}) not found", hex::encode_upper(&asked)));
    let hash = arguments.hash("hash").map(TxHash).ok_or_else(not_found)?;
    let place = backend.store.tx_place(&hash)?.ok_or_else(not_found)?;
    let mut excerpt = backend.store.excerpt(place.height)?.ok_or_else(not_found)?;
    let found = excerpt.tx(place.index)?.ok_or_else(not_found)?;
    let proofs = Proofs::of(backend, place.height, arguments)?;
    shape(&found, proofs.as_ref())
}

/// Transactions by their events: a page, and how many there are in all.
pub fn tx_search(backend: &Backend, arguments: &Arguments) -> Answer {
    let found = find(backend, Subject::Txs, arguments)?;
    let mut budget = Budget::new(backend.answer_bytes_max);
    let mut txs = Vec::with_capacity(found.hits.len());
    // Those of one block follow each other.
    let mut last: Option<(Height, Option<Excerpt>, Option<Proofs>)> = None;
    for Hit { height, index } in found.hits {
        if last.as_ref().is_none_or(|(last, ..)| *last != height) {
            let excerpt = backend.store.excerpt(height)?;
            last = Some((height, excerpt, Proofs::of(backend, height, arguments)?));
        }
        let Some((_, Some(excerpt), proofs)) = &mut last else { continue };
        // It may have been pruned since it was found.
        if let Some(found) = excerpt.tx(index)? {
            let tx = shape(&found, proofs.as_ref())?;
            budget.charge(&tx)?;
            txs.push(tx);
        }
    }
    Ok(json!({"txs": txs, "total_count": number(found.total)}))
}

/// A transaction of the chain, with its proof where it was asked for.
fn shape(found: &StoredTx, proofs: Option<&Proofs>) -> Answer {
    let mut shape = json!({
        "hash": TxHash::of(&found.tx).to_string(),
        "height": number(found.place.height),
        "index": found.place.index,
        "tx_result": results::tx_result(&found.result),
        "tx": tx_base64(&found.tx),
    });
    if let Some(proofs) = proofs {
        shape["proof"] = proofs.shape(found)?;
    }
    Ok(shape)
}

/// Proofs that a block has its transactions.
struct Proofs {
    root: Hash,
    proofs: Vec<merkle::Proof>,
}

impl Proofs {
    /// None if they are not asked for, or the block was pruned. All of it is read.
    fn of(
        backend: &Backend,
        height: Height,
        arguments: &Arguments,
    ) -> Result<Option<Self>, RpcError> {
        if !arguments.bool("prove") {
            return Ok(None);
        }
        let Some(block) = backend.store.block(height)? else { return Ok(None) };
        let leaves: Vec<Hash> = block.txs.iter().map(|tx| Hash::of(tx)).collect();
        let leaves: Vec<&[u8]> = leaves.iter().map(Hash::as_bytes).collect();
        let (root, proofs) = merkle::root_and_proofs(&leaves);
        Ok(Some(Self { root, proofs }))
    }

    fn shape(&self, found: &StoredTx) -> Answer {
        let proof = self.proofs.get(found.place.index as usize);
        let proof = proof.ok_or_else(|| RpcError::internal("its place is beyond its block"))?;
        let aunts = proof.aunts.iter().map(|aunt| base64(aunt.as_bytes()));
        Ok(json!({
            "root_hash": self.root.to_string(),
            "data": tx_base64(&found.tx),
            "proof": {
                "total": number(proof.total),
                "index": number(proof.index),
                "leaf_hash": base64(proof.leaf_hash.as_bytes()),
                "aunts": aunts.collect::<Vec<_>>(),
            },
        }))
    }
}
