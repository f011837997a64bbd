//! CometBFT nodes that do not belong: of another chain, or without libp2p. Each is refused with a
//! line that says why.

use std::fs;

use crate::network::{Network, Shape};
use crate::patience::wait_for;
use crate::shapes::BRISK;

/// A network of another chain dials us: the same keys, another name.
pub fn of_another_chain() {
    let shape = Shape { own: 2, peers: 2, own_full: 0, peers_full: 1 };
    let mut network = Network::make(shape, &BRISK);
    let stranger = 4;
    // The stranger makes a chain of its own, of which it is the only validator.
    let home = network.home(stranger).to_owned();
    let file = home.join("config/genesis.json");
    let text = fs::read_to_string(&file).expect("testnet made it");
    let mut genesis: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let key = fs::read_to_string(home.join("config/priv_validator_key.json")).expect("a key");
    let key: serde_json::Value = serde_json::from_str(&key).expect("it is JSON");
    genesis["chain_id"] = "another".into();
    genesis["validators"] = serde_json::json!([{
        "address": key["address"], "pub_key": key["pub_key"], "power": "10", "name": "stranger"
    }]);
    fs::write(&file, genesis.to_string()).expect("the home is writable");
    network.start_all();
    network.await_height_of(stranger, 3);
    network.await_height_of(0, 3);
    let says = |index: usize| {
        let log = network.log(index);
        log.lines().find(|line| line.contains("its chain is `another`")).map(str::to_owned)
    };
    for index in [0, 1] {
        let line = wait_for("a refusal that says why", || says(index));
        println!("  {line}");
    }
    network.await_height_of(0, network.client(0).height().expect("it runs") + 5);
}

/// A CometBFT node with the other transport is dialed, and dials us.
pub fn without_libp2p() {
    let shape = Shape { own: 3, peers: 0, own_full: 0, peers_full: 1 };
    let mut network = Network::make(shape, &BRISK);
    let stranger = 3;
    let file = network.home(stranger).join("config/config.toml");
    let text = fs::read_to_string(&file).expect("testnet made it");
    let changed = text.replace("enabled = true", "enabled = false");
    assert_ne!(changed, text);
    let id = "ab".repeat(20);
    let peer = format!("persistent_peers = \"{id}@127.0.0.1:{}\"", network.port(0));
    fs::write(&file, changed.replace("persistent_peers = \"\"", &peer)).expect("writable");
    network.start_all();
    network.await_height_of(0, 3);
    let says = || {
        let log = network.log(0);
        log.lines().find(|line| line.contains("does not speak libp2p")).map(str::to_owned)
    };
    let line = wait_for("a refusal that says why", says);
    println!("  {line}");
    network.await_height_of(0, network.client(0).height().expect("it runs") + 3);
}
