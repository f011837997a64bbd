//! What the rest of the node holds of the network: a handle to send by, and events to receive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc;
use types::{Address, Channel, Offence, PeerId};

use crate::address::{NetworkId, PeerAddress};
use crate::channels::channel_index;
use crate::config::Transport;
use crate::dial::Terms;
use crate::hello::Hello;
use crate::outbox::Outbox;

/// How long [`Handle::shutdown`] waits for the network to say goodbye.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_millis(1500);

/// What happens in the network. For one peer: `Up`, any number of `Messages`, `Down`.
#[derive(Debug)]
pub enum Event {
    /// A peer is connected, is of our chain, and can be sent to.
    Up {
        /// Its number; never that of another connection.
        peer: PeerId,
        /// Who and where it is.
        facts: Box<PeerFacts>,
    },
    /// A peer is gone.
    Down {
        /// Its number.
        peer: PeerId,
        /// Why, for the log.
        reason: String,
    },
    /// A peer's messages, in the order of their stream: as many as one read brought.
    Messages {
        /// Who sent them.
        peer: PeerId,
        /// Each within its channel's limit, and else unchecked.
        messages: Vec<(Channel, Bytes)>,
    },
}

/// What is known about a connected peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerFacts {
    /// Its number for the life of this connection.
    pub peer: PeerId,
    /// Its libp2p peer id, `12D3Koo…`.
    pub network_id: String,
    /// The reference's node id: the address of its key.
    pub node_id: Address,
    /// What it said about itself; none if it speaks only the reference's protocols.
    pub hello: Option<Hello>,
    /// Where it is, as a multiaddress.
    pub remote_address: String,
    /// Whether we went to it.
    pub outbound: bool,
    /// Since when it is connected.
    pub connected_since: SystemTime,
    /// What went each way, by channel number.
    pub traffic: Vec<ChannelTraffic>,
    /// Messages to it that were dropped since its queues were full.
    pub dropped: u64,
    /// Its offences, weighed and faded with time; at 100 it is cut and banned.
    pub score: u32,
}

/// What went over one channel to and from one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelTraffic {
    /// Which channel.
    pub channel: Channel,
    /// Bytes of messages from the peer.
    pub bytes_in: u64,
    /// Bytes of messages to the peer.
    pub bytes_out: u64,
    /// Messages from the peer.
    pub messages_in: u64,
    /// Messages to the peer.
    pub messages_out: u64,
}

/// Sends to peers and asks about them. Cheap to clone; usable from any thread; nothing but
/// [`Handle::shutdown`] waits.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) directory: Arc<Directory>,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// What a handle asks of the network's task.
#[derive(Debug)]
pub(crate) enum Command {
    Penalise { peer: PeerId, offence: Offence, reason: String },
    Disconnect { peer: PeerId, reason: String },
    Dial { peers: Vec<PeerAddress>, terms: Terms },
    Shutdown,
}

impl Handle {
    /// Queues a message for a peer. False if it was dropped: the peer is gone or its queue for
    /// this class is full. What must arrive is offered again by gossip.
    pub fn send(&self, peer: PeerId, channel: Channel, message: Bytes) -> bool {
        let connected = self.directory.read().get(&peer).cloned();
        connected.is_some_and(|it| it.outbox.push(channel, message))
    }

    /// Queues a message, encoded once, for every peer.
    pub fn broadcast(&self, channel: Channel, message: &Bytes) {
        for connected in self.directory.read().values() {
            connected.outbox.push(channel, message.clone());
        }
    }

    /// Holds an offence against a peer. At a score of 100 it is disconnected and banned.
    pub fn penalise(&self, peer: PeerId, offence: Offence, reason: impl Into<String>) {
        self.command(Command::Penalise { peer, offence, reason: reason.into() });
    }

    /// Disconnects a peer, which may come back.
    pub fn disconnect(&self, peer: PeerId, reason: impl Into<String>) {
        self.command(Command::Disconnect { peer, reason: reason.into() });
    }

