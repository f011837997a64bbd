//! Messages of the four consensus channels.

use std::sync::Arc;

use tendermint_proto::v0_38::consensus;
use tendermint_proto::v0_38::libs::bits;

use crate::bits::BitArray;
use crate::codec::DecodeError;
use crate::codec::block::{
    block_id_from_wire, block_id_to_wire, collectable, part_from_wire, part_set_header_from_wire,
    part_set_header_to_wire, part_to_wire,
};
use crate::codec::scalar::{
    height, height_to_wire, refused, required, round, round_option, round_option_to_wire,
    round_to_wire,
};
use crate::codec::vote::{
    index_from_wire, index_to_wire, kind_from_wire, kind_to_wire, proposal_from_wire,
    proposal_to_wire, vote_from_wire, vote_to_wire,
};
use crate::codec::wire;
use crate::codec::wire::ConsensusSum as Sum;
use crate::message::{Message, WireStep};
use crate::part_set::PARTS_MAX;
use crate::validator::VALIDATORS_MAX;

/// None for messages of other channels.
pub fn to_wire(message: &Message) -> Option<Sum> {
    Some(match message {
        Message::NewRoundStep { height, round, step, seconds_since_start, last_commit_round } => {
            Sum::NewRoundStep(consensus::NewRoundStep {
                height: height_to_wire(*height),
                round: round_to_wire(*round),
                step: step_to_wire(*step),
                seconds_since_start_time: *seconds_since_start,
                last_commit_round: round_option_to_wire(*last_commit_round),
            })
        }
        Message::NewValidBlock { height, round, parts, have, is_commit } => {
            Sum::NewValidBlock(consensus::NewValidBlock {
                height: height_to_wire(*height),
                round: round_to_wire(*round),
                block_part_set_header: Some(part_set_header_to_wire(parts)),
                block_parts: Some(bits_to_wire(have)),
                is_commit: *is_commit,
            })
        }
        Message::HasVote { height, round, kind, index } => Sum::HasVote(consensus::HasVote {
            height: height_to_wire(*height),
            round: round_to_wire(*round),
            r#type: kind_to_wire(*kind),
            index: index_to_wire(*index),
        }),
        Message::VoteSetMaj23 { height, round, kind, block_id } => {
            Sum::VoteSetMaj23(consensus::VoteSetMaj23 {
                height: height_to_wire(*height),
                round: round_to_wire(*round),
                r#type: kind_to_wire(*kind),
                block_id: Some(block_id_to_wire(block_id.as_ref())),
            })
        }
        Message::Proposal(proposal) => {
            Sum::Proposal(consensus::Proposal { proposal: Some(proposal_to_wire(proposal)) })
        }
        Message::ProposalPol { height, pol_round, have } => {
            Sum::ProposalPol(consensus::ProposalPol {
                height: height_to_wire(*height),
                proposal_pol_round: round_to_wire(*pol_round),
                proposal_pol: Some(bits_to_wire(have)),
            })
        }
        Message::BlockPart { height, round, part } => Sum::BlockPart(wire::BlockPart {
            height: height_to_wire(*height),
            round: round_to_wire(*round),
            part: Some(part_to_wire(part)),
        }),
        Message::Vote(vote) => Sum::Vote(consensus::Vote { vote: Some(vote_to_wire(vote)) }),
        Message::VoteSetBits { height, round, kind, block_id, have } => {
            Sum::VoteSetBits(consensus::VoteSetBits {
                height: height_to_wire(*height),
                round: round_to_wire(*round),
                r#type: kind_to_wire(*kind),
                block_id: Some(block_id_to_wire(block_id.as_ref())),
                votes: Some(bits_to_wire(have)),
            })
        }
        Message::Txs(_)
        | Message::Evidence(_)
        | Message::BlockRequest(_)
        | Message::NoBlock(_)
        | Message::BlockResponse { .. }
        | Message::StatusRequest
        | Message::StatusResponse { .. } => return None,
    })
}

