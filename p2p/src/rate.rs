//! How many bytes per second may pass: a bucket that fills with time.

use std::time::{Duration, Instant};

/// A bucket of tokens, one for each byte; it holds one second's worth.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u64,
    /// What is left; below zero after a message larger than what was left, which then delays the
    /// next one.
    tokens: i128,
    filled: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u64, now: Instant) -> Self {
        let per_second = per_second.max(1);
        Self { per_second, tokens: i128::from(per_second), filled: now }
    }

    /// Takes `bytes` tokens, and says how long to wait before taking more.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.filled);
        let rate = i128::from(self.per_second);
        let earned = rate * passed.as_nanos() as i128 / NANOS_PER_SECOND;
        if 0 < earned {
            self.tokens = (self.tokens + earned).min(rate);
            self.filled = now;
        }
        self.tokens -= bytes as i128;
        if 0 <= self.tokens {
            return Duration::ZERO;
        }
        let nanos = -self.tokens * NANOS_PER_SECOND / rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_passes_at_once_and_more_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, start);
        assert_eq!(bucket.take(1000, start), Duration::ZERO);
        assert_eq!(bucket.take(500, start), Duration::from_millis(500));
        let later = start + Duration::from_millis(500);
        assert_eq!(bucket.take(0, later), Duration::ZERO);
        assert_eq!(bucket.take(1, later), Duration::from_millis(1));
        // However long nothing came, no more than one second's worth is saved up.
        let much_later = start + Duration::from_secs(100);
        assert_eq!(bucket.take(1500, much_later), Duration::from_millis(500));
    }
}
