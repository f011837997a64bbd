//! Hex vectors from CometBFT's own tests: of values that both can hold, our bytes are theirs.

use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::v0_38::consensus::message::Sum;
use tendermint_proto::v0_38::{consensus, types as wire};
use types::block::{Version, txs_hash};
use types::merkle::{self, Proof};
use types::message::WireStep;
use types::vote::Extension;
use types::{
    Address, AppHash, BitArray, BlockId, BlockOutcome, ChainId, Channel, ConsensusParams, Hash,
    Header, Height, Message, PartSetHeader, Round, Signature, Time, TxResult, UnsignedProposal,
    ValidatorIndex, Vote, VoteKind, sign_bytes,
};

const HASH: &[u8; 32] = b"add_more_exclamation_marks_code-";
/// The part set header of the vectors, and the block id.
const PARTS: &str = "080112206164645f6d6f72655f6578636c616d6174696f6e5f6d61726b735f636f64652d";
const ID: &str = "0a206164645f6d6f72655f6578636c616d6174696f6e5f6d61726b735f636f64652d1224\
    080112206164645f6d6f72655f6578636c616d6174696f6e5f6d61726b735f636f64652d";

fn block_id() -> BlockId {
    BlockId { hash: Hash(*HASH), parts: PartSetHeader { total: 1, hash: Hash(*HASH) } }
}

fn date() -> Time {
    Time::parse_rfc3339("2018-08-30T12:00:00Z").unwrap()
}

/// Encodes to the vector, and the vector decodes to the message.
fn pinned(message: &Message, vector: &str) {
    assert_eq!(hex::encode(message.encode()), vector, "{message:?}");
    let bytes = Bytes::from(hex::decode(vector).unwrap());
    assert_eq!(Message::decode(message.channel(), bytes).as_ref(), Ok(message));
}

#[test]
fn consensus_messages_have_the_reference_bytes() {
    let (height, round, kind) = (Height(1), Round(1), VoteKind::Prevote);
    pinned(
        &Message::NewRoundStep {
            height,
            round,
            step: WireStep::NewHeight,
            seconds_since_start: 1,
            last_commit_round: Some(Round(1)),
        },
        "0a0a08011001180120012801",
    );
    let parts = block_id().parts;
    pinned(
        &Message::NewValidBlock { height, round, parts, have: BitArray::new(1), is_commit: false },
        &format!("1231080110011a24{PARTS}22050801120100"),
    );
    let index = ValidatorIndex(1);
    pinned(&Message::HasVote { height, round, kind, index }, "3a080801100118012001");
    let block_id = Some(block_id());
    let maj23 = Message::VoteSetMaj23 { height, round, kind, block_id };
    pinned(&maj23, &format!("42500801100118012248{ID}"));
    pinned(
        &Message::VoteSetBits { height, round, kind, block_id, have: BitArray::new(1) },
        &format!("4a570801100118012248{ID}2a050801120100"),
    );
}

#[test]
fn consensus_messages_at_the_ends_of_their_ranges_have_the_reference_bytes() {
    let far = Message::HasVote {
        height: Height(i64::MAX as u64),
        round: Round(i32::MAX as u32),
        kind: VoteKind::Prevote,
        index: ValidatorIndex(i32::MAX as u32),
    };
    let vector = "3a1808ffffffffffffffff7f10ffffffff07180120ffffffff07";
    assert_eq!(hex::encode(far.encode()), vector);
    refused(Channel::State, vector, "has_vote.index");
    // The vector's step is the largest number there is; ours are 1 to 8.
    let vector = "0a2608ffffffffffffffff7f10ffffffff0718ffffffff0f20ffffffffffffffff7f28ffffffff07";
    refused(Channel::State, vector, "new_round_step.step");
    pinned(
        &Message::NewRoundStep {
            height: Height(i64::MAX as u64),
            round: Round(i32::MAX as u32),
            step: WireStep::Commit,
            seconds_since_start: i64::MAX,
            last_commit_round: Some(Round(i32::MAX as u32)),
        },
        "0a2208ffffffffffffffff7f10ffffffff07180820ffffffffffffffff7f28ffffffff07",
    );
}

