//! Who hears whom, and when: connections between members, and what becomes of messages on them.

pub mod bandwidth;
mod picky;
pub mod regions;
pub mod scores;
pub mod size;
pub mod weather;

use types::PeerId;

use crate::chance::Chance;
use crate::moment::Moment;
use crate::plan::{Distances, FaultClass, NetworkPlan, Plan};

use bandwidth::Lines;
use scores::Scores;
use weather::Weather;

/// The connection between two members, from the first to the second.
pub type Link = (usize, usize);

/// Which of two streams of chance a network draws from.
const STREAM: u64 = 1;
/// Members that a peer id can tell apart.
const MEMBERS_MAX: u64 = 1 << 20;

/// All connections.
#[derive(Debug)]
pub struct Network {
    plan: NetworkPlan,
    count: usize,
    /// From each member to each.
    links: Vec<LinkState>,
    /// Whom each member is connected with, in order.
    peers: Vec<Vec<usize>>,
    lines: Option<Lines>,
    /// What is wrong just now.
    weather: Weather,
    /// The height and round of each member, as it said last.
    places: Vec<(u64, u64)>,
    /// What members hold against each other.
    pub scores: Scores,
    /// How many messages each class of faults has hit.
    hits: [u64; FaultClass::COUNT],
    /// How many messages did not fit and were dropped.
    dropped: u64,
    chance: Chance,
}

/// One member's way to another.
#[derive(Clone, Copy, Debug, Default)]
struct LinkState {
    /// They can be connected at all.
    wired: bool,
    /// Which of their connections this is, if they are connected: the same both ways.
    connection: Option<u32>,
    /// How often they were connected.
    connections: u32,
    /// What distance adds, in nanoseconds.
    distance_nanos: u64,
    /// When the last message in order arrives.
    last_arrival: Moment,
}

/// When the copies of a message arrive: none, one, or two.
pub type Arrivals = [Option<Moment>; 2];

impl Network {
    /// A network in which nobody is connected yet.
    pub fn new(plan: &Plan) -> Self {
        let (count, network) = (plan.members.len(), plan.network.clone());
        let mut links = vec![LinkState::default(); count * count];
        for (index, link) in links.iter_mut().enumerate() {
            let (from, to) = (index / count, index % count);
            let pair = (from.min(to), from.max(to));
            link.wired = from != to && network.links.as_ref().is_none_or(|it| it.contains(&pair));
            link.distance_nanos = network.distances.between(from, to) * 1000;
        }
        let plan_without = NetworkPlan { distances: Distances::default(), links: None, ..network };
        Self {
            count,
            links,
            peers: vec![vec![]; count],
            lines: plan_without.bandwidth.map(|bandwidth| Lines::new(bandwidth, count)),
            plan: plan_without,
            weather: Weather::fair(count),
            places: vec![(0, 0); count],
            scores: Scores::default(),
            hits: [0; FaultClass::COUNT],
            dropped: 0,
            chance: Chance::of(plan.seed, STREAM),
        }
    }

    /// The weather is another. Connections are broken and made by the world.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Whether nothing but their own state keeps two members from being connected.
    pub fn may_connect(&self, a: usize, b: usize) -> bool {
        let banned = self.scores.are_banned(a, b);
        self.link(a, b).wired && !banned && self.weather.may_connect(a, b)
    }

    /// What keeps two members from being connected just now.
    pub fn broken_by(&self, a: usize, b: usize) -> Option<FaultClass> {
        self.weather.link(a, b).broken.or(self.weather.link(b, a).broken)
    }

    /// Connects two members. Returns false if they are connected, or cannot be.
    pub fn connect(&mut self, a: usize, b: usize) -> bool {
        if self.link(a, b).connection.is_some() || !self.may_connect(a, b) {
            return false;
        }
        for (one, other) in [(a, b), (b, a)] {
            let link = self.link_mut(one, other);
            link.connections += 1;
            link.connection = Some(link.connections);
            link.last_arrival = Moment::START;
            let peers = &mut self.peers[one];
            let place = peers.partition_point(|&it| it < other);
            peers.insert(place, other);
        }
        true
    }

