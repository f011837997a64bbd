//! Lines that carry so many bytes a second: what does not fit waits its turn, and what would wait
//! behind too much is dropped, as the outbox of a real node drops.

use super::Link;
use crate::moment::Moment;
use crate::plan::Bandwidth;

/// What would wait longer than this is dropped, too: a node gives up a peer that takes nothing in
/// for as long.
pub const WAITING_NANOS_MAX: u64 = 10_000_000_000;

/// The lines of all members.
#[derive(Debug)]
pub struct Lines {
    plan: Bandwidth,
    count: usize,
    /// Until when each member's way out is taken.
    out: Vec<Moment>,
    /// Until when each member's way in is taken.
    into: Vec<Moment>,
    /// Until when the line from each member to each is taken.
    between: Vec<Moment>,
}

impl Lines {
    /// Nothing is sent.
    pub fn new(plan: Bandwidth, count: usize) -> Self {
        let free = |lines: usize| vec![Moment::START; lines];
        Self { plan, count, out: free(count), into: free(count), between: free(count * count) }
    }

    /// When a message sent now has left the sender and its link, or none if it does not fit.
    /// `left` is what is left of the bandwidth, of a thousand.
    pub fn send(&mut self, now: Moment, link: Link, bytes: u64, left: u64) -> Option<Moment> {
        let Bandwidth { uplink, link: between, waiting_max, .. } = self.plan;
        let (from, to) = link;
        let way = &mut self.between[from * self.count + to];
        let out = &mut self.out[from];
        let fits = |line, speed| has_room(now, line, rate(speed, left), waiting_max);
        if !fits(*out, uplink) || !fits(*way, between) {
            return None;
        }
        *out = now.max(*out).after_nanos(takes(bytes, rate(uplink, left)));
        *way = (*out).max(*way).after_nanos(takes(bytes, rate(between, left)));
        Some(*way)
    }

    /// When a message that comes now is through the receiver's line, or none if it does not fit.
    pub fn receive(&mut self, now: Moment, to: usize, bytes: u64, left: u64) -> Option<Moment> {
        let speed = rate(self.plan.downlink, left);
        let into = &mut self.into[to];
        if !has_room(now, *into, speed, self.plan.waiting_max) {
            return None;
        }
        *into = now.max(*into).after_nanos(takes(bytes, speed));
        Some(*into)
    }
}

fn rate(speed: u64, left: u64) -> u64 {
    (speed.saturating_mul(left) / 1000).max(1)
}

/// How many nanoseconds bytes take.
fn takes(bytes: u64, speed: u64) -> u64 {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(speed);
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// Whether not too much waits for a line.
fn has_room(now: Moment, until: Moment, speed: u64, waiting_max: u64) -> bool {
    let nanos = until.0.saturating_sub(now.0);
    let bytes = u128::from(nanos) * u128::from(speed) / 1_000_000_000;
    nanos <= WAITING_NANOS_MAX && bytes <= u128::from(waiting_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Bandwidth =
        Bandwidth { uplink: 2_000_000, downlink: 4_000_000, link: 1_000_000, waiting_max: 5000 };

    #[test]
    fn bytes_take_their_time_and_wait_for_each_other() {
        let mut lines = Lines::new(PLAN, 3);
        let now = Moment::from_millis(10);
        let mut sent = |to: usize| lines.send(now, (0, to), 1000, 1000).unwrap().since(now);
        // Half a millisecond for the uplink, one for the link.
        assert_eq!(sent(1).as_micros(), 1500);
        assert_eq!(sent(2).as_micros(), 2000);
        assert_eq!(sent(1).as_micros(), 2500);
        assert_eq!(lines.receive(now, 2, 1000, 500).unwrap().since(now).as_micros(), 500);
    }

    #[test]
    fn what_would_wait_too_long_is_dropped() {
        let mut lines = Lines::new(PLAN, 2);
        let sent = (0..100).filter(|_| lines.send(Moment::START, (0, 1), 1000, 1000).is_some());
        let sent = sent.count();
        assert!((5..10).contains(&sent), "{sent}");
        let later = Moment::from_millis(50);
        assert!(lines.send(later, (0, 1), 1000, 1000).is_some());
    }
}
