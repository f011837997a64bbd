//! What is measured under which conditions.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use node::client::Client;
use serde_json::json;

use crate::load::{self, transaction};
use crate::localnet::{Localnet, Plan, Transport};
use crate::report::Table;
use crate::sample::{Change, Usage, look, watch};

/// Heights pass before the looking begins: connections are warm, files are there.
const WARM_UP: Duration = Duration::from_secs(2);
/// On the way from each node to each other, in the delayed network.
const ONE_WAY: Duration = Duration::from_millis(25);
/// A dead proposer costs seconds, so a quarter of the heights needs a longer look.
const STOPPED_WINDOW_MIN: Duration = Duration::from_secs(20);
/// Connections to each node, and the transactions under way in all.
const CONNECTIONS: usize = 4;
const WAITING_MAX: u64 = 4000;
/// The soak's length and load.
const SOAK: Duration = Duration::from_secs(600);
const SOAK_RATE: u64 = 500;

const NO_WAIT: (&str, &str) = ("consensus.timeout_commit", "0s");
const ON_DEMAND: (&str, &str) = ("consensus.create_empty_blocks", "false");
const ROOM: [(&str, &str); 2] = [("mempool.size", "50000"), ("mempool.cache_size", "100000")];

const TRANSPORTS: [(&str, Transport); 2] = [("QUIC", Transport::Quic), ("TCP", Transport::Tcp)];

const HEIGHT_COLUMNS: [(&str, usize); 9] = [
    ("heights/s", 2),
    ("p50 ms", 2),
    ("p99 ms", 2),
    ("CPU ms", 2),
    ("bytes sent", 0),
    ("synced writes", 1),
    ("context switches", 0),
    ("CPU %", 1),
    ("RSS MB", 0),
];
const TX_COLUMNS: [(&str, usize); 10] = [
    ("tx/s", 0),
    ("p50 ms", 0),
    ("p99 ms", 0),
    ("tx per block", 0),
    ("blocks/s", 1),
    ("CPU % of a node", 0),
    ("CPU % of the clients", 0),
    ("RSS MB", 0),
    ("refused", 0),
    ("lost", 0),
];

/// How to measure.
pub struct Bench {
    /// The program.
    pub program: PathBuf,
    /// How long each look lasts.
    pub window: Duration,
}

impl Bench {
    async fn heights(&self, plan: &Plan, window: Duration) -> anyhow::Result<Vec<f64>> {
        let localnet = Localnet::start(&self.program, plan).await?;
        tokio::time::sleep(WARM_UP).await;
        Ok(height_row(&watch(&localnet.nodes, window).await?))
    }

    /// Four validators, one empty block after the other, over each transport.
    pub async fn empty(&self) -> anyhow::Result<Table> {
        let mut rows = Vec::new();
        for (name, transport) in TRANSPORTS {
            let plan = Plan { transport, settings: vec![NO_WAIT], ..Plan::default() };
            rows.push((name.to_owned(), self.heights(&plan, self.window).await?));
        }
        Ok(self.height_table("empty", "Four validators, empty blocks, no commit timeout.", rows))
    }

    /// The same with one of the four not running.
    pub async fn one_stopped(&self) -> anyhow::Result<Table> {
        let plan = Plan { running: 3, settings: vec![NO_WAIT], ..Plan::default() };
        let window = self.window.max(STOPPED_WINDOW_MIN);
        let rows = vec![("three of four".to_owned(), self.heights(&plan, window).await?)];
        Ok(self.height_table("one-stopped", "As `empty`, one of four nodes not running.", rows))
    }

    /// The same with a delay line between any two.
    pub async fn delay(&self) -> anyhow::Result<Table> {
        let mut rows = Vec::new();
        for (name, transport) in TRANSPORTS {
            let settings = vec![NO_WAIT];
            let plan = Plan { transport, delay: Some(ONE_WAY), settings, ..Plan::default() };
            rows.push((name.to_owned(), self.heights(&plan, self.window).await?));
        }
        let about = "As `empty`, 25 ms on each way between any two nodes: three ways are 75 ms.";
        Ok(self.height_table("delay", about, rows))
    }

    fn height_table(
        &self,
        section: &'static str,
        about: &str,
        rows: Vec<(String, Vec<f64>)>,
    ) -> Table {
        let about = format!(
            "{about} p50 and p99 are from entering a height to its decision; CPU ms, bytes, synced \
             writes and context switches are per height and node."
        );
        Table { section, about, columns: &HEIGHT_COLUMNS, rows }
    }

    /// One transaction at a time, each waited for, with and without empty blocks in between.
    pub async fn latency(&self) -> anyhow::Result<Table> {
        let mut rows = Vec::new();
        for (name, settings) in
            [("blocks on demand", vec![NO_WAIT, ON_DEMAND]), ("empty blocks too", vec![NO_WAIT])]
        {
            let plan = Plan { settings, ..Plan::default() };
            let localnet = Localnet::start(&self.program, &plan).await?;
            tokio::time::sleep(WARM_UP).await;
            rows.push((name.to_owned(), self.one_by_one(&localnet).await?));
        }
        let about = "`broadcast_tx_commit`, one 256-byte transaction after the other, no commit \
                     timeout: from the request to the answer.";
        let columns = &[("p50 ms", 1), ("p99 ms", 1), ("transactions", 0)];
        Ok(Table { section: "latency", about: about.to_owned(), columns, rows })
    }

