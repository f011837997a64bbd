//! What executing a block yields.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{self, DecodeContext, WireType};
use tendermint_proto::v0_38::abci;

use super::params::{params_update_from_wire, params_update_to_wire};
use super::scalar::{power, unsigned_to_wire};
use super::validator::{public_key_from_wire, public_key_to_wire};
use super::{DecodeError, decoded, wire};
use crate::hash::AppHash;
use crate::outcome::{BlockOutcome, Event, EventAttribute, TxResult, ValidatorUpdate};

/// The outcome's bytes, for the store. spec: `ResponseFinalizeBlock`.
pub fn encode_outcome(outcome: &BlockOutcome) -> Bytes {
    let wire = wire::BlockOutcome {
        events: outcome.events.iter().map(event_to_wire).collect(),
        tx_results: outcome.tx_results.iter().map(tx_result_to_wire).collect(),
        validator_updates: outcome.validator_updates.iter().map(update_to_wire).collect(),
        consensus_param_updates: outcome.params_update.as_ref().map(params_update_to_wire),
        app_hash: outcome.app_hash.0.clone(),
    };
    wire.encode_to_vec().into()
}

/// Reads an outcome. It comes from our own store, so there are no limits but those of its types.
///
/// # Errors
/// What is wrong with it.
pub fn decode_outcome(bytes: &[u8]) -> Result<BlockOutcome, DecodeError> {
    let wire: wire::BlockOutcome = decoded("outcome", bytes)?;
    Ok(BlockOutcome {
        events: wire.events.into_iter().map(event_from_wire).collect(),
        tx_results: wire.tx_results.into_iter().map(tx_result_from_wire).collect(),
        validator_updates: wire
            .validator_updates
            .into_iter()
            .map(update_from_wire)
            .collect::<Result<_, _>>()?,
        params_update: wire.consensus_param_updates.map(params_update_from_wire).transpose()?,
        app_hash: AppHash(wire.app_hash),
    })
}

/// Reads what became of one transaction, and skips all else; none if there are not so many.
///
/// # Errors
/// What is wrong with the outcome.
pub fn decode_tx_result(outcome: &[u8], index: u32) -> Result<Option<TxResult>, DecodeError> {
    /// Tag of `tx_results` in [`wire::BlockOutcome`].
    const TX_RESULTS: u32 = 2;
    let wrong = |error: prost::DecodeError| DecodeError::Protobuf {
        what: "outcome",
        reason: error.to_string(),
    };
    let mut rest = outcome;
    let mut passed = 0;
    while !rest.is_empty() {
        let (tag, kind) = encoding::decode_key(&mut rest).map_err(wrong)?;
        if tag == TX_RESULTS && kind == WireType::LengthDelimited && passed == index {
            let mut result = abci::ExecTxResult::default();
            encoding::message::merge(kind, &mut result, &mut rest, DecodeContext::default())
                .map_err(wrong)?;
            return Ok(Some(tx_result_from_wire(result)));
        }
        passed += u32::from(tag == TX_RESULTS);
        encoding::skip_field(kind, tag, &mut rest, DecodeContext::default()).map_err(wrong)?;
    }
    Ok(None)
}

/// The bytes of what became of one transaction. spec: `ExecTxResult`, and `ResponseCheckTx`, which
/// has the same fields.
pub fn encode_result(result: &TxResult) -> Bytes {
    tx_result_to_wire(result).encode_to_vec().into()
}

/// Reads what became of one transaction.
///
/// # Errors
/// What is wrong with it.
pub fn decode_result(bytes: &[u8]) -> Result<TxResult, DecodeError> {
    decoded("result", bytes).map(tx_result_from_wire)
}

/// The leaf of a result under [`BlockOutcome::results_hash`]: only what all nodes agree on.
/// spec: `deterministicExecTxResult`.
pub fn result_leaf(result: &TxResult) -> Vec<u8> {
    abci::ExecTxResult {
        code: result.code,
        data: result.data.clone(),
        gas_wanted: result.gas_wanted,
        gas_used: result.gas_used,
        ..abci::ExecTxResult::default()
    }
    .encode_to_vec()
}

fn event_to_wire(event: &Event) -> abci::Event {
    let attributes = event.attributes.iter().map(|it| abci::EventAttribute {
        key: it.key.clone(),
        value: it.value.clone(),
        index: it.index,
    });
    abci::Event { r#type: event.kind.clone(), attributes: attributes.collect() }
}

fn event_from_wire(wire: abci::Event) -> Event {
    let attributes = wire.attributes.into_iter().map(|it| EventAttribute {
        key: it.key,
        value: it.value,
        index: it.index,
    });
    Event { kind: wire.r#type, attributes: attributes.collect() }
}

fn tx_result_to_wire(result: &TxResult) -> abci::ExecTxResult {
    abci::ExecTxResult {
        code: result.code,
        data: result.data.clone(),
        log: result.log.clone(),
        info: result.info.clone(),
        gas_wanted: result.gas_wanted,
        gas_used: result.gas_used,
        events: result.events.iter().map(event_to_wire).collect(),
        codespace: result.codespace.clone(),
    }
}

fn tx_result_from_wire(wire: abci::ExecTxResult) -> TxResult {
    TxResult {
        code: wire.code,
        data: wire.data,
        log: wire.log,
        info: wire.info,
        gas_wanted: wire.gas_wanted,
        gas_used: wire.gas_used,
        events: wire.events.into_iter().map(event_from_wire).collect(),
        codespace: wire.codespace,
    }
}

fn update_to_wire(update: &ValidatorUpdate) -> abci::ValidatorUpdate {
    abci::ValidatorUpdate {
        pub_key: Some(public_key_to_wire(&update.public_key)),
        power: unsigned_to_wire(update.power.0),
    }
}

fn update_from_wire(wire: abci::ValidatorUpdate) -> Result<ValidatorUpdate, DecodeError> {
    Ok(ValidatorUpdate {
        public_key: public_key_from_wire("outcome.validator_updates.pub_key", wire.pub_key)?,
        power: power("outcome.validator_updates.power", wire.power)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_result_is_read_as_all_are() {
        let result = |number: u32| {
            let attribute =
                EventAttribute { key: "number".to_owned(), value: number.to_string(), index: true };
            let event = Event { kind: "test".to_owned(), attributes: vec![attribute] };
            TxResult { code: number, events: vec![event], ..TxResult::default() }
        };
        // The first is empty, and so has no bytes but its tag and length.
        let tx_results = vec![TxResult::default(), result(1), result(300)];
        let event = Event { kind: "block".to_owned(), attributes: vec![] };
        let outcome = BlockOutcome { events: vec![event], tx_results, ..BlockOutcome::default() };
        let bytes = encode_outcome(&outcome);
        for (index, result) in (0..).zip(&outcome.tx_results) {
            assert_eq!(decode_tx_result(&bytes, index).as_ref(), Ok(&Some(result.clone())));
        }
        assert_eq!(decode_tx_result(&bytes, 3), Ok(None));
        assert!(decode_tx_result(&bytes[..bytes.len() - 1], 2).is_err());
    }
}
