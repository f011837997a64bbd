//! Bytes from peers: missing fields, places that do not exist, nesting, and keys of other kinds.

use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::blocksync::message::Sum as Sync;
use tendermint_proto::v0_38::consensus::message::Sum;
use tendermint_proto::v0_38::crypto::public_key::Sum as Key;
use tendermint_proto::v0_38::{blocksync, consensus, crypto, libs::bits, types as wire};
use types::verified::{Remembered, Verdict};
use types::{
    Channel, Genesis, Height, Keyring, Message, Offence, Round, ValidatorIndex, ValidatorSet,
    VoteKind, VotingPower, codec,
};

use crate::network::{Network, chain_id, other_id, public_key};

fn decode(channel: Channel, bytes: Vec<u8>) -> Result<Message, String> {
    Message::decode(channel, bytes.into()).map_err(|error| error.to_string())
}

fn consensus_message(sum: Sum) -> Result<Message, String> {
    let channel = match sum {
        Sum::NewRoundStep(_) | Sum::NewValidBlock(_) | Sum::HasVote(_) | Sum::VoteSetMaj23(_) => {
            Channel::State
        }
        Sum::Proposal(_) | Sum::ProposalPol(_) | Sum::BlockPart(_) => Channel::Data,
        Sum::Vote(_) => Channel::Vote,
        Sum::VoteSetBits(_) => Channel::VoteSetBits,
    };
    decode(channel, consensus::Message { sum: Some(sum) }.encode_to_vec())
}

fn sync_message(sum: Sync) -> Result<Message, String> {
    decode(Channel::BlockSync, blocksync::Message { sum: Some(sum) }.encode_to_vec())
}

fn block_id() -> Option<wire::BlockId> {
    let part_set_header = Some(wire::PartSetHeader { total: 1, hash: vec![1; 32] });
    Some(wire::BlockId { hash: vec![1; 32], part_set_header })
}

fn vote() -> wire::Vote {
    wire::Vote {
        r#type: 2,
        height: 1,
        round: 0,
        block_id: block_id(),
        timestamp: Some(Timestamp { seconds: 1, nanos: 0 }),
        validator_address: vec![1; 20],
        validator_index: 0,
        signature: vec![1; 64],
        extension: vec![],
        extension_signature: vec![],
    }
}

fn header() -> wire::Header {
    wire::Header {
        version: None,
        chain_id: "chain".to_owned(),
        height: 2,
        time: None,
        last_block_id: block_id(),
        last_commit_hash: vec![],
        data_hash: vec![],
        validators_hash: vec![1; 32],
        next_validators_hash: vec![1; 32],
        consensus_hash: vec![1; 32],
        app_hash: vec![],
        last_results_hash: vec![],
        evidence_hash: vec![],
        proposer_address: vec![1; 20],
    }
}

fn commit() -> wire::Commit {
    let signature = wire::CommitSig {
        block_id_flag: 2,
        validator_address: vec![1; 20],
        timestamp: None,
        signature: vec![1; 64],
    };
    wire::Commit { height: 1, round: 0, block_id: block_id(), signatures: vec![signature] }
}

fn block() -> wire::Block {
    let (data, evidence) = (Some(wire::Data::default()), Some(wire::EvidenceList::default()));
    wire::Block { header: Some(header()), data, evidence, last_commit: Some(commit()) }
}

fn set() -> wire::ValidatorSet {
    let members = [(public_key(1), VotingPower(5)), (public_key(2), VotingPower(7))];
    let set = ValidatorSet::new(&members).unwrap();
    wire::ValidatorSet::decode(&codec::encode_validator_set(&set)[..]).unwrap()
}

/// Takes something out of a well-formed message, and says whether it may still be read.
type Case<M> = (fn(&mut M), bool);

fn judge<M: Clone>(whole: &M, read: impl Fn(M) -> Result<(), String>, cases: &[Case<M>]) {
    assert_eq!(read(whole.clone()), Ok(()));
    for (number, (remove, may_pass)) in cases.iter().enumerate() {
        let mut broken = whole.clone();
        remove(&mut broken);
        let verdict = read(broken);
        assert_eq!(verdict.is_ok(), *may_pass, "case {number}: {verdict:?}");
    }
}

