//! Who is not let in, and what cannot be started.

use std::time::{Duration, Instant};

use p2p::{Config, StartError, Transport};
use tokio::io::AsyncWriteExt;
use types::Offence;

use crate::kit::{Node, config, dialing, key, local, log, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_two_chains_refuse_each_other_and_both_say_why() {
    let mut here = Node::start_on("chain-here", 31, config());
    let address = here.address(Transport::Quic).await;
    let there = Node::start_on("chain-there", 32, dialing(&[address]));
    let ours = "chain is `chain-there`, expected `chain-here`";
    until("the reason in the log of one", || log().has(&[&there.id, ours])).await;
    let theirs = "chain is `chain-here`, expected `chain-there`";
    until("the reason in the log of the other", || log().has(&[&here.id, theirs])).await;
    assert_eq!((here.handle.peer_count(), there.handle.peer_count()), (0, 0));
    assert!(here.events.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_the_references_first_transport_is_named() {
    let node = Node::start(46, config());
    let address = node.address(Transport::Tcp).await;
    let port: u16 = address.split('/').nth(4).and_then(|it| it.parse().ok()).expect("a TCP port");
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    // Its first message: an ephemeral key of 32 bytes.
    let first = [&[0x22, 0x0a, 0x20][..], &[7; 32]].concat();
    stream.write_all(&first).await.expect("it reads");
    until("the reason in the log", || log().has(&["does not speak libp2p"])).await;
    assert_eq!(node.handle.peer_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advisory_39_a_banned_peer_stays_out_until_its_ban_ends() {
    let mut strict = Node::start(33, Config { ban_seconds: 3, ..config() });
    let mut rude = Node::start(34, dialing(&[strict.address(Transport::Tcp).await]));
    let (peer, _) = strict.up().await;
    rude.up().await;
    let banned = Instant::now();
    strict.handle.penalise(peer, Offence::BadSignature, "a test says so");
    assert!(strict.events.try_recv().is_err());
    strict.handle.penalise(peer, Offence::BadSignature, "a test says so again");
    let (gone, reason) = strict.down().await;
    assert_eq!(gone, peer);
    assert!(reason.contains("bad signature: a test says so again"), "{reason}");
    rude.down().await;
    until("an attempt that the ban stops", || log().has(&["the peer is banned"])).await;
    let (again, facts) = strict.up().await;
    assert!(again != peer && facts.network_id == rude.id && facts.score == 0);
    assert!(Duration::from_secs(3) <= banned.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_peers_on_the_allow_list_are_let_in() {
    let friend = p2p::network_id(&key(35));
    let mut closed = Node::start(36, Config { allow_list: vec![friend.clone()], ..config() });
    let address = closed.address(Transport::Quic).await;
    let stranger = Node::start(37, dialing(std::slice::from_ref(&address)));
    until("the stranger's refusal", || log().has(&["not on the allow list"])).await;
    let _friend = Node::start(35, dialing(&[address]));
    let (_, facts) = closed.up().await;
    assert_eq!(facts.network_id, friend);
    assert_eq!(closed.handle.peer_count(), 1);
    assert_eq!(stranger.handle.peer_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_inbound_peers_than_allowed_are_refused() {
    let mut small = Node::start(38, Config { max_inbound_peers: 1, ..config() });
    let address = small.address(Transport::Tcp).await;
    let _first = Node::start(39, dialing(std::slice::from_ref(&address)));
    small.up().await;
    let second = Node::start(40, dialing(&[address]));
    until("the refusal", || log().has(&["there are 1 inbound peers already"])).await;
    assert_eq!((small.handle.peer_count(), second.handle.peer_count()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_and_a_wrong_address_are_named() {
    let first = Node::start(41, config());
    for transport in [Transport::Quic, Transport::Tcp] {
        let taken = first.address(transport).await;
        let taken = taken.split("/p2p/").next().expect("a first part").to_owned();
        let error = fail_to_start(Config { listen: vec![taken.clone()], ..config() });
        let text = error.to_string();
        assert!(matches!(error, StartError::Listen { .. }), "{text}");
        assert!(text.starts_with(&format!("[p2p] listen: cannot listen at {taken}")), "{text}");
    }
    let error = fail_to_start(dialing(&["nonsense".to_owned()]));
    assert!(error.to_string().starts_with("[p2p] persistent_peers: `nonsense`"));
}

fn fail_to_start(config: Config) -> StartError {
    let runtime = tokio::runtime::Handle::current();
    let started = p2p::start(config, &key(42), local("chain-a"), &runtime);
    started.expect_err("it must not start")
}
