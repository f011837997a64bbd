//! The index of nodes that are killed while they follow thousands of transactions: complete, in
//! order, nothing twice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::checks::{Chain, end_and_check};
use crate::client::{Client, send_at_full_speed};
use crate::network::Network;
use crate::patience::wait_for;

/// How many transactions are sent at full speed; `LOCKSTEP_TEST_TXS` has another number.
const TXS: usize = 10_000;
/// The most that a page holds.
const PER_PAGE: usize = 100;
/// How long the nodes that were killed stay away.
const AWAY_FOR: Duration = Duration::from_secs(1);

/// What happens to two nodes, neither of which transactions are sent to.
enum Scene {
    Waiting(&'static [f64]),
    Away(Instant, &'static [f64]),
}

impl Scene {
    fn play(self, network: &mut Network, sent: f64) -> Self {
        match self {
            Scene::Waiting([at, later @ ..]) if *at <= sent => {
                network.kill(1);
                network.kill(2);
                Scene::Away(Instant::now(), later)
            }
            Scene::Away(since, later) if AWAY_FOR <= since.elapsed() => {
                network.start(1);
                network.start(2);
                Scene::Waiting(later)
            }
            same => same,
        }
    }
}

/// Where a transaction is, and its hash.
type Found = (u64, u64, String);

/// All that a search finds, page by page, and how many it says there are.
fn search_all(client: &Client, query: &str, order: &str) -> (usize, Vec<Found>) {
    let mut found = vec![];
    loop {
        let page = found.len() / PER_PAGE + 1;
        let answer = client.ask(
            "tx_search",
            json!({"query": query, "page": page, "per_page": PER_PAGE, "order_by": order}),
        );
        let total: usize = answer["total_count"].as_str().expect("a count").parse().expect("one");
        let txs = answer["txs"].as_array().expect("a list");
        found.extend(txs.iter().map(place));
        if total <= found.len() || txs.is_empty() {
            return (total, found);
        }
    }
}

fn place(tx: &Value) -> Found {
    let height = tx["height"].as_str().expect("a height").parse().expect("a number");
    let index = tx["index"].as_u64().expect("a number");
    (height, index, tx["hash"].as_str().expect("a hash").to_owned())
}

#[test]
fn two_nodes_killed_among_thousands_of_transactions_have_the_whole_index() {
    let asked = std::env::var("LOCKSTEP_TEST_TXS").ok();
    let count = asked.map_or(TXS, |it| it.parse().expect("LOCKSTEP_TEST_TXS is a number"));
    let mut network = Network::start_validators(4, &["consensus.timeout_commit=0s"]);
    network.await_height(2);
    let mut scene = Some(Scene::Waiting(&[0.2, 0.6]));
    let port = network.rpc_port(0);
    let accepted = send_at_full_speed(port, count, |sent| {
        scene = scene.take().map(|it| it.play(&mut network, sent as f64 / count as f64));
    });
    assert_eq!(accepted.len(), count, "each is well-formed");
    wait_for("the last scene", || {
        scene = scene.take().map(|it| it.play(&mut network, 1.0));
        matches!(scene, Some(Scene::Waiting([]))).then_some(())
    });
    let sender = network.client(0);
    wait_for("an empty mempool", || {
        let waiting = sender.ask("num_unconfirmed_txs", json!({}));
        (waiting["total"] == "0").then_some(())
    });
    network.await_heights_more(2);
    let clients: Vec<Client> = (0..4).map(|index| network.client(index)).collect();
    let mut answers = vec![];
    for client in &clients {
        let by_name = "app.creator = 'Cosmoshi Netowoko'";
        wait_for("the whole index", || {
            let answer = client.ask("tx_search", json!({"query": by_name, "per_page": 1}));
            (answer["total_count"].as_str() == Some(count.to_string().as_str())).then_some(())
        });
        let (total, found) = search_all(client, by_name, "asc");
        assert_eq!((total, found.len()), (count, count));
        assert!(found.windows(2).all(|it| (it[0].0, it[0].1) < (it[1].0, it[1].1)), "in order");
        let (_, by_height) = search_all(client, "tx.height > 0", "desc");
        assert!(by_height.iter().rev().eq(&found), "the other way round it is the same");
        let one = client.ask("tx_search", json!({"query": "app.key = 'key-7'"}));
        assert_eq!(one["total_count"], "1");
        answers.push(found);
    }
    assert!(answers.iter().all(|it| *it == answers[0]), "the nodes agree");
    drop(clients);
    let chain: Chain = end_and_check(network);
    chain.has_each_once(&accepted);
    assert!(chain.tx_places().eq(answers.swap_remove(0)), "the index is what the blocks have");
}
