//! Public keys, validators and their sets.

use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::v0_38::crypto::public_key::Sum;
use tendermint_proto::v0_38::{crypto, types};

use super::scalar::{address, at_most, power, refused, required, unsigned_to_wire};
use super::{DecodeError, decoded, limit};
use crate::hash::Address;
use crate::keys::PublicKey;
use crate::validator::{VALIDATORS_MAX, Validator, ValidatorSet};

/// The set's bytes, for the store.
pub fn encode_validator_set(validators: &ValidatorSet) -> Bytes {
    validator_set_to_wire(validators).encode_to_vec().into()
}

/// Reads a validator set.
///
/// # Errors
/// What is wrong with it.
pub fn decode_validator_set(bytes: &[u8]) -> Result<ValidatorSet, DecodeError> {
    limit::validator_set(bytes)?;
    validator_set_from_wire(decoded("validator_set", bytes)?)
}

pub fn public_key_to_wire(key: &PublicKey) -> crypto::PublicKey {
    crypto::PublicKey { sum: Some(Sum::Ed25519(key.0.to_vec())) }
}

pub fn public_key_from_wire(
    field: &'static str,
    wire: Option<crypto::PublicKey>,
) -> Result<PublicKey, DecodeError> {
    let Some(Sum::Ed25519(bytes)) = wire.and_then(|key| key.sum) else {
        return Err(refused(field, "is no ed25519 key"));
    };
    let count = bytes.len();
    let key = bytes.try_into();
    key.map(PublicKey).map_err(|_| refused(field, format_args!("has {count} bytes, expected 32")))
}

pub fn validator_to_wire(validator: &Validator) -> types::Validator {
    types::Validator {
        address: validator.address.0.to_vec(),
        pub_key: Some(public_key_to_wire(&validator.public_key)),
        voting_power: unsigned_to_wire(validator.power.0),
        proposer_priority: validator.proposer_priority,
    }
}

/// The leaf of a member under [`ValidatorSet::hash`]: key and power. spec: `SimpleValidator`.
pub fn validator_leaf(validator: &Validator) -> Vec<u8> {
    types::SimpleValidator {
        pub_key: Some(public_key_to_wire(&validator.public_key)),
        voting_power: unsigned_to_wire(validator.power.0),
    }
    .encode_to_vec()
}

/// spec: `Validator.ValidateBasic`: the address is the key's.
pub fn validator_from_wire(wire: types::Validator) -> Result<Validator, DecodeError> {
    let public_key = public_key_from_wire("validator.pub_key", wire.pub_key)?;
    let address = address("validator.address", &wire.address)?;
    if address != public_key.address() {
        return Err(refused("validator.address", "is not its key's"));
    }
    let power = power("validator.voting_power", wire.voting_power)?;
    Ok(Validator { address, public_key, power, proposer_priority: wire.proposer_priority })
}

/// The total is left out, as the reference does, so that the bytes depend on nothing cached.
pub fn validator_set_to_wire(set: &ValidatorSet) -> types::ValidatorSet {
    types::ValidatorSet {
        validators: set.validators().iter().map(validator_to_wire).collect(),
        proposer: Some(validator_to_wire(set.proposer())),
        total_voting_power: 0,
    }
}

pub fn validator_set_from_wire(wire: types::ValidatorSet) -> Result<ValidatorSet, DecodeError> {
    let proposer: Option<Address> = match wire.proposer {
        Some(proposer) => Some(validator_from_wire(proposer)?.address),
        None => None,
    };
    let validators = validators_from_wire("validator_set.validators", wire.validators)?;
    ValidatorSet::from_parts(validators, proposer)
        .map_err(|error| refused("validator_set.validators", error))
}

pub fn validators_from_wire(
    field: &'static str,
    wire: Vec<types::Validator>,
) -> Result<Vec<Validator>, DecodeError> {
    at_most(field, wire.len(), VALIDATORS_MAX)?;
    wire.into_iter().map(validator_from_wire).collect()
}

pub fn required_set(
    field: &'static str,
    wire: Option<types::ValidatorSet>,
) -> Result<ValidatorSet, DecodeError> {
    validator_set_from_wire(required(field, wire)?)
}
