//! Transactions by the thousand: clients who send them, and a follower who finds them in blocks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http::Http;

/// Transactions in a request; the server takes no longer batches.
const BATCH: u64 = 10;
/// Bytes of a transaction.
const TX_BYTES: usize = 256;
/// Digits of a transaction's number, which with an equals sign are its first bytes.
const NUMBER_DIGITS: usize = 11;
/// The same bytes in base64: whole groups, so that they can be read by themselves.
const NUMBER_LETTERS: usize = (NUMBER_DIGITS + 1) / 3 * 4;
/// Transactions of one run. Send times are kept for so many.
pub const TXS_MAX: usize = 8_000_000;
/// How long to wait before asking for the next block again, or for room.
const PAUSE: Duration = Duration::from_millis(2);
/// How long after the last transaction was sent the last may be decided.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

const _: () = assert!((NUMBER_DIGITS + 1).is_multiple_of(3));

/// How transactions are sent.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For how long.
    pub window: Duration,
    /// Connections to each node.
    pub connections: usize,
    /// Most transactions that are sent and not yet decided: the loop is closed.
    pub waiting_max: u64,
    /// Transactions a second at most, if it is not to be as fast as it goes.
    pub rate: Option<u64>,
    /// Transactions in all at most.
    pub txs_max: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Transactions decided per second, while they were sent.
    pub committed_per_second: f64,
    /// From before it is sent until it is seen in a block, in milliseconds.
    pub p50_ms: f64,
    /// The same, of the slowest hundredth.
    pub p99_ms: f64,
    /// Blocks that had transactions.
    pub blocks: u64,
    /// Transactions per such block.
    pub block_txs: f64,
    /// Transactions that were not taken.
    pub refused: u64,
    /// Transactions that were taken and not seen in a block.
    pub lost: u64,
}

/// What clients and follower share.
struct Traffic {
    began: Instant,
    next: AtomicU64,
    settled: AtomicU64,
    refused: AtomicU64,
    /// When each transaction was sent, in nanoseconds since the beginning.
    sent: Vec<AtomicU64>,
}

/// What the follower saw.
#[derive(Default)]
struct Seen {
    latencies_ms: Vec<f64>,
    within_window: u64,
    blocks: u64,
}

