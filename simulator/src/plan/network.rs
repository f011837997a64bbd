//! How messages travel in fair weather: how far it is, how much fits, and who is connected.

use serde::{Deserialize, Serialize};

/// How messages travel while nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlan {
    /// What every message takes at least, in microseconds.
    pub delay_micros: u64,
    /// At most so much is added, by chance.
    pub jitter_micros: u64,
    /// Messages of one link arrive in the order in which they were sent.
    pub ordered: bool,
    /// What distance adds.
    #[serde(default)]
    pub distances: Distances,
    /// What fits through the links.
    #[serde(default)]
    pub bandwidth: Option<Bandwidth>,
    /// Who is connected with whom; the lower number first. None is everybody with everybody.
    #[serde(default)]
    pub links: Option<Vec<(usize, usize)>>,
    /// How long until peers notice that a member does not run, in milliseconds.
    #[serde(default)]
    pub silence_ms: u64,
}

/// What distance adds to the delay of messages. Empty is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distances {
    /// In which place each member is.
    pub places: Vec<usize>,
    /// From place to place one way, in microseconds.
    pub micros: Vec<Vec<u64>>,
}

impl Distances {
    /// From one member to another, in microseconds.
    pub fn between(&self, from: usize, to: usize) -> u64 {
        match (self.places.get(from), self.places.get(to)) {
            (Some(&from), Some(&to)) => self.micros[from][to],
            _ => 0,
        }
    }

    /// The longest between any two members.
    pub fn longest(&self) -> u64 {
        let rows = self.places.iter().map(|&from| &self.micros[from]);
        rows.flat_map(|row| self.places.iter().map(|&to| row[to])).max().unwrap_or(0)
    }
}

/// What fits through the links. What does not fit waits, and is dropped when too much waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// Of all that a member sends, in bytes a second.
    pub uplink: u64,
    /// Of all that a member receives, in bytes a second.
    pub downlink: u64,
    /// Of what a member sends to one other, in bytes a second.
    pub link: u64,
    /// How many bytes may wait at each of them.
    pub waiting_max: u64,
}

/// One-way latencies between named places, as a file has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTable {
    /// What the places are called.
    pub places: Vec<String>,
    /// From each place (row) to each place (column), one way, in milliseconds.
    pub one_way_ms: Vec<Vec<u64>>,
    /// At most so much is added by chance, in milliseconds.
    #[serde(default)]
    pub jitter_ms: u64,
}

/// Longest latency in a table, in milliseconds: beyond it somebody has mistaken the unit.
pub const LATENCY_MS_MAX: u64 = 60_000;

impl LatencyTable {
    /// Why it is no table, if it is none.
    pub fn fault(&self) -> Option<&'static str> {
        let count = self.places.len();
        if count == 0 {
            return Some("it has no places");
        }
        if self.one_way_ms.len() != count || self.one_way_ms.iter().any(|row| row.len() != count) {
            return Some("it must have a row and a column for each place");
        }
        let times = self.one_way_ms.iter().flatten().chain([&self.jitter_ms]);
        (LATENCY_MS_MAX < *times.max()?).then_some("a latency is above one minute")
    }
}
