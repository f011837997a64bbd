//! Nodes for the tests, with a deadline on every wait.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use p2p::{Config, Event, Handle, Local, PeerFacts, Transport, network_id};
use tokio::sync::mpsc;
use types::{ChainId, Channel, Hash, PeerId, PrivateKey};
use zeroize::Zeroizing;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// How often a condition is looked at again.
const POLL: Duration = Duration::from_millis(10);

/// A running node.
pub struct Node {
    pub handle: Handle,
    pub events: mpsc::Receiver<Event>,
    pub id: String,
}

/// The key that a seed gives.
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&Zeroizing::new([seed; 32]))
}

/// A node's facts on a chain.
pub fn local(chain: &str) -> Local {
    Local {
        chain_id: ChainId::new(chain).expect("a short name"),
        genesis_hash: Hash([7; 32]),
        block_protocol: 11,
        p2p_protocol: 8,
        moniker: "tester".to_owned(),
        version: "lockstep test".to_owned(),
    }
}

/// Listens on both transports at ports that the system chooses.
pub fn config() -> Config {
    Config {
        listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned(), "/ip4/127.0.0.1/tcp/0".to_owned()],
        ..Config::default()
    }
}

/// A config that dials these peers for ever.
pub fn dialing(peers: &[String]) -> Config {
    Config { persistent_peers: peers.to_vec(), ..config() }
}

impl Node {
    /// Starts a node of `chain` with the key of `seed`.
    pub fn start_on(chain: &str, seed: u8, config: Config) -> Self {
        log();
        let key = key(seed);
        let runtime = tokio::runtime::Handle::current();
        let (handle, events) =
            p2p::start(config, &key, local(chain), &runtime).expect("the network starts");
        Self { handle, events, id: network_id(&key) }
    }

    /// Starts a node of the usual chain.
    pub fn start(seed: u8, config: Config) -> Self {
        Self::start_on("chain-a", seed, config)
    }

    /// Starts a node where one was shut down; the system may need a moment to free its ports.
    pub async fn start_again(seed: u8, config: Config) -> Self {
        let key = key(seed);
        let runtime = tokio::runtime::Handle::current();
        let mut started = None;
        until("the ports to be free again", || {
            started = p2p::start(config.clone(), &key, local("chain-a"), &runtime).ok();
            started.is_some()
        })
        .await;
        let (handle, events) = started.expect("it was waited for");
        Self { handle, events, id: network_id(&key) }
    }

    /// Where the node listens with a transport.
    pub async fn address(&self, transport: Transport) -> String {
        let part = match transport {
            Transport::Quic => "/quic-v1",
            Transport::Tcp => "/tcp/",
        };
        let mut found = None;
        until("a listening address", || {
            found = self.handle.listen_addresses().into_iter().find(|it| it.contains(part));
            found.is_some()
        })
        .await;
        found.expect("it was waited for")
    }

    /// The next event.
    pub async fn next(&mut self) -> Event {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        event.expect("an event comes in time").expect("the network runs")
    }

    /// The next peer to come up; what else happens is passed over.
    pub async fn up(&mut self) -> (PeerId, Box<PeerFacts>) {
        loop {
            if let Event::Up { peer, facts } = self.next().await {
                return (peer, facts);
            }
        }
    }

    /// The next peer to go down, and why.
    pub async fn down(&mut self) -> (PeerId, String) {
        loop {
            if let Event::Down { peer, reason } = self.next().await {
                return (peer, reason);
            }
        }
    }

    /// The next `count` messages.
    pub async fn messages(&mut self, count: usize) -> Vec<(Channel, Bytes)> {
        let mut received = Vec::new();
        while received.len() < count {
            if let Event::Messages { messages, .. } = self.next().await {
                received.extend(messages);
            }
        }
        received
    }
}

/// Two connected nodes: the second dialed the first.
pub async fn pair(transport: Transport) -> (Node, Node, PeerId, PeerId) {
    let mut one = Node::start(1, config());
    let address = one.address(transport).await;
    let mut two = Node::start(2, dialing(&[address]));
    let (two_at_one, _) = one.up().await;
    let (one_at_two, _) = two.up().await;
    (one, two, two_at_one, one_at_two)
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Everything that is logged, by all nodes of all tests of this program.
pub fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    })
}

/// A log in memory.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Whether some line holds all of these.
    pub fn has(&self, parts: &[&str]) -> bool {
        let bytes = self.0.lock().expect("no test panics while it logs").clone();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics while it logs").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