    async fn one_by_one(&self, localnet: &Localnet) -> anyhow::Result<Vec<f64>> {
        let client = Client::new(&localnet.nodes[0].rpc.to_string())?;
        let began = Instant::now();
        let mut times = Vec::new();
        while began.elapsed() < self.window {
            let tx = BASE64.encode(transaction(times.len() as u64));
            let sent = Instant::now();
            let answer = client.call("broadcast_tx_commit", json!({ "tx": tx })).await?;
            anyhow::ensure!(answer["tx_result"]["code"] == 0, "refused: {answer}");
            times.push(sent.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
        Ok(vec![at(0.5), at(0.99), times.len() as f64])
    }

    /// As many transactions as go in, through all nodes and through one.
    pub async fn throughput(&self) -> anyhow::Result<Table> {
        let mut rows = Vec::new();
        for (name, senders) in [("through all nodes", 4), ("through one node", 1)] {
            let connections = CONNECTIONS * 4 / senders;
            let load = load::Plan {
                window: self.window,
                connections,
                waiting_max: WAITING_MAX,
                rate: None,
                txs_max: load::TXS_MAX as u64,
            };
            let (change, outcome, own) = self.loaded(senders, &load).await?;
            rows.push((name.to_owned(), tx_row(&change, &outcome, own)));
        }
        let about = format!(
            "256-byte transactions by `broadcast_tx_sync` in batches of ten over {} connections, \
             at most {WAITING_MAX} under way; latency from before the request to the block's \
             appearance on the first node. The clients share the machine with the nodes.",
            4 * CONNECTIONS,
        );
        Ok(Table { section: "throughput", about, columns: &TX_COLUMNS, rows })
    }

    /// What the nodes did under a load, what came of it, and the clients' own processor time.
    async fn loaded(
        &self,
        senders: usize,
        load: &load::Plan,
    ) -> anyhow::Result<(Change, load::Outcome, f64)> {
        let settings = [NO_WAIT, ON_DEMAND].into_iter().chain(ROOM).collect();
        let plan = Plan { settings, ..Plan::default() };
        let localnet = Localnet::start(&self.program, &plan).await?;
        tokio::time::sleep(WARM_UP).await;
        let addresses: Vec<_> = localnet.nodes.iter().take(senders).map(|it| it.rpc).collect();
        let own = Usage::of(std::process::id())?;
        let before = look(&localnet.nodes).await?;
        let outcome = load::run(&addresses, load).await?;
        let change = Change::between(&before, &look(&localnet.nodes).await?)?;
        let own = Usage::of(std::process::id())?.cpu_ms_since(&own);
        Ok((change, outcome, own))
    }

    /// Nothing to do.
    pub async fn idle(&self) -> anyhow::Result<Table> {
        let plan = Plan { settings: vec![ON_DEMAND], ..Plan::default() };
        let localnet = Localnet::start(&self.program, &plan).await?;
        tokio::time::sleep(WARM_UP).await;
        let change = watch(&localnet.nodes, self.window).await?;
        let row = vec![change.cpu_percent(), change.switches / change.seconds, change.resident_mb];
        let columns = &[("CPU % of a node", 2), ("context switches/s", 0), ("RSS MB", 0)];
        let about = "Four connected validators, no transactions, no empty blocks.".to_owned();
        let rows = vec![("idle".to_owned(), row)];
        Ok(Table { section: "idle", about, columns, rows })
    }

    /// Ten minutes of steady load: does memory grow?
    pub async fn soak(&self) -> anyhow::Result<Table> {
        let load = load::Plan {
            window: SOAK,
            connections: CONNECTIONS,
            waiting_max: WAITING_MAX,
            rate: Some(SOAK_RATE),
            txs_max: load::TXS_MAX as u64,
        };
        let (change, outcome, own) = self.loaded(4, &load).await?;
        let about = format!(
            "{SOAK_RATE} transactions a second for {} minutes through all nodes.",
            SOAK.as_secs() / 60
        );
        let rows = vec![("soak".to_owned(), tx_row(&change, &outcome, own))];
        Ok(Table { section: "soak", about, columns: &TX_COLUMNS, rows })
    }
}

fn height_row(change: &Change) -> Vec<f64> {
    let each = |total: f64| total / change.heights;
    vec![
        change.heights / change.seconds,
        change.decide.quantile_ms(0.5),
        change.decide.quantile_ms(0.99),
        each(change.cpu_ms),
        each(change.bytes_sent),
        each(change.synced_writes),
        each(change.switches),
        change.cpu_percent(),
        change.resident_mb,
    ]
}

fn tx_row(change: &Change, outcome: &load::Outcome, own_cpu_ms: f64) -> Vec<f64> {
    vec![
        outcome.committed_per_second,
        outcome.p50_ms,
        outcome.p99_ms,
        outcome.block_txs,
        outcome.blocks as f64 / change.seconds,
        change.cpu_percent(),
        own_cpu_ms / 10.0 / change.seconds,
        change.resident_mb,
        outcome.refused as f64,
        outcome.lost as f64,
    ]
}
