//! Searches in an index of a million transactions, asked of a node over HTTP.
//!
//! Beside the time of each search stands the work that it was: on a machine that others use, too,
//! only that is the same twice.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use types::{Tx, TxHash};

use crate::http::Http;
use crate::load::{self, transaction};
use crate::localnet::{Localnet, Node, Plan};
use crate::report::Table;
use crate::sample::{Usage, sum};

/// How long the transactions may take to get there.
const LOAD_WITHIN: Duration = Duration::from_secs(3_600);
const CONNECTIONS: usize = 16;
const WAITING_MAX: u64 = 8_000;
/// How often the node is asked whether its index has come to the tip.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// Entries of a page.
const PER_PAGE: u64 = 30;

const SETTINGS: [(&str, &str); 4] = [
    ("consensus.timeout_commit", "0s"),
    ("consensus.create_empty_blocks", "false"),
    ("mempool.size", "50000"),
    ("mempool.cache_size", "100000"),
];

const COLUMNS: [(&str, usize); 8] = [
    ("p50 ms", 2),
    ("p99 ms", 2),
    ("max ms", 1),
    ("CPU ms", 2),
    ("rows read", 0),
    ("KB read", 0),
    ("found on average", 0),
    ("RSS MB", 0),
];

/// What is asked, by a number that is different each time.
type Ask = fn(u64, Chain) -> (String, u64);

/// What is known of the chain that is searched in.
#[derive(Clone, Copy)]
struct Chain {
    height: u64,
    txs: u64,
}

const KINDS: [(&str, Ask); 8] = [
    ("hash", |random, chain| {
        let tx = Tx::from(transaction(random % chain.txs));
        (format!("tx.hash = '{}'", TxHash::of(&tx)), 1)
    }),
    ("a value that one has", |random, chain| {
        (format!("app.key = '{:011}'", random % chain.txs), 1)
    }),
    ("ten heights, any page", |random, chain| {
        let first = random % chain.height;
        (format!("tx.height >= {first} AND tx.height < {}", first + 10), random)
    }),
    ("all heights, any page", |random, _| ("tx.height > 0".to_owned(), random)),
    ("a value that all have, any page", |random, _| {
        ("app.creator = 'Cosmoshi'".to_owned(), random)
    }),
    ("the same in half of the heights", |random, chain| {
        let first = random % (chain.height / 2).max(1);
        let last = first + chain.height / 2;
        let heights = format!("tx.height > {first} AND tx.height <= {last}");
        (format!("app.creator = 'Cosmoshi' AND {heights}"), random)
    }),
    ("a range of a hundred numbers", |random, chain| {
        let first = random % chain.txs;
        (format!("app.key > {first} AND app.key <= {}", first + 100), 1)
    }),
    // Every row under the name is read within the heights: blocks have thousands.
    ("two values of one event, in two heights", |random, chain| {
        let first = random % chain.height;
        let heights = format!("tx.height >= {first} AND tx.height < {}", first + 2);
        (format!("app.creator = 'Cosmoshi Netowoko' AND app.key CONTAINS '77' AND {heights}"), 1)
    }),
];

