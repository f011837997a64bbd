//! Peers that speak only the reference's protocols.

use bytes::Bytes;
use futures::AsyncWriteExt;
use libp2p::PeerId;
use p2p::{Config, Event, Transport};
use types::Channel;

use crate::kit::{Node, config, dialing, log, until};
use crate::raw::{RawPeer, protocol, read_next};

fn id_of(node: &Node) -> PeerId {
    node.id.parse().expect("a node's id is a peer id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_with_one_stream_for_each_message_is_a_full_peer() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let mut node = Node::start(1, config());
        let mut raw = RawPeer::start(Some(node.address(transport).await)).await;
        let mut votes = raw.control.accept(protocol(0x22)).expect("nothing else accepts it");

        assert!(raw.write(id_of(&node), 0x22, b"\x04vote").await);
        let (peer, facts) = node.up().await;
        assert_eq!((facts.network_id.clone(), facts.hello), (raw.id.to_string(), None));
        assert_eq!(node.messages(1).await, [(Channel::Vote, Bytes::from_static(b"vote"))]);
        assert!(raw.write(id_of(&node), 0x30, b"\x02tx").await);
        assert_eq!(node.messages(1).await, [(Channel::Mempool, Bytes::from_static(b"tx"))]);

        for message in [&b"first"[..], b"second"] {
            assert!(node.handle.send(peer, Channel::Vote, Bytes::from_static(message)));
            let expected = [&[message.len() as u8], message].concat();
            assert_eq!(read_next(&mut votes).await, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_stream_may_live_long_and_carry_many_messages() {
    let mut node = Node::start(1, config());
    let mut raw = RawPeer::start(Some(node.address(Transport::Tcp).await)).await;
    let stream = raw.control.open_stream(id_of(&node), protocol(0x20)).await;
    let mut stream = stream.expect("the node accepts the channel");
    for number in 0..50 {
        stream.write_all(&[1, number]).await.expect("the node reads");
        stream.flush().await.expect("the node reads");
        let expected = (Channel::State, Bytes::copy_from_slice(&[number]));
        assert_eq!(node.messages(1).await, [expected]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_hello_can_be_dialed() {
    let raw = RawPeer::start(None).await;
    let mut node = Node::start(1, dialing(&[format!("{}/p2p/{}", raw.address, raw.id)]));
    let (_, facts) = node.up().await;
    assert_eq!((facts.hello, facts.outbound), (None, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_hello_is_refused_where_hello_is_required() {
    let node = Node::start(1, Config { require_hello: true, ..config() });
    let mut raw = RawPeer::start(Some(node.address(Transport::Tcp).await)).await;
    raw.write(id_of(&node), 0x22, b"\x04vote").await;
    let id = raw.id.to_string();
    until("a refusal in the log", || log().has(&[&id, "says no hello"])).await;
    assert_eq!(node.handle.peer_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_dropped_after_the_handshake_time() {
    let node = Node::start(1, Config { handshake_timeout_ms: 200, ..config() });
    let raw = RawPeer::start(Some(node.address(Transport::Tcp).await)).await;
    let id = raw.id.to_string();
    until("the silent peer to be dropped", || log().has(&[&id, "did not say who it is"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_length_is_an_offence_and_two_are_a_ban() {
    let mut node = Node::start(1, config());
    let mut raw = RawPeer::start(Some(node.address(Transport::Tcp).await)).await;
    let mut other = Node::start(2, dialing(&[node.address(Transport::Quic).await]));
    node.up().await;
    other.up().await;

    assert!(raw.write(id_of(&node), 0x22, b"\x04vote").await);
    let (peer, _) = node.up().await;
    // 4 MiB of vote are announced, of which nothing comes.
    raw.write(id_of(&node), 0x22, b"\x80\x80\x80\x02").await;
    until("the offence to count", || {
        node.handle.peers().iter().any(|it| it.peer == peer && it.score == 50)
    })
    .await;
    raw.write(id_of(&node), 0x22, b"\x80\x80\x80\x02").await;
    let (gone, reason) = node.down().await;
    assert_eq!(gone, peer);
    assert!(reason.contains("oversized"), "{reason}");

    // The node goes on with its other peer.
    other.handle.broadcast(Channel::Vote, &Bytes::from_static(b"vote"));
    assert!(matches!(node.next().await, Event::Messages { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_than_allowed_do_not_stop_the_others() {
    let mut node = Node::start(1, config());
    let mut raw = RawPeer::start(Some(node.address(Transport::Tcp).await)).await;
    // Held open within a message, more than a session serves.
    let mut held = Vec::new();
    for _ in 0..300 {
        let Ok(mut stream) = raw.control.open_stream(id_of(&node), protocol(0x30)).await else {
            break;
        };
        if stream.write_all(b"\x09part").await.is_err() || stream.flush().await.is_err() {
            break;
        }
        held.push(stream);
    }
    assert!(100 < held.len());
    let mut other = Node::start(2, dialing(&[node.address(Transport::Tcp).await]));
    other.up().await;
    other.handle.broadcast(Channel::Vote, &Bytes::from_static(b"vote"));
    assert_eq!(node.messages(1).await, [(Channel::Vote, Bytes::from_static(b"vote"))]);
}