fn refused(channel: Channel, vector: &str, field: &str) {
    let bytes = Bytes::from(hex::decode(vector).unwrap());
    let error = Message::decode(channel, bytes).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{field}: ")), "{error}");
}

/// The reference's vectors hold signatures of any length, or none. Ours with that put in place
/// must be the same bytes.
#[test]
fn proposals_and_votes_have_the_reference_bytes_but_for_the_signature() {
    let signature = "6164645f6d6f72655f6578636c616d6174696f6e";
    let vector = format!("1a720a7008201001180120012a48{ID}320608c0b89fdc053a14{signature}");
    refused(Channel::Data, &vector, "proposal.pol_round");
    let proposal = UnsignedProposal {
        height: Height(1),
        round: Round(2),
        pol_round: Some(Round(1)),
        block_id: block_id(),
        timestamp: date(),
    };
    let message = Message::Proposal(proposal.signed(date(), Signature([7; 64])).into());
    let ours = replaced(&message, |sum| {
        let Sum::Proposal(consensus::Proposal { proposal: Some(it) }) = sum else { panic!() };
        assert_eq!(it.signature, [7; 64]);
        it.signature = b"add_more_exclamation".to_vec();
        it.round = 1;
    });
    assert_eq!(ours, vector);

    let without = format!(
        "32700a6e080210012248{ID}2a0608c0b89fdc0532146164645f6d6f72655f6578636c616d6174696f6e3801"
    );
    refused(Channel::Vote, &without, "vote.signature");
    let with = without.replacen("32700a6e", "327b0a79", 1) + "4a09657874656e73696f6e";
    for (extension, vector) in [(&b""[..], without), (b"extension", with)] {
        let ours = replaced(&Message::Vote(vote(extension).into()), |sum| {
            let Sum::Vote(consensus::Vote { vote: Some(it) }) = sum else { panic!() };
            assert_eq!(
                (&it.signature[..], &it.extension_signature[..]),
                (&[7; 64][..], &[8; 64][..])
            );
            it.signature.clear();
            it.extension_signature.clear();
        });
        assert_eq!(ours, vector);
    }
}

fn vote(extension: &'static [u8]) -> Vote {
    let bytes = Bytes::from_static(extension);
    Vote {
        kind: VoteKind::Precommit,
        height: Height(1),
        round: Round(0),
        block_id: Some(block_id()),
        timestamp: date(),
        validator_address: Address(*b"add_more_exclamation"),
        validator_index: ValidatorIndex(1),
        signature: Signature([7; 64]),
        extension: Some(Extension { bytes, signature: Signature([8; 64]) }),
    }
}

/// Our bytes, read and changed and written by the published messages.
fn replaced(message: &Message, change: impl FnOnce(&mut Sum)) -> String {
    let mut wire = consensus::Message::decode(message.encode()).unwrap();
    change(wire.sum.as_mut().unwrap());
    hex::encode(wire.encode_to_vec())
}

#[test]
fn messages_that_only_the_reference_can_make_are_refused_by_field() {
    refused(Channel::Data, "2206080110011a00", "proposal_pol.proposal_pol");
    let part = "2a36080110011a3008011204746573741a26080110011a20\
        6164645f6d6f72655f6578636c616d6174696f6e5f6d61726b735f636f64652d";
    refused(Channel::Data, part, "part.index");
    let block = "1a700a6e0a5b0a02080b1803220b088092b8c398feffffff012a0212003a20\
        c4da88e876062aa1543400d50d0eaa0dac88096057949cfb7bca7f3a48c04bf96a20\
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\
        120d0a0b48656c6c6f20576f726c641a00";
    refused(Channel::BlockSync, block, "header.chain_id");
    refused(Channel::BlockSync, "2a0408011002", "status_response.base");
}

