//! What subscribers are told, as JSON. spec: `types/events.go`. The reference writes most of it by
//! reflection here, so that fields with nothing in them are left out, which it keeps elsewhere.

use serde_json::{Map, Value, json};
use types::message::WireStep;
use types::{
    Address, Block, BlockId, BlockOutcome, Evidence, Height, Round, Tx, TxResult, ValidatorIndex,
    ValidatorUpdate, Vote,
};

use super::{base64, block, chain, number, public_key, results};

/// A decided block and what came of it.
pub fn new_block(decided: &Block, id: &BlockId, outcome: &BlockOutcome) -> Value {
    typed(
        "NewBlock",
        json!({
            "block": block::block(decided),
            "block_id": block::block_id(Some(id)),
            "result_finalize_block": finalized(outcome),
        }),
    )
}

/// A decided block's header.
pub fn new_block_header(decided: &Block) -> Value {
    typed("NewBlockHeader", json!({"header": block::header(&decided.header)}))
}

/// The events of a block as a whole.
pub fn new_block_events(decided: &Block, outcome: &BlockOutcome) -> Value {
    typed(
        "NewBlockEvents",
        json!({
            "height": number(decided.header.height),
            "events": outcome.events.iter().map(results::event).collect::<Vec<_>>(),
            "num_txs": number(decided.txs.len()),
        }),
    )
}

/// Evidence that a block carries.
pub fn new_evidence(height: Height, evidence: &Evidence) -> Value {
    typed("NewEvidence", json!({"height": number(height), "evidence": block::evidence(evidence)}))
}

/// A transaction and what came of it.
pub fn tx(height: Height, index: u32, tx: &Tx, result: &TxResult) -> Value {
    let mut shape = json!({"height": number(height), "result": executed(result)});
    if index != 0 {
        shape["index"] = Value::from(index);
    }
    if !tx.is_empty() {
        shape["tx"] = base64(tx);
    }
    typed("Tx", json!({"TxResult": shape}))
}

/// Changes of the validator set.
pub fn validator_set_updates(updates: &[ValidatorUpdate]) -> Value {
    let validators = updates.iter().map(|update| {
        json!({
            "address": update.public_key.address().to_string(),
            "pub_key": public_key(&update.public_key),
            "voting_power": number(update.power),
            "proposer_priority": "0",
        })
    });
    typed("ValidatorSetUpdates", json!({"validator_updates": validators.collect::<Vec<_>>()}))
}

/// Where consensus stands.
pub fn round_state(height: Height, round: Round, step: WireStep) -> Value {
    typed("RoundState", at(height, round, step))
}

/// A round, and whose turn it is. spec: told before any step of it is taken.
pub fn new_round(height: Height, round: Round, proposer: &Address, index: ValidatorIndex) -> Value {
    let mut shape = at(height, round, WireStep::NewRound);
    shape["proposer"] = json!({"address": proposer.to_string(), "index": index.0});
    typed("NewRound", shape)
}

/// A proposed block that is complete.
pub fn complete_proposal((height, round, step): (Height, Round, WireStep), id: &BlockId) -> Value {
    let mut shape = at(height, round, step);
    shape["block_id"] = block::block_id(Some(id));
    typed("CompleteProposal", shape)
}

/// A vote that was counted.
pub fn vote(vote: &Vote) -> Value {
    typed("Vote", json!({"Vote": block::vote(vote)}))
}

fn typed(kind: &str, value: Value) -> Value {
    json!({"type": format!("tendermint/event/{kind}"), "value": value})
}

fn at(height: Height, round: Round, step: WireStep) -> Value {
    json!({"height": number(height), "round": round.0, "step": step_name(step)})
}

/// spec: `RoundStepType.String`.
fn step_name(step: WireStep) -> &'static str {
    match step {
        WireStep::NewHeight => "RoundStepNewHeight",
        WireStep::NewRound => "RoundStepNewRound",
        WireStep::Propose => "RoundStepPropose",
        WireStep::Prevote => "RoundStepPrevote",
        WireStep::PrevoteWait => "RoundStepPrevoteWait",
        WireStep::Precommit => "RoundStepPrecommit",
        WireStep::PrecommitWait => "RoundStepPrecommitWait",
        WireStep::Commit => "RoundStepCommit",
    }
}

/// The outcome of a block without what is empty; but changes of validators are always there, as
/// those of the reference's kvstore are, and clients rely on it.
fn finalized(outcome: &BlockOutcome) -> Value {
    let mut shape = Map::new();
    let mut put = |name: &str, items: Vec<Value>| {
        if !items.is_empty() {
            shape.insert(name.to_owned(), Value::Array(items));
        }
    };
    put("events", outcome.events.iter().map(results::event).collect());
    put("tx_results", outcome.tx_results.iter().map(results::tx_result).collect());
    let updates = outcome.validator_updates.iter().map(results::validator_update);
    shape.insert("validator_updates".to_owned(), Value::Array(updates.collect()));
    if let Some(update) = &outcome.params_update {
        shape.insert("consensus_param_updates".to_owned(), chain::params_update(update));
    }
    if !outcome.app_hash.0.is_empty() {
        shape.insert("app_hash".to_owned(), base64(&outcome.app_hash.0));
    }
    Value::Object(shape)
}

/// What came of a transaction without what is empty.
fn executed(result: &TxResult) -> Value {
    let mut shape = Map::new();
    let mut put = |name: &str, value: Value, empty: bool| {
        if !empty {
            shape.insert(name.to_owned(), value);
        }
    };
    put("code", Value::from(result.code), result.code == 0);
    put("data", base64(&result.data), result.data.is_empty());
    put("log", Value::from(result.log.as_str()), result.log.is_empty());
    put("info", Value::from(result.info.as_str()), result.info.is_empty());
    put("gas_wanted", number(result.gas_wanted), result.gas_wanted == 0);
    put("gas_used", number(result.gas_used), result.gas_used == 0);
    put(
        "events",
        Value::Array(result.events.iter().map(results::event).collect()),
        result.events.is_empty(),
    );
    put("codespace", Value::from(result.codespace.as_str()), result.codespace.is_empty());
    Value::Object(shape)
}
