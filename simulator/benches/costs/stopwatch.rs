//! How long something takes. Of what the processor does the quickest of many times counts, since
//! whatever else the machine does can only add; of what the disk does, the median.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How often something quick is measured.
const ROUNDS: usize = 201;
/// How long each of these lasts at least: the clock is not looked at too often.
const ROUND: Duration = Duration::from_millis(1);
/// How often something slow is measured.
const SLOW_ROUNDS: usize = 101;

/// Nanoseconds that something quick takes, at least one.
pub fn nanos_of<T>(mut what: impl FnMut() -> T) -> u64 {
    let began = Instant::now();
    black_box(what());
    let once = began.elapsed().max(Duration::from_nanos(1));
    let times = (ROUND.as_nanos() / once.as_nanos()).clamp(1, 100_000);
    let round = |_| {
        let began = Instant::now();
        for _ in 0..times {
            black_box(what());
        }
        began.elapsed().as_nanos() / times
    };
    let quickest = (0..ROUNDS).map(round).min().expect("there are rounds");
    u64::try_from(quickest).unwrap_or(u64::MAX).max(1)
}

/// Nanoseconds that something slow takes.
pub fn nanos_of_slow<T>(mut what: impl FnMut() -> T) -> u64 {
    let round = |_| {
        let began = Instant::now();
        black_box(what());
        began.elapsed().as_nanos()
    };
    median((0..SLOW_ROUNDS).map(round).collect())
}

fn median(mut nanos: Vec<u128>) -> u64 {
    nanos.sort_unstable();
    u64::try_from(nanos[nanos.len() / 2]).unwrap_or(u64::MAX).max(1)
}

/// How much one more of something adds, between two counts that were measured.
pub fn slope((few, short): (u64, u64), (many, long): (u64, u64)) -> u64 {
    (long.saturating_sub(short) / (many - few)).max(1)
}