/// A nil vote inside a message was accepted. Nothing without which a message means nothing may be
/// missing; what the reference gives a meaning when missing has it here.
#[test]
fn advisory_29_votes_and_proposals_without_a_field_are_refused() {
    let read = |vote| consensus_message(Sum::Vote(consensus::Vote { vote })).map(drop);
    judge(
        &Some(vote()),
        read,
        &[
            (|it| *it = None, false),
            (|it| *it = Some(wire::Vote::default()), false),
            (|it| it.as_mut().unwrap().r#type = 0, false),
            (|it| it.as_mut().unwrap().height = 0, false),
            (|it| it.as_mut().unwrap().validator_address.clear(), false),
            (|it| it.as_mut().unwrap().signature.clear(), false),
            (|it| it.as_mut().unwrap().block_id.as_mut().unwrap().hash.clear(), false),
            (|it| it.as_mut().unwrap().block_id.as_mut().unwrap().part_set_header = None, false),
            // A vote for nil, and one without a date, are votes.
            (|it| it.as_mut().unwrap().block_id = None, true),
            (|it| it.as_mut().unwrap().timestamp = None, true),
        ],
    );
    let proposal = wire::Proposal {
        r#type: 32,
        height: 1,
        round: 0,
        pol_round: -1,
        block_id: block_id(),
        timestamp: None,
        signature: vec![1; 64],
    };
    let read =
        |proposal| consensus_message(Sum::Proposal(consensus::Proposal { proposal })).map(drop);
    judge(
        &Some(proposal),
        read,
        &[
            (|it| *it = None, false),
            (|it| *it = Some(wire::Proposal::default()), false),
            (|it| it.as_mut().unwrap().r#type = 0, false),
            (|it| it.as_mut().unwrap().height = 0, false),
            (|it| it.as_mut().unwrap().block_id = None, false),
            (|it| it.as_mut().unwrap().block_id = Some(wire::BlockId::default()), false),
            (|it| it.as_mut().unwrap().signature.clear(), false),
        ],
    );
}

#[test]
fn advisory_29_claims_and_parts_without_a_field_are_refused() {
    let some_bits = || Some(bits::BitArray { bits: 1, elems: vec![1] });
    let pol =
        consensus::ProposalPol { height: 1, proposal_pol_round: 0, proposal_pol: some_bits() };
    let read = |it| consensus_message(Sum::ProposalPol(it)).map(drop);
    judge(&pol, read, &[(|it| it.proposal_pol = None, false), (|it| it.height = 0, false)]);
    let valid = consensus::NewValidBlock {
        height: 1,
        round: 0,
        block_part_set_header: block_id().unwrap().part_set_header,
        block_parts: some_bits(),
        is_commit: false,
    };
    let read = |it| consensus_message(Sum::NewValidBlock(it)).map(drop);
    judge(
        &valid,
        read,
        &[
            (|it| it.block_part_set_header = None, false),
            (|it| it.block_parts = None, false),
            (|it| it.block_part_set_header.as_mut().unwrap().hash.clear(), false),
            (|it| it.height = 0, false),
        ],
    );
    let maj23 = consensus::VoteSetMaj23 { height: 1, round: 0, r#type: 1, block_id: block_id() };
    let read = |it| consensus_message(Sum::VoteSetMaj23(it)).map(drop);
    judge(
        &maj23,
        read,
        &[
            (|it| it.height = 0, false),
            (|it| it.r#type = 0, false),
            (|it| it.block_id = None, true),
        ],
    );
    let votes = some_bits();
    let set_bits =
        consensus::VoteSetBits { height: 1, round: 0, r#type: 1, block_id: block_id(), votes };
    let read = |it| consensus_message(Sum::VoteSetBits(it)).map(drop);
    judge(
        &set_bits,
        read,
        &[(|it| it.height = 0, false), (|it| it.r#type = 0, false), (|it| it.votes = None, true)],
    );
    let proof = crypto::Proof { total: 1, index: 0, leaf_hash: vec![1; 32], aunts: vec![] };
    let part = wire::Part { index: 0, bytes: vec![1], proof: Some(proof) };
    let block_part = consensus::BlockPart { height: 1, round: 0, part: Some(part) };
    let read = |it| consensus_message(Sum::BlockPart(it)).map(drop);
    judge(
        &block_part,
        read,
        &[
            (|it| it.part = None, false),
            (|it| it.part = Some(wire::Part::default()), false),
            (|it| it.part.as_mut().unwrap().proof = None, false),
            (|it| it.part.as_mut().unwrap().proof.as_mut().unwrap().leaf_hash.clear(), false),
            (|it| it.part.as_mut().unwrap().proof.as_mut().unwrap().total = 0, false),
            (|it| it.height = 0, false),
        ],
    );
    let empty = [Channel::State, Channel::Data, Channel::Vote, Channel::VoteSetBits];
    for channel in empty.into_iter().chain([Channel::Mempool, Channel::BlockSync]) {
        assert!(decode(channel, vec![]).is_err(), "{channel:?}");
    }
}

#[test]
fn advisory_29_blocks_without_a_field_are_refused() {
    let response = blocksync::BlockResponse { block: Some(block()), ext_commit: None };
    let read = |it| sync_message(Sync::BlockResponse(it)).map(drop);
    judge(
        &response,
        read,
        &[
            (|it| it.block = None, false),
            (|it| it.block = Some(wire::Block::default()), false),
            (|it| it.block.as_mut().unwrap().header = None, false),
            (|it| it.block.as_mut().unwrap().last_commit = None, false),
            (|it| it.block.as_mut().unwrap().header.as_mut().unwrap().chain_id.clear(), false),
            (
                |it| it.block.as_mut().unwrap().header.as_mut().unwrap().proposer_address.clear(),
                false,
            ),
            (|it| it.block.as_mut().unwrap().last_commit.as_mut().unwrap().block_id = None, false),
            (
                |it| it.block.as_mut().unwrap().last_commit.as_mut().unwrap().signatures.clear(),
                false,
            ),
            (|it| it.ext_commit = Some(wire::ExtendedCommit::default()), false),
        ],
    );
    for height in [0, -1, i64::MIN] {
        assert!(sync_message(Sync::BlockRequest(blocksync::BlockRequest { height })).is_err());
        let refusal = Sync::NoBlockResponse(blocksync::NoBlockResponse { height });
        assert!(sync_message(refusal).is_err());
    }
}

#[test]
fn advisory_29_evidence_without_a_field_is_refused() {
    let evidence = wire::DuplicateVoteEvidence {
        vote_a: Some(vote()),
        vote_b: Some(vote()),
        total_voting_power: 1,
        validator_power: 1,
        timestamp: None,
    };
    let read = |it| {
        let sum = Some(wire::evidence::Sum::DuplicateVoteEvidence(it));
        let read = codec::decode_evidence(&wire::Evidence { sum }.encode_to_vec());
        read.map(drop).map_err(|error| error.to_string())
    };
    judge(
        &evidence,
        read,
        &[
            (|it| it.vote_a = None, false),
            (|it| it.vote_b = None, false),
            (|it| it.vote_b = Some(wire::Vote::default()), false),
            (|it| it.total_voting_power = -1, false),
        ],
    );
    let light_block = wire::LightBlock {
        signed_header: Some(wire::SignedHeader { header: Some(header()), commit: Some(commit()) }),
        validator_set: Some(set()),
    };
    let attack = wire::LightClientAttackEvidence {
        conflicting_block: Some(light_block),
        common_height: 1,
        byzantine_validators: set().validators,
        total_voting_power: 12,
        timestamp: None,
    };
    let read = |it| {
        let sum = Some(wire::evidence::Sum::LightClientAttackEvidence(it));
        let read = codec::decode_evidence(&wire::Evidence { sum }.encode_to_vec());
        read.map(drop).map_err(|error| error.to_string())
    };
    judge(
        &attack,
        read,
        &[
            (|it| it.conflicting_block = None, false),
            (|it| it.conflicting_block.as_mut().unwrap().signed_header = None, false),
            (|it| it.conflicting_block.as_mut().unwrap().validator_set = None, false),
            (|it| signed(it).header = None, false),
            (|it| signed(it).commit = None, false),
            (|it| it.byzantine_validators[0].pub_key = None, false),
            (|it| it.common_height = 0, false),
        ],
    );
    assert!(codec::decode_evidence(&[]).is_err());
}

fn signed(attack: &mut wire::LightClientAttackEvidence) -> &mut wire::SignedHeader {
    attack.conflicting_block.as_mut().unwrap().signed_header.as_mut().unwrap()
}

/// A key that was missing inside another message, or of a kind that nobody could use, made nodes
/// panic. Only ed25519 keys of 32 bytes are keys.
#[test]
fn advisory_07_a_key_is_ed25519_or_refused() {
    let keys = [
        None,
        Some(crypto::PublicKey { sum: None }),
        Some(crypto::PublicKey { sum: Some(Key::Ed25519(vec![])) }),
        Some(crypto::PublicKey { sum: Some(Key::Ed25519(vec![1; 31])) }),
        Some(crypto::PublicKey { sum: Some(Key::Ed25519(vec![1; 33])) }),
        Some(crypto::PublicKey { sum: Some(Key::Secp256k1(vec![1; 33])) }),
        Some(crypto::PublicKey { sum: Some(Key::Secp256k1(vec![1; 32])) }),
    ];
    for key in keys {
        for place in 0..3 {
            let mut set = set();
            match set.validators.get_mut(place) {
                Some(validator) => validator.pub_key = key.clone(),
                None => set.proposer.as_mut().unwrap().pub_key = key.clone(),
            }
            let error = codec::decode_validator_set(&set.encode_to_vec()).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("validator.pub_key: "), "{text}");
        }
    }
    // Thirty-two bytes that are no point verify nothing, alone and in a batch.
    let no_point = types::PublicKey([2; 32]);
    let signature = types::Signature([1; 64]);
    assert!(!no_point.verifies(b"", &signature));
    let claim = types::keys::Claim { public_key: no_point, bytes: vec![], signature };
    assert_eq!(types::keys::verify_batch(&[claim.clone(), claim]), [false, false]);
}

/// ASA-2024-011: an index beyond the validators, with extensions enabled, was looked up all the
/// same.
#[test]
fn advisory_22_a_vote_of_nobody_is_refused_before_it_is_looked_up() {
    for (index, fits) in [(-1, false), (9_999, true), (10_000, false), (i32::MAX, false)] {
        let changed = wire::Vote { validator_index: index, ..vote() };
        let read = codec::decode_vote(&changed.encode_to_vec());
        assert_eq!(read.is_ok(), fits, "{index}");
        let has = consensus::HasVote { height: 1, round: 0, r#type: 1, index };
        assert_eq!(consensus_message(Sum::HasVote(has)).is_ok(), fits, "{index}");
    }
    let network = Network::new(&[10; 4]);
    let current = network.state.validators.clone();
    for extensions_enabled in [false, true] {
        let keyring = Keyring {
            chain_id: chain_id(),
            height: Height(1),
            round: Round(0),
            last: None,
            current: current.clone(),
            next: current.clone(),
            extensions_enabled,
        };
        for (index, height, kind) in [
            (4, 1, VoteKind::Precommit),
            (4, 1, VoteKind::Prevote),
            (9_999, 2, VoteKind::Precommit),
            (u32::MAX, 1, VoteKind::Precommit),
            (u32::MAX, 2, VoteKind::Prevote),
        ] {
            let at = (Height(height), Round(0));
            let mut vote = network.vote(&current, 0, kind, at, Some(other_id(1)));
            vote.validator_index = ValidatorIndex(index);
            let verdict =
                keyring.verify(vec![Message::Vote(vote.into())], &mut Remembered::default());
            assert_eq!(verdict, [Verdict::Refused(Offence::Lie)], "{index} at {height}");
        }
    }
}

/// Nested JSON and transactions within transactions overflowed the stack of others. No decoder of
/// ours follows a peer's or an operator's bytes deeper than it has to.
#[test]
fn advisory_37_nesting_has_an_end() {
    let depth = 200_000;
    for byte in [0x0b_u8, 0x13, 0x1b, 0x23, 0x2b, 0x7b] {
        let nested = Bytes::from(vec![byte; depth]);
        for channel in Channel::ALL {
            assert!(Message::decode(channel, nested.clone()).is_err());
        }
        assert!(codec::decode_block(nested.clone()).is_err());
        assert!(codec::decode_evidence(&nested).is_err());
        assert!(codec::decode_chain_state(&nested).is_err());
        assert!(codec::decode_outcome(&nested).is_err());
    }
    // A message within a message within a message, by length.
    let mut inner = vec![];
    while inner.len() < 60_000 {
        let mut outer = vec![0x0a];
        prost::encoding::encode_varint(inner.len() as u64, &mut outer);
        outer.extend(&inner);
        inner = outer;
    }
    for channel in Channel::ALL {
        let _ = Message::decode(channel, inner.clone().into());
    }
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        for field in ["app_state", "consensus_params", "validators"] {
            let _ = Genesis::parse(&format!("{{\"{field}\": {deep}}}"));
        }
        assert!(Genesis::parse(&open.repeat(depth)).is_err());
        let stated = Genesis { app_state: deep, ..crate::network::genesis(&[10]) };
        let _ = Genesis::parse(&stated.to_json());
        let _ = stated.hash();
    }
}
