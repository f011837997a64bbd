//! Evidence, and the light blocks that it holds.

use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::v0_38::types;
use tendermint_proto::v0_38::types::evidence::Sum;

use super::block::{header_from_wire, header_to_wire};
use super::scalar::{
    height, height_to_wire, power, required, time, time_to_wire, unsigned_to_wire,
};
use super::validator::{
    required_set, validator_set_to_wire, validator_to_wire, validators_from_wire,
};
use super::vote::{commit_from_wire, commit_to_wire, vote_from_wire, vote_to_wire};
use super::{DecodeError, decoded, limit};
use crate::evidence::{DuplicateVoteEvidence, Evidence, LightClientAttackEvidence};
use crate::light_block::{LightBlock, SignedHeader};

/// The bytes of one piece of evidence (with its kind), for store and block.
pub fn encode_evidence(evidence: &Evidence) -> Bytes {
    evidence_to_wire(evidence).encode_to_vec().into()
}

/// Reads one piece of evidence.
///
/// # Errors
/// What is wrong with it.
pub fn decode_evidence(bytes: &[u8]) -> Result<Evidence, DecodeError> {
    limit::evidence(bytes)?;
    evidence_from_wire(decoded("evidence", bytes)?)
}

/// The bytes under evidence's hash and Merkle leaf: without its kind. spec: `Evidence.Bytes`.
pub fn evidence_leaf(evidence: &Evidence) -> Vec<u8> {
    match evidence {
        Evidence::DuplicateVote(it) => duplicate_vote_to_wire(it).encode_to_vec(),
        Evidence::LightClientAttack(it) => attack_to_wire(it).encode_to_vec(),
    }
}

pub fn list_to_wire(evidence: &[Evidence]) -> types::EvidenceList {
    types::EvidenceList { evidence: evidence.iter().map(evidence_to_wire).collect() }
}

pub fn list_from_wire(wire: types::EvidenceList) -> Result<Vec<Evidence>, DecodeError> {
    wire.evidence.into_iter().map(evidence_from_wire).collect()
}

fn evidence_to_wire(evidence: &Evidence) -> types::Evidence {
    types::Evidence {
        sum: Some(match evidence {
            Evidence::DuplicateVote(it) => Sum::DuplicateVoteEvidence(duplicate_vote_to_wire(it)),
            Evidence::LightClientAttack(it) => Sum::LightClientAttackEvidence(attack_to_wire(it)),
        }),
    }
}

fn evidence_from_wire(wire: types::Evidence) -> Result<Evidence, DecodeError> {
    match required("evidence.sum", wire.sum)? {
        Sum::DuplicateVoteEvidence(it) => {
            duplicate_vote_from_wire(it).map(Box::new).map(Evidence::DuplicateVote)
        }
        Sum::LightClientAttackEvidence(it) => {
            attack_from_wire(it).map(Box::new).map(Evidence::LightClientAttack)
        }
    }
}

fn duplicate_vote_to_wire(evidence: &DuplicateVoteEvidence) -> types::DuplicateVoteEvidence {
    types::DuplicateVoteEvidence {
        vote_a: Some(vote_to_wire(&evidence.vote_a)),
        vote_b: Some(vote_to_wire(&evidence.vote_b)),
        total_voting_power: unsigned_to_wire(evidence.total_power.0),
        validator_power: unsigned_to_wire(evidence.validator_power.0),
        timestamp: Some(time_to_wire(evidence.timestamp)),
    }
}

fn duplicate_vote_from_wire(
    wire: types::DuplicateVoteEvidence,
) -> Result<DuplicateVoteEvidence, DecodeError> {
    Ok(DuplicateVoteEvidence {
        vote_a: vote_from_wire(required("evidence.vote_a", wire.vote_a)?)?,
        vote_b: vote_from_wire(required("evidence.vote_b", wire.vote_b)?)?,
        total_power: power("evidence.total_voting_power", wire.total_voting_power)?,
        validator_power: power("evidence.validator_power", wire.validator_power)?,
        timestamp: time("evidence.timestamp", wire.timestamp.as_ref())?,
    })
}

fn attack_to_wire(evidence: &LightClientAttackEvidence) -> types::LightClientAttackEvidence {
    types::LightClientAttackEvidence {
        conflicting_block: Some(light_block_to_wire(&evidence.conflicting_block)),
        common_height: height_to_wire(evidence.common_height),
        byzantine_validators: evidence.byzantine_validators.iter().map(validator_to_wire).collect(),
        total_voting_power: unsigned_to_wire(evidence.total_power.0),
        timestamp: Some(time_to_wire(evidence.timestamp)),
    }
}

fn attack_from_wire(
    wire: types::LightClientAttackEvidence,
) -> Result<LightClientAttackEvidence, DecodeError> {
    let conflicting_block = required("evidence.conflicting_block", wire.conflicting_block)?;
    Ok(LightClientAttackEvidence {
        conflicting_block: light_block_from_wire(conflicting_block)?,
        common_height: height("evidence.common_height", wire.common_height)?,
        byzantine_validators: validators_from_wire(
            "evidence.byzantine_validators",
            wire.byzantine_validators,
        )?,
        total_power: power("evidence.total_voting_power", wire.total_voting_power)?,
        timestamp: time("evidence.timestamp", wire.timestamp.as_ref())?,
    })
}

fn light_block_to_wire(block: &LightBlock) -> types::LightBlock {
    types::LightBlock {
        signed_header: Some(types::SignedHeader {
            header: Some(header_to_wire(&block.signed_header.header)),
            commit: Some(commit_to_wire(&block.signed_header.commit)),
        }),
        validator_set: Some(validator_set_to_wire(&block.validators)),
    }
}

fn light_block_from_wire(wire: types::LightBlock) -> Result<LightBlock, DecodeError> {
    let signed_header = required("light_block.signed_header", wire.signed_header)?;
    Ok(LightBlock {
        signed_header: SignedHeader {
            header: header_from_wire(required("light_block.header", signed_header.header)?)?,
            commit: commit_from_wire(required("light_block.commit", signed_header.commit)?)?,
        },
        validators: required_set("light_block.validator_set", wire.validator_set)?,
    })
}
