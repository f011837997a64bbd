//! Routes that take transactions and show them: `broadcast_tx_*`, `unconfirmed_txs`,
//! `num_unconfirmed_txs`, `tx`.

use std::time::Duration;

use serde_json::{Value, json};
use types::{Hash, TxHash, TxResult, merkle};

use crate::backend::Backend;
use crate::error::{Answer, RpcError};
use crate::json::block::tx_base64;
use crate::json::{base64, hex_upper, number, results};
use crate::page::per_page;
use crate::params::Arguments;

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

/// Takes a transaction and waits, up to `patience`, until it is executed.
pub async fn broadcast_tx_commit(
    backend: Backend,
    arguments: Arguments,
    patience: Duration,
) -> Answer {
    let tx = arguments.tx()?;
    let hash = TxHash::of(&tx);
    let executed = backend.node.wait_for(hash);
    let submitted = backend.node.submit(tx);
    let checked = match submitted {
        Ok(checked) if checked.code == 0 => checked,
        refused => {
            drop(executed);
            backend.node.give_up(hash);
            let checked = refused.map_err(RpcError::internal)?;
            return Ok(json!({
                "check_tx": results::tx_result(&checked),
                "tx_result": results::tx_result(&TxResult::default()),
                "hash": hash.to_string(),
                "height": "0",
            }));
        }
    };
    let waited = tokio::time::timeout(patience, executed).await;
    let Ok(Ok(decided)) = waited else {
        backend.node.give_up(hash);
        return Err(RpcError::internal("timed out waiting for tx to be included in a block"));
    };
    Ok(json!({
        "check_tx": results::tx_result(&checked),
        "tx_result": results::tx_result(&decided.result),
        "hash": hash.to_string(),
        "height": number(decided.height),
    }))
}

/// The first pending transactions.
pub fn unconfirmed_txs(backend: &Backend, arguments: &Arguments) -> Answer {
    let pending = backend.node.pending(per_page(arguments.int("limit")));
    Ok(json!({
        "n_txs": number(pending.txs.len()),
        "total": number(pending.total),
        "total_bytes": number(pending.total_bytes),
        "txs": pending.txs.iter().map(|tx| tx_base64(tx)).collect::<Vec<_>>(),
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
    if !backend.node.identity().tx_index {
        return Err(RpcError::internal("transaction indexing is disabled"));
    }
    let hash = TxHash(arguments.hash("hash")?);
    let Some(found) = backend.store.tx(&hash)? else {
        return Err(RpcError::internal(format!("tx ({hash}) not found")));
    };
    let mut answer = json!({
        "hash": hash.to_string(),
        "height": number(found.place.height),
        "index": found.place.index,
        "tx_result": results::tx_result(&found.result),
        "tx": tx_base64(&found.tx),
    });
    if arguments.bool("prove")
        && let Some(object) = answer.as_object_mut()
    {
        let proof = proof(backend, &found.place, &found.tx)?;
        object.insert("proof".to_owned(), proof);
    }
    Ok(answer)
}

fn proof(backend: &Backend, place: &storage::TxPlace, tx: &[u8]) -> Answer {
    let block = backend.store.block(place.height)?;
    let block =
        block.ok_or_else(|| RpcError::internal("its block is not in the store any more"))?;
    let leaves: Vec<Hash> = block.txs.iter().map(|tx| Hash::of(tx)).collect();
    let leaves: Vec<&[u8]> = leaves.iter().map(Hash::as_bytes).collect();
    let (root, proofs) = merkle::root_and_proofs(&leaves);
    let proof = proofs.get(place.index as usize);
    let proof = proof.ok_or_else(|| RpcError::internal("its place is beyond its block"))?;
    Ok(json!({
        "root_hash": root.to_string(),
        "data": tx_base64(tx),
        "proof": {
            "total": number(proof.total),
            "index": number(proof.index),
            "leaf_hash": base64(proof.leaf_hash.as_bytes()),
            "aunts": proof.aunts.iter().map(|aunt| base64(aunt.as_bytes())).collect::<Vec<_>>(),
        },
    }))
}
