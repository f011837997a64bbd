//! Routes about the node: `health`, `status`, `net_info`, `genesis`,
//! `genesis_chunked`.

use serde_json::{Value, json};
use storage::Store;
use types::Height;

use crate::backend::Backend;
use crate::error::{Answer, RpcError};
use crate::json::{app_hash, base64, chain, hash, number, public_key, time};
use crate::params::Arguments;

/// Largest genesis file that `genesis` sends in one piece. spec: `genesisChunkSize`.
const GENESIS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// That the node answers.
pub fn health(_: &Backend, _: &Arguments) -> Answer {
    Ok(json!({}))
}

/// Who the node is, how far it is, and whether it votes.
pub fn status(backend: &Backend, _: &Arguments) -> Answer {
    let identity = backend.node.identity();
    let state = backend.store.state()?;
    let app_version = state.as_ref().map_or(0, |state| state.app_version);
    let range = backend.store.range()?;
    let latest = end(&backend.store, range.map(|(_, tip)| tip))?;
    let earliest = end(&backend.store, range.map(|(base, _)| base))?;
    let validator = identity.validator_key.map(|key| {
        let address = key.address();
        let power =
            state.as_ref().and_then(|it| it.validators.find(&address).map(|(_, v)| v.power));
        json!({
            "address": address.to_string(),
            "pub_key": public_key(&key),
            "voting_power": number(power.unwrap_or_default()),
        })
    });
    Ok(json!({
        "node_info": chain::node(identity, backend.genesis.chain_id.as_str(), app_version),
        "sync_info": {
            "latest_block_hash": latest.hash,
            "latest_app_hash": latest.app_hash,
            "latest_block_height": latest.height,
            "latest_block_time": latest.time,
            "earliest_block_hash": earliest.hash,
            "earliest_app_hash": earliest.app_hash,
            "earliest_block_height": earliest.height,
            "earliest_block_time": earliest.time,
            "catching_up": backend.node.catching_up(),
        },
        "validator_info": validator.unwrap_or_else(|| json!({
            "address": "", "pub_key": null, "voting_power": "0",
        })),
    }))
}

/// What `status` says of the first or last block.
struct End {
    hash: Value,
    app_hash: Value,
    height: Value,
    time: Value,
}

fn end(store: &Store, height: Option<Height>) -> Result<End, RpcError> {
    let meta = match height {
        Some(height) => store.block_meta(height)?,
        None => None,
    };
    let header = meta.as_ref().map(|meta| &meta.header);
    Ok(End {
        hash: hash(meta.as_ref().map(|meta| &meta.id.hash)),
        app_hash: header.map_or(Value::String(String::new()), |it| app_hash(&it.app_hash)),
        height: number(height.map_or(0, |height| height.0)),
        time: time(header.map_or(types::Time::EPOCH, |it| it.time)),
    })
}

/// Who is connected.
pub fn network(backend: &Backend, _: &Arguments) -> Answer {
    let peers: Vec<Value> = backend.node.peers().iter().map(chain::peer).collect();
    let identity = backend.node.identity();
    Ok(json!({
        "listening": true,
        "listeners": [format!("Listener(@{})", identity.listen_address)],
        "n_peers": number(peers.len()),
        "peers": peers,
    }))
}

/// A piece of the genesis file, for files that are too large for one answer.
pub fn genesis_chunked(backend: &Backend, arguments: &Arguments) -> Answer {
    chunk_of(backend.genesis_text(), arguments.int("chunk").unwrap_or(0))
}

fn chunk_of(text: &str, asked: i64) -> Answer {
    let mut chunks = text.as_bytes().chunks(GENESIS_BYTES_MAX);
    let total = chunks.len();
    let chunk = usize::try_from(asked).ok().and_then(|index| chunks.nth(index));
    let Some(chunk) = chunk else {
        let last = total.saturating_sub(1);
        return Err(RpcError::internal(format!("there are {last} chunks, {asked} is invalid")));
    };
    Ok(json!({"chunk": number(asked), "total": number(total), "data": base64(chunk)}))
}

/// How the chain began.
pub fn genesis(backend: &Backend, _: &Arguments) -> Answer {
    if GENESIS_BYTES_MAX < backend.genesis_text().len() {
        return Err(RpcError::internal(
            "genesis response is large, please use the genesis_chunked API instead",
        ));
    }
    Ok(json!({"genesis": chain::genesis(&backend.genesis)}))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn chunks_together_are_the_text() {
        let text = format!("{}end", "x".repeat(2 * GENESIS_BYTES_MAX));
        let chunks = (0..3).map(|index| {
            let chunk = chunk_of(&text, index).unwrap();
            assert_eq!((&chunk["chunk"], &chunk["total"]), (&number(index), &number(3)));
            STANDARD.decode(chunk["data"].as_str().unwrap()).unwrap()
        });
        assert!(chunks.collect::<Vec<_>>().concat() == text.as_bytes());
        let error = chunk_of(&text, 3).unwrap_err();
        assert_eq!(error.data, "there are 2 chunks, 3 is invalid");
    }
}
