//! Routes that ask the application: `abci_info`, `abci_query`, `check_tx`.

use abci::{CheckTxKind, CheckTxRequest, InfoRequest, QueryRequest};
use serde_json::{Map, Value, json};
use types::Height;

use crate::backend::Backend;
use crate::error::{Answer, RpcError};
use crate::json::{base64, number, results};
use crate::params::Arguments;

/// What the application says of itself; fields without content are left out.
pub fn application(backend: &Backend, _: &Arguments) -> Answer {
    let answer = backend.application.query.info(&InfoRequest::default())?;
    let mut response = Map::new();
    let mut put = |name: &str, value: Value, empty: bool| {
        if !empty {
            response.insert(name.to_owned(), value);
        }
    };
    put("data", Value::String(answer.data.clone()), answer.data.is_empty());
    put("version", Value::String(answer.version.clone()), answer.version.is_empty());
    put("app_version", number(answer.app_version), answer.app_version == 0);
    let height = answer.last_block_height.map_or(0, |height| height.0);
    put("last_block_height", number(height), height == 0);
    let app_hash = &answer.last_block_app_hash.0;
    put("last_block_app_hash", base64(app_hash), app_hash.is_empty());
    Ok(json!({"response": response}))
}

/// What the application answers to a query.
pub fn abci_query(backend: &Backend, arguments: &Arguments) -> Answer {
    let height = match arguments.int("height").unwrap_or(0) {
        0 => None,
        height => Some(Height(
            u64::try_from(height).map_err(|_| RpcError::internal("height cannot be negative"))?,
        )),
    };
    let answer = backend.application.query.query(&QueryRequest {
        data: arguments.bytes("data"),
        path: arguments.text("path").to_owned(),
        height,
        prove: arguments.bool("prove"),
    })?;
    let proof = answer
        .proof
        .iter()
        .map(|op| json!({"type": op.kind, "key": base64(&op.key), "data": base64(&op.data)}));
    let proof: Vec<Value> = proof.collect();
    Ok(json!({"response": {
        "code": answer.code,
        "log": answer.log,
        "info": answer.info,
        "index": number(answer.index),
        "key": base64(&answer.key),
        "value": base64(&answer.value),
        "proofOps": if proof.is_empty() { Value::Null } else { json!({"ops": proof}) },
        "height": number(answer.height.map_or(0, |height| height.0)),
        "codespace": answer.codespace,
    }}))
}

/// Asks the application about a transaction, and keeps nothing.
pub fn check_tx(backend: &Backend, arguments: &Arguments) -> Answer {
    let request = CheckTxRequest { tx: arguments.tx()?, kind: CheckTxKind::New };
    Ok(results::tx_result(&backend.application.mempool.check_tx(&request)?))
}
