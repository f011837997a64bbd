//! Two and two validators with short timeouts, whose every datagram goes through proxies that lose
//! some, and now and then all: they reach higher rounds together, and recover.

use std::fs;
use std::time::Duration;

use crate::checks::{agreed, nobody_is_blamed};
use crate::network::{Network, Shape};
use crate::proxy::{Proxy, Weather};

/// Short waits, so that what is late is too late.
const HASTY: [&str; 8] = [
    "consensus.timeout_commit=100ms",
    "consensus.timeout_propose=150ms",
    "consensus.timeout_propose_delta=150ms",
    "consensus.timeout_prevote=100ms",
    "consensus.timeout_prevote_delta=100ms",
    "consensus.timeout_precommit=100ms",
    "consensus.timeout_precommit_delta=100ms",
    "p2p.pex=false",
];
/// How often all is lost for a while, and for how long.
const STORMS: usize = 4;
const STORM: Duration = Duration::from_secs(4);
const CALM: Duration = Duration::from_secs(8);

pub fn survived_together() {
    let mut network = Network::make(Shape::validators(2, 2), &HASTY);
    let weather = Weather::default();
    let proxies: Vec<Proxy> =
        network.all().map(|index| Proxy::start(network.port(index), &weather)).collect();
    for index in network.all() {
        reroute(&network, index, &proxies);
    }
    network.start_all();
    network.await_height(3);
    weather.lose(100);
    for _ in 0..STORMS {
        std::thread::sleep(CALM);
        weather.lose(1000);
        std::thread::sleep(STORM);
        weather.lose(100);
    }
    network.await_heights_more(3);
    weather.lose(0);
    network.await_heights_more(10);
    let chain = agreed(&network, 1, network.height() - 3);
    let (seen, lost) = weather.counts();
    println!(
        "  {} heights, rounds {:?}, {lost} of {seen} datagrams lost",
        chain.blocks().len(),
        chain.rounds()
    );
    assert!(chain.rounds().keys().any(|&round| 0 < round), "no higher round was needed");
    assert!(0 < lost);
    nobody_is_blamed(&network);
}

/// Makes a node dial the proxies of all others instead of the others.
fn reroute(network: &Network, index: usize, proxies: &[Proxy]) {
    let file = network.home(index).join("config/config.toml");
    let mut text = fs::read_to_string(&file).expect("testnet made it");
    for other in network.all().filter(|&other| other != index) {
        let (port, proxy) = (network.port(other), proxies[other].port);
        text = text.replace(&format!("/udp/{port}/"), &format!("/udp/{proxy}/"));
        text = text.replace(
            &format!("host = \"127.0.0.1:{port}\""),
            &format!("host = \"127.0.0.1:{proxy}\""),
        );
    }
    fs::write(&file, text).expect("the home is writable");
}