#[test]
fn block_sync_and_mempool_messages_have_the_reference_bytes() {
    let last = Height(i64::MAX as u64);
    pinned(&Message::BlockRequest(Height(1)), "0a020801");
    pinned(&Message::BlockRequest(last), "0a0a08ffffffffffffffff7f");
    pinned(&Message::NoBlock(Height(1)), "12020801");
    pinned(&Message::NoBlock(last), "120a08ffffffffffffffff7f");
    pinned(&Message::StatusRequest, "2200");
    pinned(&Message::StatusResponse { range: None }, "2a00");
    pinned(
        &Message::StatusResponse { range: Some((last, last)) },
        "2a1408ffffffffffffffff7f10ffffffffffffffff7f",
    );
    let range = Some((Height(2), Height(1)));
    assert_eq!(hex::encode(Message::StatusResponse { range }.encode()), "2a0408011002");

    pinned(&Message::Txs(vec![Bytes::from_static(&[123])]), "0a030a017b");
    pinned(
        &Message::Txs(vec![Bytes::from_static(b"proto encoding in mempool")]),
        "0a1b0a1970726f746f20656e636f64696e6720696e206d656d706f6f6c",
    );
}

#[test]
fn sign_bytes_of_votes_are_the_reference_ones() {
    // The reference's vectors have no chain id or no kind; what they leave out is added here by
    // hand, the rest is theirs.
    let chain_id = ChainId::new("test_chain_id").unwrap();
    let place = "110100000000000000190100000000000000";
    let time = "2a0b088092b8c398feffffff01";
    let chain = "320d746573745f636861696e5f6964";
    let bytes = |kind| sign_bytes::vote(&chain_id, kind, Height(1), Round(1), None, Time::ZERO);
    assert_eq!(hex::encode(bytes(VoteKind::Precommit)), format!("300802{place}{time}{chain}"));
    assert_eq!(hex::encode(bytes(VoteKind::Prevote)), format!("300801{place}{time}{chain}"));
    // The six vectors themselves, from the message under our function.
    let cases = [
        ("", 0, 0, 0, format!("0d{time}")),
        ("", 2, 1, 1, format!("210802{place}{time}")),
        ("", 1, 1, 1, format!("210801{place}{time}")),
        ("", 0, 1, 1, format!("1f{place}{time}")),
        ("test_chain_id", 0, 1, 1, format!("2e{place}{time}{chain}")),
    ];
    for (chain_id, r#type, height, round, vector) in cases {
        let timestamp = tendermint_proto::google::protobuf::Timestamp {
            seconds: Time::ZERO.unix().0,
            nanos: 0,
        };
        let canonical = wire::CanonicalVote {
            r#type,
            height,
            round,
            block_id: None,
            timestamp: Some(timestamp),
            chain_id: chain_id.to_owned(),
        };
        assert_eq!(hex::encode(canonical.encode_length_delimited_to_vec()), vector);
    }
    // An extension is not under the vote's signature (the sixth vector).
    let unextended = Vote { extension: None, ..vote(b"") };
    assert_eq!(vote(b"extension").sign_bytes(&chain_id), unextended.sign_bytes(&chain_id));
}

#[test]
fn sign_bytes_of_proposals_are_canonical() {
    let hash = Hash(*b"--June_15_2020_amino_was_removed");
    let proposal = UnsignedProposal {
        height: Height(12345),
        round: Round(23456),
        pol_round: None,
        block_id: BlockId { hash, parts: PartSetHeader { total: 111, hash } },
        timestamp: Time::parse_rfc3339("2018-02-11T07:09:22.765Z").unwrap(),
    };
    let amino = "2d2d4a756e655f31355f323032305f616d696e6f5f7761735f72656d6f766564";
    assert_eq!(
        hex::encode(proposal.sign_bytes(&ChainId::new("test_chain_id").unwrap())),
        format!(
            "8601082011393000000000000019a05b00000000000020ffffffffffffffffff01\
             2a480a20{amino}1224086f1220{amino}320c08a2d8ffd30510c0f2e3ec023a0d\
             746573745f636861696e5f6964"
        )
    );
}

