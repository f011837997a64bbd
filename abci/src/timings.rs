//! How long the application takes to answer, for the metric
//! `abci_connection_method_timing_seconds`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::application::{ApplicationError, Call};
use crate::local::Watcher;

/// Upper bounds of the histogram, in microseconds. The metric's own, so dashboards stay true.
pub const BOUNDS_MICROS: [u64; 10] =
    [100, 400, 2_000, 9_000, 20_000, 100_000, 650_000, 2_000_000, 6_000_000, 25_000_000];

/// Durations of all calls so far, by call. Shared by the connections; each call costs three
/// relaxed additions.
#[derive(Default)]
pub struct Timings {
    calls: [Histogram; Call::ALL.len()],
}

#[derive(Default)]
struct Histogram {
    /// By bound; what exceeds the last bound is only in the total.
    buckets: [AtomicU64; BOUNDS_MICROS.len()],
    count: AtomicU64,
    nanos: AtomicU64,
}

/// Durations of one call so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How many took at most as long as the bound at the same index of [`BOUNDS_MICROS`].
    pub at_most: [u64; BOUNDS_MICROS.len()],
    /// How many there were.
    pub count: u64,
    /// How long they took together.
    pub total: Duration,
}

impl Timings {
    /// Adds one answered call.
    pub fn record(&self, call: Call, took: Duration) {
        let histogram = &self.calls[call as usize];
        if let Some(bucket) =
            BOUNDS_MICROS.iter().position(|&bound| took <= Duration::from_micros(bound))
        {
            histogram.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        histogram.count.fetch_add(1, Ordering::Relaxed);
        histogram.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What was recorded of one call.
    pub fn of(&self, call: Call) -> Timing {
        let histogram = &self.calls[call as usize];
        let mut sum = 0;
        let at_most = std::array::from_fn(|bucket| {
            sum += histogram.buckets[bucket].load(Ordering::Relaxed);
            sum
        });
        Timing {
            at_most,
            count: histogram.count.load(Ordering::Relaxed),
            total: Duration::from_nanos(histogram.nanos.load(Ordering::Relaxed)),
        }
    }
}

impl Watcher for Timings {
    /// Calls that are put together share their time evenly.
    fn watch_all<T>(
        &self,
        call: Call,
        count: usize,
        ask: impl FnOnce() -> Result<T, ApplicationError>,
    ) -> Result<T, ApplicationError> {
        let start = Instant::now();
        let answer = ask();
        let each = start.elapsed() / u32::try_from(count).unwrap_or(u32::MAX).max(1);
        (0..count).for_each(|_| self.record(call, each));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_are_put_together_are_counted_one_by_one() {
        let timings = Timings::default();
        timings.watch_all(Call::CheckTx, 3, || Ok(())).unwrap();
        assert_eq!(timings.of(Call::CheckTx).count, 3);
    }

    #[test]
    fn calls_are_counted_under_every_bound_they_keep() {
        let timings = Timings::default();
        timings.record(Call::Commit, Duration::from_micros(400));
        timings.record(Call::Commit, Duration::from_micros(401));
        timings.record(Call::Commit, Duration::from_secs(26));
        let timing = timings.of(Call::Commit);
        assert_eq!(timing.at_most[..4], [0, 1, 2, 2]);
        assert_eq!(timing.at_most[9], 2);
        assert_eq!(timing.count, 3);
        assert_eq!(timing.total, Duration::from_micros(26_000_801));
        assert_eq!(timings.of(Call::Info).count, 0);
    }
}
