//! A thousand websocket clients that listen to one node, a tenth of them without reading: what they
//! do to the time between blocks.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::http::Http;
use crate::load::transaction;
use crate::localnet::{Localnet, Plan};
use crate::report::Table;
use crate::sample::{Change, Usage, watch};

/// Clients, and every which of them does not read.
const CLIENTS: usize = 1_000;
const DEAF_EVERY: usize = 10;
/// What each listens to.
const QUERIES: [&str; 2] = ["tm.event='NewBlock'", "tm.event='Tx'"];
/// Transactions a second, through a node that nobody listens to.
const RATE: u64 = 5;
/// Looks without and with them, in turn.
const ROUNDS: usize = 2;
/// Heights pass before the looking begins.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long a slow client's last words are waited for.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(30);
/// What is kept of what a deaf client reads at last.
const LAST_BYTES: usize = 4_096;
/// What who reads too slowly is told.
const REASON: &str = "client is not pulling messages fast enough";

const COLUMNS: [(&str, usize); 8] = [
    ("interval ms without", 1),
    ("with", 1),
    ("ratio", 3),
    ("p99 to decide, ms, without", 1),
    ("with", 1),
    ("MB/s to readers", 1),
    ("slow ones cut or told", 0),
    ("RSS MB", 0),
];

/// Time between blocks with and without clients, for a chain of blocks each second and for one of
/// ten a second.
pub async fn run(program: &Path, window: Duration) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for (name, pause) in [("a block each second", "1s"), ("blocks after 100 ms", "100ms")] {
        rows.push((name.to_owned(), row(program, pause, window).await?));
    }
    let about = format!(
        "Four validators, {RATE} transactions a second; {CLIENTS} websocket clients of the first \
         node, each subscribed to NewBlock and Tx, every {DEAF_EVERY}th without reading. Looked at \
         {ROUNDS} times without and with them, in turn. The clients share the machine."
    );
    Ok(Table { section: "subscribers", about, columns: &COLUMNS, rows })
}

async fn row(program: &Path, pause: &'static str, window: Duration) -> anyhow::Result<Vec<f64>> {
    let settings = vec![
        ("consensus.timeout_commit", pause),
        ("rpc.max_subscription_clients", "2000"),
        ("rpc.max_open_connections", "2000"),
    ];
    let localnet = Localnet::start(program, &Plan { settings, ..Plan::default() }).await?;
    let listened = localnet.nodes[0].rpc;
    let sending = tokio::spawn(send(localnet.nodes[1].rpc));
    tokio::time::sleep(WARM_UP).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let (mut bytes, mut slow, mut resident) = (0.0, 0, 0.0_f64);
    for _ in 0..ROUNDS {
        without.push(watch(&localnet.nodes, window).await?);
        let crowd = Crowd::gather(listened).await?;
        let read = crowd.read.load(Ordering::Relaxed);
        with.push(watch(&localnet.nodes, window).await?);
        bytes += (crowd.read.load(Ordering::Relaxed) - read) as f64;
        resident = resident.max(Usage::of(localnet.nodes[0].id())?.resident_mb);
        slow += crowd.leave().await;
    }
    sending.abort();
    let interval = |changes: &[Change]| {
        let seconds: f64 = changes.iter().map(|it| it.seconds).sum();
        seconds * 1000.0 / changes.iter().map(|it| it.heights).sum::<f64>()
    };
    let worst = |changes: &[Change]| {
        changes.iter().map(|it| it.decide.quantile_ms(0.99)).fold(0.0, f64::max)
    };
    let (quiet, busy) = (interval(&without), interval(&with));
    let rate = bytes / 1e6 / with.iter().map(|it| it.seconds).sum::<f64>();
    let told = slow as f64 / ROUNDS as f64;
    Ok(vec![quiet, busy, busy / quiet, worst(&without), worst(&with), rate, told, resident])
}

/// Sends transactions at an even pace, for ever.
async fn send(server: SocketAddr) {
    let http = Http::new(server);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE as u32);
    for number in 0.. {
        ticks.tick().await;
        let params = json!({"tx": BASE64.encode(transaction(number))});
        let request = json!({"id": 1, "method": "broadcast_tx_async", "params": params});
        // One that is lost is no matter.
        drop(http.post(request.to_string()).await);
    }
}

/// Clients that listen.
struct Crowd {
    readers: JoinSet<()>,
    deaf: Vec<TcpStream>,
    /// Bytes that the readers have read.
    read: Arc<AtomicU64>,
}

impl Crowd {
    async fn gather(server: SocketAddr) -> anyhow::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut crowd = Self { readers: JoinSet::new(), deaf: Vec::new(), read };
        for number in 0..CLIENTS {
            let is_deaf = number % DEAF_EVERY == 0;
            let mut stream = subscribe(server, is_deaf).await?;
            if is_deaf {
                crowd.deaf.push(stream);
                continue;
            }
            let read = Arc::clone(&crowd.read);
            crowd.readers.spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    read.fetch_add(count as u64, Ordering::Relaxed);
                }
            });
        }
        Ok(crowd)
    }

    /// All go; returns how many of those that did not read were cut, or told why they hear no more.
    async fn leave(mut self) -> usize {
        self.readers.abort_all();
        let mut slow = 0;
        for stream in &mut self.deaf {
            let last = tokio::time::timeout(LAST_WORDS_WITHIN, last_words(stream)).await;
            slow += usize::from(last.unwrap_or(false));
        }
        slow
    }
}

/// Opens a websocket and subscribes; answers are not waited for by whoever does not read.
async fn subscribe(server: SocketAddr, is_deaf: bool) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if is_deaf {
        // So that what it leaves unread is soon more than the systems hold.
        socket.set_recv_buffer_size(4_096)?;
    }
    let mut stream = socket.connect(server).await.context("a websocket")?;
    let head = format!(
        "GET /websocket HTTP/1.1\r\nhost: {server}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = vec![0; 1024];
    let count = stream.read(&mut answer).await?;
    ensure!(answer[..count].starts_with(b"HTTP/1.1 101"), "it became no websocket");
    for (id, query) in QUERIES.iter().enumerate() {
        let params = json!({"query": query});
        let request = json!({"id": id, "method": "subscribe", "params": params}).to_string();
        // A text frame of up to 125 bytes, masked with zeros.
        let length = u8::try_from(request.len()).context("a short request")? | 0x80;
        let frame = [&[0x81, length, 0, 0, 0, 0], request.as_bytes()].concat();
        stream.write_all(&frame).await?;
    }
    Ok(stream)
}

/// Reads at last: whether the connection ends, or the reason stands in what comes.
async fn last_words(stream: &mut TcpStream) -> bool {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return true,
            Ok(count) => kept.extend_from_slice(&buffer[..count]),
        }
        if String::from_utf8_lossy(&kept).contains(REASON) {
            return true;
        }
        let end = kept.len().saturating_sub(LAST_BYTES);
        kept.drain(..end);
    }
}
