//! Who is let in: the allow list, bans, and the limits on peers.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm, dummy,
};

use crate::address::NetworkId;

/// Most bans remembered; the one that ends first makes room.
const BANS_MAX: usize = 4096;

/// Decides which connections may exist. Asked by the swarm before a connection costs anything.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    limits: Limits,
    /// Empty lets anybody in.
    allowed: BTreeSet<NetworkId>,
    /// Let in although limits are reached.
    unconditional: BTreeSet<NetworkId>,
    banned: BTreeMap<NetworkId, Instant>,
    /// Connections that count against a limit, and their peers.
    inbound: BTreeMap<ConnectionId, NetworkId>,
    outbound: BTreeMap<ConnectionId, NetworkId>,
}

/// Most peers in each direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) inbound: usize,
    pub(crate) outbound: usize,
}

/// Why a connection is not let in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Denied {
    #[error("the peer is not on the allow list")]
    NotAllowed,
    #[error("the peer is banned for {0:?} more")]
    Banned(Duration),
    #[error("there are {0} inbound peers already")]
    InboundFull(usize),
    #[error("there are {0} outbound peers already")]
    OutboundFull(usize),
}

impl Gate {
    /// A gate with nobody inside.
    pub(crate) fn new(
        limits: Limits,
        allowed: BTreeSet<NetworkId>,
        unconditional: BTreeSet<NetworkId>,
    ) -> Self {
        Self { limits, allowed, unconditional, ..Self::default() }
    }

    /// Keeps a peer out until `until`.
    pub(crate) fn ban(&mut self, peer: NetworkId, until: Instant) {
        self.banned.insert(peer, until);
        if BANS_MAX < self.banned.len() {
            let first = self.banned.iter().min_by_key(|(_, until)| **until).map(|(id, _)| *id);
            first.map(|id| self.banned.remove(&id));
        }
    }

    /// Forgets the bans that are over.
    pub(crate) fn forget_bans(&mut self, now: Instant) {
        self.banned.retain(|_, until| now < *until);
    }

    /// No limit holds for this peer any more, and no ban.
    pub(crate) fn exempt(&mut self, peer: NetworkId) {
        self.unconditional.insert(peer);
        self.banned.remove(&peer);
        self.inbound.retain(|_, it| *it != peer);
        self.outbound.retain(|_, it| *it != peer);
    }

    /// How many more peers may be dialed.
    pub(crate) fn outbound_room(&self) -> usize {
        self.limits.outbound.saturating_sub(self.outbound.len())
    }

    /// Whether a peer may be connected at all, however many others are.
    pub(crate) fn admits(&self, peer: &NetworkId, now: Instant) -> Result<(), Denied> {
        if !self.allowed.is_empty() && !self.allowed.contains(peer) {
            return Err(Denied::NotAllowed);
        }
        match self.banned.get(peer) {
            Some(until) if now < *until => Err(Denied::Banned(*until - now)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the limits are not for this peer: it is unconditional, or already inside, so that
    /// the connection can only replace its other one.
    fn is_exempt(&self, peer: &NetworkId) -> bool {
        self.unconditional.contains(peer)
            || self.inbound.values().chain(self.outbound.values()).any(|it| it == peer)
    }

    fn admit_inbound(&self, peer: &NetworkId, now: Instant) -> Result<(), Denied> {
        self.admits(peer, now)?;
        let count = self.inbound.len();
        if self.limits.inbound <= count && !self.is_exempt(peer) {
            return Err(Denied::InboundFull(count));
        }
        Ok(())
    }

    fn admit_outbound(&self, peer: &NetworkId, now: Instant) -> Result<(), Denied> {
        self.admits(peer, now)?;
        let count = self.outbound.len();
        if self.limits.outbound <= count && !self.is_exempt(peer) {
            return Err(Denied::OutboundFull(count));
        }
        Ok(())
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = std::convert::Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: NetworkId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit_inbound(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: NetworkId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit_outbound(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(it) if !self.unconditional.contains(&it.peer_id) => {
                let connections =
                    if it.endpoint.is_dialer() { &mut self.outbound } else { &mut self.inbound };
                connections.insert(it.connection_id, it.peer_id);
            }
            FromSwarm::ConnectionClosed(it) => {
                self.inbound.remove(&it.connection_id);
                self.outbound.remove(&it.connection_id);
            }
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
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn gate(inbound: usize) -> Gate {
        Gate::new(Limits { inbound, outbound: 1 }, BTreeSet::new(), BTreeSet::new())
    }

    #[test]
    fn bans_end() {
        let (peer, now) = (NetworkId::random(), Instant::now());
        let mut gate = gate(1);
        gate.ban(peer, now + SECOND);
        assert_eq!(gate.admits(&peer, now), Err(Denied::Banned(SECOND)));
        assert_eq!(gate.admits(&peer, now + SECOND), Ok(()));
        gate.forget_bans(now + SECOND);
        assert!(gate.banned.is_empty());
    }

    #[test]
    fn bans_are_bounded() {
        let now = Instant::now();
        let mut gate = gate(1);
        for _ in 0..=BANS_MAX {
            gate.ban(NetworkId::random(), now + SECOND);
        }
        assert_eq!(gate.banned.len(), BANS_MAX);
    }

    #[test]
    fn allow_list_and_limits_hold_and_unconditional_peers_pass() {
        let (friend, stranger, now) = (NetworkId::random(), NetworkId::random(), Instant::now());
        let only = Gate::new(Limits { inbound: 9, outbound: 9 }, [friend].into(), [].into());
        assert_eq!(only.admit_inbound(&stranger, now), Err(Denied::NotAllowed));
        assert_eq!(only.admit_outbound(&friend, now), Ok(()));

        let full = Gate::new(Limits::default(), [].into(), [friend].into());
        assert_eq!(full.admit_inbound(&stranger, now), Err(Denied::InboundFull(0)));
        assert_eq!(full.admit_outbound(&stranger, now), Err(Denied::OutboundFull(0)));
        assert_eq!(full.admit_inbound(&friend, now), Ok(()));
        let mut full = full;
        full.ban(stranger, now + SECOND);
        full.exempt(stranger);
        assert_eq!(full.admit_outbound(&stranger, now), Ok(()));
    }
}
