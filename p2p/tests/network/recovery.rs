//! Peers that go and come back, and peers that are found.

use bytes::Bytes;
use p2p::{Config, Event, Transport};
use types::Channel;

use crate::kit::{Node, config, dialing, key, local, log, pair, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persistent_peer_is_found_again_after_its_restart() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let first = Node::start(51, config());
        let address = first.address(transport).await;
        let mut other = Node::start(52, dialing(std::slice::from_ref(&address)));
        let (before, _) = other.up().await;
        first.handle.shutdown().await;
        let (gone, _) = other.down().await;
        assert_eq!(gone, before);

        let place = address.split("/p2p/").next().expect("a first part").to_owned();
        let mut again = Node::start_again(51, Config { listen: vec![place], ..config() }).await;
        let (after, facts) = other.up().await;
        assert!(before < after && facts.network_id == again.id);
        assert!(other.handle.send(after, Channel::Vote, Bytes::from_static(b"vote")));
        assert!(!other.handle.send(before, Channel::Vote, Bytes::from_static(b"vote")));
        again.messages(1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_dies_without_a_word_is_noticed() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let mut node = Node::start(53, config());
        let address = node.address(transport).await;
        let runtime = tokio::runtime::Runtime::new().expect("a second runtime");
        let started = p2p::start(dialing(&[address]), &key(54), local("chain-a"), runtime.handle());
        let (_handle, _events) = started.expect("the network starts");
        let (peer, _) = node.up().await;
        runtime.shutdown_background();
        assert_eq!(node.down().await.0, peer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnected_persistent_peer_comes_back() {
    let (mut one, mut two, two_at_one, one_at_two) = pair(Transport::Quic).await;
    one.handle.disconnect(two_at_one, "a test says so");
    assert_eq!(one.down().await, (two_at_one, "a test says so".to_owned()));
    assert_eq!(two.down().await.0, one_at_two);
    assert!(two_at_one < one.up().await.0);
    assert!(one_at_two < two.up().await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_of_peers_are_found_and_kept_in_the_address_book() {
    let mut hub = Node::start(55, config());
    let address = hub.address(Transport::Quic).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("addrbook.json");
    let mut third = Node::start(56, dialing(std::slice::from_ref(&address)));
    hub.up().await;
    third.up().await;

    let mut seeker = Node::start(
        57,
        Config { bootstrap_peers: vec![address], address_book: Some(path.clone()), ..config() },
    );
    let mut found = vec![seeker.up().await.1.network_id, seeker.up().await.1.network_id];
    found.sort();
    let mut expected = vec![hub.id.clone(), third.id.clone()];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(third.up().await.1.network_id, seeker.id);

    seeker.handle.shutdown().await;
    let book = std::fs::read_to_string(&path).expect("the book is written at the end");
    assert!(book.contains(&third.id) && book.contains(&hub.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_tells_the_peers_and_ends_the_events() {
    let (mut one, mut two, ..) = pair(Transport::Quic).await;
    one.handle.shutdown().await;
    assert_eq!(one.down().await.1, "this node is stopping");
    assert!(one.events.recv().await.is_none());
    assert!(!matches!(two.next().await, Event::Up { .. }));
    until("the end in the log", || log().has(&["the network ends"])).await;
}
