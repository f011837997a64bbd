//! Messages between two nodes of ours.

use bytes::Bytes;
use p2p::{Event, Transport};
use types::Channel;

use crate::kit::{Node, config, dialing, pair, until};

const BOTH: [Transport; 2] = [Transport::Quic, Transport::Tcp];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_channel_carries_messages_both_ways_on_both_transports() {
    for transport in BOTH {
        let (mut one, mut two, two_at_one, one_at_two) = pair(transport).await;
        for channel in Channel::ALL {
            let message = Bytes::from(vec![channel.number(); 100]);
            assert!(one.handle.send(two_at_one, channel, message.clone()));
            assert_eq!(two.messages(1).await, [(channel, message.clone())]);
            two.handle.broadcast(channel, &message);
            assert_eq!(one.messages(1).await, [(channel, message)]);
        }
        let facts = one.handle.peers().remove(0);
        assert_eq!(facts.peer, two_at_one);
        assert_eq!(facts.network_id, two.id);
        assert_eq!(facts.hello.expect("it is of our kind").moniker, "tester");
        assert!(!facts.outbound && two.handle.peers()[0].outbound);
        for traffic in facts.traffic {
            assert_eq!((traffic.bytes_in, traffic.messages_in), (100, 1));
            assert_eq!((traffic.bytes_out, traffic.messages_out), (100, 1));
        }
        assert_eq!(two.handle.peers()[0].peer, one_at_two);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_of_five_mebibytes_arrives_whole() {
    for transport in BOTH {
        let (one, mut two, two_at_one, _) = pair(transport).await;
        let block: Vec<u8> = (0..5 * 1024 * 1024_u32).map(|it| (it % 251) as u8).collect();
        let block = Bytes::from(block);
        assert!(one.handle.send(two_at_one, Channel::BlockSync, block.clone()));
        let received = two.messages(1).await;
        assert!(received == [(Channel::BlockSync, block)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_class_keep_their_order() {
    let (one, mut two, two_at_one, _) = pair(Transport::Quic).await;
    let sent: Vec<_> = (0..2000_u32)
        .map(|it| {
            let channel = if it % 3 == 0 { Channel::State } else { Channel::Vote };
            (channel, Bytes::copy_from_slice(&it.to_be_bytes()))
        })
        .collect();
    for (channel, message) in &sent {
        assert!(one.handle.send(two_at_one, *channel, message.clone()));
    }
    assert_eq!(two.messages(sent.len()).await, sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_not_stuck_behind_megabytes_of_transactions() {
    for transport in BOTH {
        let (one, mut two, two_at_one, _) = pair(transport).await;
        let transactions = Bytes::from(vec![1; 100_000]);
        let mut queued = 0;
        while one.handle.send(two_at_one, Channel::Mempool, transactions.clone()) {
            queued += 1;
        }
        assert!(one.handle.send(two_at_one, Channel::Vote, Bytes::from_static(b"vote")));
        let received = two.messages(queued + 1).await;
        let place = received.iter().position(|(channel, _)| *channel == Channel::Vote);
        let place = place.expect("the vote arrives");
        assert!(place < queued / 2, "the vote came after {place} of {queued} transactions");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queues_drop_and_count_and_never_block() {
    let (one, two, two_at_one, _) = pair(Transport::Tcp).await;
    // The second node does not take its events, so it soon stops reading.
    let transactions = Bytes::from(vec![1; 1_000_000]);
    let refused =
        (0..3000).filter(|_| !one.handle.send(two_at_one, Channel::Mempool, transactions.clone()));
    let refused = refused.count() as u64;
    assert!(0 < refused);
    assert_eq!(one.handle.peers()[0].dropped, refused);
    drop(two);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_dial_each_other_at_once_keep_one_connection() {
    for transport in BOTH {
        // Ports are found out first, since each must know the other's.
        let (one, two) = (Node::start(1, config()), Node::start(2, config()));
        let (at_one, at_two) = (one.address(transport).await, two.address(transport).await);
        one.handle.shutdown().await;
        two.handle.shutdown().await;
        let listening = |own: &str, peer: &String| p2p::Config {
            listen: vec![own.split("/p2p/").next().expect("a first part").to_owned()],
            ..dialing(std::slice::from_ref(peer))
        };
        let mut one = Node::start_again(1, listening(&at_one, &at_two)).await;
        let mut two = Node::start_again(2, listening(&at_two, &at_one)).await;
        until("one connection, seen alike by both", || {
            let (left, right) = (one.handle.peers(), two.handle.peers());
            left.len() == 1 && right.len() == 1 && left[0].outbound != right[0].outbound
        })
        .await;
        // A connection that loses its messages with it is not the one that stays.
        let mut answered = false;
        while !answered {
            one.handle.broadcast(Channel::Vote, &Bytes::from_static(b"vote"));
            answered = matches!(two.next().await, Event::Messages { .. });
        }
        one.up().await;
    }
}
