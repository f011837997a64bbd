//! Where consensus stands, as JSON. spec: `consensus/types/{round_state,height_vote_set}.go`.

use std::sync::Arc;

use serde_json::{Value, json};
use types::message::WireStep;
use types::{BitArray, BlockId, Round, ValidatorSet, Vote, VoteKind, VotingPower};

use super::block::{part_set_header, validator_set};
use super::{bits, hash, marks, number, time};
use crate::backend::{PeerRoundState, RoundState, RoundVotes};

/// How many bytes of a hash, address or signature are shown of a vote.
const FINGERPRINT_BYTES: usize = 6;

/// The short form: `consensus_state`.
pub fn simple(state: &RoundState) -> Value {
    let proposer = state.validators.find(&state.proposer);
    let at = format!("{}/{}/{}", state.height, state.round, step_number(state.step));
    json!({
        "height/round/step": at,
        "start_time": time(state.start_time),
        "proposal_block_hash": hash(state.proposal_block.as_ref().map(|id| &id.hash)),
        "locked_block_hash": hash(state.locked.as_ref().map(|(_, id)| &id.hash)),
        "valid_block_hash": hash(state.valid.as_ref().map(|(_, id)| &id.hash)),
        "height_vote_set": votes(state),
        "proposer": {
            "address": state.proposer.to_string(),
            "index": proposer.map_or(0, |(index, _)| index.0),
        },
    })
}

/// The long form: `dump_consensus_state`.
pub fn full(state: &RoundState) -> Value {
    let round_of = |it: &Option<(Round, BlockId)>| it.map_or(-1, |(round, _)| i64::from(round.0));
    json!({
        "height": number(state.height),
        "round": state.round.0,
        "step": step_number(state.step),
        "start_time": time(state.start_time),
        "commit_time": time(state.commit_time.unwrap_or(types::Time::ZERO)),
        "validators": validator_set(&state.validators),
        "proposal": state.proposal.as_ref().map_or(Value::Null, |it| json!({
            "Type": 32,
            "height": number(it.height),
            "round": it.round.0,
            "pol_round": it.pol_round.map_or(-1, |round| i64::from(round.0)),
            "block_id": super::block::block_id(Some(&it.block_id)),
            "timestamp": time(it.timestamp),
            "signature": super::base64(&it.signature.0),
        })),
        "proposal_block": Value::Null,
        "proposal_block_parts": state.proposal_block.as_ref().map_or(Value::Null, |id| json!({
            "count/total": format!(
                "{}/{}",
                state.proposal_parts.as_ref().map_or(0, BitArray::ones_count),
                id.parts.total
            ),
            "parts_bit_array": bits(state.proposal_parts.as_ref()),
        })),
        "locked_round": round_of(&state.locked),
        "locked_block": Value::Null,
        "locked_block_parts": Value::Null,
        "valid_round": round_of(&state.valid),
        "valid_block": Value::Null,
        "valid_block_parts": Value::Null,
        "votes": votes(state),
        "commit_round": -1,
        "last_commit": state.last_validators.as_ref().map_or(Value::Null, |voters| json!({
            "votes": state.last_commit.iter().map(vote_text).collect::<Vec<_>>(),
            "votes_bit_array": bit_array_text(&state.last_commit, voters),
            "peer_maj_23s": {},
        })),
        "last_validators": state.last_validators.as_ref().map_or_else(
            || json!({"validators": null, "proposer": null}),
            |set| validator_set(set),
        ),
        "triggered_timeout_precommit": false,
    })
}

