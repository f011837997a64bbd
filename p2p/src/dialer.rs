//! When to dial persistent peers again: after a second, and less and less often.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use types::Hash;

use crate::address::{NetworkId, PeerAddress};

/// The first pause between two attempts.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// How long to wait after so many failures in a row: doubling, with up to a quarter less by a
/// jitter that differs between pairs of nodes, so that they do not dial all at once.
pub(crate) fn pause(own: &NetworkId, peer: &NetworkId, failures: u32) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << failures.min(9)).min(PAUSE_MAX);
    let mut seed = own.to_bytes();
    seed.extend_from_slice(&peer.to_bytes());
    seed.extend_from_slice(&failures.to_be_bytes());
    let jitter = u32::from(Hash::of(&seed).0[0]);
    doubled * (768 + jitter) / 1024
}

/// The peers we never stop dialing.
#[derive(Debug)]
pub(crate) struct Dialer {
    own: NetworkId,
    targets: BTreeMap<NetworkId, Target>,
}

#[derive(Debug)]
struct Target {
    addresses: Vec<Multiaddr>,
    failures: u32,
    due: Instant,
}

impl Dialer {
    /// Persistent peers, each due at once.
    pub(crate) fn new(own: NetworkId, peers: Vec<PeerAddress>, now: Instant) -> Self {
        let mut targets: BTreeMap<NetworkId, Target> = BTreeMap::new();
        for peer in peers.into_iter().filter(|it| it.id != own) {
            let fresh = Target { addresses: Vec::new(), failures: 0, due: now };
            // A peer may be listed once for each of its addresses.
            targets.entry(peer.id).or_insert(fresh).addresses.extend(peer.addresses);
        }
        Self { own, targets }
    }

    /// One persistent peer more, which is being dialed; or other addresses of one.
    pub(crate) fn add(&mut self, peer: PeerAddress, now: Instant) {
        let due = now + pause(&self.own, &peer.id, 0);
        let target = Target { addresses: peer.addresses, failures: 0, due };
        self.targets.insert(peer.id, target);
    }

    /// The peers to dial now, of those for which `is_wanted` holds. Each is next due after a
    /// pause, counted from now.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        is_wanted: impl Fn(&NetworkId) -> bool,
    ) -> Vec<PeerAddress> {
        let mut due = Vec::new();
        for (id, target) in &mut self.targets {
            if target.due <= now && is_wanted(id) {
                target.due = now + pause(&self.own, id, target.failures);
                due.push(PeerAddress { id: *id, addresses: target.addresses.clone() });
            }
        }
        due
    }

    /// A peer could not be reached, or did not become a peer.
    pub(crate) fn failed(&mut self, peer: &NetworkId, now: Instant) {
        if let Some(target) = self.targets.get_mut(peer) {
            target.due = now + pause(&self.own, peer, target.failures);
            target.failures = target.failures.saturating_add(1);
        }
    }

    /// A peer is up.
    pub(crate) fn succeeded(&mut self, peer: &NetworkId) {
        if let Some(target) = self.targets.get_mut(peer) {
            target.failures = 0;
        }
    }

    /// A peer that was up is gone.
    pub(crate) fn lost(&mut self, peer: &NetworkId, now: Instant) {
        if let Some(target) = self.targets.get_mut(peer) {
            target.due = now + pause(&self.own, peer, target.failures);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_with_jitter() {
        let (own, peer) = (NetworkId::random(), NetworkId::random());
        for failures in 0..100 {
            let longest = PAUSE_MIN.saturating_mul(1 << failures.min(9)).min(PAUSE_MAX);
            let actual = pause(&own, &peer, failures);
            assert!(longest * 3 / 4 <= actual && actual <= longest);
        }
        assert_eq!(pause(&own, &peer, 3), pause(&own, &peer, 3));
    }

    #[test]
    fn failures_lengthen_the_pause_and_success_ends_it() {
        let (own, id, start) = (NetworkId::random(), NetworkId::random(), Instant::now());
        let peers = vec![
            PeerAddress { id, addresses: Vec::new() },
            PeerAddress { id: own, addresses: Vec::new() },
        ];
        let mut dialer = Dialer::new(own, peers, start);
        assert_eq!(dialer.due(start, |_| true).len(), 1);
        assert!(dialer.due(start, |_| true).is_empty());
        for _ in 0..6 {
            dialer.failed(&id, start);
        }
        assert!(dialer.due(start + Duration::from_secs(20), |_| true).is_empty());
        dialer.succeeded(&id);
        dialer.lost(&id, start);
        assert!(dialer.due(start + PAUSE_MIN, |_| false).is_empty());
        assert_eq!(dialer.due(start + PAUSE_MIN, |_| true).len(), 1);
        dialer.add(PeerAddress { id: NetworkId::random(), addresses: Vec::new() }, start);
        assert_eq!(dialer.due(start + PAUSE_MIN, |other| *other != id).len(), 1);
    }
}
