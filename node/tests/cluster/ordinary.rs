//! A network on a good day: transactions reach every node, silence makes no blocks, nodes stop when
//! they are told to, and strangers stay outside.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::checks::{Chain, end_and_check};
use crate::network::Network;
use crate::patience::wait_for;

/// How long a node may take to stop: the promise is 2 s, the machine may be busy.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// When the stranger's chain begins.
const OTHER_TIME: &str = "2020-01-01T00:00:00Z";

#[test]
fn what_one_node_takes_every_node_answers() {
    let network = Network::start_validators(4, &["consensus.timeout_commit=0s"]);
    let sender = network.client(0);
    sender.await_height(1);
    let committed = sender.commit("name=satoshi").expect("the network runs");
    for index in 0..4 {
        let client = network.client(index);
        client.await_height(committed.height);
        let value = wait_for("the value", || client.value_of("name"));
        assert_eq!(value, "satoshi", "node {index}");
        assert_eq!(client.value_of("nobody"), None);
    }
    let chain = end_and_check(network);
    chain.has_kept(&[committed]);
}

#[test]
fn silence_makes_no_blocks_but_the_proof() {
    let settings = ["consensus.create_empty_blocks=false", "consensus.timeout_commit=0s"];
    let network = Network::start_validators(4, &settings);
    let sender = network.client(0);
    let mut committed = vec![];
    for number in 0..5 {
        wait_for("four nodes that know each other", || (sender.peers() == 3).then_some(()));
        let tx = format!("number={number}");
        committed.push(sender.commit(&tx).expect("the network runs"));
    }
    // The last transaction's own proof block, which shows its application hash.
    let proof = committed.last().expect("five were sent").height + 1;
    network.await_height(proof);
    let chain = end_and_check(network);
    chain.has_kept(&committed);
    for height in 1..=chain.tip() {
        // The first block proves the genesis state; a block after transactions proves theirs.
        let needed = height == 1 || 0 < chain.txs_count(height - 1);
        assert!(0 < chain.txs_count(height) || needed, "block {height} was made for nothing");
    }
}

#[test]
fn advisory_04_a_node_stops_when_it_is_told_to_and_goes_on_when_started_again() {
    let mut network = Network::start_validators(4, &["consensus.timeout_commit=100ms"]);
    network.await_height(3);
    for index in [0, 1, 2, 3] {
        let (status, took) = network.stop(index);
        println!("node {index} stopped in {took:?}");
        assert!(status.success(), "{status}");
        assert!(took < STOP_WITHIN, "node {index} took {took:?}");
    }
    let stopped_at = Chain::read(network.home(0)).tip();
    network.start_all();
    network.await_height(stopped_at + 3);
    network.signal(1, Signal::INT);
    assert!(network.await_end(1).success(), "an interrupt ends a node as well");
    end_and_check(network);
}

#[test]
fn a_node_of_another_chain_is_refused_and_both_say_why() {
    let mut network = Network::make(4, 1, &["consensus.timeout_commit=100ms"]);
    let stranger = 4;
    let file = network.home(stranger).join("config/genesis.json");
    let genesis = fs::read_to_string(&file).expect("testnet made it");
    let own: serde_json::Value = serde_json::from_str(&genesis).expect("it is JSON");
    let changed = genesis.replacen(own["genesis_time"].as_str().expect("a time"), OTHER_TIME, 1);
    assert_ne!(changed, genesis);
    fs::write(&file, changed).expect("the home is writable");
    network.start_all();
    let says = |index: usize| network.log(index).contains("genesis is");
    wait_for("the stranger says why", || says(stranger).then_some(()));
    wait_for("a node of the chain says why", || (0..4).any(says).then_some(()));
    network.kill(stranger);
    network.await_heights_more(3);
    assert!(!network.log(stranger).contains("executed block"));
    for index in 0..4 {
        assert!(network.client(index).peers() <= 3, "node {index} knows only the others");
    }
}
