//! Who hears whom, and when: connections between members, and what becomes of messages on them.

pub mod size;

use std::collections::BTreeMap;

use types::PeerId;

use crate::chance::Chance;
use crate::moment::Moment;
use crate::plan::{NetworkPlan, Plan};

/// The connection between two members, from the first to the second.
pub type Link = (usize, usize);

/// Which of two streams of chance a network draws from.
const STREAM: u64 = 1;
/// Members that a peer id can tell apart.
const MEMBERS_MAX: u64 = 1 << 20;

/// What is wrong with the network just now, beyond the plan's fair weather.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Messages lost, of a thousand.
    pub loss_permille: u64,
    /// Messages that arrive twice, of a thousand.
    pub duplicate_permille: u64,
    /// Messages take longer by up to so much, in milliseconds.
    pub delay_ms: u64,
    /// The group of each member: who is in another is not heard.
    pub groups: Vec<u8>,
}

/// All connections.
#[derive(Debug)]
pub struct Network {
    plan: NetworkPlan,
    count: usize,
    /// Which connection between two members this is, if they are connected. The lower number first.
    connected: BTreeMap<Link, u32>,
    /// How often each pair was connected.
    connections: BTreeMap<Link, u32>,
    /// When the last message of an ordered link arrives.
    last_arrival: BTreeMap<Link, Moment>,
    /// What is wrong just now.
    pub weather: Weather,
    chance: Chance,
}

/// When the copies of a message arrive: none, one, or two.
pub type Arrivals = [Option<Moment>; 2];

impl Network {
    /// A network in which nobody is connected yet.
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.network.clone(),
            count: plan.members.len(),
            connected: BTreeMap::new(),
            connections: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            weather: Weather::default(),
            chance: Chance::of(plan.seed, STREAM),
        }
    }

    /// Connects two members. Returns false if they are connected, or cannot be.
    pub fn connect(&mut self, a: usize, b: usize) -> bool {
        let pair = ordered(a, b);
        if a == b || self.connected.contains_key(&pair) || !self.hears(a, b) {
            return false;
        }
        let times = self.connections.entry(pair).or_insert(0);
        *times += 1;
        self.connected.insert(pair, *times);
        true
    }

    /// Ends the connection of two members. Returns false if there was none.
    pub fn disconnect(&mut self, a: usize, b: usize) -> bool {
        self.connected.remove(&ordered(a, b)).is_some()
    }

    /// Which connection two members have, if they have one.
    pub fn connection(&self, a: usize, b: usize) -> Option<u32> {
        self.connected.get(&ordered(a, b)).copied()
    }

    /// Whom a member is connected with.
    pub fn peers(&self, member: usize) -> Vec<usize> {
        (0..self.count).filter(|&it| self.connection(member, it).is_some()).collect()
    }

    /// How a member calls the other end of its connection: never the same for two connections.
    pub fn peer_id(&self, of: usize, peer: usize) -> Option<PeerId> {
        let connection = self.connection(of, peer)?;
        let peer = u64::try_from(peer).expect("few members");
        Some(PeerId(u64::from(connection) * MEMBERS_MAX + peer))
    }

    /// Which member a peer id means.
    pub fn member_of(peer: PeerId) -> usize {
        usize::try_from(peer.0 % MEMBERS_MAX).expect("below the most members")
    }

    /// Whether a partition lets one member hear the other.
    pub fn hears(&self, a: usize, b: usize) -> bool {
        let groups = &self.weather.groups;
        groups.is_empty() || groups[a] == groups[b]
    }

    /// When a message of so many bytes arrives that is sent now.
    pub fn route(&mut self, now: Moment, (from, to): Link, _bytes: u64) -> Arrivals {
        let Weather { loss_permille, duplicate_permille, delay_ms, .. } = self.weather;
        if !self.hears(from, to) || self.chance.permille(loss_permille) {
            return [None, None];
        }
        let first = self.arrival(now, (from, to), delay_ms);
        let second = self.chance.permille(duplicate_permille);
        let second = second.then(|| self.arrival(now, (from, to), delay_ms));
        [Some(first), second]
    }

    fn arrival(&mut self, now: Moment, link: Link, delay_ms: u64) -> Moment {
        let NetworkPlan { delay_micros, jitter_micros, ordered } = self.plan;
        let extra = if 0 < jitter_micros { self.chance.below(jitter_micros * 1000) } else { 0 };
        let late = if 0 < delay_ms { self.chance.below(delay_ms * 1_000_000) } else { 0 };
        let mut at = now.after_nanos(delay_micros * 1000 + extra + late);
        if ordered {
            let last = self.last_arrival.entry(link).or_default();
            at = at.max(*last);
            *last = at;
        }
        at
    }
}

fn ordered(a: usize, b: usize) -> Link {
    (a.min(b), a.max(b))
}
