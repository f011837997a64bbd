//! A client of a node's RPC, of either kind.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// Most transactions that a load keeps waiting in a node's pool.
const WAITING_MAX: u64 = 1000;

/// Asks one node.
pub struct Client {
    rpc: node::client::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// A client of the node whose RPC has this port.
    pub fn new(port: u16) -> Self {
        let rpc = node::client::Client::new(&format!("127.0.0.1:{port}")).expect("an address");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { rpc, runtime: runtime.expect("the system has a runtime") }
    }

    /// Calls a method; the error is the answer's, or why there is none.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let answer = self.runtime.block_on(self.rpc.call(method, params));
        answer.map_err(|error| format!("{error:#}"))
    }

    /// The answer of a method that must not fail.
    pub fn ask(&self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The answer of a method about one height.
    pub fn at(&self, method: &str, height: u64) -> Value {
        self.ask(method, json!({ "height": height.to_string() }))
    }

    /// The latest height; none if the node does not answer.
    pub fn height(&self) -> Option<u64> {
        let status = self.call("status", json!({})).ok()?;
        status["sync_info"]["latest_block_height"].as_str()?.parse().ok()
    }

    /// Sends a transaction; whether the node took it in.
    pub fn submit(&self, tx: &str) -> bool {
        let answer = self.call("broadcast_tx_sync", json!({ "tx": BASE64.encode(tx) }));
        answer.is_ok_and(|answer| answer["code"] == 0)
    }

    /// How many transactions wait in the node's pool.
    pub fn waiting(&self) -> u64 {
        let answer = self.call("num_unconfirmed_txs", json!({})).unwrap_or_default();
        answer["n_txs"].as_str().and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// What the application has for a key.
    pub fn value_of(&self, key: &str) -> Option<String> {
        let answer = self.call("abci_query", json!({ "data": hex::encode(key) })).ok()?;
        let value = BASE64.decode(answer["response"]["value"].as_str()?).ok()?;
        String::from_utf8(value).ok().filter(|value| !value.is_empty())
    }
}

/// Transactions of a block, as texts.
pub fn txs_of(block: &Value) -> Vec<String> {
    let txs = block["block"]["data"]["txs"].as_array().cloned().unwrap_or_default();
    let text = |tx: &Value| {
        let bytes = BASE64.decode(tx.as_str().unwrap_or_default()).expect("base64");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    txs.iter().map(text).collect()
}

/// Sends transactions through several nodes while `meanwhile` runs: each node its own, named by
/// its number, and no more than its pool holds. Returns those that were taken in.
pub fn under_load(
    ports: &[(usize, u16)],
    pause: Duration,
    meanwhile: impl FnOnce(),
) -> BTreeSet<String> {
    let over = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let send = |&(index, port): &(usize, u16)| {
        let client = Client::new(port);
        let mut sent = BTreeSet::new();
        while !over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let tx = format!("node{index}-{number}={number}");
            let is_full = number.is_multiple_of(64) && WAITING_MAX < client.waiting();
            if !is_full && client.submit(&tx) {
                sent.insert(tx);
            } else {
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(pause);
        }
        sent
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = ports.iter().map(|it| scope.spawn(|| send(it))).collect();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        over.store(true, Ordering::Relaxed);
        let sent = senders.into_iter().flat_map(|it| it.join().expect("no sender fails"));
        let sent = sent.collect();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent
    })
}
