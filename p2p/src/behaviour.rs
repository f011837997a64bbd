//! The libp2p protocols of a node, combined; and the one of them that hands streams to sessions.
//!
//! Each connection gets a [`Link`]: its session asks it for outbound streams and takes inbound
//! streams from it. No lock is shared, and a stream belongs to exactly one connection.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Stream, StreamProtocol, ping};
use tokio::sync::{mpsc, oneshot};

use crate::address::NetworkId;
use crate::channels::Purpose;
use crate::gate::Gate;

/// Most inbound streams of one connection that wait for its session; more are reset.
const WAITING_STREAMS_MAX: usize = 256;
/// Most outbound streams of one connection that wait to be opened.
const OPENING_STREAMS_MAX: usize = 64;
/// Most connections that have not yet shown who they are.
const PENDING_CONNECTIONS_MAX: u32 = 64;
/// Most connections with one peer: the old one, and one that may replace it.
const CONNECTIONS_PER_PEER_MAX: u32 = 2;
/// How often a connection is tried; a silent one is closed.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a peer may take to answer that.
const PING_TIME_MAX: Duration = Duration::from_secs(10);

/// All libp2p protocols of a node.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    /// Bounds what strangers cost before they are known.
    limits: connection_limits::Behaviour,
    /// Lets in whom we want.
    pub(crate) gate: Gate,
    /// Finds connections that are dead.
    ping: ping::Behaviour,
    /// Hands streams to sessions.
    streams: Streams,
}

impl Behaviour {
    /// The protocols, with a gate.
    pub(crate) fn new(gate: Gate) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_CONNECTIONS_MAX))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
        let ping = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIME_MAX);
        Self {
            limits: connection_limits::Behaviour::new(limits),
            gate,
            ping: ping::Behaviour::new(ping),
            streams: Streams::default(),
        }
    }
}

/// A connection's streams, for its session.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) opener: Opener,
    /// What the peer opened, and for what. Ends with the connection.
    pub(crate) inbound: mpsc::Receiver<(Purpose, Stream)>,
}

/// Opens streams on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Opener(mpsc::Sender<Request>);

#[derive(Debug)]
pub(crate) struct Request {
    purpose: Purpose,
    answer: oneshot::Sender<Result<Stream, OpenError>>,
}

/// Why no stream could be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the peer does not speak {0}")]
    Unsupported(StreamProtocol),
    #[error("the peer did not agree on a protocol in time")]
    Timeout,
    #[error("the connection is closed")]
    Closed,
    #[error("{0}")]
    Io(std::io::Error),
}

impl Opener {
    /// Opens a stream.
    pub(crate) async fn open(&self, purpose: Purpose) -> Result<Stream, OpenError> {
        let (answer, opened) = oneshot::channel();
        let sent = self.0.send(Request { purpose, answer }).await;
        sent.map_err(|_| OpenError::Closed)?;
        opened.await.unwrap_or(Err(OpenError::Closed))
    }
}

/// The behaviour that makes a [`Link`] for each connection, and reports it when it is established.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Made with the handler, before the connection is known to be accepted by all behaviours.
    made: BTreeMap<ConnectionId, Link>,
    established: VecDeque<Established>,
}

/// A connection that exists now.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) connection: ConnectionId,
    pub(crate) network_id: NetworkId,
    pub(crate) remote_address: Multiaddr,
    /// Whether we dialed.
    pub(crate) outbound: bool,
    pub(crate) link: Link,
}

