//! What a message costs over QUIC and over TCP, between two nodes in one program on loopback.
//!
//! `cargo run --release -p p2p --example transports`. CPU time is of both nodes together.

use std::time::{Duration, Instant};

use bytes::Bytes;
use p2p::{Config, Event, Handle, Local, Transport};
use tokio::sync::mpsc;
use types::{ChainId, Channel, Hash, PeerId, PrivateKey};
use zeroize::Zeroizing;

const SMALL_BYTES: usize = 200;
const SMALL_COUNT: usize = 100_000;
const LARGE_BYTES: usize = 1024 * 1024;
const LARGE_COUNT: usize = 300;
const ROUND_TRIPS: usize = 10_000;
/// Pause between messages that come alone, as votes do.
const LONE_PAUSE: Duration = Duration::from_millis(1);
const LONE_COUNT: usize = 2000;

struct Node {
    handle: Handle,
    events: mpsc::Receiver<Event>,
    peer: PeerId,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let (mut one, mut two) = connect(transport).await;
        for (label, channel, bytes, count) in [
            ("small", Channel::Vote, SMALL_BYTES, SMALL_COUNT),
            ("1 MiB", Channel::BlockSync, LARGE_BYTES, LARGE_COUNT),
        ] {
            let meter = Meter::start();
            stream(&one, &mut two, channel, bytes, count).await;
            meter.report(transport, label, count);
        }
        let meter = Meter::start();
        for _ in 0..ROUND_TRIPS {
            bounce(&mut one, &mut two).await;
        }
        meter.report(transport, "round trip", ROUND_TRIPS);
        let meter = Meter::start();
        for _ in 0..LONE_COUNT {
            bounce(&mut one, &mut two).await;
            tokio::time::sleep(LONE_PAUSE).await;
        }
        meter.report(transport, "lone round trip", LONE_COUNT);
    }
}

/// Sends as fast as the queue takes it, until all has arrived.
async fn stream(from: &Node, to: &mut Node, channel: Channel, bytes: usize, count: usize) {
    let message = Bytes::from(vec![7; bytes]);
    let (handle, peer) = (from.handle.clone(), from.peer);
    let sending = tokio::spawn(async move {
        for _ in 0..count {
            while !handle.send(peer, channel, message.clone()) {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut received = 0;
    while received < count {
        received += to.take().await;
    }
    sending.await.expect("the sender does not panic");
}

/// One message there and one back.
async fn bounce(one: &mut Node, two: &mut Node) {
    let message = Bytes::from_static(&[7; SMALL_BYTES]);
    assert!(one.handle.send(one.peer, Channel::Vote, message.clone()));
    two.take().await;
    assert!(two.handle.send(two.peer, Channel::Vote, message));
    one.take().await;
}

impl Node {
    /// Waits for messages and counts them.
    async fn take(&mut self) -> usize {
        match self.events.recv().await {
            Some(Event::Messages { messages, .. }) => messages.len(),
            other => panic!("expected messages, not {other:?}"),
        }
    }
}

async fn connect(transport: Transport) -> (Node, Node) {
    let listen = match transport {
        Transport::Quic => "/ip4/127.0.0.1/udp/0/quic-v1",
        Transport::Tcp => "/ip4/127.0.0.1/tcp/0",
    };
    let base = Config {
        listen: vec![listen.to_owned()],
        send_bytes_per_second: u64::MAX,
        recv_bytes_per_second: u64::MAX,
        ..Config::default()
    };
    let (first, mut first_events) = start(1, base.clone());
    let address = loop {
        match first.listen_addresses().pop() {
            Some(address) => break address,
            None => tokio::task::yield_now().await,
        }
    };
    let (second, mut second_events) = start(2, Config { persistent_peers: vec![address], ..base });
    let (second_peer, first_peer) = (up(&mut first_events).await, up(&mut second_events).await);
    (
        Node { handle: first, events: first_events, peer: second_peer },
        Node { handle: second, events: second_events, peer: first_peer },
    )
}

fn start(seed: u8, config: Config) -> (Handle, mpsc::Receiver<Event>) {
    let key = PrivateKey::from_seed(&Zeroizing::new([seed; 32]));
    let local = Local {
        chain_id: ChainId::new("bench").expect("a short name"),
        genesis_hash: Hash([0; 32]),
        block_protocol: 11,
        p2p_protocol: 8,
        moniker: String::new(),
        version: String::new(),
    };
    p2p::start(config, &key, local, &tokio::runtime::Handle::current()).expect("it starts")
}

async fn up(events: &mut mpsc::Receiver<Event>) -> PeerId {
    match events.recv().await {
        Some(Event::Up { peer, .. }) => peer,
        other => panic!("expected a peer, not {other:?}"),
    }
}

/// Wall and CPU time since a moment.
struct Meter {
    start: Instant,
    cpu: Duration,
}

impl Meter {
    fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_time() }
    }

    fn report(self, transport: Transport, label: &str, count: usize) {
        let (wall, cpu) = (self.start.elapsed(), cpu_time() - self.cpu);
        let each = |it: Duration| it.as_secs_f64() * 1e6 / count as f64;
        println!(
            "{transport:?} {label}: {count} in {wall:.2?}, CPU {cpu:.2?}; \
             each {:.2} us, CPU {:.2} us",
            each(wall),
            each(cpu),
        );
    }
}

/// CPU time of this program so far; Linux counts it in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    let fields = stat.rsplit(')').next().expect("the name ends").split_whitespace();
    let ticks: u64 =
        fields.skip(11).take(2).map(|it| it.parse::<u64>().expect("ticks are a number")).sum();
    Duration::from_millis(ticks * 10)
}
