//! Routes about decided blocks: `block`, `block_by_hash`, `block_results`, `header`,
//! `header_by_hash`, `commit`, `blockchain`, `block_search`.

use serde_json::{Value, json};
use storage::index::Subject;
use storage::key_value::Order;
use storage::{BlockMeta, Store};
use types::Height;

use crate::backend::Backend;
use crate::budget::Budget;
use crate::error::{Answer, RpcError};
use crate::json::{block as shape, number, results};
use crate::params::Arguments;
use crate::search::answer::find;

/// Most headers in one answer of `blockchain`. spec: `limit` in `BlockchainInfo`.
const METAS_MAX: u64 = 20;

/// A block by height; the latest if none is given.
pub fn block(backend: &Backend, arguments: &Arguments) -> Answer {
    let Some(height) = at_or_latest(&backend.store, arguments)? else {
        return Ok(json!({"block_id": shape::block_id(None), "block": null}));
    };
    block_at(backend, height)
}

/// A block by its hash; null if there is none.
pub fn block_by_hash(backend: &Backend, arguments: &Arguments) -> Answer {
    match at_hash(&backend.store, arguments)? {
        Some(height) => block_at(backend, height),
        None => Ok(json!({"block_id": shape::block_id(None), "block": null})),
    }
}

fn block_at(backend: &Backend, height: Height) -> Answer {
    let meta = meta_at(&backend.store, height)?;
    let block = backend.store.block(height)?.ok_or_else(|| missing(height))?;
    Ok(json!({"block_id": shape::block_id(Some(&meta.id)), "block": shape::block(&block)}))
}

/// A header by height; the latest if none is given.
pub fn header(backend: &Backend, arguments: &Arguments) -> Answer {
    let Some(height) = at_or_latest(&backend.store, arguments)? else {
        return Ok(json!({"header": null}));
    };
    Ok(json!({"header": shape::header(&meta_at(&backend.store, height)?.header)}))
}

/// A header by its hash; null if there is none.
pub fn header_by_hash(backend: &Backend, arguments: &Arguments) -> Answer {
    match at_hash(&backend.store, arguments)? {
        Some(height) => {
            Ok(json!({"header": shape::header(&meta_at(&backend.store, height)?.header)}))
        }
        None => Ok(json!({"header": null})),
    }
}

/// What came of a block; of the latest that was executed if no height is given. A block is stored
/// once it is decided, and its results a moment later: the tip may have none yet.
pub fn block_results(backend: &Backend, arguments: &Arguments) -> Answer {
    let store = &backend.store;
    let mut height = at_or_latest(store, arguments)?.unwrap_or(Height(0));
    let mut outcome = store.outcome(height)?;
    if let (None, None, Some(before)) = (&outcome, arguments.height()?, height.previous()) {
        height = before;
        outcome = store.outcome(before)?;
    }
    let outcome = outcome.ok_or_else(|| {
        RpcError::internal(format!("could not find results for height #{height}"))
    })?;
    Ok(results::block_results(height, &outcome))
}

/// A header and what decided it: the next block's commit, or, at the tip, the commit seen here;
/// null if there is no block at all.
pub fn commit(backend: &Backend, arguments: &Arguments) -> Answer {
    let store = &backend.store;
    let Some(height) = at_or_latest(store, arguments)? else { return Ok(Value::Null) };
    let header = meta_at(store, height)?.header;
    let (commit, canonical) = match store.commit(height)? {
        Some(commit) => (commit, true),
        None => {
            let seen = store.seen_commit(height)?.ok_or_else(|| missing(height))?;
            (seen.commit(), false)
        }
    };
    Ok(json!({
        "signed_header": {"header": shape::header(&header), "commit": shape::commit(&commit)},
        "canonical": canonical,
    }))
}

/// Headers from the highest down, at most twenty.
pub fn blockchain(backend: &Backend, arguments: &Arguments) -> Answer {
    let (base, tip) = backend.store.range()?.map_or((0, 0), |(base, tip)| (base.0, tip.0));
    let asked = |name: &'static str| match arguments.int(name) {
        None | Some(0) => Ok(None),
        Some(height) => u64::try_from(height)
            .map(Some)
            .map_err(|_| RpcError::internal("heights must be non-negative")),
    };
    let last = asked("maxHeight")?.unwrap_or(tip).min(tip);
    let first = asked("minHeight")?.unwrap_or(1).max(base);
    let first = first.max((last + 1).saturating_sub(METAS_MAX));
    if last < first {
        return Err(RpcError::internal(format!(
            "min height {first} can't be greater than max height {last}"
        )));
    }
    let (first, last) = (Height(first), Height(last));
    let metas = backend.store.metas(first, last, Order::Descending, METAS_MAX as usize)?;
    let metas: Vec<Value> = metas.iter().map(block_meta).collect();
    Ok(json!({"last_height": number(tip), "block_metas": metas}))
}

fn block_meta(meta: &BlockMeta) -> Value {
    json!({
        "block_id": shape::block_id(Some(&meta.id)),
        "block_size": number(meta.bytes),
        "header": shape::header(&meta.header),
        "num_txs": number(meta.txs_count),
    })
}

/// Blocks by their own events: a page, and how many there are in all.
pub fn block_search(backend: &Backend, arguments: &Arguments) -> Answer {
    let found = find(backend, Subject::Blocks, arguments)?;
    let mut budget = Budget::new(backend.answer_bytes_max);
    let mut blocks = vec![];
    for hit in &found.hits {
        // It may have been pruned since it was found.
        if backend.store.block_meta(hit.height)?.is_some() {
            let block = block_at(backend, hit.height)?;
            budget.charge(&block)?;
            blocks.push(block);
        }
    }
    Ok(json!({"blocks": blocks, "total_count": number(found.total)}))
}

/// The height that was asked for, checked against what the store has; the latest if none was;
/// none if there is no block at all.
pub fn at_or_latest(store: &Store, arguments: &Arguments) -> Result<Option<Height>, RpcError> {
    let asked = arguments.height()?;
    let Some((base, tip)) = store.range()? else {
        return match asked {
            None => Ok(None),
            Some(height) => Err(too_high(height, Height(0))),
        };
    };
    let height = asked.unwrap_or(tip);
    check_range(height, base, tip)?;
    Ok(Some(height))
}

/// Whether a height is within a range, with the reference's words if not.
pub fn check_range(height: Height, base: Height, tip: Height) -> Result<(), RpcError> {
    if tip < height {
        return Err(too_high(height, tip));
    }
    if height < base {
        return Err(RpcError::internal(format!(
            "height {height} is not available, lowest height is {base}"
        )));
    }
    Ok(())
}

fn too_high(height: Height, tip: Height) -> RpcError {
    RpcError::internal(format!(
        "height {height} must be less than or equal to the current blockchain height {tip}"
    ))
}

fn at_hash(store: &Store, arguments: &Arguments) -> Result<Option<Height>, RpcError> {
    match arguments.hash("hash") {
        Some(hash) => Ok(store.height_of(&hash)?),
        None => Ok(None),
    }
}

fn meta_at(store: &Store, height: Height) -> Result<BlockMeta, RpcError> {
    store.block_meta(height)?.ok_or_else(|| missing(height))
}

fn missing(height: Height) -> RpcError {
    RpcError::internal(format!("block {height} is not in the store any more"))
}