impl Streams {
    fn make(&mut self, connection: ConnectionId) -> Handler {
        let (opener, requests) = mpsc::channel(OPENING_STREAMS_MAX);
        let (waiting, inbound) = mpsc::channel(WAITING_STREAMS_MAX);
        self.made.insert(connection, Link { opener: Opener(opener), inbound });
        Handler { requests, waiting }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = Established;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: NetworkId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.make(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: NetworkId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.make(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(it) => {
                if let Some(link) = self.made.remove(&it.connection_id) {
                    self.established.push_back(Established {
                        connection: it.connection_id,
                        network_id: it.peer_id,
                        remote_address: it.endpoint.get_remote_address().clone(),
                        outbound: it.endpoint.is_dialer(),
                        link,
                    });
                }
            }
            // Denied by another behaviour after the handler was made.
            FromSwarm::ListenFailure(it) => drop(self.made.remove(&it.connection_id)),
            FromSwarm::DialFailure(it) => drop(self.made.remove(&it.connection_id)),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: NetworkId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // Links are added by `on_swarm_event` only, after which the swarm polls again.
        match self.established.pop_front() {
            Some(established) => Poll::Ready(ToSwarm::GenerateEvent(established)),
            None => Poll::Pending,
        }
    }
}

/// The connection's side of a [`Link`].
#[derive(Debug)]
pub(crate) struct Handler {
    requests: mpsc::Receiver<Request>,
    waiting: mpsc::Sender<(Purpose, Stream)>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Purposes;
    type OutboundProtocol = Purposes;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Request;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(Purposes(Purpose::all().collect()), ())
    }

    /// Kept until its session ends; the network's task then closes it.
    fn connection_keep_alive(&self) -> bool {
        !self.waiting.is_closed()
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Request, Self::ToBehaviour>> {
        match self.requests.poll_recv(context) {
            Poll::Ready(Some(request)) => {
                let purposes = Purposes(vec![request.purpose]);
                let protocol = SubstreamProtocol::new(purposes, request);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
            }
            // The session has ended.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Purposes, Purposes, (), Self::OutboundOpenInfo>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (purpose, stream),
                ..
            }) => self.hand_over(purpose, stream),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (_, stream),
                info,
            }) => answer(info, Ok(stream)),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let error = match error {
                    StreamUpgradeError::Timeout => OpenError::Timeout,
                    StreamUpgradeError::NegotiationFailed => {
                        OpenError::Unsupported(info.purpose.protocol())
                    }
                    StreamUpgradeError::Io(error) => OpenError::Io(error),
                };
                answer(info, Err(error));
            }
            _ => {}
        }
    }
}

impl Handler {
    /// Gives a stream to the session, or resets it if too many wait already.
    fn hand_over(&self, purpose: Purpose, stream: Stream) {
        if self.waiting.try_send((purpose, stream)).is_err() {
            tracing::debug!(?purpose, "an inbound stream is dropped: too many wait");
        }
    }
}

/// Answers a session; one that no longer waits has no use for the stream.
fn answer(request: Request, opened: Result<Stream, OpenError>) {
    if request.answer.send(opened).is_err() {
        tracing::trace!("a stream was opened for a session that has ended");
    }
}

/// The protocols that may be agreed on for a stream.
#[derive(Clone, Debug)]
pub(crate) struct Purposes(Vec<Purpose>);

/// A purpose, as it is negotiated.
#[derive(Clone, Debug)]
pub(crate) struct Named(Purpose, StreamProtocol);

impl AsRef<str> for Named {
    fn as_ref(&self) -> &str {
        self.1.as_ref()
    }
}

impl UpgradeInfo for Purposes {
    type Info = Named;
    type InfoIter = std::vec::IntoIter<Named>;

    fn protocol_info(&self) -> Self::InfoIter {
        let named: Vec<_> = self.0.iter().map(|&it| Named(it, it.protocol())).collect();
        named.into_iter()
    }
}

impl InboundUpgrade<Stream> for Purposes {
    type Output = (Purpose, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, named: Named) -> Self::Future {
        ready(Ok((named.0, stream)))
    }
}

impl OutboundUpgrade<Stream> for Purposes {
    type Output = (Purpose, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, named: Named) -> Self::Future {
        ready(Ok((named.0, stream)))
    }
}
