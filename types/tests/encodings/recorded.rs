//! Blocks that a CometBFT node has made: our header hash, part set and commit hash are theirs.

use std::fs;
use std::path::PathBuf;

use prost::Message as _;
use serde_json::Value;
use tendermint_proto::v0_38::types as wire;
use types::block::txs_hash;
use types::{Block, ConsensusParams, Genesis, ValidatorSet, codec};

/// A recorded answer's result, or none (said aloud) where the recordings are not at hand.
fn recorded(name: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/vectors/rpc/incoming")
        .join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: no recording {name} beside the repository");
        return None;
    };
    Some(serde_json::from_str::<Value>(&text).unwrap()["result"].clone())
}

/// Reads the JSON with the published messages, and their bytes with ours.
fn block(json: &Value) -> Block {
    let wire: wire::Block = serde_json::from_value(json.clone()).unwrap();
    let bytes = wire.encode_to_vec();
    let block = codec::decode_block(bytes.clone().into()).unwrap();
    assert_eq!(codec::encode_block(&block), bytes);
    block
}

fn text(json: &Value, pointer: &str) -> String {
    json.pointer(pointer).unwrap().as_str().unwrap().to_owned()
}

/// All that a block says of itself agrees with what we compute.
fn agrees(answer: &Value) {
    let block = block(&answer["block"]);
    let parts = block.part_set();
    let id = block.id(&parts);
    assert_eq!(id.hash.to_string(), text(answer, "/block_id/hash"));
    assert_eq!(id.parts.hash.to_string(), text(answer, "/block_id/parts/hash"));
    assert_eq!(Some(u64::from(id.parts.total)), answer["block_id"]["parts"]["total"].as_u64());
    assert_eq!(block.header.data_hash, Some(txs_hash(&block.txs)));
    if let Some(commit) = &block.last_commit {
        assert_eq!(block.header.last_commit_hash, Some(commit.hash()));
        assert_eq!(block.header.last_block_id, Some(commit.block_id));
    }
}

#[test]
fn recorded_blocks_have_our_hashes() {
    for name in ["block_at_height_1.json", "block_at_height_10.json", "block_by_hash.json"] {
        if let Some(answer) = recorded(name) {
            agrees(&answer);
        }
    }
    for name in ["block_search.json", "block_search_evidence.json"] {
        if let Some(answer) = recorded(name) {
            answer["blocks"].as_array().unwrap().iter().for_each(agrees);
        }
    }
}

#[test]
fn the_recorded_commit_is_signed_over_our_sign_bytes() {
    let (Some(answer), Some(genesis)) =
        (recorded("commit_at_height_10.json"), recorded("genesis.json"))
    else {
        return;
    };
    let wire: wire::Commit =
        serde_json::from_value(answer["signed_header"]["commit"].clone()).unwrap();
    let commit = codec::decode_commit(&wire.encode_to_vec()).unwrap();
    let genesis = Genesis::parse(&genesis["genesis"].to_string()).unwrap();
    let [member] = &genesis.validators[..] else { panic!("one validator made this chain") };
    let vote = commit.vote(types::ValidatorIndex(0)).unwrap();
    assert!(member.public_key.verifies(&vote.sign_bytes(&genesis.chain_id), &vote.signature));
}

#[test]
fn the_recorded_genesis_makes_the_recorded_first_header() {
    let (Some(genesis), Some(first)) =
        (recorded("genesis.json"), recorded("block_at_height_1.json"))
    else {
        return;
    };
    let genesis = Genesis::parse(&genesis["genesis"].to_string()).unwrap();
    let first = block(&first["block"]).header;
    let members: Vec<_> = genesis.validators.iter().map(|it| (it.public_key, it.power)).collect();
    assert_eq!(first.validators_hash, ValidatorSet::new(&members).unwrap().hash());
    assert_eq!(first.consensus_hash, genesis.params.hash());
    assert_eq!(genesis.params, ConsensusParams::default());
    assert_eq!(first.time, genesis.genesis_time);
    assert_eq!(first.height, genesis.initial_height);
    assert_eq!(first.chain_id, genesis.chain_id);
}
