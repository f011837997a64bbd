//! The alarms that the replica has asked for, by the monotonic clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use consensus::{Alarm, Timeout};

/// Pending alarms. One that is set again replaces the earlier.
#[derive(Default)]
pub struct Alarms {
    deadlines: BTreeMap<Timeout, Instant>,
    order: BTreeSet<(Instant, Timeout)>,
}

impl Alarms {
    /// Sets an alarm to ring `alarm.after` from `now`.
    pub fn set(&mut self, alarm: Alarm, now: Instant) {
        let deadline = now + alarm.after;
        if let Some(earlier) = self.deadlines.insert(alarm.timeout, deadline) {
            self.order.remove(&(earlier, alarm.timeout));
        }
        self.order.insert((deadline, alarm.timeout));
        assert_eq!(self.order.len(), self.deadlines.len(), "each alarm stands once in each index");
    }

    /// When the next alarm rings.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    /// Takes those that ring by `now`, earliest first.
    pub fn due(&mut self, now: Instant) -> Vec<Timeout> {
        let mut ringing = vec![];
        while let Some(&(deadline, timeout)) = self.order.first() {
            if now < deadline {
                break;
            }
            self.order.pop_first();
            self.deadlines.remove(&timeout);
            ringing.push(timeout);
        }
        ringing
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use consensus::Wait;
    use types::{Height, Round};

    use super::*;

    fn alarm(round: u32, after_ms: u64) -> Alarm {
        let timeout = Timeout { height: Height(1), round: Round(round), wait: Wait::Propose };
        Alarm { timeout, after: Duration::from_millis(after_ms) }
    }

    #[test]
    fn advisory_58_alarms_ring_once_in_order_of_their_deadlines() {
        let start = Instant::now();
        let mut alarms = Alarms::default();
        alarms.set(alarm(0, 30), start);
        alarms.set(alarm(1, 10), start);
        alarms.set(alarm(2, 20), start);
        assert_eq!(alarms.next(), Some(start + Duration::from_millis(10)));
        let rung = alarms.due(start + Duration::from_millis(20));
        assert_eq!(rung, [alarm(1, 0).timeout, alarm(2, 0).timeout]);
        assert_eq!(alarms.due(start + Duration::from_millis(20)), []);
    }

    #[test]
    fn an_alarm_set_again_rings_at_its_new_time_only() {
        let start = Instant::now();
        let mut alarms = Alarms::default();
        alarms.set(alarm(0, 10), start);
        alarms.set(alarm(0, 50), start);
        assert_eq!(alarms.due(start + Duration::from_millis(49)), []);
        assert_eq!(alarms.due(start + Duration::from_millis(50)), [alarm(0, 0).timeout]);
    }
}
