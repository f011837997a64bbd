//! What must be in the database, whatever stops while it is written.

use std::fs;

use postgres::Client as Database;
use serde_json::json;
use types::TxHash;

use crate::checks::{Chain, end_and_check};
use crate::client::{Client, send_at_full_speed};
use crate::network::Network;
use crate::patience::wait_for;
use crate::server::Server;

/// How many transactions are sent at full speed; `LOCKSTEP_TEST_TXS` has another number.
const TXS: usize = 2_000;
/// How many blocks the node executes while there is no server, if it does not wait for it.
const HEIGHTS_ALONE: u64 = 5;
/// The node that writes to the database. It follows the other.
const FOLLOWER: usize = 1;

/// A validator, and a follower that writes to a database. Nothing runs yet.
fn network_with(server: &Server) -> Network {
    let network = Network::make(1, 1, &["consensus.timeout_commit=50ms"]);
    let file = network.home(FOLLOWER).join("config/config.toml");
    let text = fs::read_to_string(&file).expect("the home was made by testnet");
    let text = text.replace("indexer = \"kv\"", "indexer = \"psql\"");
    let named = format!("psql-conn = \"{}\"", server.settings());
    let text = text.replace("psql-conn = \"\"", &named);
    assert!(text.contains(&named) && text.contains("\"psql\""), "the keys are in every config");
    fs::write(&file, text).expect("the home is writable");
    network
}

/// The last height in the database; none if there is none.
fn last_height(database: &mut Database) -> Option<u64> {
    let row = database.query_one("SELECT max(height) FROM blocks", &[]).ok()?;
    row.get::<_, Option<i64>>(0).map(i64::unsigned_abs)
}

fn count(database: &mut Database, table: &str, key: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table} WHERE composite_key = $1");
    database.query_one(&query, &[&key]).expect("the view is there").get(0)
}

/// Waits until the database has all blocks that there are now.
fn await_all(database: &mut Database, client: &Client) {
    let height = client.height().expect("the node answers");
    wait_for("all blocks in the database", || last_height(database).filter(|it| height <= *it));
}

/// What happens while transactions are sent, at which share of them.
const STEPS: [(f64, Step); 6] = [
    (0.1, Step::KillServer),
    (0.2, Step::StartServer),
    (0.3, Step::KillNode),
    (0.4, Step::KillNode),
    (0.6, Step::KillNode),
    (0.8, Step::KillNode),
];

#[derive(Clone, Copy)]
enum Step {
    KillServer,
    /// Once the node has executed more blocks without it.
    StartServer,
    /// And start it again.
    KillNode,
}

/// Who plays the steps.
struct Stage {
    server: Server,
    network: Network,
    steps: std::slice::Iter<'static, (f64, Step)>,
    /// Where the node was when the server went.
    alone_from: u64,
}

impl Stage {
    /// Plays a step that is due, once a share of the transactions is sent; whether there was one.
    fn play(&mut self, sent: f64) -> bool {
        let Some((_, step)) = self.steps.as_slice().first().filter(|(at, _)| *at <= sent) else {
            return false;
        };
        self.steps.next();
        let follower = self.network.client(FOLLOWER);
        match step {
            Step::KillServer => {
                self.alone_from = wait_for("the follower", || follower.height());
                self.server.kill();
            }
            Step::StartServer => {
                // This waits for nothing but the chain.
                follower.await_height(self.alone_from + HEIGHTS_ALONE);
                self.server.start();
            }
            Step::KillNode => {
                self.network.kill(FOLLOWER);
                self.network.start(FOLLOWER);
            }
        }
        true
    }
}

/// The server goes away and comes back while blocks are written, and the node is killed: each block
/// and each transaction is there once, and the node never waits.
pub fn each_block_once() {
    let asked = std::env::var("LOCKSTEP_TEST_TXS").ok();
    let txs = asked.map_or(TXS, |it| it.parse().expect("LOCKSTEP_TEST_TXS is a number"));
    let server = Server::start_new();
    let mut network = network_with(&server);
    network.start_all();
    let mut database = server.connect();
    wait_for("a block in the database", || last_height(&mut database));
    let port = network.rpc_port(0);
    let mut stage = Stage { server, network, steps: STEPS.iter(), alone_from: 0 };
    let accepted = send_at_full_speed(port, txs, |sent| {
        stage.play(sent as f64 / txs as f64);
    });
    assert_eq!(accepted.len(), txs, "each is well-formed");
    while stage.play(1.0) {}
    let Stage { server, network, .. } = stage;
    let sender = network.client(0);
    wait_for("an empty mempool", || {
        let waiting = sender.ask("num_unconfirmed_txs", json!({}));
        (waiting["total"] == "0").then_some(())
    });
    network.await_heights_more(1);
    let mut database = server.connect();
    await_all(&mut database, &sender);
    drop(sender);
    let chain = end_and_check(network);
    chain.has_each_once(&accepted);
    is_the_chain(&mut database, &chain, txs);
}

