//! What peers' offences add up to. Scores belong to keys, so that coming back does not help.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use types::Offence;

use crate::address::NetworkId;

/// The score at which a peer is cut and banned.
pub(crate) const SCORE_MAX: u32 = 100;
/// In how much time a score falls by one.
const FADE: Duration = Duration::from_secs(6);
/// Most peers whose scores are remembered; the lowest makes room.
const PEERS_MAX: usize = 4096;

/// Scores of peers, connected or not.
#[derive(Debug, Default)]
pub(crate) struct Scores(BTreeMap<NetworkId, Score>);

#[derive(Clone, Copy, Debug)]
struct Score {
    points: u32,
    at: Instant,
}

impl Score {
    fn now(&self, now: Instant) -> u32 {
        let faded = now.saturating_duration_since(self.at).as_secs() / FADE.as_secs();
        self.points.saturating_sub(u32::try_from(faded).unwrap_or(u32::MAX))
    }
}

impl Scores {
    /// Adds an offence, and returns the peer's score.
    pub(crate) fn add(&mut self, peer: NetworkId, offence: Offence, now: Instant) -> u32 {
        let points = self.of(&peer, now).saturating_add(offence.weight());
        self.0.insert(peer, Score { points, at: now });
        if PEERS_MAX < self.0.len() {
            let lowest = self.0.iter().min_by_key(|(_, it)| it.now(now)).map(|(id, _)| *id);
            lowest.map(|id| self.0.remove(&id));
        }
        points
    }

    /// The peer's score.
    pub(crate) fn of(&self, peer: &NetworkId, now: Instant) -> u32 {
        self.0.get(peer).map_or(0, |it| it.now(now))
    }

    /// Begins anew with a peer, whose ban is its punishment.
    pub(crate) fn forgive(&mut self, peer: &NetworkId) {
        self.0.remove(peer);
    }

    /// Forgets the scores that have faded.
    pub(crate) fn fade(&mut self, now: Instant) {
        self.0.retain(|_, it| 0 < it.now(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_add_up_and_fade() {
        let (peer, start) = (NetworkId::random(), Instant::now());
        let mut scores = Scores::default();
        assert_eq!(scores.add(peer, Offence::Malformed, start), 50);
        assert_eq!(scores.of(&peer, start + FADE * 10), 40);
        assert_eq!(scores.add(peer, Offence::Malformed, start + FADE * 10), 90);
        scores.fade(start + FADE * 99);
        assert_eq!(scores.0.len(), 1);
        scores.fade(start + FADE * 100);
        assert!(scores.0.is_empty());
    }

    #[test]
    fn the_lowest_of_too_many_scores_is_forgotten() {
        let (worst, now) = (NetworkId::random(), Instant::now());
        let mut scores = Scores::default();
        scores.add(worst, Offence::Malformed, now);
        for _ in 0..PEERS_MAX {
            scores.add(NetworkId::random(), Offence::Silent, now);
        }
        assert_eq!(scores.0.len(), PEERS_MAX);
        assert_eq!(scores.of(&worst, now), 50);
    }
}
