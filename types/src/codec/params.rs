//! Consensus parameters, and changes of them.

use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::v0_38::types;

use super::scalar::{
    duration, duration_to_wire, height_option, height_option_to_wire, limit_option,
    limit_option_to_wire, required, unsigned, unsigned_to_wire,
};
use super::{DecodeError, decoded, wire};
use crate::params::{
    AbciParams, BlockParams, ConsensusParams, EvidenceParams, ParamsUpdate, ValidatorParams,
    VersionParams,
};

/// The parameters' bytes, for the store.
pub fn encode_params(params: &ConsensusParams) -> Bytes {
    params_to_wire(params).encode_to_vec().into()
}

/// Reads parameters. Their limits are [`ConsensusParams::validate`]'s.
///
/// # Errors
/// What is wrong with them.
pub fn decode_params(bytes: &[u8]) -> Result<ConsensusParams, DecodeError> {
    params_from_wire(decoded("params", bytes)?)
}

/// The bytes of a change of parameters, as applications write them.
pub fn encode_params_update(update: &ParamsUpdate) -> Bytes {
    params_update_to_wire(update).encode_to_vec().into()
}

/// Reads a change of parameters. Their limits are [`ConsensusParams::validate`]'s.
///
/// # Errors
/// What is wrong with it.
pub fn decode_params_update(bytes: &[u8]) -> Result<ParamsUpdate, DecodeError> {
    params_update_from_wire(decoded("params", bytes)?)
}

/// The bytes under [`ConsensusParams::hash`]. spec: `HashedParams`.
pub fn hashed_params(params: &ConsensusParams) -> Vec<u8> {
    types::HashedParams {
        block_max_bytes: limit_option_to_wire(params.block.bytes_max),
        block_max_gas: limit_option_to_wire(params.block.gas_max),
    }
    .encode_to_vec()
}

/// All groups are written: in whole parameters none is absent.
pub fn params_to_wire(params: &ConsensusParams) -> wire::ConsensusParams {
    params_update_to_wire(&ParamsUpdate {
        block: Some(params.block.clone()),
        evidence: Some(params.evidence.clone()),
        validator: Some(params.validator.clone()),
        version: Some(params.version.clone()),
        abci: Some(params.abci.clone()),
        authority: Some(params.authority.clone()),
    })
}

pub fn params_from_wire(wire: wire::ConsensusParams) -> Result<ConsensusParams, DecodeError> {
    let groups = params_update_from_wire(wire)?;
    Ok(ConsensusParams {
        block: required("params.block", groups.block)?,
        evidence: required("params.evidence", groups.evidence)?,
        validator: required("params.validator", groups.validator)?,
        version: groups.version.unwrap_or_default(),
        abci: groups.abci.unwrap_or_default(),
        authority: groups.authority.unwrap_or_default(),
    })
}

pub fn params_update_to_wire(update: &ParamsUpdate) -> wire::ConsensusParams {
    wire::ConsensusParams {
        block: update.block.as_ref().map(|it| types::BlockParams {
            max_bytes: limit_option_to_wire(it.bytes_max),
            max_gas: limit_option_to_wire(it.gas_max),
        }),
        evidence: update.evidence.as_ref().map(|it| types::EvidenceParams {
            max_age_num_blocks: unsigned_to_wire(it.age_blocks_max),
            max_age_duration: Some(duration_to_wire(it.age_max)),
            max_bytes: unsigned_to_wire(it.bytes_max),
        }),
        validator: update
            .validator
            .as_ref()
            .map(|it| types::ValidatorParams { pub_key_types: it.key_types.clone() }),
        version: update.version.as_ref().map(|it| types::VersionParams { app: it.app }),
        abci: update.abci.as_ref().map(|it| types::AbciParams {
            vote_extensions_enable_height: height_option_to_wire(it.extensions_from),
        }),
        authority: update
            .authority
            .as_ref()
            .map(|authority| wire::AuthorityParams { authority: authority.clone() }),
    }
}

pub fn params_update_from_wire(wire: wire::ConsensusParams) -> Result<ParamsUpdate, DecodeError> {
    Ok(ParamsUpdate {
        block: wire.block.map(block_from_wire).transpose()?,
        evidence: wire.evidence.map(evidence_from_wire).transpose()?,
        validator: wire.validator.map(|it| ValidatorParams { key_types: it.pub_key_types }),
        version: wire.version.map(|it| VersionParams { app: it.app }),
        abci: wire.abci.map(abci_from_wire).transpose()?,
        authority: wire.authority.map(|it| it.authority),
    })
}

fn block_from_wire(wire: types::BlockParams) -> Result<BlockParams, DecodeError> {
    Ok(BlockParams {
        bytes_max: limit_option("params.block.max_bytes", wire.max_bytes)?,
        gas_max: limit_option("params.block.max_gas", wire.max_gas)?,
    })
}

fn evidence_from_wire(wire: types::EvidenceParams) -> Result<EvidenceParams, DecodeError> {
    Ok(EvidenceParams {
        age_blocks_max: unsigned("params.evidence.max_age_num_blocks", wire.max_age_num_blocks)?,
        age_max: duration("params.evidence.max_age_duration", wire.max_age_duration.as_ref())?,
        bytes_max: unsigned("params.evidence.max_bytes", wire.max_bytes)?,
    })
}

fn abci_from_wire(wire: types::AbciParams) -> Result<AbciParams, DecodeError> {
    Ok(AbciParams {
        extensions_from: height_option(
            "params.abci.vote_extensions_enable_height",
            wire.vote_extensions_enable_height,
        )?,
    })
}
