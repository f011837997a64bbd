//! The chain's state between two blocks.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use super::block::{block_id_from_wire, block_id_to_wire, version_to_wire};
use super::params::{params_from_wire, params_to_wire};
use super::scalar::{
    chain_id, hash, height, height_option, height_option_to_wire, height_to_wire, required, time,
    time_to_wire,
};
use super::validator::{required_set, validator_set_to_wire};
use super::{DecodeError, decoded, wire};
use crate::block::{BLOCK_VERSION, Version};
use crate::chain_state::{ChainState, LastBlock};
use crate::hash::AppHash;

/// The state's bytes, for the store; validator sets included.
pub fn encode_chain_state(state: &ChainState) -> Bytes {
    let last = state.last_block.as_ref();
    let version = Version { block: BLOCK_VERSION, app: state.app_version };
    let wire = wire::ChainState {
        version: Some(wire::StateVersion { consensus: Some(version_to_wire(version)) }),
        chain_id: state.chain_id.as_str().to_owned(),
        last_block_height: height_option_to_wire(last.map(|it| it.height)),
        last_block_id: Some(block_id_to_wire(last.map(|it| &it.id))),
        last_block_time: Some(time_to_wire(state.last_block_time)),
        next_validators: Some(validator_set_to_wire(&state.next_validators)),
        validators: Some(validator_set_to_wire(&state.validators)),
        last_validators: last.map(|it| validator_set_to_wire(&it.validators)),
        last_height_validators_changed: height_to_wire(state.validators_changed),
        consensus_params: Some(params_to_wire(&state.params)),
        last_height_consensus_params_changed: height_to_wire(state.params_changed),
        last_results_hash: Bytes::copy_from_slice(state.last_results_hash.as_bytes()),
        app_hash: state.app_hash.0.clone(),
        initial_height: height_to_wire(state.initial_height),
    };
    wire.encode_to_vec().into()
}

/// Reads a state.
///
/// # Errors
/// What is wrong with it.
pub fn decode_chain_state(bytes: &[u8]) -> Result<ChainState, DecodeError> {
    let wire: wire::ChainState = decoded("state", bytes)?;
    let last_block = match height_option("state.last_block_height", wire.last_block_height)? {
        Some(height) => {
            let id = block_id_from_wire(&wire.last_block_id.unwrap_or_default())?;
            Some(LastBlock {
                height,
                id: required("state.last_block_id", id)?,
                validators: required_set("state.last_validators", wire.last_validators)
                    .map(Arc::new)?,
            })
        }
        None => None,
    };
    let version = wire.version.and_then(|it| it.consensus).unwrap_or_default();
    Ok(ChainState {
        chain_id: chain_id("state.chain_id", wire.chain_id)?,
        initial_height: height("state.initial_height", wire.initial_height)?,
        app_version: version.app,
        last_block,
        validators: required_set("state.validators", wire.validators).map(Arc::new)?,
        next_validators: required_set("state.next_validators", wire.next_validators)
            .map(Arc::new)?,
        validators_changed: height(
            "state.last_height_validators_changed",
            wire.last_height_validators_changed,
        )?,
        params: params_from_wire(required("state.consensus_params", wire.consensus_params)?)?,
        params_changed: height(
            "state.last_height_consensus_params_changed",
            wire.last_height_consensus_params_changed,
        )?,
        last_results_hash: hash("state.last_results_hash", &wire.last_results_hash)?,
        app_hash: AppHash(wire.app_hash),
        last_block_time: time("state.last_block_time", wire.last_block_time.as_ref())?,
    })
}
