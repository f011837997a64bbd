//! What came of transactions and blocks, as JSON. spec: gogo's jsonpb with defaults emitted.

use serde_json::{Value, json};
use types::{BlockOutcome, Event, Height, TxResult, ValidatorUpdate};

use super::{base64, number};

/// What came of a transaction: CheckTx and FinalizeBlock have the same shape.
pub fn tx_result(result: &TxResult) -> Value {
    json!({
        "code": result.code,
        "data": base64(&result.data),
        "log": result.log,
        "info": result.info,
        "gas_wanted": number(result.gas_wanted),
        "gas_used": number(result.gas_used),
        "events": result.events.iter().map(event).collect::<Vec<_>>(),
        "codespace": result.codespace,
    })
}

/// An event.
pub fn event(event: &Event) -> Value {
    let attributes = event
        .attributes
        .iter()
        .map(|it| json!({"key": it.key, "value": it.value, "index": it.index}));
    json!({"type": event.kind, "attributes": attributes.collect::<Vec<_>>()})
}

/// What came of a block; lists that are empty are null, as the reference has them.
pub fn block_results(height: Height, outcome: &BlockOutcome) -> Value {
    json!({
        "height": number(height),
        "txs_results": list(&outcome.tx_results, tx_result),
        "finalize_block_events": list(&outcome.events, event),
        "validator_updates": list(&outcome.validator_updates, validator_update),
        "consensus_param_updates":
            outcome.params_update.as_ref().map_or(Value::Null, super::chain::params_update),
        "app_hash": base64(&outcome.app_hash.0),
    })
}

/// A change of a validator. Without a power where it is zero: this one is not written with its
/// defaults.
pub fn validator_update(update: &ValidatorUpdate) -> Value {
    let mut shape = json!({
        "pub_key": {"Sum": {
            "type": "tendermint.crypto.PublicKey_Ed25519",
            "value": {"ed25519": base64(&update.public_key.0)},
        }},
    });
    if 0 < update.power.0 {
        shape["power"] = number(update.power);
    }
    shape
}

fn list<T>(items: &[T], shape: impl Fn(&T) -> Value) -> Value {
    if items.is_empty() { Value::Null } else { Value::Array(items.iter().map(shape).collect()) }
}

#[cfg(test)]
mod tests {
    use types::{PublicKey, VotingPower};

    use super::*;

    #[test]
    fn a_validator_that_leaves_is_shown_without_power() {
        let update =
            |power| ValidatorUpdate { public_key: PublicKey([7; 32]), power: VotingPower(power) };
        assert_eq!(validator_update(&update(5))["power"], "5");
        assert_eq!(validator_update(&update(0)).get("power"), None);
    }
}
