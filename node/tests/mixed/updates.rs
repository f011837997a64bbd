//! Changes of validators and of their power, decided by both kinds and in force at one height.

use serde_json::Value;

use crate::checks::{address_of, agreed, nobody_is_blamed};
use crate::faults::votes_again;
use crate::network::{Network, Shape};
use crate::patience::wait_for;
use crate::shapes::BRISK;

/// Two and two validators, and one full node of each kind that becomes a validator, gains power,
/// and leaves again.
pub fn at_one_height() {
    let shape = Shape { own: 2, peers: 2, own_full: 1, peers_full: 1 };
    let network = Network::start(shape, &BRISK);
    network.await_height(3);
    for (through, index) in [(0, 5), (2, 4)] {
        let joined = update(&network, through, index, 10);
        votes_again(&network, index, joined);
        update(&network, index, index, 25);
        update(&network, through, index, 0);
    }
    network.await_heights_more(4);
    let chain = agreed(&network, 1, network.height() - 2);
    let sets: Vec<usize> = chain.blocks().values().map(|it| it.powers.len()).collect();
    assert!(sets.contains(&5) && sets.last() == Some(&4), "{sets:?}");
    nobody_is_blamed(&network);
}

/// Sends a change through one node, and waits until it is in force: two heights after its block,
/// on every node. Returns that height.
fn update(network: &Network, through: usize, index: usize, power: u64) -> u64 {
    let file = network.home(index).join("config/priv_validator_key.json");
    let text = std::fs::read_to_string(file).expect("every home has a validator key");
    let key: Value = serde_json::from_str(&text).expect("it is JSON");
    let public = key["pub_key"]["value"].as_str().expect("a text").to_owned();
    let tx = format!("val=ed25519!{public}!{power}");
    let client = network.client(through);
    let from = network.height();
    wait_for("the change to be taken in", || client.submit(&tx).then_some(()));
    let mut next = from;
    let decided = wait_for("the block with the change", || {
        let tip = client.height().filter(|&tip| next < tip)?;
        let found =
            (next..=tip).find(|&at| crate::client::txs_of(&client.at("block", at)).contains(&tx));
        next = tip;
        found
    });
    let in_force = decided + 2;
    network.await_height(in_force);
    let address = address_of(network, index);
    for node in network.all() {
        let power_at = |height| {
            let set = network.client(node).at("validators", height);
            let set = set["validators"].as_array().cloned().unwrap_or_default();
            let found = set.iter().find(|it| it["address"] == *address);
            found.map_or(0, |it| {
                it["voting_power"].as_str().and_then(|it| it.parse().ok()).expect("a number")
            })
        };
        assert_eq!(power_at(in_force), power, "node {node} at {in_force}");
        assert_ne!(power_at(in_force - 1), power, "node {node} before {in_force}");
    }
    println!("  node {index} has power {power} from height {in_force} on, by a block of {decided}");
    in_force
}
