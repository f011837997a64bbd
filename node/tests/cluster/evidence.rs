//! Evidence that somebody brings by RPC: it is checked, decided, and reaches the application.

use node::home::{ValidatorKey, load_genesis};
use rpc::json::block::evidence as shape;
use serde_json::{Value, json};
use types::keys::PrivateKey;
use types::vote::UnsignedVote;
use types::{
    BlockId, DuplicateVoteEvidence, Evidence, Genesis, Hash, Height, PartSetHeader, Round, Time,
    ValidatorSet, Vote, VoteKind,
};

use crate::network::Network;
use crate::patience::wait_for;

/// The height that is voted on twice.
const HEIGHT: u64 = 2;

/// What proves that the first validator voted twice at a height in the past.
pub fn of_the_first(network: &Network) -> Evidence {
    let genesis = load_genesis(&network.home(0).join("config/genesis.json"), None);
    let key = ValidatorKey::load(&network.home(0).join("config/priv_validator_key.json"));
    let height = json!({ "height": HEIGHT.to_string() });
    let header = network.client(1).ask("header", height);
    let time = header["header"]["time"].as_str().expect("a time");
    let time = Time::parse_rfc3339(time).expect("a time");
    twice(&genesis.expect("testnet made it"), &key.expect("testnet made it").key, time)
}

/// Two prevotes of one validator for different things.
fn twice(genesis: &Genesis, key: &PrivateKey, block_time: Time) -> Evidence {
    let members = genesis.validators.iter().map(|it| (it.public_key, it.power));
    let validators = ValidatorSet::new(&members.collect::<Vec<_>>()).expect("a genesis");
    let address = key.public_key().address();
    let (index, _) = validators.find(&address).expect("one of them");
    let hash = Hash([7; 32]);
    let vote = |block_id: Option<BlockId>| -> Vote {
        let unsigned = UnsignedVote {
            kind: VoteKind::Prevote,
            height: Height(HEIGHT),
            round: Round::FIRST,
            block_id,
            timestamp: block_time,
            validator_address: address,
            validator_index: index,
            extension: None,
        };
        let signature = key.sign(&unsigned.sign_bytes(&genesis.chain_id));
        unsigned.signed(block_time, signature, None)
    };
    let block = BlockId { hash, parts: PartSetHeader { total: 1, hash } };
    let found = DuplicateVoteEvidence::new(vote(None), vote(Some(block)), &validators, block_time);
    Evidence::DuplicateVote(Box::new(found.expect("they conflict")))
}

#[test]
fn evidence_that_is_brought_is_decided_once() {
    let network = Network::start_validators(4, &["consensus.timeout_commit=100ms"]);
    let client = network.client(1);
    client.await_height(HEIGHT + 1);
    let evidence = of_the_first(&network);

    let mut forged = shape(&evidence);
    forged["value"]["vote_a"]["timestamp"] = Value::from("2020-01-01T00:00:00Z");
    let refused = client.call("broadcast_evidence", json!({ "evidence": forged }));
    assert!(refused.expect_err("it proves nothing").contains("failed to add evidence"));

    let brought = json!({"evidence": shape(&evidence)});
    let answer = client.ask("broadcast_evidence", brought.clone());
    assert_eq!(answer["hash"], evidence.hash().to_string());
    let mut height = HEIGHT;
    wait_for("a block with the evidence", || {
        while height < client.height()? {
            height += 1;
            let block = client.ask("block", json!({ "height": height.to_string() }));
            let list = block["block"]["evidence"]["evidence"].as_array().expect("a list");
            if let [found] = list.as_slice() {
                assert_eq!(*found, shape(&evidence));
                return Some(());
            }
        }
        None
    });
    network.await_height(height + 1);
    let again = client.call("broadcast_evidence", brought);
    assert!(again.expect_err("it is decided").contains("a block carries it already"));
    // All have executed the same block with it.
    for method in ["block", "block_results"] {
        let at = |index: usize| {
            network.client(index).ask(method, json!({ "height": height.to_string() }))
        };
        let all: Vec<Value> = (0..4).map(at).collect();
        assert!(all.iter().all(|it| *it == all[0]), "{method}: {all:?}");
    }
}