/// Loads one validator, waits for its index, and searches.
///
/// # Errors
/// If the node does not come up, or answers what cannot be right.
pub async fn run(program: &Path, txs: u64, rounds: u64) -> anyhow::Result<Table> {
    let plan = Plan { validators: 1, running: 1, settings: SETTINGS.to_vec(), ..Plan::default() };
    let localnet = Localnet::start(program, &plan).await?;
    let node = &localnet.nodes[0];
    let load = load::Plan {
        window: LOAD_WITHIN,
        connections: CONNECTIONS,
        waiting_max: WAITING_MAX,
        rate: None,
        txs_max: txs,
    };
    let outcome = load::run(&[node.rpc], &load).await?;
    ensure!(outcome.lost == 0, "{} transactions were lost", outcome.lost);
    let sent = Instant::now();
    let height = indexed(node).await?;
    let behind = sent.elapsed();
    let http = Http::new(node.rpc);
    let (found, _) = search(&http, "tx.height > 0", 1).await?;
    ensure!(found + outcome.refused == txs, "{found} are in the index");
    let chain = Chain { height, txs: found };
    let before = Usage::of(node.id())?.resident_mb;
    let mut rows = Vec::new();
    for (name, ask) in KINDS {
        rows.push((name.to_owned(), kind(&http, node, (chain, rounds), ask).await?));
    }
    let about = format!(
        "{found} transactions of 256 bytes in {height} blocks of one validator, searched over one \
         connection, {rounds} searches of each kind, pages of {PER_PAGE}; from the request to the \
         last byte of the answer. Each transaction has two events with three indexed attributes. \
         The index was at the tip {:.1} s after the last block, and the node at {before:.0} MB \
         before the first search.",
        behind.as_secs_f64(),
    );
    Ok(Table { section: "search", about, columns: &COLUMNS, rows })
}

/// Waits until the index is at the tip, which is returned.
async fn indexed(node: &Node) -> anyhow::Result<u64> {
    loop {
        let text = node.metrics().await?;
        let tip = sum(&text, "cometbft_consensus_latest_block_height", "");
        if tip <= sum(&text, "lockstep_indexed_height", "") {
            return Ok(tip as u64);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// One kind of search, again and again: times, and what one search took on average.
async fn kind(
    http: &Http,
    node: &Node,
    (chain, rounds): (Chain, u64),
    ask: Ask,
) -> anyhow::Result<Vec<f64>> {
    let mut state = 7_u64;
    let mut asked = Vec::new();
    for _ in 0..rounds {
        // Knuth's generator; its high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let (query, page) = ask(state >> 33, chain);
        // Any page is asked for where there are many: the first says how many there are.
        let page = match page {
            1 => 1,
            random => random % search(http, &query, 1).await?.0.div_ceil(PER_PAGE).max(1) + 1,
        };
        asked.push((query, page));
    }
    let (mut times, mut found_in_all) = (Vec::new(), 0);
    let before = Work::of(node).await?;
    for (query, page) in &asked {
        let began = Instant::now();
        let (found, _) = search(http, query, *page).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        found_in_all += found;
    }
    let after = Work::of(node).await?;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
    let each = |all: f64| all / rounds as f64;
    Ok(vec![
        at(0.5),
        at(0.99),
        at(1.0),
        each(after.usage.cpu_ms_since(&before.usage)),
        each(after.rows - before.rows),
        each(after.bytes - before.bytes) / 1000.0,
        each(found_in_all as f64),
        after.usage.resident_mb,
    ])
}

/// What a node has done so far.
struct Work {
    usage: Usage,
    rows: f64,
    bytes: f64,
}

impl Work {
    async fn of(node: &Node) -> anyhow::Result<Self> {
        let text = node.metrics().await?;
        let rows = sum(&text, "lockstep_store_rows_read_total", "");
        let bytes = sum(&text, "lockstep_store_bytes_read_total", "");
        Ok(Self { usage: Usage::of(node.id())?, rows, bytes })
    }
}

/// How many transactions are found, and how many of them are on the page.
async fn search(http: &Http, query: &str, page: u64) -> anyhow::Result<(u64, usize)> {
    let params = json!({ "query": query, "page": page, "per_page": PER_PAGE });
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tx_search", "params": params });
    let answer: Value = serde_json::from_slice(&http.post(request.to_string()).await?)?;
    let result = answer.get("result").with_context(|| format!("{query}: {answer}"))?;
    let total: u64 = result["total_count"].as_str().context("no count")?.parse()?;
    let txs = result["txs"].as_array().context("no list")?.len();
    let expected = total.saturating_sub((page - 1) * PER_PAGE).min(PER_PAGE);
    ensure!(txs as u64 == expected, "{query}: {txs} on page {page} of {total}");
    Ok((total, txs))
}
