//! Load while nodes are killed and stopped: nothing that was taken is lost or done twice.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::checks::end_and_check;
use crate::client::{commit_until_gone, send_at_full_speed};
use crate::network::Network;
use crate::patience::wait_for;

/// How many transactions are sent at full speed; `LOCKSTEP_TEST_TXS` has another number.
const TXS: usize = 5_000;
/// How long one node is stopped in its tracks.
const STOPPED_FOR: Duration = Duration::from_secs(10);
/// How many transactions are executed before all nodes are killed.
const BEFORE_THE_KILL: usize = 150;

/// What happens to the nodes while transactions are sent to the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scene {
    Quiet,
    OneKilled,
    OneRestarted,
    AnotherStopped(Instant),
    AllRun,
}

impl Scene {
    /// Goes on to the next scene if it is time, by how much of the load is sent.
    fn play(&mut self, network: &mut Network, sent: f64) {
        *self = match *self {
            Scene::Quiet if 0.1 <= sent => {
                network.kill(1);
                Scene::OneKilled
            }
            Scene::OneKilled if 0.3 <= sent => {
                network.start(1);
                Scene::OneRestarted
            }
            Scene::OneRestarted if 0.4 <= sent => {
                network.signal(2, Signal::STOP);
                Scene::AnotherStopped(Instant::now())
            }
            Scene::AnotherStopped(since) if STOPPED_FOR <= since.elapsed() => {
                network.signal(2, Signal::CONT);
                Scene::AllRun
            }
            same => same,
        };
    }
}

#[test]
fn a_killed_and_a_stopped_node_cost_no_transaction() {
    let asked = std::env::var("LOCKSTEP_TEST_TXS").ok();
    let count = asked.map_or(TXS, |it| it.parse().expect("LOCKSTEP_TEST_TXS is a number"));
    // The mempools forget soon what has passed, so that a node that sleeps wakes up with
    // transactions in its queues that nobody remembers but the chain.
    let settings = ["consensus.timeout_commit=0s", "mempool.cache_size=500"];
    let mut network = Network::start_validators(4, &settings);
    network.await_height(2);
    let mut scene = Scene::Quiet;
    let begun = Instant::now();
    let port = network.rpc_port(0);
    let accepted = send_at_full_speed(port, count, |sent| {
        scene.play(&mut network, sent as f64 / count as f64);
    });
    println!("{count} transactions were taken in {:?}", begun.elapsed());
    assert_eq!(accepted.len(), count, "each is well-formed");
    wait_for("the last scene", || {
        scene.play(&mut network, 1.0);
        (scene == Scene::AllRun).then_some(())
    });
    let sender = network.client(0);
    wait_for("an empty mempool", || {
        let waiting = sender.ask("num_unconfirmed_txs", json!({}));
        (waiting["total"] == "0").then_some(())
    });
    network.await_heights_more(2);
    println!("all were executed on four nodes after {:?}", begun.elapsed());
    end_and_check(network).has_each_once(&accepted);
}

#[test]
fn nothing_acknowledged_is_lost_when_all_are_killed_at_once() {
    let mut network = Network::start_validators(4, &["consensus.timeout_commit=0s"]);
    let mut acknowledged = vec![];
    for name in ["first", "second"] {
        network.await_height(1);
        let clients = (0..4).flat_map(|index| [network.client(index), network.client(index)]);
        let mut alive = true;
        acknowledged.extend(commit_until_gone(clients.collect(), name, usize::MAX, |done| {
            if alive && BEFORE_THE_KILL <= done {
                network.kill_all();
                alive = false;
            }
        }));
        network.start_all();
    }
    let last = acknowledged.iter().map(|it| it.height).max().expect("some were executed");
    network.await_height(last + 3);
    acknowledged.push(network.client(3).commit("after=all").expect("the chain goes on"));
    let executed = acknowledged.last().expect("one was just added").height;
    network.await_height(executed);
    assert!(2 * BEFORE_THE_KILL <= acknowledged.len());
    end_and_check(network).has_kept(&acknowledged);
}
