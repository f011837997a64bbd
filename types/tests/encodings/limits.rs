//! Bytes that mean harm: refused with the field and the limit, and never a panic.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use tendermint_proto::v0_38::consensus::message::Sum;
use tendermint_proto::v0_38::crypto::Proof;
use tendermint_proto::v0_38::libs::bits;
use tendermint_proto::v0_38::{blocksync, consensus, types as wire};
use types::part_set::{PART_BYTES, PartError};
use types::{Channel, Hash, Height, Message, Part, PartSet, Round, codec};

use crate::round_trips::message;

fn refusal(channel: Channel, bytes: Vec<u8>) -> String {
    Message::decode(channel, bytes.into()).expect_err("a bad message was taken").to_string()
}

fn consensus_refusal(channel: Channel, sum: Sum) -> String {
    refusal(channel, consensus::Message { sum: Some(sum) }.encode_to_vec())
}

fn block_id() -> wire::BlockId {
    let part_set_header = Some(wire::PartSetHeader { total: 1, hash: vec![1; 32] });
    wire::BlockId { hash: vec![1; 32], part_set_header }
}

fn vote() -> wire::Vote {
    wire::Vote {
        r#type: 2,
        height: 1,
        round: 0,
        block_id: Some(block_id()),
        timestamp: None,
        validator_address: vec![1; 20],
        validator_index: 0,
        signature: vec![1; 64],
        extension: vec![],
        extension_signature: vec![],
    }
}

/// What makes a message bad, and the words it is refused with.
type Case<'a, M> = (&'a dyn Fn(&mut M), &'a str);

