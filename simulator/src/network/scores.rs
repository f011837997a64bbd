//! What peers' offences add up to, as the node's network has it, and who is banned for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use types::Offence;

use super::Link;
use crate::moment::Moment;

/// The score at which a peer is cut and banned.
const SCORE_MAX: u64 = 100;
/// In how much time a score falls by one.
const FADE: Duration = Duration::from_secs(6);
/// How long a ban lasts.
pub const BAN: Duration = Duration::from_secs(600);

/// Scores that members keep of each other.
#[derive(Debug, Default)]
pub struct Scores {
    /// Of the second in the eyes of the first: the points, and when they were counted.
    points: BTreeMap<Link, (u64, Moment)>,
    banned: BTreeSet<Link>,
}

impl Scores {
    /// A member holds an offence against a peer. Returns whether that is too much.
    pub fn add(&mut self, link: Link, offence: Offence, now: Moment) -> bool {
        let (points, at) = self.points.get(&link).copied().unwrap_or((0, now));
        let faded = now.since(at).as_secs() / FADE.as_secs();
        let points = points.saturating_sub(faded) + u64::from(offence.weight());
        self.points.insert(link, (points, now));
        SCORE_MAX <= points
    }

    /// The two have nothing to do with each other for a while. Returns false if that is so already.
    pub fn ban(&mut self, (a, b): Link) -> bool {
        self.banned.insert((a.min(b), a.max(b)))
    }

    /// The ban is over, and with it the score that led to it.
    pub fn forgive(&mut self, (a, b): Link) {
        self.banned.remove(&(a.min(b), a.max(b)));
        self.points.remove(&(a, b));
        self.points.remove(&(b, a));
    }

    /// Whether the two may not be connected.
    pub fn are_banned(&self, a: usize, b: usize) -> bool {
        !self.banned.is_empty() && self.banned.contains(&(a.min(b), a.max(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_add_up_and_fade() {
        let mut scores = Scores::default();
        let at = |seconds: u64| Moment::from_millis(seconds * 1000);
        assert!(!scores.add((0, 1), Offence::Malformed, at(0)));
        assert!(!scores.add((0, 1), Offence::Malformed, at(6)));
        assert!(!scores.add((1, 0), Offence::Malformed, at(6)));
        assert!(scores.add((0, 1), Offence::Silent, at(7)));
        assert!(scores.ban((1, 0)) && scores.are_banned(0, 1));
        scores.forgive((0, 1));
        assert!(!scores.are_banned(1, 0) && !scores.add((0, 1), Offence::Malformed, at(7)));
    }
}