/// Each message with the checks of its `ValidateBasic`.
pub fn from_wire(sum: Sum) -> Result<Message, DecodeError> {
    match sum {
        Sum::NewRoundStep(it) => Ok(Message::NewRoundStep {
            height: height("new_round_step.height", it.height)?,
            round: round("new_round_step.round", it.round)?,
            step: step_from_wire(it.step)?,
            seconds_since_start: it.seconds_since_start_time,
            last_commit_round: round_option(
                "new_round_step.last_commit_round",
                it.last_commit_round,
            )?,
        }),
        Sum::NewValidBlock(it) => new_valid_block_from_wire(it),
        Sum::Proposal(it) => {
            let proposal = proposal_from_wire(required("proposal", it.proposal)?)?;
            Ok(Message::Proposal(Arc::new(proposal)))
        }
        Sum::ProposalPol(it) => Ok(Message::ProposalPol {
            height: height("proposal_pol.height", it.height)?,
            pol_round: round("proposal_pol.proposal_pol_round", it.proposal_pol_round)?,
            have: some_bits("proposal_pol.proposal_pol", it.proposal_pol, VALIDATORS_MAX)?,
        }),
        Sum::BlockPart(it) => Ok(Message::BlockPart {
            height: height("block_part.height", it.height)?,
            round: round("block_part.round", it.round)?,
            part: part_from_wire(required("block_part.part", it.part)?)?,
        }),
        Sum::Vote(it) => Ok(Message::Vote(Arc::new(vote_from_wire(required("vote", it.vote)?)?))),
        Sum::HasVote(it) => Ok(Message::HasVote {
            height: height("has_vote.height", it.height)?,
            round: round("has_vote.round", it.round)?,
            kind: kind_from_wire("has_vote.type", it.r#type)?,
            index: index_from_wire("has_vote.index", it.index)?,
        }),
        Sum::VoteSetMaj23(it) => Ok(Message::VoteSetMaj23 {
            height: height("vote_set_maj23.height", it.height)?,
            round: round("vote_set_maj23.round", it.round)?,
            kind: kind_from_wire("vote_set_maj23.type", it.r#type)?,
            block_id: block_id_from_wire(&it.block_id.unwrap_or_default())?,
        }),
        Sum::VoteSetBits(it) => Ok(Message::VoteSetBits {
            height: height("vote_set_bits.height", it.height)?,
            round: round("vote_set_bits.round", it.round)?,
            kind: kind_from_wire("vote_set_bits.type", it.r#type)?,
            block_id: block_id_from_wire(&it.block_id.unwrap_or_default())?,
            have: bits_from_wire("vote_set_bits.votes", it.votes, VALIDATORS_MAX)?,
        }),
    }
}

fn new_valid_block_from_wire(wire: consensus::NewValidBlock) -> Result<Message, DecodeError> {
    let header = wire.block_part_set_header.unwrap_or_default();
    let parts = part_set_header_from_wire("new_valid_block.block_part_set_header.hash", &header)?;
    collectable("new_valid_block.block_part_set_header.total", &parts)?;
    let have = some_bits("new_valid_block.block_parts", wire.block_parts, PARTS_MAX)?;
    if have.count() != parts.total as usize {
        return Err(refused(
            "new_valid_block.block_parts",
            format_args!("has {} bits for {} parts", have.count(), parts.total),
        ));
    }
    Ok(Message::NewValidBlock {
        height: height("new_valid_block.height", wire.height)?,
        round: round("new_valid_block.round", wire.round)?,
        parts,
        have,
        is_commit: wire.is_commit,
    })
}

fn step_to_wire(step: WireStep) -> u32 {
    match step {
        WireStep::NewHeight => 1,
        WireStep::NewRound => 2,
        WireStep::Propose => 3,
        WireStep::Prevote => 4,
        WireStep::PrevoteWait => 5,
        WireStep::Precommit => 6,
        WireStep::PrecommitWait => 7,
        WireStep::Commit => 8,
    }
}

fn step_from_wire(number: u32) -> Result<WireStep, DecodeError> {
    Ok(match number {
        1 => WireStep::NewHeight,
        2 => WireStep::NewRound,
        3 => WireStep::Propose,
        4 => WireStep::Prevote,
        5 => WireStep::PrevoteWait,
        6 => WireStep::Precommit,
        7 => WireStep::PrecommitWait,
        8 => WireStep::Commit,
        _ => {
            let problem = format_args!("is {number}, expected 1 to 8");
            return Err(refused("new_round_step.step", problem));
        }
    })
}

fn bits_to_wire(bits: &BitArray) -> bits::BitArray {
    let count = i64::try_from(bits.count()).expect("bit arrays are smaller than VALIDATORS_MAX");
    bits::BitArray { bits: count, elems: bits.words().to_vec() }
}

/// The words must be exactly as many as the bits need (ASA-2025-003).
fn bits_from_wire(
    field: &'static str,
    wire: Option<bits::BitArray>,
    limit: usize,
) -> Result<BitArray, DecodeError> {
    let wire = wire.unwrap_or_default();
    let count = usize::try_from(wire.bits)
        .ok()
        .filter(|&count| count <= limit)
        .ok_or_else(|| refused(field, format_args!("has {} bits, limit {limit}", wire.bits)))?;
    if wire.elems.len() != count.div_ceil(64) {
        return Err(refused(
            field,
            format_args!("has {} words for {count} bits", wire.elems.len()),
        ));
    }
    Ok(BitArray::from_words(count, &wire.elems))
}

fn some_bits(
    field: &'static str,
    wire: Option<bits::BitArray>,
    limit: usize,
) -> Result<BitArray, DecodeError> {
    let bits = bits_from_wire(field, wire, limit)?;
    if bits.count() == 0 {
        return Err(refused(field, "has no bits"));
    }
    Ok(bits)
}