    /// All connected peers, by number.
    pub fn peers(&self) -> Vec<PeerFacts> {
        self.directory.read().values().map(|it| it.facts()).collect()
    }

    /// How many peers are connected.
    pub fn peer_count(&self) -> usize {
        self.directory.read().len()
    }

    /// The multiaddresses at which we listen, with our peer id.
    pub fn listen_addresses(&self) -> Vec<String> {
        let addresses = self.directory.listen.read().unwrap_or_else(PoisonError::into_inner);
        addresses.clone()
    }

    /// Says goodbye to all peers and ends the network; waits until that is done, 1.5 s at most.
    pub async fn shutdown(&self) {
        let goodbye = async {
            // A full queue means the task is busy; waiting for room is part of the time allowed.
            if self.commands.send(Command::Shutdown).await.is_ok() {
                self.commands.closed().await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_TIME_MAX, goodbye).await.is_err() {
            tracing::warn!("the network did not end within {SHUTDOWN_TIME_MAX:?}");
        }
    }

    fn command(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            tracing::debug!(%error, "a command to the network is dropped");
        }
    }
}

/// The peers that are up, and where we listen: written by the network, read by handles.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    peers: RwLock<BTreeMap<PeerId, Arc<Connected>>>,
    listen: RwLock<Vec<String>>,
    /// Which transport an address without one means first.
    pub(crate) preferred: Transport,
    /// Peers that were named while the node runs, as far as that is kept.
    pub(crate) named: Mutex<BTreeSet<NetworkId>>,
}

type Peers = BTreeMap<PeerId, Arc<Connected>>;

impl Directory {
    pub(crate) fn new(preferred: Transport) -> Self {
        Self { preferred, ..Self::default() }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Peers> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, peer: PeerId) -> Option<Arc<Connected>> {
        self.read().get(&peer).cloned()
    }

    pub(crate) fn insert(&self, connected: Arc<Connected>) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.insert(connected.peer, connected);
    }

    pub(crate) fn remove(&self, peer: PeerId) {
        self.peers.write().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }

    pub(crate) fn set_listen_addresses(&self, addresses: Vec<String>) {
        *self.listen.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }
}

/// A peer that is up.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) peer: PeerId,
    pub(crate) network_id: String,
    pub(crate) node_id: Address,
    pub(crate) hello: Option<Hello>,
    pub(crate) remote_address: String,
    pub(crate) outbound: bool,
    pub(crate) since: SystemTime,
    pub(crate) outbox: Outbox,
    pub(crate) score: AtomicU32,
    pub(crate) received: Counters,
    pub(crate) sent: Counters,
}

/// Messages and bytes for each channel, in the order of [`Channel::ALL`].
#[derive(Debug, Default)]
pub(crate) struct Counters([(AtomicU64, AtomicU64); Channel::ALL.len()]);

impl Counters {
    pub(crate) fn count(&self, channel: Channel, bytes: usize) {
        let (messages, total) = &self.0[channel_index(channel)];
        messages.fetch_add(1, Ordering::Relaxed);
        total.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self, channel: Channel) -> (u64, u64) {
        let (messages, total) = &self.0[channel_index(channel)];
        (messages.load(Ordering::Relaxed), total.load(Ordering::Relaxed))
    }
}

impl Connected {
    /// What can be told about the peer now.
    pub(crate) fn facts(&self) -> PeerFacts {
        let traffic = Channel::ALL.map(|channel| {
            let (messages_in, bytes_in) = self.received.read(channel);
            let (messages_out, bytes_out) = self.sent.read(channel);
            ChannelTraffic { channel, bytes_in, bytes_out, messages_in, messages_out }
        });
        PeerFacts {
            peer: self.peer,
            network_id: self.network_id.clone(),
            node_id: self.node_id,
            hello: self.hello.clone(),
            remote_address: self.remote_address.clone(),
            outbound: self.outbound,
            connected_since: self.since,
            traffic: traffic.to_vec(),
            dropped: self.outbox.dropped(),
            score: self.score.load(Ordering::Relaxed),
        }
    }
}