/// Sends to these nodes, follows the first, and waits for what is still under way.
///
/// # Errors
/// If a node does not answer, or answers what cannot be read.
pub async fn run(nodes: &[SocketAddr], plan: &Plan) -> anyhow::Result<Outcome> {
    let first_height = tip(&Http::new(nodes[0])).await? + 1;
    let traffic = Arc::new(Traffic {
        began: Instant::now(),
        next: AtomicU64::new(0),
        settled: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        sent: (0..TXS_MAX).map(|_| AtomicU64::new(0)).collect(),
    });
    let follower = follow(Http::new(nodes[0]), first_height, Arc::clone(&traffic), plan.clone());
    let mut follower = JoinSet::from_iter([follower]);
    let mut clients = JoinSet::new();
    for index in 0..plan.connections * nodes.len() {
        let http = Http::new(nodes[index % nodes.len()]);
        let every = plan.rate.map(|rate| {
            let clients = (plan.connections * nodes.len()) as u64;
            Duration::from_secs_f64((BATCH * clients) as f64 / rate as f64)
        });
        clients.spawn(send(http, Arc::clone(&traffic), plan.clone(), every));
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let seen = follower.join_next().await.context("there is a follower")???;
    Ok(traffic.outcome(seen, plan))
}

impl Traffic {
    /// Whether there are as many transactions as there shall be.
    fn all_sent(&self, plan: &Plan) -> bool {
        plan.txs_max <= self.next.load(Ordering::Relaxed)
    }

    fn waiting(&self) -> u64 {
        let settled = self.settled.load(Ordering::Relaxed);
        self.next.load(Ordering::Relaxed).saturating_sub(settled)
    }

    fn outcome(&self, mut seen: Seen, plan: &Plan) -> Outcome {
        seen.latencies_ms.sort_by(f64::total_cmp);
        let latency = |share: f64| {
            let rank = (seen.latencies_ms.len() as f64 * share) as usize;
            seen.latencies_ms.get(rank).copied().unwrap_or(f64::NAN)
        };
        Outcome {
            committed_per_second: seen.within_window as f64 / plan.window.as_secs_f64(),
            p50_ms: latency(0.5),
            p99_ms: latency(0.99),
            blocks: seen.blocks,
            block_txs: seen.latencies_ms.len() as f64 / seen.blocks as f64,
            refused: self.refused.load(Ordering::Relaxed),
            lost: self.waiting(),
        }
    }
}

/// One client: a batch, its answer, the next batch.
async fn send(
    http: Http,
    traffic: Arc<Traffic>,
    plan: Plan,
    every: Option<Duration>,
) -> anyhow::Result<()> {
    let mut ticks = every.map(tokio::time::interval);
    while traffic.began.elapsed() < plan.window && !traffic.all_sent(&plan) {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        if plan.waiting_max < traffic.waiting() + BATCH {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let first = traffic.next.fetch_add(BATCH, Ordering::Relaxed);
        ensure!(first + BATCH <= TXS_MAX as u64, "more than {TXS_MAX} transactions");
        let body = batch(first);
        let now = traffic.began.elapsed().as_nanos() as u64;
        for number in first..first + BATCH {
            traffic.sent[number as usize].store(now, Ordering::Relaxed);
        }
        let answer = http.post(body).await?;
        let answers: Vec<Answer<Checked>> = serde_json::from_slice(&answer).with_context(|| {
            format!("an answer to a batch: {:?}", answer.slice(..answer.len().min(300)))
        })?;
        let taken = |it: &&Answer<Checked>| it.result.as_ref().is_some_and(|it| it.code == 0);
        let refused = BATCH - answers.iter().filter(taken).count() as u64;
        traffic.refused.fetch_add(refused, Ordering::Relaxed);
        traffic.settled.fetch_add(refused, Ordering::Relaxed);
        if 0 < refused {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Reads block after block until everything that was sent is settled.
async fn follow(
    http: Http,
    first_height: u64,
    traffic: Arc<Traffic>,
    plan: Plan,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut height = first_height;
    loop {
        let elapsed = traffic.began.elapsed();
        let sending = elapsed < plan.window + PAUSE && !traffic.all_sent(&plan);
        let drained = traffic.waiting() == 0 || plan.window + DRAIN_WITHIN < elapsed;
        if !sending && drained {
            return Ok(seen);
        }
        let answer = http.get(&format!("/block?height={height}")).await?;
        let answer: Answer<BlockResult> = serde_json::from_slice(&answer).context("a block")?;
        let Some(result) = answer.result else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        height += 1;
        let now = traffic.began.elapsed();
        let txs = &result.block.data.txs;
        seen.blocks += u64::from(!txs.is_empty());
        for tx in txs {
            let number = number_of(tx)?;
            let sent = traffic.sent.get(number).context("somebody else's transaction")?;
            let sent = Duration::from_nanos(sent.load(Ordering::Relaxed));
            seen.latencies_ms.push(now.saturating_sub(sent).as_secs_f64() * 1000.0);
        }
        if now <= plan.window {
            seen.within_window += txs.len() as u64;
        }
        traffic.settled.fetch_add(txs.len() as u64, Ordering::Relaxed);
    }
}

/// The last height of a node.
async fn tip(http: &Http) -> anyhow::Result<u64> {
    let answer: Answer<Status> = serde_json::from_slice(&http.get("/status").await?)?;
    let status = answer.result.context("no status")?;
    Ok(status.sync_info.latest_block_height.parse()?)
}

/// A request for each transaction of a batch.
fn batch(first: u64) -> String {
    let request = |number| {
        let params = json!({ "tx": BASE64.encode(transaction(number)) });
        json!({ "jsonrpc": "2.0", "id": number, "method": "broadcast_tx_sync", "params": params })
    };
    Value::Array((first..first + BATCH).map(request).collect()).to_string()
}

/// A pair for the kvstore with a key that no other has, and a value that does not compress.
pub fn transaction(number: u64) -> Vec<u8> {
    let mut tx = format!("{number:0NUMBER_DIGITS$}=").into_bytes();
    let mut state = number;
    while tx.len() < TX_BYTES {
        // Knuth's generator; its high bits are the good ones.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tx.push(b'a' + ((state >> 40) % 26) as u8);
    }
    tx
}

fn number_of(tx: &str) -> anyhow::Result<usize> {
    let letters = tx.get(..NUMBER_LETTERS).context("a short transaction")?;
    let bytes = BASE64.decode(letters)?;
    Ok(std::str::from_utf8(&bytes[..NUMBER_DIGITS])?.parse()?)
}

/// A JSON-RPC answer.
#[derive(Deserialize)]
struct Answer<T> {
    result: Option<T>,
}

#[derive(Deserialize)]
struct Checked {
    code: u32,
}

#[derive(Deserialize)]
struct Status {
    sync_info: SyncStatus,
}

#[derive(Deserialize)]
struct SyncStatus {
    latest_block_height: String,
}

#[derive(Deserialize)]
struct BlockResult {
    block: BlockOfTxs,
}

#[derive(Deserialize)]
struct BlockOfTxs {
    data: Txs,
}

#[derive(Deserialize)]
struct Txs {
    txs: Vec<String>,
}