#[test]
fn votes_out_of_their_limits_are_refused() {
    let cases: [Case<'_, wire::Vote>; 17] = [
        (&|it| it.r#type = 0, "vote.type: is 0, expected 1 or 2"),
        (&|it| it.r#type = 32, "vote.type: is 32, expected 1 or 2"),
        (&|it| it.height = 0, "vote.height: is 0, expected at least 1"),
        (&|it| it.height = -1, "vote.height: is -1, expected at least 1"),
        (&|it| it.round = -1, "vote.round: is -1, expected at least 0"),
        (&|it| it.validator_index = -1, "vote.validator_index: is -1, expected 0 to 9999"),
        (&|it| it.validator_index = 10_000, "vote.validator_index: is 10000, expected 0 to 9999"),
        (&|it| it.validator_address = vec![1; 19], "vote.validator_address: has 19 bytes"),
        (&|it| it.signature = vec![1; 65], "vote.signature: has 65 bytes, expected 64"),
        (&|it| it.signature.clear(), "vote.signature: has 0 bytes, expected 64"),
        (&|it| it.block_id.as_mut().unwrap().hash.clear(), "block_id.hash: has 0 bytes"),
        (&|it| it.block_id.as_mut().unwrap().part_set_header = None, "block_id.part_set_header"),
        (&|it| it.timestamp = timestamp(i64::MAX, 0), "vote.timestamp: is no time"),
        (&|it| it.timestamp = timestamp(0, -1), "vote.timestamp: is no time"),
        (&|it| it.extension = vec![1], "extension_signature: has 0 bytes, expected 64"),
        (
            &|it| {
                it.block_id = None;
                it.extension_signature = vec![1; 64];
            },
            "extension: is on a vote that is no precommit for a block",
        ),
        (
            &|it| {
                it.r#type = 1;
                it.extension = vec![1];
            },
            "extension: is on a vote that is no precommit for a block",
        ),
    ];
    for (change, expected) in cases {
        let mut vote = vote();
        change(&mut vote);
        let error =
            consensus_refusal(Channel::Vote, Sum::Vote(consensus::Vote { vote: Some(vote) }));
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
    let mut extended = vote();
    extended.extension = vec![1; 1024 * 1024 + 1];
    extended.extension_signature = vec![1; 64];
    let error = codec::decode_vote(&extended.encode_to_vec()).unwrap_err().to_string();
    assert_eq!(error, "extension: has 1048577, the limit is 1048576");
    assert!(codec::decode_vote(&vote().encode_to_vec()).is_ok());
}

fn timestamp(seconds: i64, nanos: i32) -> Option<tendermint_proto::google::protobuf::Timestamp> {
    Some(tendermint_proto::google::protobuf::Timestamp { seconds, nanos })
}

fn proposal() -> wire::Proposal {
    wire::Proposal {
        r#type: 32,
        height: 1,
        round: 1,
        pol_round: 0,
        block_id: Some(block_id()),
        timestamp: None,
        signature: vec![1; 64],
    }
}

#[test]
fn proposals_out_of_their_limits_are_refused() {
    let parts = |it: &mut wire::Proposal, total| {
        it.block_id.as_mut().unwrap().part_set_header.as_mut().unwrap().total = total;
    };
    let cases: [Case<'_, wire::Proposal>; 8] = [
        (&|it| it.r#type = 1, "proposal.type: is 1, expected 32"),
        (&|it| it.height = 0, "proposal.height: is 0"),
        (&|it| it.pol_round = -2, "proposal.pol_round: is -2"),
        (&|it| it.pol_round = 1, "proposal.pol_round: is not before the proposal's round"),
        (&|it| it.block_id = None, "proposal.block_id: is missing"),
        (&|it| parts(it, 0), "block_id.part_set_header.total: is 0"),
        (&|it| parts(it, 1602), "proposal.block_id.part_set_header.total: has 1602, the limit is"),
        (&|it| it.signature = vec![1; 63], "proposal.signature: has 63 bytes"),
    ];
    for (change, expected) in cases {
        let mut proposal = proposal();
        change(&mut proposal);
        let sum = Sum::Proposal(consensus::Proposal { proposal: Some(proposal) });
        let error = consensus_refusal(Channel::Data, sum);
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
    assert!(codec::decode_proposal(&proposal().encode_to_vec()).is_ok());
}

/// ASA-2025-003: bit arrays whose words do not match their count.
#[test]
fn bit_arrays_out_of_their_limits_are_refused() {
    let bits = |bits, words| Some(bits::BitArray { bits, elems: vec![1; words] });
    let cases = [
        (bits(-1, 0), "has -1 bits, limit 10000"),
        (bits(10_001, 157), "has 10001 bits, limit 10000"),
        (bits(i64::MAX, 1), "has 9223372036854775807 bits, limit 10000"),
        (bits(64, 2), "has 2 words for 64 bits"),
        (bits(65, 1), "has 1 words for 65 bits"),
        (bits(0, 1), "has 1 words for 0 bits"),
        (bits(0, 0), "has no bits"),
        (None, "has no bits"),
    ];
    for (proposal_pol, expected) in cases {
        let pol = consensus::ProposalPol { height: 1, proposal_pol_round: 0, proposal_pol };
        let error = consensus_refusal(Channel::Data, Sum::ProposalPol(pol));
        assert_eq!(error, format!("proposal_pol.proposal_pol: {expected}"));
    }
    let valid_block = |total, bits, words| consensus::NewValidBlock {
        height: 1,
        round: 0,
        block_part_set_header: Some(wire::PartSetHeader { total, hash: vec![1; 32] }),
        block_parts: Some(bits::BitArray { bits, elems: vec![0; words] }),
        is_commit: true,
    };
    let cases = [
        (valid_block(2, 1, 1), "new_valid_block.block_parts: has 1 bits for 2 parts"),
        (valid_block(0, 0, 0), "new_valid_block.block_part_set_header.total: is 0"),
        (valid_block(1602, 1602, 26), "new_valid_block.block_part_set_header.total: has 1602"),
        (valid_block(1, 1602, 26), "new_valid_block.block_parts: has 1602 bits, limit 1601"),
    ];
    for (message, expected) in cases {
        let error = consensus_refusal(Channel::State, Sum::NewValidBlock(message));
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
}

/// ASA-2025-002: a part whose index is not its proof's.
#[test]
fn parts_out_of_their_limits_are_refused() {
    let part = |index, length, of: (i64, i64), aunts: Vec<Vec<u8>>| {
        let proof = Proof { total: of.1, index: of.0, leaf_hash: vec![1; 32], aunts };
        wire::Part { index, bytes: vec![1; length], proof: Some(proof) }
    };
    let aunts = |count| vec![vec![1; 32]; count];
    let cases = [
        (part(1, 9, (0, 2), aunts(1)), "part.index: is 1, but its proof is for part 0"),
        (part(2, 9, (2, 2), aunts(1)), "part.index: is beyond the set"),
        (part(0, 9, (0, 2), aunts(1)), "part.bytes: are fewer than a part has"),
        (part(0, PART_BYTES + 1, (0, 1), vec![]), "part.bytes: has 65537, the limit is 65536"),
        (part(0, 9, (-1, 2), aunts(1)), "part.proof.index: is -1"),
        (part(0, 9, (0, -1), aunts(1)), "part.proof.total: is -1"),
        (part(0, 9, (0, 1602), aunts(1)), "part.proof.total: has 1602, the limit is 1601"),
        (part(0, 9, (0, 1), aunts(101)), "part.proof.aunts: has 101, the limit is 100"),
        (part(0, 9, (0, 1), vec![vec![1; 31]]), "part.proof.aunts: has 31 bytes, expected 32"),
        (part(0, 9, (0, 1), vec![vec![]; 9]), "part.proof.aunts: has 9 entries in"),
    ];
    for (part, expected) in cases {
        let block_part = consensus::BlockPart { height: 1, round: 0, part: Some(part) };
        let error = consensus_refusal(Channel::Data, Sum::BlockPart(block_part));
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
}

#[test]
fn other_consensus_messages_out_of_their_limits_are_refused() {
    let step = |height, round, step, last_commit_round| {
        let message = consensus::NewRoundStep {
            height,
            round,
            step,
            seconds_since_start_time: -1,
            last_commit_round,
        };
        consensus_refusal(Channel::State, Sum::NewRoundStep(message))
    };
    assert_eq!(step(0, 0, 1, -1), "new_round_step.height: is 0, expected at least 1");
    assert_eq!(step(1, -1, 1, -1), "new_round_step.round: is -1, expected at least 0");
    assert_eq!(step(1, 0, 0, -1), "new_round_step.step: is 0, expected 1 to 8");
    assert_eq!(step(1, 0, 9, -1), "new_round_step.step: is 9, expected 1 to 8");
    assert_eq!(step(1, 0, 1, -2), "new_round_step.last_commit_round: is -2, expected at least 0");
    let has_vote = consensus::HasVote { height: 1, round: 0, r#type: 3, index: 0 };
    let error = consensus_refusal(Channel::State, Sum::HasVote(has_vote));
    assert_eq!(error, "has_vote.type: is 3, expected 1 or 2");
}

#[test]
fn a_message_on_a_foreign_channel_is_refused() {
    let vote = Sum::Vote(consensus::Vote { vote: Some(vote()) });
    let error = consensus_refusal(Channel::State, vote);
    assert_eq!(error, "message.sum: is a message of another channel");
    for channel in Channel::ALL {
        let empty = Message::decode(channel, Bytes::new());
        assert_eq!(empty.is_ok(), channel == Channel::Evidence, "{channel:?}");
        let oversized = vec![0; channel.message_bytes_max() + 1];
        assert!(refusal(channel, oversized).starts_with("message.bytes: has "));
    }
}

/// Two bytes on the wire must not become a hundred in memory.
#[test]
fn lists_of_nothing_are_refused_before_they_are_built() {
    let signatures = vec![wire::CommitSig::default(); 100_000];
    let last_commit = Some(wire::Commit { signatures, ..wire::Commit::default() });
    let block = Some(wire::Block { last_commit, ..wire::Block::default() });
    let response = blocksync::BlockResponse { block, ext_commit: None };
    let sum = Some(blocksync::message::Sum::BlockResponse(response));
    let error = refusal(Channel::BlockSync, blocksync::Message { sum }.encode_to_vec());
    assert!(error.starts_with("commit.signatures: has 100000 entries in"), "{error}");

    let evidence = vec![wire::Evidence::default(); 100_000];
    let error = refusal(Channel::Evidence, wire::EvidenceList { evidence }.encode_to_vec());
    assert!(error.starts_with("evidence: has 100000 entries in"), "{error}");

    let validators = vec![wire::Validator::default(); 100_000];
    let set = wire::ValidatorSet { validators, ..wire::ValidatorSet::default() };
    let error = codec::decode_validator_set(&set.encode_to_vec()).unwrap_err().to_string();
    assert!(error.starts_with("validator_set.validators: has 100000 entries in"), "{error}");

    let count = 16_777_217_usize;
    let mut block = vec![0x12];
    prost::encoding::encode_varint(2 * count as u64, &mut block);
    block.extend([0x0a, 0].repeat(count));
    let error = codec::decode_block(block.into()).unwrap_err().to_string();
    assert_eq!(error, "txs: has 16777217, the limit is 16777216");
}

/// A group within a group within a group, a hundred thousand deep.
#[test]
fn deep_nesting_is_refused() {
    let nested = [0x0b; 100_000].to_vec();
    for channel in [Channel::State, Channel::Mempool, Channel::Evidence, Channel::BlockSync] {
        refusal(channel, nested.clone());
    }
}

#[test]
fn a_part_of_another_set_is_not_added() {
    let set = PartSet::cut(vec![7; 2 * PART_BYTES + 1].into());
    let other = PartSet::cut(vec![8; 2 * PART_BYTES + 1].into());
    let mut awaiting = PartSet::awaiting(set.header());
    let part = |set: &PartSet, index| set.get(index).unwrap().clone();
    assert_eq!(awaiting.add(part(&other, 0)), Err(PartError::Proof { index: 0 }));
    let moved = Part { index: 1, ..part(&set, 0) };
    assert_eq!(awaiting.add(moved), Err(PartError::Proof { index: 1 }));
    let beyond = Part { index: 3, ..part(&set, 2) };
    assert_eq!(awaiting.add(beyond), Err(PartError::Index { index: 3, total: 3 }));
    let short = Part { bytes: Bytes::from_static(b"short"), ..part(&set, 1) };
    assert_eq!(awaiting.add(short), Err(PartError::Size { index: 1, actual: 5 }));
    for index in 0..3 {
        assert_eq!(awaiting.assemble(), None);
        assert_eq!(awaiting.add(part(&set, index)), Ok(true));
        assert_eq!(awaiting.add(part(&set, index)), Ok(false));
    }
    assert_eq!(awaiting.bytes_count(), 2 * PART_BYTES + 1);
    assert_eq!(awaiting.assemble().unwrap(), vec![7; 2 * PART_BYTES + 1]);
}

/// One copy of a transaction from socket to block: what is decoded points into what was received.
#[test]
fn transactions_and_parts_are_not_copied() {
    let within = |outer: &Bytes, inner: &Bytes| outer.as_ptr_range().contains(&inner.as_ptr());
    let txs = vec![Bytes::from(vec![1; 1000]), Bytes::from(vec![2; 1000])];

    let message = Message::Txs(txs.clone()).encode();
    let Ok(Message::Txs(read)) = Message::decode(Channel::Mempool, message.clone()) else {
        panic!()
    };
    assert!(read.iter().all(|tx| within(&message, tx)));

    let set = PartSet::cut(message.clone());
    let part = set.get(0).unwrap().clone();
    assert!(within(&message, &part.bytes));
    let bytes = codec::encode_part(&part);
    assert!(within(&bytes, &codec::decode_part(bytes.clone()).unwrap().bytes));
    let sent = Message::BlockPart { height: Height(1), round: Round(0), part }.encode();
    let read = Message::decode(Channel::Data, sent.clone()).unwrap();
    let Message::BlockPart { part, .. } = read else { panic!() };
    assert!(within(&sent, &part.bytes));
}

/// What a hostile peer makes of an honest message: bytes changed, cut, repeated.
fn mutated() -> impl Strategy<Value = (Message, Vec<u8>)> {
    let edits = vec((any::<proptest::sample::Index>(), any::<u8>(), 0_u8..4), 1..8);
    (message(), edits).prop_map(|(message, edits)| {
        let mut bytes = message.encode().to_vec();
        for (place, byte, edit) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.truncate(at),
                _ => bytes.extend_from_within(at..),
            }
            bytes.truncate(1 << 20);
        }
        (message, bytes)
    })
}

fn decode_as_everything(bytes: &Bytes) {
    for channel in Channel::ALL {
        let _ = Message::decode(channel, bytes.clone());
    }
    let _ = codec::decode_block(bytes.clone());
    let _ = codec::decode_part(bytes.clone());
    let _ = codec::decode_vote(bytes);
    let _ = codec::decode_proposal(bytes);
    let _ = codec::decode_commit(bytes);
    let _ = codec::decode_extended_commit(bytes);
    let _ = codec::decode_evidence(bytes);
    let _ = codec::decode_validator_set(bytes);
    let _ = codec::decode_params(bytes);
    let _ = codec::decode_outcome(bytes);
    let _ = codec::decode_chain_state(bytes);
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..300)) {
        decode_as_everything(&bytes.into());
    }

    #[test]
    fn no_change_of_a_message_makes_a_decoder_panic((message, bytes) in mutated()) {
        let bytes = Bytes::from(bytes);
        decode_as_everything(&bytes);
        // Whatever is still a message can be written again.
        if let Ok(read) = Message::decode(message.channel(), bytes) {
            let again = Message::decode(read.channel(), read.encode());
            prop_assert_eq!(again, Ok(read));
        }
    }

    #[test]
    fn a_proof_holds_for_its_leaf_index_and_root_only(
        leaves in vec(vec(any::<u8>(), 0..4), 1..40), which in any::<proptest::sample::Index>(),
    ) {
        let (root, proofs) = types::merkle::root_and_proofs(&leaves);
        prop_assert_eq!(root, types::merkle::root(&leaves));
        let index = which.index(leaves.len());
        let (proof, leaf) = (&proofs[index], &leaves[index]);
        prop_assert!(proof.verifies(&root, leaf));
        let altered: [&dyn Fn(&mut types::merkle::Proof); 5] = [
            &|it| it.total += leaves.len() as u64,
            &|it| it.index = it.total,
            &|it| it.leaf_hash.0[0] ^= 1,
            &|it| it.aunts.push(Hash([0; 32])),
            &|it| it.aunts.iter_mut().for_each(|aunt| aunt.0[31] ^= 1),
        ];
        for (number, alter) in altered.iter().enumerate() {
            let mut forged = proof.clone();
            alter(&mut forged);
            let unchanged = forged == *proof;
            prop_assert_eq!(forged.verifies(&root, leaf), unchanged, "{}", number);
        }
        let mut other = leaf.clone();
        other.push(0);
        prop_assert!(!proof.verifies(&root, &other));
        prop_assert!(!proof.verifies(&Hash([9; 32]), leaf));
    }
}
