//! The bytes of one block, commit and so on, by their hash. A change here is a change of what this
//! version writes to disk and says to peers: a decision, not a fix.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use types::block::{BLOCK_VERSION, Version, evidence_hash, txs_hash};
use types::chain_state::LastBlock;
use types::vote::Extension;
use types::{
    AppHash, Block, BlockId, BlockOutcome, ChainId, ChainState, Commit, CommitSig, ConsensusParams,
    DuplicateVoteEvidence, Evidence, ExtendedCommit, ExtendedCommitSig, Hash, Header, Height,
    PartSetHeader, PublicKey, Round, Signature, Time, TxResult, ValidatorIndex, ValidatorSet, Vote,
    VoteKind, VotingPower, codec,
};

const PINNED: &str = include_str!("../conformance.toml");

fn hash(text: &str) -> Hash {
    Hash::of(text.as_bytes())
}

fn block_id(name: &str) -> BlockId {
    BlockId { hash: hash(name), parts: PartSetHeader { total: 3, hash: hash("parts") } }
}

fn time(seconds: i64) -> Time {
    Time::from_unix(1_800_000_000 + seconds, 123_456_789).unwrap()
}

fn validators() -> ValidatorSet {
    let members = [1, 2, 3].map(|it| (PublicKey([it; 32]), VotingPower(u64::from(it) * 10)));
    ValidatorSet::new(&members).unwrap()
}

fn commit() -> Commit {
    let [first, second] = [0, 1].map(|it| validators().validators()[it].address);
    let signature = Signature([5; 64]);
    Commit {
        height: Height(6),
        round: Round(1),
        block_id: block_id("last"),
        signatures: vec![
            CommitSig::Commit { validator_address: first, timestamp: time(1), signature },
            CommitSig::Nil { validator_address: second, timestamp: time(2), signature },
            CommitSig::Absent,
        ],
    }
}

fn extended_commit() -> ExtendedCommit {
    let Commit { height, round, block_id, signatures } = commit();
    let extension = Extension { bytes: Bytes::from_static(b"ext"), signature: Signature([6; 64]) };
    let entries = signatures.into_iter().map(|sig| {
        let extended = matches!(sig, CommitSig::Commit { .. });
        ExtendedCommitSig { sig, extension: extended.then(|| extension.clone()) }
    });
    ExtendedCommit { height, round, block_id, signatures: entries.collect() }
}

fn evidence() -> Evidence {
    let vote = |name| Vote {
        kind: VoteKind::Prevote,
        height: Height(5),
        round: Round(0),
        block_id: Some(block_id(name)),
        timestamp: time(0),
        validator_address: validators().validators()[2].address,
        validator_index: ValidatorIndex(2),
        signature: Signature([7; 64]),
        extension: None,
    };
    Evidence::DuplicateVote(Box::new(DuplicateVoteEvidence {
        vote_a: vote("a"),
        vote_b: vote("b"),
        total_power: VotingPower(60),
        validator_power: VotingPower(10),
        timestamp: time(0),
    }))
}

fn block() -> Block {
    let txs = vec![Bytes::from_static(b"a=1"), Bytes::new(), Bytes::from_static(b"b=2")];
    let evidence = vec![evidence()];
    let header = Header {
        version: Version { block: BLOCK_VERSION, app: 1 },
        chain_id: ChainId::new("conformance").unwrap(),
        height: Height(7),
        time: time(3),
        last_block_id: Some(block_id("last")),
        last_commit_hash: Some(commit().hash()),
        data_hash: Some(txs_hash(&txs)),
        validators_hash: validators().hash(),
        next_validators_hash: validators().hash(),
        consensus_hash: ConsensusParams::default().hash(),
        app_hash: AppHash(Bytes::from_static(b"state")),
        last_results_hash: Some(hash("results")),
        evidence_hash: Some(evidence_hash(&evidence)),
        proposer_address: validators().proposer().address,
    };
    Block { header, txs, evidence, last_commit: Some(commit()) }
}

fn chain_state() -> ChainState {
    let set = Arc::new(validators());
    ChainState {
        chain_id: ChainId::new("conformance").unwrap(),
        initial_height: Height(1),
        app_version: 1,
        last_block: Some(LastBlock {
            height: Height(7),
            id: block_id("block"),
            validators: set.clone(),
        }),
        validators: set.clone(),
        next_validators: Arc::new(set.advanced(1)),
        validators_changed: Height(1),
        params: ConsensusParams::default(),
        params_changed: Height(1),
        last_results_hash: hash("results"),
        app_hash: AppHash(Bytes::from_static(b"state")),
        last_block_time: time(3),
    }
}

fn outcome() -> BlockOutcome {
    let tx_results = vec![TxResult { code: 1, log: "no".to_owned(), ..TxResult::default() }];
    BlockOutcome { tx_results, ..BlockOutcome::default() }
}

#[test]
fn encodings_are_the_pinned_ones() {
    let encoded = [
        ("block", codec::encode_block(&block())),
        ("chain_state", codec::encode_chain_state(&chain_state())),
        ("commit", codec::encode_commit(&commit())),
        ("evidence", codec::encode_evidence(&evidence())),
        ("extended_commit", codec::encode_extended_commit(&extended_commit())),
        ("outcome", codec::encode_outcome(&outcome())),
        ("params", codec::encode_params(&ConsensusParams::default())),
        ("validator_set", codec::encode_validator_set(&validators())),
    ];
    let mut actual: BTreeMap<&str, String> =
        encoded.iter().map(|(name, bytes)| (*name, Hash::of(bytes).to_string())).collect();
    actual.insert("header_hash", block().hash().to_string());
    actual.insert("evidence_hash", evidence().hash().to_string());
    actual.insert("part_set_hash", block().part_set().header().hash.to_string());

    let lines = PINNED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pinned: BTreeMap<&str, String> = lines
        .map(|line| line.split_once(" = ").unwrap())
        .map(|(name, hash)| (name, hash.trim_matches('"').to_owned()))
        .collect();
    let written: Vec<String> =
        actual.iter().map(|(name, hash)| format!("{name} = \"{hash}\"")).collect();
    assert!(actual == pinned, "encodings have changed; they are now:\n{}", written.join("\n"));
}
