//! What is written is read back the same, for every noun and message.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use types::message::WireStep;
use types::{BitArray, Genesis, Message, PartSet, codec};

use crate::values::{
    attack, block, block_id, bytes, chain_state, commit, evidence, extended_commit, genesis,
    height, index, kind, outcome, params, part, part_set_header, proposal, round, validator_set,
    vote,
};

/// Some bits of a number below the limit, at least one.
fn bits(count: impl Strategy<Value = usize>) -> impl Strategy<Value = BitArray> {
    count.prop_flat_map(|count| vec(any::<bool>(), count)).prop_map(|flags| {
        let mut bits = BitArray::new(flags.len());
        for (index, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
            bits.set(index);
        }
        bits
    })
}

fn step() -> impl Strategy<Value = WireStep> {
    prop_oneof![
        Just(WireStep::NewHeight),
        Just(WireStep::NewRound),
        Just(WireStep::Propose),
        Just(WireStep::Prevote),
        Just(WireStep::PrevoteWait),
        Just(WireStep::Precommit),
        Just(WireStep::PrecommitWait),
        Just(WireStep::Commit),
    ]
}

fn state_message() -> impl Strategy<Value = Message> {
    let new_valid_block = part_set_header().prop_flat_map(|parts| {
        let have = bits(Just(parts.total as usize));
        (height(), round(), Just(parts), have, any::<bool>())
    });
    prop_oneof![
        (height(), round(), step(), any::<i64>(), option::of(round())).prop_map(
            |(height, round, step, seconds_since_start, last_commit_round)| {
                Message::NewRoundStep {
                    height,
                    round,
                    step,
                    seconds_since_start,
                    last_commit_round,
                }
            }
        ),
        new_valid_block.prop_map(|(height, round, parts, have, is_commit)| {
            Message::NewValidBlock { height, round, parts, have, is_commit }
        }),
        (height(), round(), kind(), index()).prop_map(|(height, round, kind, index)| {
            Message::HasVote { height, round, kind, index }
        }),
        (height(), round(), kind(), option::of(block_id())).prop_map(
            |(height, round, kind, block_id)| Message::VoteSetMaj23 {
                height,
                round,
                kind,
                block_id
            }
        ),
    ]
}

fn vote_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        proposal().prop_map(|it| Message::Proposal(it.into())),
        (height(), round(), bits(1_usize..200))
            .prop_map(|(height, pol_round, have)| Message::ProposalPol { height, pol_round, have }),
        (height(), round(), part()).prop_map(|(height, round, part)| Message::BlockPart {
            height,
            round,
            part
        }),
        vote().prop_map(|it| Message::Vote(it.into())),
        (height(), round(), kind(), option::of(block_id()), bits(0_usize..200)).prop_map(
            |(height, round, kind, block_id, have)| {
                Message::VoteSetBits { height, round, kind, block_id, have }
            }
        ),
    ]
}

fn other_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        vec(bytes(0..=50), 1..5).prop_map(Message::Txs),
        vec(evidence(), 0..3).prop_map(Message::Evidence),
        height().prop_map(Message::BlockRequest),
        height().prop_map(Message::NoBlock),
        (block(), option::of(extended_commit())).prop_map(|(block, extended_commit)| {
            Message::BlockResponse { block: Arc::new(block), extended_commit }
        }),
        Just(Message::StatusRequest),
        option::of((height(), height())).prop_map(|range| Message::StatusResponse {
            range: range.map(|(a, b)| (a.min(b), a.max(b)))
        }),
    ]
}

/// Boxed, because the tree of all messages would not fit a test thread's stack.
pub fn message() -> impl Strategy<Value = Message> {
    prop_oneof![state_message().boxed(), vote_message().boxed(), other_message().boxed()]
}

proptest! {
    #[test]
    fn messages_are_read_back(message in message()) {
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(message.channel(), bytes), Ok(message));
    }

    #[test]
    fn blocks_are_read_back_and_travel_in_parts(block in block()) {
        let bytes = codec::encode_block(&block);
        let sent = block.part_set();
        let mut received = PartSet::awaiting(sent.header());
        for index in (0..sent.header().total).rev() {
            prop_assert_eq!(received.add(sent.get(index).unwrap().clone()), Ok(true));
        }
        prop_assert_eq!(received.assemble(), Some(bytes.clone()));
        let offsets: Vec<usize> = codec::tx_offsets(&block).collect();
        prop_assert_eq!(offsets.len(), block.txs.len());
        for (at, tx) in offsets.into_iter().zip(&block.txs) {
            let (before, length) = codec::decode_tx_frame(&bytes[at..]).unwrap();
            prop_assert_eq!(&bytes[at + before..][..length], &tx[..]);
        }
        prop_assert_eq!(codec::decode_block(bytes), Ok(block));
    }

    #[test]
    fn votes_proposals_and_parts_are_read_back(
        vote in vote(), proposal in proposal(), part in part(),
    ) {
        prop_assert_eq!(codec::decode_vote(&codec::encode_vote(&vote)), Ok(vote));
        prop_assert_eq!(codec::decode_proposal(&codec::encode_proposal(&proposal)), Ok(proposal));
        prop_assert_eq!(codec::decode_part(codec::encode_part(&part)), Ok(part));
    }

    #[test]
    fn commits_are_read_back(commit in commit(), extended in extended_commit()) {
        prop_assert_eq!(codec::decode_commit(&codec::encode_commit(&commit)), Ok(commit));
        let bytes = codec::encode_extended_commit(&extended);
        prop_assert_eq!(codec::decode_extended_commit(&bytes), Ok(extended));
    }

    #[test]
    fn evidence_is_read_back(evidence in evidence()) {
        let bytes = codec::encode_evidence(&evidence);
        prop_assert_eq!(codec::decode_evidence(&bytes), Ok(evidence));
    }

    #[test]
    fn sets_params_outcomes_and_states_are_read_back(
        set in validator_set(), params in params(), outcome in outcome(), state in chain_state(),
    ) {
        let bytes = codec::encode_validator_set(&set);
        prop_assert_eq!(codec::decode_validator_set(&bytes), Ok(set));
        prop_assert_eq!(codec::decode_params(&codec::encode_params(&params)), Ok(params));
        prop_assert_eq!(codec::decode_outcome(&codec::encode_outcome(&outcome)), Ok(outcome));
        let bytes = codec::encode_chain_state(&state);
        prop_assert_eq!(codec::decode_chain_state(&bytes), Ok(state));
    }

    #[test]
    fn genesis_is_read_back_and_its_hash_does_not_see_white_space(genesis in genesis()) {
        let text = genesis.to_json();
        let read = Genesis::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&genesis));
        let squeezed: String = genesis.app_state.replace(" :\n", ":");
        let other = Genesis { app_state: squeezed, ..genesis.clone() };
        prop_assert_eq!(other.hash(), genesis.hash());
    }

    #[test]
    fn the_name_of_an_attack_depends_on_the_lie_and_the_common_height_only(
        first in attack(), second in attack(),
    ) {
        let (types::Evidence::LightClientAttack(a), types::Evidence::LightClientAttack(mut b)) =
            (first.clone(), second.clone()) else { unreachable!("both are attacks") };
        prop_assert_ne!(first.hash(), second.hash());
        b.conflicting_block.signed_header.header = a.conflicting_block.signed_header.header.clone();
        b.common_height = a.common_height;
        prop_assert_eq!(first.hash(), types::Evidence::LightClientAttack(b).hash());
    }
}
