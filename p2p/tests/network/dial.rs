//! Peers that an operator names while the node runs.

use p2p::{Config, Terms, Transport};

use crate::kit::{DEADLINE, Node, config, log, until};

const ONCE: Terms = Terms { persistent: false, unconditional: false, private: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_peer_is_dialed_at_once_and_not_twice() {
    let (mut one, mut two) = (Node::start(60, config()), Node::start(61, config()));
    let address = one.address(Transport::Quic).await;
    two.handle.dial(&[address.clone(), address.clone()], ONCE).expect("a good address");
    let (_, facts) = two.up().await;
    assert!(facts.outbound && facts.network_id == one.id);
    one.up().await;
    // Who is connected already, and we ourselves, are not dialed.
    two.handle.dial(&[address, two.address(Transport::Tcp).await], ONCE).expect("good addresses");
    assert_eq!(two.handle.peer_count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persistent_peer_is_dialed_again_and_past_the_limits() {
    let mut far = Node::start(62, config());
    let full = Config { max_outbound_peers: 0, exchange: false, ..config() };
    let mut here = Node::start(63, full);
    let address = far.address(Transport::Tcp).await;
    here.handle.dial(std::slice::from_ref(&address), ONCE).expect("a good address");
    until("the limit to hold", || log().has(&["there are 0 outbound peers already"])).await;
    let terms = Terms { persistent: true, ..ONCE };
    here.handle.dial(&[address], terms).expect("a good address");
    far.up().await;
    let (peer, _) = here.up().await;
    here.handle.disconnect(peer, "a test says so");
    here.down().await;
    let again = tokio::time::timeout(DEADLINE, here.up()).await;
    assert!(again.expect("it is dialed again").1.network_id == far.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_not_told_of_a_private_peer() {
    // The second knows two peers by name; the third asks it whom it knows, and dials them.
    let silent = || Config { exchange: false, ..config() };
    let (secret, open) = (Node::start(64, silent()), Node::start(65, silent()));
    let mut second = Node::start(66, config());
    let terms = Terms { private: true, ..ONCE };
    let hidden = secret.address(Transport::Quic).await;
    second.handle.dial(&[hidden], terms).expect("a good address");
    second.up().await;
    second.handle.dial(&[open.address(Transport::Quic).await], ONCE).expect("a good address");
    second.up().await;
    let mut third = Node::start(67, config());
    third.handle.dial(&[second.address(Transport::Quic).await], ONCE).expect("a good address");
    third.up().await;
    let (_, facts) = third.up().await;
    assert_eq!(facts.network_id, open.id, "the one that it may know of");
    assert!(third.handle.peers().iter().all(|it| it.network_id != secret.id));
}
