//! Virtual time: moments of the world, and the clocks of its members, which may be wrong.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use types::Time;

/// Nanoseconds since the world began. Nobody in it can see this clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Moment(pub u64);

impl Moment {
    /// When the world begins.
    pub const START: Moment = Moment(0);

    /// This many milliseconds after the start.
    pub fn from_millis(millis: u64) -> Self {
        Moment(millis.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the start.
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Later by so much.
    pub fn after(self, span: Duration) -> Self {
        self.after_nanos(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Later by so many nanoseconds.
    pub fn after_nanos(self, nanos: u64) -> Self {
        Moment(self.0.saturating_add(nanos))
    }

    /// How long since an earlier moment; zero if that is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Seconds, milliseconds and microseconds since the start.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1000;
        write!(f, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// What a perfect clock shows when the world begins: seconds since the Unix epoch.
const WORLD_BEGINS_SECONDS: i64 = 1_900_000_000;

/// A member's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Clock {
    /// How far it is ahead of (or behind) the true time, in nanoseconds.
    pub skew_nanos: i64,
    /// How much too fast (or slow) it runs, in millionths.
    pub drift_ppm: i64,
}

impl Clock {
    /// What it shows.
    pub fn read(self, now: Moment) -> Time {
        let elapsed = i128::from(now.0);
        let drift = match self.drift_ppm {
            0 => 0,
            ppm => elapsed * i128::from(ppm) / 1_000_000,
        };
        let begins = i128::from(WORLD_BEGINS_SECONDS) * types::time::NANOS_PER_SECOND;
        let nanos = begins + elapsed + drift + i128::from(self.skew_nanos);
        Time::from_unix_nanos(nanos).expect("a world lasts hours, not millennia")
    }

    /// How long it really takes until this clock has moved by `span`, and never less: whoever was
    /// woken too early would ask for the rest again and again, at the same moment.
    pub fn wait(self, span: Duration) -> Duration {
        if self.drift_ppm == 0 {
            return span;
        }
        let rate = u128::try_from(1_000_000 + self.drift_ppm.max(-999_999)).expect("above zero");
        let nanos = (span.as_nanos() * 1_000_000).div_ceil(rate) + 1;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// When the chain's genesis was, by a perfect clock: ten seconds before the world begins.
pub fn genesis_time() -> Time {
    Time::from_unix(WORLD_BEGINS_SECONDS - 10, 0).expect("within the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_woken_before_their_clock_says_so() {
        for drift_ppm in [-50_000, -7, -1, 0, 1, 13, 50_000] {
            let clock = Clock { skew_nanos: 17, drift_ppm };
            for (begin, span) in [(0, 1), (999_999, 1), (123_456_789, 3), (5, 1_000_000_007)] {
                let wait = clock.wait(Duration::from_nanos(span));
                let (then, now) =
                    (clock.read(Moment(begin).after(wait)), clock.read(Moment(begin)));
                assert!(
                    Duration::from_nanos(span) <= then.since(now),
                    "{drift_ppm} {begin} {span}"
                );
            }
        }
    }
}
