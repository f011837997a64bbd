//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

use std::collections::BTreeSet;
use std::net::TcpStream;

use p2p::{Config, Event, Handle, Transport};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::kit::{Node, config, dialing, key, local, log, until};
use crate::raw::RawPeer;

/// A peer was not compared with the identity that was dialed, so anybody in between could be it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advisory_05_who_answers_with_another_key_is_no_peer() {
    let meant = p2p::network_id(&key(90));
    for (seed, transport) in [(91, Transport::Quic), (92, Transport::Tcp)] {
        let imposter = Node::start(seed, config());
        let address = imposter.address(transport).await;
        let place = address.split("/p2p/").next().expect("a first part");
        let dialer = Node::start(seed + 5, dialing(&[format!("{place}/p2p/{meant}")]));
        let named = |line: &[&str]| log().has(line);
        until("the dialer to see it", || named(&["dialing failed", &meant])).await;
        assert_eq!((dialer.handle.peer_count(), imposter.handle.peer_count()), (0, 0));
        // By its own name the same node is a peer, so it was the name that failed.
        let honest = Node::start(seed + 10, dialing(&[address]));
        until("the honest dialer", || honest.handle.peer_count() == 1).await;
        assert_eq!(dialer.handle.peer_count(), 0);
    }
}

/// The port at which a node listens with TCP.
fn port_of(address: &str) -> u16 {
    let port = address.split("/tcp/").nth(1).and_then(|rest| rest.split('/').next());
    port.and_then(|port| port.parse().ok()).expect("a multiaddress of TCP")
}

/// Whether the other side has closed the connection.
fn is_closed(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// CVE-2020-5303: anybody could open connections without end, each half a megabyte of memory. Who
/// has not said who it is costs a place of few, and a node that does still comes in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advisory_09_connections_that_say_nothing_are_few_and_soon_gone() {
    let node = Node::start(80, config());
    let address = node.address(Transport::Tcp).await;
    let port = port_of(&address);
    let open = |_| {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
        stream.set_nonblocking(true).expect("a socket can be that");
        stream
    };
    let silent: Vec<TcpStream> = (0..300).map(open).collect();
    let open_now = || silent.iter().filter(|it| !is_closed(it)).count();
    until("most of them to be refused", || open_now() <= 64).await;
    let honest = Node::start(81, dialing(&[address]));
    until("an honest node to come in", || honest.handle.peer_count() == 1).await;
    until("all of them to be gone", || open_now() == 0).await;
    assert_eq!(node.handle.peer_count(), 1);
}

/// A node on a runtime of its own, so that its tasks can be counted.
struct Counted {
    handle: Handle,
    events: mpsc::Receiver<Event>,
    runtime: Runtime,
}

impl Counted {
    fn start(seed: u8) -> Self {
        log();
        let runtime = Runtime::new().expect("a second runtime");
        let config = Config { handshake_timeout_ms: 500, ..config() };
        let started = p2p::start(config, &key(seed), local("chain-a"), runtime.handle());
        let (handle, events) = started.expect("the network starts");
        Self { handle, events, runtime }
    }

    async fn address(&self, part: &str) -> String {
        let mut found = None;
        until("a listening address", || {
            let addresses = self.handle.listen_addresses();
            found = addresses.into_iter().find(|it| it.contains(part));
            found.is_some()
        })
        .await;
        found.expect("it was waited for")
    }

    fn tasks(&self) -> usize {
        self.runtime.handle().metrics().num_alive_tasks()
    }

    /// How many peers have come up and gone since the last call.
    fn flaps(&mut self) -> (usize, usize) {
        let (mut up, mut down) = (0, 0);
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Up { .. } => up += 1,
                Event::Down { .. } => down += 1,
                Event::Messages { .. } => {}
            }
        }
        (up, down)
    }

    fn end(self) {
        self.runtime.shutdown_background();
    }
}

/// CVE-2020-5303: the number of a connection that died before it became a peer was never free
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advisory_10_connections_that_are_cut_on_their_way_leave_nothing() {
    let mut node = Counted::start(70);
    let address = node.address("/tcp/").await;
    let port = port_of(&address);
    let quiet = node.tasks();
    for _ in 0..200 {
        // Gone before a word, and gone after half a word.
        drop(TcpStream::connect(("127.0.0.1", port)).expect("the node listens"));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
        let half = std::io::Write::write(&mut stream, b"\x13/multistream/1.");
        assert!(half.is_ok(), "the node reads");
    }
    // Gone after the keys were exchanged, and before hello.
    for _ in 0..20 {
        drop(RawPeer::start(Some(address.clone())).await);
    }
    until("all tasks of connections to end", || node.tasks() <= quiet).await;
    assert_eq!((node.handle.peer_count(), node.flaps()), (0, (0, 0)));
    node.end();
}

/// The routine that told a peer of evidence went on after the peer had gone. Peers that come and go
/// leave no task behind, and each that came up goes down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advisory_15_peers_that_come_and_go_leave_no_task() {
    let mut node = Counted::start(60);
    let places = [node.address("/quic-v1").await, node.address("/tcp/").await];
    let quiet = node.tasks();
    for turn in 0..12 {
        let place = places[turn % 2].clone();
        let peer = Node::start(61 + (turn % 3) as u8, dialing(&[place]));
        until("a peer to be up", || peer.handle.peer_count() == 1).await;
        if turn % 4 < 2 {
            peer.handle.shutdown().await;
        }
        // Else it is gone without a word: its tasks end with its handles.
    }
    until("all peers to be down", || node.handle.peer_count() == 0).await;
    until("all tasks of peers to end", || node.tasks() <= quiet).await;
    let (up, down) = node.flaps();
    assert_eq!((up, down), (12, 12));
    node.end();
}

/// The limit of peers that we dial was not asked for those whom a seed had named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advisory_59_no_more_peers_are_dialed_than_allowed_whoever_named_them() {
    let hub = Node::start(20, config());
    let address = hub.address(Transport::Tcp).await;
    let known: Vec<Node> =
        (21..27).map(|seed| Node::start(seed, dialing(std::slice::from_ref(&address)))).collect();
    until("the hub to know them all", || hub.handle.peer_count() == known.len()).await;
    let limited = Config {
        bootstrap_peers: vec![address],
        max_outbound_peers: 2,
        max_inbound_peers: 0,
        ..config()
    };
    let seeker = Node::start(29, limited);
    let mut met = BTreeSet::new();
    until("four of them to be met", || {
        let peers = seeker.handle.peers();
        assert!(peers.len() <= 2, "{} peers were dialed", peers.len());
        met.extend(peers.iter().map(|it| it.network_id.clone()));
        // Makes room for the next, once both places are taken.
        if let [_, last] = &peers[..] {
            seeker.handle.disconnect(last.peer, "a test wants to meet another");
        }
        4 <= met.len()
    })
    .await;
}
