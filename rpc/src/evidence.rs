//! The route that takes evidence of misbehaviour: `broadcast_evidence`.

use serde_json::json;

use crate::backend::Backend;
use crate::error::{Answer, RpcError};
use crate::json::evidence;
use crate::params::Arguments;

/// Checks evidence, and passes it on to consensus, which has it put into a block.
pub fn broadcast_evidence(backend: &Backend, arguments: &Arguments) -> Answer {
    let Some(given) = arguments.json("evidence") else {
        return Err(RpcError::internal("no evidence was provided"));
    };
    let evidence =
        evidence::read(given).map_err(|problem| arguments.wrong(format!("evidence: {problem}")))?;
    let hash = evidence.hash();
    backend
        .node
        .submit_evidence(evidence)
        .map_err(|error| RpcError::internal(format!("failed to add evidence: {error}")))?;
    Ok(json!({"hash": hash.to_string()}))
}
