//! Routes for operators, which exist only with `rpc.unsafe`: `dial_seeds`, `dial_peers`,
//! `unsafe_flush_mempool`. spec: `rpc/core/net.go`, `rpc/core/dev.go`.

use serde_json::json;

use crate::backend::{Backend, DialTerms};
use crate::error::{Answer, RpcError};
use crate::params::Arguments;

/// Dials peers.
pub fn dial_seeds(backend: &Backend, arguments: &Arguments) -> Answer {
    let seeds = arguments.texts("seeds");
    if seeds.is_empty() {
        return Err(RpcError::internal("no seeds provided"));
    }
    tracing::info!(target: "rpc", ?seeds, "a client has seeds dialed");
    backend.node.dial(seeds, DialTerms::default()).map_err(RpcError::internal)?;
    Ok(json!({"log": "Dialing seeds in progress. See /net_info for details"}))
}

/// Dials peers, and remembers what they are.
pub fn dial_peers(backend: &Backend, arguments: &Arguments) -> Answer {
    let peers = arguments.texts("peers");
    if peers.is_empty() {
        return Err(RpcError::internal("no peers provided"));
    }
    let terms = DialTerms {
        persistent: arguments.bool("persistent"),
        unconditional: arguments.bool("unconditional"),
        private: arguments.bool("private"),
    };
    tracing::info!(target: "rpc", ?peers, ?terms, "a client has peers dialed");
    backend.node.dial(peers, terms).map_err(RpcError::internal)?;
    Ok(json!({"log": "Dialing peers in progress. See /net_info for details"}))
}

/// Drops all pending transactions.
pub fn unsafe_flush_mempool(backend: &Backend, _: &Arguments) -> Answer {
    tracing::info!(target: "rpc", "a client has the pending transactions dropped");
    backend.node.flush();
    Ok(json!({}))
}
