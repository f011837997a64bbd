//! Routes about consensus: `validators`, `consensus_params`, `consensus_state`,
//! `dump_consensus_state`.

use serde_json::{Value, json};
use types::Height;

use crate::backend::{Backend, RoundState};
use crate::blocks::check_range;
use crate::error::{Answer, RpcError};
use crate::json::{block, chain, number, round_state};
use crate::page::Page;
use crate::params::Arguments;

/// The validators of a height, in pages; of the next height if none is given.
pub fn validators(backend: &Backend, arguments: &Arguments) -> Answer {
    let height = at_or_next(backend, arguments)?;
    let set = backend.store.validators(height)?.ok_or_else(|| {
        RpcError::internal(format!("could not find validator set for height #{height}"))
    })?;
    let page = Page::of(arguments, set.count())?;
    let shown: Vec<Value> = page.cut(set.validators()).iter().map(block::validator).collect();
    Ok(json!({
        "block_height": number(height),
        "count": number(shown.len()),
        "total": number(set.count()),
        "validators": shown,
    }))
}

/// The parameters of a height; of the next height if none is given.
pub fn consensus_params(backend: &Backend, arguments: &Arguments) -> Answer {
    let height = at_or_next(backend, arguments)?;
    let params = backend.store.params(height)?.ok_or_else(|| {
        RpcError::internal(format!("could not find consensus params for height #{height}"))
    })?;
    Ok(json!({"block_height": number(height), "consensus_params": chain::params(&params)}))
}

/// The short form of where consensus stands.
pub fn consensus_state(backend: &Backend, _: &Arguments) -> Answer {
    Ok(json!({"round_state": round_state::simple(&picture(backend)?)}))
}

/// The long form, with what is known of each peer.
pub fn dump_consensus_state(backend: &Backend, _: &Arguments) -> Answer {
    let state = picture(backend)?;
    let peers: Vec<Value> = state.peers.iter().map(round_state::peer).collect();
    Ok(json!({"round_state": round_state::full(&state), "peers": peers}))
}

fn picture(backend: &Backend) -> Result<RoundState, RpcError> {
    backend.node.consensus().ok_or_else(|| RpcError::internal("consensus does not answer in time"))
}

/// The height that was asked for, or the next one: who votes there, and by which parameters, is
/// known one height ahead.
fn at_or_next(backend: &Backend, arguments: &Arguments) -> Result<Height, RpcError> {
    let (base, latest) = match backend.store.range()? {
        // spec: `latestUncommittedHeight`.
        Some((base, tip)) if backend.node.catching_up() => (base, tip),
        Some((base, tip)) => (base, tip.next()),
        None => (backend.genesis.initial_height, backend.genesis.initial_height),
    };
    // A block may be decided whose execution has not yet said who comes next.
    let latest = match backend.store.state()? {
        Some(state) => latest.min(state.next_height()),
        None => latest,
    };
    let height = arguments.height()?.unwrap_or(latest);
    check_range(height, base, latest)?;
    Ok(height)
}
