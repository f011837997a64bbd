//! One validator's key on two nodes: what it signs twice becomes evidence, is decided, and reaches
//! the applications of both kinds, which take a unit of its power.

use std::fs;
use std::time::Duration;

use crate::checks::{address_of, agreed};
use crate::client::under_load;
use crate::network::{Kind, Network, Shape};
use crate::patience::wait_for;
use crate::shapes::BRISK;

/// The key of a Lockstep validator runs on a second Lockstep node.
pub fn on_two_lockstep() {
    found_out(Shape { own: 2, peers: 2, own_full: 1, peers_full: 0 });
}

/// The key of a Lockstep validator runs on a CometBFT node as well.
pub fn on_both_kinds() {
    found_out(Shape { own: 2, peers: 2, own_full: 0, peers_full: 1 });
}

fn found_out(shape: Shape) {
    let mut network = Network::make(shape, &BRISK);
    let (honest, twin) = (0, network.all().len() - 1);
    let key = "config/priv_validator_key.json";
    fs::copy(network.home(honest).join(key), network.home(twin).join(key)).expect("homes");
    network.start_all();
    let address = address_of(&network, honest);
    let ports: Vec<_> = network.all().map(|index| (index, network.rpc_port(index))).collect();
    let client = network.client(1);
    let mut next = 1;
    let mut found = 0;
    under_load(&ports, Duration::from_millis(100), || {
        found = wait_for("a block with evidence", || {
            let tip = client.height().filter(|&tip| next < tip)?;
            let is_in = |&height: &u64| evidence_against(&client.at("block", height), &address);
            let height = (next..tip).find(is_in);
            next = tip;
            height
        });
    });
    println!("  evidence against {address} in block {found}");
    // The application's answer to it is in force two heights later.
    network.await_height(found + 4);
    let chain = agreed(&network, found.saturating_sub(2).max(1), found + 3);
    assert!(0 < chain.blocks()[&found].evidence);
    let power = |height: u64| -> Option<u64> {
        chain.blocks()[&height].powers.get(&address).and_then(|power| power.parse().ok())
    };
    assert!(power(found + 2) < power(found), "{:?} {:?}", power(found), power(found + 2));
    let judges: Vec<Kind> = network.running().iter().map(|&index| network.kind(index)).collect();
    println!("  agreed on by {judges:?}, proposed by {:?}", chain.proposed_by(found));
}

fn evidence_against(block: &serde_json::Value, address: &str) -> bool {
    let list = block["block"]["evidence"]["evidence"].as_array().cloned().unwrap_or_default();
    list.iter().any(|it| it["value"]["vote_a"]["validator_address"] == *address)
}