/// What is known of a peer.
pub fn peer(state: &PeerRoundState) -> Value {
    json!({
        "node_address": state.node_address,
        "peer_state": {
            "round_state": {
                "height": number(state.height),
                "round": state.round.0,
                "step": step_number(state.step),
                "start_time": time(types::Time::ZERO),
                "proposal": state.proposal_parts.is_some(),
                "proposal_block_part_set_header": part_set_header(None),
                "proposal_block_parts": bits(state.proposal_parts.as_ref()),
                "proposal_pol_round": -1,
                "proposal_pol": null,
                "prevotes": bits(state.prevotes.as_ref()),
                "precommits": bits(state.precommits.as_ref()),
                "last_commit_round": -1,
                "last_commit": null,
                "catchup_commit_round": -1,
                "catchup_commit": null,
            },
            "stats": {"votes": "0", "block_parts": "0"},
        },
    })
}

/// The rounds that have votes, and the current one in any case.
fn votes(state: &RoundState) -> Value {
    let nobody = vec![None; state.validators.count()];
    let silent = RoundVotes { round: state.round, prevotes: nobody.clone(), precommits: nobody };
    let is_silent = state.votes.iter().all(|it| it.round != state.round);
    let rounds = state.votes.iter().chain(is_silent.then_some(&silent));
    let shape = |it: &RoundVotes| {
        json!({
            "round": it.round.0,
            "prevotes": it.prevotes.iter().map(vote_text).collect::<Vec<_>>(),
            "prevotes_bit_array": bit_array_text(&it.prevotes, &state.validators),
            "precommits": it.precommits.iter().map(vote_text).collect::<Vec<_>>(),
            "precommits_bit_array": bit_array_text(&it.precommits, &state.validators),
        })
    };
    Value::Array(rounds.map(shape).collect())
}

/// Who has voted, and how much of the power that is: `BA{4:xx_x} 30/40 = 0.75`.
fn bit_array_text(votes: &[Option<Arc<Vote>>], validators: &ValidatorSet) -> String {
    let mut have = BitArray::new(votes.len());
    let mut power = VotingPower::ZERO;
    for (index, vote) in votes.iter().enumerate().filter_map(|(i, it)| Some((i, it.as_ref()?))) {
        have.set(index);
        let member = validators.get(vote.validator_index);
        power = power.plus(member.map_or(VotingPower::ZERO, |it| it.power));
    }
    let total = validators.total_power();
    let whole_power = u128::from(total.0.max(1));
    let hundredths = (u128::from(power.0) * 200 + whole_power) / (2 * whole_power);
    let (whole, part) = (hundredths / 100, hundredths % 100);
    format!("BA{{{}:{}}} {power}/{total} = {whole}.{part:02}", have.count(), marks(&have))
}

/// One vote in a line, as the reference prints it; `nil-Vote` if there is none.
fn vote_text(vote: &Option<Arc<Vote>>) -> Value {
    let Some(vote) = vote else { return Value::String("nil-Vote".to_owned()) };
    let (kind, name) = match vote.kind {
        VoteKind::Prevote => ("SIGNED_MSG_TYPE_PREVOTE", "Prevote"),
        VoteKind::Precommit => ("SIGNED_MSG_TYPE_PRECOMMIT", "Precommit"),
    };
    let nothing = [0; FINGERPRINT_BYTES];
    let block = vote.block_id.as_ref().map_or(&nothing[..], |id| id.hash.as_bytes());
    let extension = vote.extension.as_ref().map_or(&nothing[..], |it| &it.bytes);
    let text = format!(
        "Vote{{{}:{} {}/{:02}/{kind}({name}) {} {} {} @ {}}}",
        vote.validator_index.0,
        fingerprint(vote.validator_address.as_bytes()),
        vote.height,
        vote.round.0,
        fingerprint(block),
        fingerprint(&vote.signature.0),
        fingerprint(extension),
        vote.timestamp,
    );
    Value::String(text)
}

fn fingerprint(bytes: &[u8]) -> String {
    let mut shown = [0; FINGERPRINT_BYTES];
    for (to, from) in shown.iter_mut().zip(bytes) {
        *to = *from;
    }
    hex::encode_upper(shown)
}

fn step_number(step: WireStep) -> u8 {
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