    /// Ends the connection of two members. Returns false if there was none.
    pub fn disconnect(&mut self, a: usize, b: usize) -> bool {
        if self.link(a, b).connection.is_none() {
            return false;
        }
        for (one, other) in [(a, b), (b, a)] {
            self.link_mut(one, other).connection = None;
            self.peers[one].retain(|&it| it != other);
        }
        true
    }

    /// Which connection two members have, if they have one.
    pub fn connection(&self, a: usize, b: usize) -> Option<u32> {
        self.link(a, b).connection
    }

    /// Whom a member is connected with.
    pub fn peers(&self, member: usize) -> &[usize] {
        &self.peers[member]
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

    /// How many messages faults of each class have hit.
    pub fn hits(&self) -> &[u64; FaultClass::COUNT] {
        &self.hits
    }

    /// A fault has made a difference.
    pub fn hit(&mut self, class: FaultClass) {
        self.hits[class as usize] += 1;
    }

    /// How many messages did not fit and were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When a message of so many bytes arrives that is sent now.
    pub fn route(&mut self, now: Moment, (from, to): Link, bytes: u64) -> Arrivals {
        let deaf = self.weather.link(from, to).deaf;
        let lost = self.chance.permille(self.weather.loss_permille).then_some(FaultClass::Loss);
        if let Some(class) = deaf.or(lost) {
            self.hit(class);
            return [None, None];
        }
        let mut sent = now;
        if let Some(lines) = &mut self.lines {
            let left = self.weather.bandwidth_permille;
            match lines.send(now, (from, to), bytes, left) {
                Some(at) => sent = at,
                None => {
                    self.dropped += 1;
                    return [None, None];
                }
            }
            if left < 1000 {
                self.hit(FaultClass::Narrow);
            }
        }
        let first = self.arrival(sent, (from, to));
        let second = self.chance.permille(self.weather.duplicate_permille);
        let second = second.then(|| {
            self.hit(FaultClass::Duplicate);
            self.arrival(sent, (from, to))
        });
        [Some(first), second]
    }

    /// A message of so many bytes has come to a member: when it is through its line, or none if
    /// too much waits for that.
    pub fn land(&mut self, now: Moment, to: usize, bytes: u64) -> Option<Moment> {
        let Some(lines) = &mut self.lines else { return Some(now) };
        let at = lines.receive(now, to, bytes, self.weather.bandwidth_permille);
        self.dropped += u64::from(at.is_none());
        at
    }

    /// Whether messages wait for a line at their receiver.
    pub fn has_lines(&self) -> bool {
        self.lines.is_some()
    }

    fn arrival(&mut self, sent: Moment, (from, to): Link) -> Moment {
        let NetworkPlan { delay_micros, jitter_micros, ordered, .. } = self.plan;
        let extra = if 0 < jitter_micros { self.chance.below(jitter_micros * 1000) } else { 0 };
        let delay_ms = self.weather.delay_ms;
        let late = if 0 < delay_ms { self.chance.below(delay_ms * 1_000_000) } else { 0 };
        if 0 < late {
            self.hit(FaultClass::Delay);
        }
        let slow_ms = self.weather.link(from, to).slow_ms;
        if 0 < slow_ms {
            self.hit(FaultClass::SlowLink);
        }
        let link = self.link_mut(from, to);
        let steady = delay_micros * 1000 + link.distance_nanos + slow_ms * 1_000_000;
        let mut at = sent.after_nanos(steady + extra);
        if ordered {
            at = at.max(link.last_arrival);
            link.last_arrival = at;
        }
        // Late messages overtake each other on ordered links, too: that is what the fault is.
        at.after_nanos(late)
    }

    fn link(&self, from: usize, to: usize) -> &LinkState {
        &self.links[from * self.count + to]
    }

    fn link_mut(&mut self, from: usize, to: usize) -> &mut LinkState {
        &mut self.links[from * self.count + to]
    }
}