#[test]
fn header_hash_is_the_reference_one() {
    let of = |text: &str| Hash::of(text.as_bytes());
    let mut proposer_address = [0; 20];
    proposer_address.copy_from_slice(&of("proposer_address").0[..20]);
    let zero = Hash([0; 32]);
    let header = Header {
        version: Version { block: 1, app: 2 },
        chain_id: ChainId::new("chainId").unwrap(),
        height: Height(3),
        time: Time::parse_rfc3339("2019-10-13T16:14:44Z").unwrap(),
        last_block_id: Some(BlockId { hash: zero, parts: PartSetHeader { total: 6, hash: zero } }),
        last_commit_hash: Some(of("last_commit_hash")),
        data_hash: Some(of("data_hash")),
        validators_hash: of("validators_hash"),
        next_validators_hash: of("next_validators_hash"),
        consensus_hash: of("consensus_hash"),
        app_hash: AppHash(Bytes::copy_from_slice(of("app_hash").as_bytes())),
        last_results_hash: Some(of("last_results_hash")),
        evidence_hash: Some(of("evidence_hash")),
        proposer_address: Address(proposer_address),
    };
    assert_eq!(
        header.hash().to_string(),
        "F740121F553B5418C3EFBD343C2DBFE9E007BB67B0D020A0741374BAB65242A4"
    );
}

#[test]
fn params_hash_is_the_one_of_every_default_chain() {
    assert_eq!(
        ConsensusParams::default().hash().to_string(),
        "048091BC7DDC283F77BFBF91D73C44DA58C3DF8A9CBC867405D8B7F3DAADA22F"
    );
}

#[test]
fn merkle_roots_are_the_reference_ones() {
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let blank = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    let cases: [(&[&[u8]], &str); 6] = [
        (&[], nothing),
        (&[b""], blank),
        (&[b"L123456"], "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"),
        (&[&[1, 2, 3]], "054edec1d0211f624fed0cbca9d4f9400b0e491c43742af2c5b0abebf0c990d8"),
        (
            &[&[1, 2, 3], &[4, 5, 6]],
            "82e6cfce00453804379b53962939eaa7906b39904be0813fcadd31b100773c4b",
        ),
        (
            &[&[1, 2], &[3, 4], &[5, 6], &[7, 8], &[9, 10]],
            "f326493eceab4f2d9ffbc78c59432a0a005d6ea98392045c74df5d14a113be18",
        ),
    ];
    for (leaves, root) in cases {
        assert_eq!(hex::encode(merkle::root(leaves).as_bytes()), root);
        assert_eq!(hex::encode(merkle::root_and_proofs(leaves).0.as_bytes()), root);
    }
    assert_eq!(hex::encode(txs_hash(&[]).as_bytes()), nothing);
}

/// VSA-2022-100: a proof of an empty tree must not prove anything, whatever the root.
#[test]
fn a_proof_without_a_tree_proves_nothing() {
    let leaf = b"\x01\x13\x20forged";
    let (leaf_root, proofs) = merkle::root_and_proofs(&[leaf]);
    let leaf_hash = proofs[0].leaf_hash;
    let forged = Proof { total: 0, index: 0, leaf_hash, aunts: vec![] };
    for root in [leaf_root, Hash::of(&[]), Hash([0; 32])] {
        assert!(!forged.verifies(&root, leaf));
    }
    assert!(proofs[0].verifies(&leaf_root, leaf));
}

/// Only code, data and gas are under the hash; the leaf of an empty result is empty.
#[test]
fn results_hash_sees_only_what_all_nodes_agree_on() {
    let results = |tx_results: Vec<TxResult>| {
        BlockOutcome { tx_results, ..BlockOutcome::default() }.results_hash()
    };
    let plain = TxResult { code: 14, data: Bytes::from_static(b"foo"), ..TxResult::default() };
    let noisy = TxResult { log: "log".into(), codespace: "sdk".into(), ..plain.clone() };
    assert_eq!(results(vec![plain.clone()]), results(vec![noisy]));
    assert_eq!(results(vec![TxResult::default()]), merkle::root(&[b""]));
    assert_eq!(results(vec![plain]), merkle::root(&[b"\x08\x0e\x12\x03foo"]));
    let spent = TxResult { gas_wanted: 1, gas_used: 2, ..TxResult::default() };
    assert_eq!(results(vec![spent]), merkle::root(&[b"\x28\x01\x30\x02"]));
}
