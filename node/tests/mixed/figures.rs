//! Block interval and committed transactions per second of four validators of ours, of both kinds,
//! and of the reference's, one after the other under the same load.

use std::time::{Duration, Instant};

use crate::client::{txs_of, under_load};
use crate::network::{Network, Shape};

/// How long each network is measured.
const SPAN: Duration = Duration::from_secs(30);
/// Heights before that, in which the nodes find each other.
const WARM_UP: u64 = 5;
/// No pause between heights: as fast as they can.
const FAST: [&str; 2] = ["consensus.timeout_commit=0s", "log_level=error"];

pub fn measured() {
    for (own, peers) in [(4, 0), (2, 2), (0, 4)] {
        let network = Network::start(Shape::validators(own, peers), &FAST);
        network.await_height(WARM_UP);
        let ports: Vec<_> = network.all().map(|index| (index, network.rpc_port(index))).collect();
        let (mut first, mut last, mut took) = (0, 0, Duration::ZERO);
        let sent = under_load(&ports, Duration::ZERO, || {
            let begun = Instant::now();
            first = network.height();
            std::thread::sleep(SPAN);
            last = network.height();
            took = begun.elapsed();
        });
        let heights = last - first;
        // A new one: a connection that was silent for so long is closed.
        let client = network.client(0);
        let txs: usize = (first + 1..=last).map(|at| txs_of(&client.at("block", at)).len()).sum();
        println!(
            "  {own}+{peers}: {heights} heights in {:.1} s: {:.0} ms a block, {:.0} tx/s ({} sent)",
            took.as_secs_f64(),
            took.as_secs_f64() * 1000.0 / heights as f64,
            txs as f64 / took.as_secs_f64(),
            sent.len()
        );
        assert!(0 < heights);
    }
}
