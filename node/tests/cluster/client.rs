//! What the tests ask nodes over RPC, as any client would: JSON-RPC over kept-alive connections.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::patience::wait_for;

/// Connections over which transactions are sent at full speed.
const SENDERS: usize = 8;
/// Before a node that is full is asked again, and between two looks at those who send.
const PAUSE: Duration = Duration::from_millis(10);

/// A client of one node, with a connection of its own.
pub struct Client {
    rpc: node::client::Client,
    runtime: Runtime,
}

/// A transaction that a node said was executed, and in which block.
pub struct Committed {
    /// The transaction.
    pub tx: String,
    /// The height of its block.
    pub height: u64,
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

    /// The latest height and its block's hash; none if the node does not answer or has no block.
    pub fn latest(&self) -> Option<(u64, String)> {
        let status = self.call("status", json!({})).ok()?;
        let latest = &status["sync_info"];
        let height = latest["latest_block_height"].as_str()?.parse().ok()?;
        Some((height, latest["latest_block_hash"].as_str()?.to_owned()))
    }

    /// The latest height; none if the node does not answer.
    pub fn height(&self) -> Option<u64> {
        self.latest().map(|(height, _)| height)
    }

    /// Waits until the node has a block of this height.
    pub fn await_height(&self, height: u64) {
        let what = format!("{} at height {height}", self.rpc.uri());
        wait_for(&what, || self.height().filter(|&latest| height <= latest));
    }

    /// How many peers the node has; 0 if it does not answer.
    pub fn peers(&self) -> usize {
        let answer = self.call("net_info", json!({})).unwrap_or_default();
        answer["peers"].as_array().map_or(0, Vec::len)
    }

    /// Sends a transaction and waits until it is executed.
    pub fn commit(&self, tx: &str) -> Result<Committed, String> {
        let answer = self.call("broadcast_tx_commit", json!({ "tx": BASE64.encode(tx) }))?;
        let codes = [&answer["check_tx"]["code"], &answer["tx_result"]["code"]];
        let height = answer["height"].as_str().and_then(|height| height.parse().ok());
        match (codes.map(Value::as_u64), height) {
            ([Some(0), Some(0)], Some(height)) => Ok(Committed { tx: tx.into(), height }),
            _ => Err(answer.to_string()),
        }
    }

    /// Sends a transaction, and waits if the node has too many; whether its answer is code 0.
    fn submit(&self, tx: &str) -> bool {
        loop {
            match self.call("broadcast_tx_sync", json!({ "tx": BASE64.encode(tx) })) {
                Ok(answer) => return answer["code"] == 0,
                Err(error) if error.contains("mempool is full") => {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => panic!("{tx} was not taken: {error}"),
            }
        }
    }

    /// What the application has for a key.
    pub fn value_of(&self, key: &str) -> Option<String> {
        let data = hex::encode(key);
        let answer = self.ask("abci_query", json!({ "data": data }));
        let value = BASE64.decode(answer["response"]["value"].as_str()?).ok()?;
        String::from_utf8(value).ok().filter(|value| !value.is_empty())
    }
}

/// Sends transactions to one node as fast as it takes them, over several connections, and returns
/// those that got code 0. `meanwhile` is told again and again how many are sent.
pub fn send_at_full_speed(port: u16, count: usize, meanwhile: impl FnMut(usize)) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let send = |client: Client, accepted: &Ledger<String>| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if count <= number {
                break;
            }
            let tx = format!("key-{number}={number}");
            if client.submit(&tx) {
                accepted.add(tx);
            }
        }
    };
    let clients = (0..SENDERS).map(|_| Client::new(port)).collect();
    in_parallel(clients, send, meanwhile)
}

/// Sends transactions and waits for each to be executed, until every client's node is gone or
/// `enough` are executed. Returns those that the nodes said were executed; `meanwhile` is told
/// again and again how many are.
pub fn commit_until_gone(
    clients: Vec<Client>,
    name: &str,
    enough: usize,
    meanwhile: impl FnMut(usize),
) -> Vec<Committed> {
    let next = AtomicUsize::new(0);
    let send = |client: Client, committed: &Ledger<Committed>| {
        while committed.count() < enough {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Ok(it) = client.commit(&format!("{name}-{number}={number}")) else { break };
            committed.add(it);
        }
    };
    in_parallel(clients, send, meanwhile)
}

/// What several threads have achieved so far.
struct Ledger<T> {
    entries: Mutex<Vec<T>>,
}

impl<T> Ledger<T> {
    fn add(&self, entry: T) {
        self.entries.lock().expect("no sender failed").push(entry);
    }

    fn count(&self) -> usize {
        self.entries.lock().expect("no sender failed").len()
    }
}

/// Lets each client send on a thread of its own, and watches.
fn in_parallel<T: Send>(
    clients: Vec<Client>,
    send: impl Fn(Client, &Ledger<T>) + Sync,
    mut meanwhile: impl FnMut(usize),
) -> Vec<T> {
    let ledger = Ledger { entries: Mutex::default() };
    std::thread::scope(|scope| {
        let start = |client| scope.spawn(|| send(client, &ledger));
        let senders: Vec<_> = clients.into_iter().map(start).collect();
        while !senders.iter().all(|sender| sender.is_finished()) {
            meanwhile(ledger.count());
            std::thread::sleep(PAUSE);
        }
    });
    ledger.entries.into_inner().expect("no sender failed")
}