fn is_the_chain(database: &mut Database, chain: &Chain, txs: usize) {
    let rows = database.query("SELECT height FROM blocks ORDER BY height", &[]).expect("a table");
    let heights: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let blocks = i64::try_from(heights.len()).expect("a small number");
    assert!(heights.iter().copied().eq(1..=blocks), "{heights:?}");
    let rows = database.query(
        "SELECT height, index, tx_hash FROM tx_results JOIN blocks ON block_id = blocks.rowid
         ORDER BY height, index",
        &[],
    );
    let places = rows.expect("tables").into_iter().map(|row| {
        let (height, index, hash): (i64, i32, String) = (row.get(0), row.get(1), row.get(2));
        (height.unsigned_abs(), u64::from(index.unsigned_abs()), hash)
    });
    assert!(places.eq(chain.tx_places()), "the transactions are those of the blocks");
    let txs = i64::try_from(txs).expect("a small number");
    assert_eq!(count(database, "tx_events", "tx.hash"), txs);
    assert_eq!(count(database, "tx_events", "tx.height"), txs);
    // The kvstore tells of each in two events: one has the key, the other the value.
    assert_eq!(count(database, "tx_events", "app.key"), 2 * txs);
    assert_eq!(count(database, "block_events", "block.height"), blocks);
    let query = "SELECT height FROM tx_events WHERE composite_key = 'app.key' AND value = 'key-7'";
    assert_eq!(database.query(query, &[]).expect("a view").len(), 1);
}

/// What reads the reference's databases finds the same names and types in ours.
pub fn tables() {
    /// As the reference's `schema.sql` makes them.
    const COLUMNS: &str = "\
        attributes.event_id bigint NO, attributes.key character varying NO, \
        attributes.composite_key character varying NO, attributes.value character varying YES, \
        block_events.block_id bigint YES, block_events.height bigint YES, \
        block_events.chain_id character varying YES, block_events.type character varying YES, \
        block_events.key character varying YES, \
        block_events.composite_key character varying YES, \
        block_events.value character varying YES, \
        blocks.rowid bigint NO, blocks.height bigint NO, blocks.chain_id character varying NO, \
        blocks.created_at timestamp with time zone NO, \
        event_attributes.block_id bigint YES, event_attributes.tx_id bigint YES, \
        event_attributes.type character varying YES, event_attributes.key character varying YES, \
        event_attributes.composite_key character varying YES, \
        event_attributes.value character varying YES, \
        events.rowid bigint NO, events.block_id bigint NO, events.tx_id bigint YES, \
        events.type character varying NO, \
        tx_events.height bigint YES, tx_events.index integer YES, \
        tx_events.chain_id character varying YES, tx_events.type character varying YES, \
        tx_events.key character varying YES, tx_events.composite_key character varying YES, \
        tx_events.value character varying YES, \
        tx_events.created_at timestamp with time zone YES, \
        tx_results.rowid bigint NO, tx_results.block_id bigint NO, tx_results.index integer NO, \
        tx_results.created_at timestamp with time zone NO, \
        tx_results.tx_hash character varying NO, tx_results.tx_result bytea NO";
    let server = Server::start_new();
    let mut network = network_with(&server);
    network.start_all();
    let mut database = server.connect();
    wait_for("the chain", || network.client(0).commit("name=satoshi").ok());
    network.await_height(1);
    await_all(&mut database, &network.client(FOLLOWER));
    let query = "
        SELECT string_agg(
            table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable, ', '
            ORDER BY table_name COLLATE \"C\", ordinal_position
        ) FROM information_schema.columns WHERE table_schema = 'public'";
    let columns: String = database.query_one(query, &[]).expect("a catalogue").get(0);
    assert_eq!(columns, COLUMNS);
}

/// Searches are the database's; what was committed is found by hash all the same.
pub fn searches() {
    let server = Server::start_new();
    let mut network = network_with(&server);
    network.start_all();
    let follower = network.client(FOLLOWER);
    let committed = wait_for("the chain", || network.client(0).commit("name=satoshi").ok());
    follower.await_height(committed.height);
    for (method, query, refusal) in [
        ("tx_search", "tx.height > 0", "the TxIndexer.Search method is not supported"),
        ("block_search", "block.height > 0", "the BlockIndexer.Search method is not supported"),
    ] {
        let error = follower.call(method, json!({ "query": query })).expect_err("it is refused");
        assert!(error.contains(refusal), "{method}: {error}");
    }
    let hash = TxHash::of(b"name=satoshi").to_string();
    let found = wait_for("the transaction by its hash", || {
        follower.call("tx", json!({ "hash": base64_of(&hash) })).ok()
    });
    assert_eq!(found["hash"], hash.as_str());
    let status = follower.ask("status", json!({}));
    assert_eq!(status["node_info"]["other"]["tx_index"], "on");
}

/// JSON-RPC has hashes in base64.
fn base64_of(hash: &str) -> String {
    use base64::Engine;
    let bytes = hex::decode(hash).expect("a hash is hexadecimal");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
