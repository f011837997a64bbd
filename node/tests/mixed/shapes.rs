//! Networks of every mix on a good day: one chain, told alike by all, proposed by all in turn.

use std::time::Duration;

use crate::checks::{agreed, nobody_is_blamed};
use crate::client::under_load;
use crate::network::{Kind, Network, Shape};
use crate::patience::wait_for;

/// Short pauses, so that many heights take little time.
pub const BRISK: [&str; 2] = ["consensus.timeout_commit=200ms", "log_level=info"];

pub fn one_and_three() {
    decides_together(Shape::validators(1, 3), 20);
}

pub fn two_and_two() {
    decides_together(Shape::validators(2, 2), 20);
}

pub fn three_and_one() {
    decides_together(Shape::validators(3, 1), 20);
}

/// Full nodes of each kind that know validators of the other kind only.
pub fn full_nodes() {
    for shape in [
        Shape { own: 0, peers: 4, own_full: 1, peers_full: 0 },
        Shape { own: 4, peers: 0, own_full: 0, peers_full: 1 },
        Shape { own: 2, peers: 2, own_full: 1, peers_full: 1 },
    ] {
        println!("  {shape:?}");
        let network = Network::start(shape, &BRISK);
        network.await_height(3);
        for index in network.all().skip((shape.own + shape.peers).into()) {
            let tx = format!("full-{index}=yes");
            wait_for("a full node takes a transaction", || {
                network.client(index).submit(&tx).then_some(())
            });
            for other in network.all() {
                let client = network.client(other);
                let value = wait_for("the value", || client.value_of(&format!("full-{index}")));
                assert_eq!(value, "yes", "node {other}");
            }
        }
        network.await_heights_more(5);
        agreed(&network, 1, network.height() - 3);
        nobody_is_blamed(&network);
    }
}

pub fn five_hundred_heights() {
    let network = Network::start(Shape::validators(2, 2), &["consensus.timeout_commit=50ms"]);
    network.await_height(2);
    let ports: Vec<_> = network.all().map(|index| (index, network.rpc_port(index))).collect();
    let sent = under_load(&ports, Duration::from_millis(20), || {
        wait_for_long(&network, 500);
    });
    // What was taken in last is decided a little later.
    network.await_heights_more(8);
    let chain = agreed(&network, 1, network.height() - 2);
    println!(
        "  {} heights, {} sent, proposers {:?}, rounds {:?}",
        chain.blocks().len(),
        sent.len(),
        chain.proposed(),
        chain.rounds()
    );
    chain.takes_turns();
    chain.has_all(&network, &sent);
    nobody_is_blamed(&network);
}

/// As `await_height`, as long as the chain goes on at all.
fn wait_for_long(network: &Network, height: u64) {
    while network.height() < height {
        network.await_heights_more(1);
    }
    network.await_height(height);
}

fn decides_together(shape: Shape, heights: u64) {
    let network = Network::start(shape, &BRISK);
    network.await_height(2);
    let ports: Vec<_> = network.all().map(|index| (index, network.rpc_port(index))).collect();
    let sent = under_load(&ports, Duration::from_millis(50), || network.await_height(heights));
    network.await_heights_more(6);
    let chain = agreed(&network, 1, network.height() - 2);
    println!(
        "  {} heights, proposers {:?}, rounds {:?}",
        chain.blocks().len(),
        chain.proposed(),
        chain.rounds()
    );
    chain.takes_turns();
    chain.has_all(&network, &sent);
    assert_eq!(chain.proposed().len(), [Kind::Lockstep, Kind::Cometbft].len());
    nobody_is_blamed(&network);
}
