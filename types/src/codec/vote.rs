//! Votes, proposals, and the commits that precommits add up to.

use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::v0_38::types;
use tendermint_proto::v0_38::types::{BlockIdFlag, SignedMsgType};

use super::block::{block_id_from_wire, block_id_to_wire, collectable};
use super::scalar::{
    address, at_most, bytes_field, height, height_to_wire, refused, required, round, round_option,
    round_option_to_wire, round_to_wire, signature, time, time_to_wire,
};
use super::{DecodeError, decoded, limit};
use crate::commit::{Commit, CommitSig, ExtendedCommit, ExtendedCommitSig};
use crate::hash::Address;
use crate::keys::Signature;
use crate::proposal::Proposal;
use crate::time::Time;
use crate::validator::{VALIDATORS_MAX, ValidatorIndex};
use crate::vote::{EXTENSION_BYTES_MAX, Extension, Vote, VoteKind};

/// The vote's bytes, for records.
pub fn encode_vote(vote: &Vote) -> Bytes {
    vote_to_wire(vote).encode_to_vec().into()
}

/// Reads a vote.
///
/// # Errors
/// What is wrong with it.
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, DecodeError> {
    vote_from_wire(decoded("vote", bytes)?)
}

/// The proposal's bytes, for records.
pub fn encode_proposal(proposal: &Proposal) -> Bytes {
    proposal_to_wire(proposal).encode_to_vec().into()
}

/// Reads a proposal.
///
/// # Errors
/// What is wrong with it.
pub fn decode_proposal(bytes: &[u8]) -> Result<Proposal, DecodeError> {
    proposal_from_wire(decoded("proposal", bytes)?)
}

/// The commit's bytes, for the store.
pub fn encode_commit(commit: &Commit) -> Bytes {
    commit_to_wire(commit).encode_to_vec().into()
}

/// Reads a commit.
///
/// # Errors
/// What is wrong with it.
pub fn decode_commit(bytes: &[u8]) -> Result<Commit, DecodeError> {
    limit::commit(bytes)?;
    commit_from_wire(decoded("commit", bytes)?)
}

/// The extended commit's bytes, for the store.
pub fn encode_extended_commit(commit: &ExtendedCommit) -> Bytes {
    extended_commit_to_wire(commit).encode_to_vec().into()
}

/// Reads an extended commit.
///
/// # Errors
/// What is wrong with it.
pub fn decode_extended_commit(bytes: &[u8]) -> Result<ExtendedCommit, DecodeError> {
    limit::commit(bytes)?;
    extended_commit_from_wire(decoded("extended_commit", bytes)?)
}

pub fn kind_to_wire(kind: VoteKind) -> i32 {
    match kind {
        VoteKind::Prevote => SignedMsgType::Prevote as i32,
        VoteKind::Precommit => SignedMsgType::Precommit as i32,
    }
}

pub fn kind_from_wire(field: &'static str, number: i32) -> Result<VoteKind, DecodeError> {
    match SignedMsgType::try_from(number) {
        Ok(SignedMsgType::Prevote) => Ok(VoteKind::Prevote),
        Ok(SignedMsgType::Precommit) => Ok(VoteKind::Precommit),
        Ok(SignedMsgType::Unknown | SignedMsgType::Proposal) | Err(_) => {
            Err(refused(field, format_args!("is {number}, expected 1 or 2")))
        }
    }
}

/// A place in a validator set.
pub fn index_from_wire(field: &'static str, number: i32) -> Result<ValidatorIndex, DecodeError> {
    match u32::try_from(number) {
        Ok(index) if (index as usize) < VALIDATORS_MAX => Ok(ValidatorIndex(index)),
        Ok(_) | Err(_) => {
            Err(refused(field, format_args!("is {number}, expected 0 to {}", VALIDATORS_MAX - 1)))
        }
    }
}

pub fn index_to_wire(index: ValidatorIndex) -> i32 {
    i32::try_from(index.0).expect("a set has at most VALIDATORS_MAX members")
}

pub fn vote_to_wire(vote: &Vote) -> types::Vote {
    let (extension, extension_signature) = extension_to_wire(vote.extension.as_ref());
    types::Vote {
        r#type: kind_to_wire(vote.kind),
        height: height_to_wire(vote.height),
        round: round_to_wire(vote.round),
        block_id: Some(block_id_to_wire(vote.block_id.as_ref())),
        timestamp: Some(time_to_wire(vote.timestamp)),
        validator_address: vote.validator_address.0.to_vec(),
        validator_index: index_to_wire(vote.validator_index),
        signature: vote.signature.0.to_vec(),
        extension,
        extension_signature,
    }
}

/// spec: `Vote.ValidateBasic`.
pub fn vote_from_wire(wire: types::Vote) -> Result<Vote, DecodeError> {
    let kind = kind_from_wire("vote.type", wire.r#type)?;
    let block_id = block_id_from_wire(&wire.block_id.unwrap_or_default())?;
    let may_extend = kind == VoteKind::Precommit && block_id.is_some();
    Ok(Vote {
        kind,
        height: height("vote.height", wire.height)?,
        round: round("vote.round", wire.round)?,
        block_id,
        timestamp: time("vote.timestamp", wire.timestamp.as_ref())?,
        validator_address: address("vote.validator_address", &wire.validator_address)?,
        validator_index: index_from_wire("vote.validator_index", wire.validator_index)?,
        signature: signature("vote.signature", &wire.signature)?,
        extension: extension_from_wire(wire.extension, &wire.extension_signature, may_extend)?,
    })
}

fn extension_to_wire(extension: Option<&Extension>) -> (Vec<u8>, Vec<u8>) {
    match extension {
        Some(it) => (it.bytes.to_vec(), it.signature.0.to_vec()),
        None => (Vec::new(), Vec::new()),
    }
}

/// An extension is there if its signature is: its bytes may be empty.
fn extension_from_wire(
    bytes: Vec<u8>,
    signed: &[u8],
    allowed: bool,
) -> Result<Option<Extension>, DecodeError> {
    if bytes.is_empty() && signed.is_empty() {
        return Ok(None);
    }
    if !allowed {
        return Err(refused("extension", "is on a vote that is no precommit for a block"));
    }
    at_most("extension", bytes.len(), EXTENSION_BYTES_MAX)?;
    let signature = signature("extension_signature", signed)?;
    Ok(Some(Extension { bytes: bytes.into(), signature }))
}

pub fn proposal_to_wire(proposal: &Proposal) -> types::Proposal {
    types::Proposal {
        r#type: SignedMsgType::Proposal as i32,
        height: height_to_wire(proposal.height),
        round: round_to_wire(proposal.round),
        pol_round: round_option_to_wire(proposal.pol_round),
        block_id: Some(block_id_to_wire(Some(&proposal.block_id))),
        timestamp: Some(time_to_wire(proposal.timestamp)),
        signature: proposal.signature.0.to_vec(),
    }
}

/// spec: `Proposal.ValidateBasic`, `ValidateBlockSize`; L28 needs `pol_round < round`.
pub fn proposal_from_wire(wire: types::Proposal) -> Result<Proposal, DecodeError> {
    if wire.r#type != SignedMsgType::Proposal as i32 {
        return Err(refused("proposal.type", format_args!("is {}, expected 32", wire.r#type)));
    }
    let block_id = block_id_from_wire(&wire.block_id.unwrap_or_default())?;
    let block_id = required("proposal.block_id", block_id)?;
    collectable("proposal.block_id.part_set_header.total", &block_id.parts)?;
    let round = round("proposal.round", wire.round)?;
    let pol_round = round_option("proposal.pol_round", wire.pol_round)?;
    if pol_round.is_some_and(|pol_round| round <= pol_round) {
        return Err(refused("proposal.pol_round", "is not before the proposal's round"));
    }
    Ok(Proposal {
        height: height("proposal.height", wire.height)?,
        round,
        pol_round,
        block_id,
        timestamp: time("proposal.timestamp", wire.timestamp.as_ref())?,
        signature: signature("proposal.signature", &wire.signature)?,
    })
}

/// What the first block carries in place of a commit: a message without content, but written.
pub fn last_commit_to_wire(commit: Option<&Commit>) -> types::Commit {
    commit.map_or_else(
        || types::Commit { block_id: Some(block_id_to_wire(None)), ..types::Commit::default() },
        commit_to_wire,
    )
}

pub fn last_commit_from_wire(wire: types::Commit) -> Result<Option<Commit>, DecodeError> {
    if wire.height == 0 && wire.signatures.is_empty() {
        return Ok(None);
    }
    commit_from_wire(wire).map(Some)
}

pub fn commit_to_wire(commit: &Commit) -> types::Commit {
    types::Commit {
        height: height_to_wire(commit.height),
        round: round_to_wire(commit.round),
        block_id: Some(block_id_to_wire(Some(&commit.block_id))),
        signatures: commit.signatures.iter().map(commit_sig_to_wire).collect(),
    }
}

/// spec: `Commit.ValidateBasic`.
pub fn commit_from_wire(wire: types::Commit) -> Result<Commit, DecodeError> {
    signatures_count(wire.signatures.len())?;
    let block_id = block_id_from_wire(&wire.block_id.unwrap_or_default())?;
    Ok(Commit {
        height: height("commit.height", wire.height)?,
        round: round("commit.round", wire.round)?,
        block_id: required("commit.block_id", block_id)?,
        signatures: wire
            .signatures
            .into_iter()
            .map(commit_sig_from_wire)
            .collect::<Result<_, _>>()?,
    })
}

fn signatures_count(count: usize) -> Result<(), DecodeError> {
    if count == 0 {
        return Err(refused("commit.signatures", "are missing"));
    }
    at_most("commit.signatures", count, VALIDATORS_MAX)
}

pub fn commit_sig_to_wire(sig: &CommitSig) -> types::CommitSig {
    let (flag, entry) = parts_of(sig);
    types::CommitSig {
        block_id_flag: flag as i32,
        validator_address: entry.map_or_else(Vec::new, |(address, ..)| address.0.to_vec()),
        timestamp: Some(time_to_wire(entry.map_or(Time::ZERO, |(_, timestamp, _)| timestamp))),
        signature: entry.map_or_else(Vec::new, |(.., signature)| signature.0.to_vec()),
    }
}

/// The leaf of an entry under [`Commit::hash`]: its encoding, written to `leaf`.
pub fn commit_sig_leaf(sig: &CommitSig, leaf: &mut Vec<u8>) {
    let (flag, entry) = parts_of(sig);
    prost::encoding::int32::encode(1, &(flag as i32), leaf);
    bytes_field(2, entry.map_or(&[], |(address, ..)| address.as_bytes()), leaf);
    let timestamp = entry.map_or(Time::ZERO, |(_, timestamp, _)| timestamp);
    prost::encoding::message::encode(3, &time_to_wire(timestamp), leaf);
    bytes_field(4, entry.map_or(&[], |(.., signature)| &signature.0), leaf);
}

/// What an entry says, and of whom it is, if it is of anybody.
fn parts_of(sig: &CommitSig) -> (BlockIdFlag, Option<(&Address, Time, &Signature)>) {
    match sig {
        CommitSig::Absent => (BlockIdFlag::Absent, None),
        CommitSig::Commit { validator_address, timestamp, signature } => {
            (BlockIdFlag::Commit, Some((validator_address, *timestamp, signature)))
        }
        CommitSig::Nil { validator_address, timestamp, signature } => {
            (BlockIdFlag::Nil, Some((validator_address, *timestamp, signature)))
        }
    }
}

/// spec: `CommitSig.ValidateBasic`.
fn commit_sig_from_wire(wire: types::CommitSig) -> Result<CommitSig, DecodeError> {
    let flag = BlockIdFlag::try_from(wire.block_id_flag).unwrap_or(BlockIdFlag::Unknown);
    let timestamp = time("commit.signatures.timestamp", wire.timestamp.as_ref())?;
    if flag == BlockIdFlag::Absent {
        let empty = wire.validator_address.is_empty() && wire.signature.is_empty();
        return if empty && timestamp == Time::ZERO {
            Ok(CommitSig::Absent)
        } else {
            Err(refused("commit.signatures", "an absent entry has content"))
        };
    }
    let validator_address =
        address("commit.signatures.validator_address", &wire.validator_address)?;
    let signature = signature("commit.signatures.signature", &wire.signature)?;
    match flag {
        BlockIdFlag::Commit => Ok(CommitSig::Commit { validator_address, timestamp, signature }),
        BlockIdFlag::Nil => Ok(CommitSig::Nil { validator_address, timestamp, signature }),
        BlockIdFlag::Unknown | BlockIdFlag::Absent => Err(refused(
            "commit.signatures.block_id_flag",
            format_args!("is {}, expected 1, 2 or 3", wire.block_id_flag),
        )),
    }
}

pub fn extended_commit_to_wire(commit: &ExtendedCommit) -> types::ExtendedCommit {
    types::ExtendedCommit {
        height: height_to_wire(commit.height),
        round: round_to_wire(commit.round),
        block_id: Some(block_id_to_wire(Some(&commit.block_id))),
        extended_signatures: commit.signatures.iter().map(extended_sig_to_wire).collect(),
    }
}

/// spec: `ExtendedCommit.ValidateBasic`.
pub fn extended_commit_from_wire(
    wire: types::ExtendedCommit,
) -> Result<ExtendedCommit, DecodeError> {
    signatures_count(wire.extended_signatures.len())?;
    let block_id = block_id_from_wire(&wire.block_id.unwrap_or_default())?;
    Ok(ExtendedCommit {
        height: height("extended_commit.height", wire.height)?,
        round: round("extended_commit.round", wire.round)?,
        block_id: required("extended_commit.block_id", block_id)?,
        signatures: wire
            .extended_signatures
            .into_iter()
            .map(extended_sig_from_wire)
            .collect::<Result<_, _>>()?,
    })
}

fn extended_sig_to_wire(entry: &ExtendedCommitSig) -> types::ExtendedCommitSig {
    let sig = commit_sig_to_wire(&entry.sig);
    let (extension, extension_signature) = extension_to_wire(entry.extension.as_ref());
    types::ExtendedCommitSig {
        block_id_flag: sig.block_id_flag,
        validator_address: sig.validator_address,
        timestamp: sig.timestamp,
        signature: sig.signature,
        extension,
        extension_signature,
    }
}

fn extended_sig_from_wire(
    wire: types::ExtendedCommitSig,
) -> Result<ExtendedCommitSig, DecodeError> {
    let sig = commit_sig_from_wire(types::CommitSig {
        block_id_flag: wire.block_id_flag,
        validator_address: wire.validator_address,
        timestamp: wire.timestamp,
        signature: wire.signature,
    })?;
    let may_extend = matches!(sig, CommitSig::Commit { .. });
    let extension = extension_from_wire(wire.extension, &wire.extension_signature, may_extend)?;
    Ok(ExtendedCommitSig { sig, extension })
}
