//! A run over time: for each second or more of it what was sent, what came into blocks, and how
//! long that took.

use serde::Serialize;
use types::Time;

use super::ledger::Ledger;
use super::spread::Spread;

/// Most stretches that a run is cut into.
const STRETCHES_MAX: u64 = 600;

/// A stretch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// When it begins, in seconds since the first transaction could be sent.
    pub from: f64,
    /// How long it is, in seconds.
    pub seconds: f64,
    /// Transactions sent a second.
    pub sent: f64,
    /// Transactions a second that came into blocks; those of a block belong to the time since the
    /// block before.
    pub committed: f64,
    /// How long those that were sent in it took until their block came to us, in milliseconds;
    /// none if none did.
    pub latency_ms: Option<Spread>,
}

/// Seconds from one time to another, negative if that is earlier.
pub fn seconds_between(from: Time, to: Time) -> f64 {
    (to.unix_nanos() - from.unix_nanos()) as f64 / 1e9
}

/// Cuts a run of so many seconds into stretches.
pub fn stretches(ledger: &Ledger, total: f64) -> Vec<Stretch> {
    let whole_seconds = (total.ceil().max(1.0) as u64).max(1);
    let each = whole_seconds.div_ceil(STRETCHES_MAX).max(1);
    let count = usize::try_from(whole_seconds.div_ceil(each)).expect("they have a limit");
    let width = each as f64;
    let mut latencies = vec![vec![]; count];
    let place = |second: f64| ((second.max(0.0) / width) as usize).min(count - 1);
    for commit in &ledger.commits {
        let arrived = ledger.blocks[commit.block].arrived;
        let took = seconds_between(commit.sent_at, arrived) * 1000.0;
        latencies[place(seconds_between(ledger.began, commit.sent_at))].push(took);
    }
    let mut sent = vec![0.0; count];
    for (second, &number) in ledger.sent_by_second.iter().enumerate() {
        sent[place(second as f64)] += number as f64;
    }
    let committed = committed(ledger, count, width);
    let rows = latencies.into_iter().zip(sent).zip(committed).enumerate();
    let stretch = |(index, ((latencies, sent), committed))| {
        let from = index as f64 * width;
        // The last stretch is over when the run is.
        let seconds = width.min(total - from).max(f64::EPSILON);
        let seconds = if total <= from { width } else { seconds };
        let latency_ms = Spread::of(latencies);
        Stretch { from, seconds, sent: sent / seconds, committed: committed / seconds, latency_ms }
    };
    rows.map(stretch).collect()
}

/// How many of ours came into blocks in each stretch.
fn committed(ledger: &Ledger, count: usize, width: f64) -> Vec<f64> {
    let mut ours = vec![0.0; ledger.blocks.len()];
    for commit in &ledger.commits {
        ours[commit.block] += 1.0;
    }
    let mut committed = vec![0.0; count];
    let mut before = 0.0;
    for (block, ours) in ledger.blocks.iter().zip(ours) {
        let until = seconds_between(ledger.began, block.arrived).max(before);
        let place = |second: f64| ((second / width) as usize).min(count - 1);
        let (first, last) = (place(before), place(until));
        for (index, committed) in committed.iter_mut().enumerate().take(last + 1).skip(first) {
            let from = before.max(index as f64 * width);
            // Nothing is left out at the end.
            let to = if index == last { until } else { (index + 1) as f64 * width };
            let share = if first == last { 1.0 } else { (to - from) / (until - before) };
            *committed += ours * share;
        }
        before = until;
    }
    committed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::news::{News, Seen};
    use crate::load::payload::Stamp;

    fn at(millis: u64) -> Time {
        Time::EPOCH.after(Duration::from_millis(millis))
    }

    fn block(height: u64, arrived: Time, ours: Vec<Stamp>) -> News {
        let (polled, txs, bytes) = (false, 0, 0);
        News::Block(Seen { height, time: arrived, arrived, polled, txs, bytes, ours })
    }

    #[test]
    fn a_block_counts_for_the_time_since_the_block_before() {
        let mut ledger = Ledger::new(at(0));
        let stamps: Vec<Stamp> =
            (0..30).map(|number| Stamp { number, sent_at: at(number * 100) }).collect();
        stamps.iter().for_each(|&stamp| ledger.note(News::Sent(stamp)));
        ledger.note(block(1, at(0), vec![]));
        ledger.note(block(2, at(3000), stamps[..20].to_vec()));
        ledger.note(block(3, at(3500), stamps[20..].to_vec()));
        let rows = stretches(&ledger, 3.5);
        let column = |of: fn(&Stretch) -> f64| rows.iter().map(of).collect::<Vec<_>>();
        assert_eq!(column(|it| it.sent), [10.0, 10.0, 10.0, 0.0]);
        let rounded = |it: &Stretch| it.committed.round();
        assert_eq!(column(rounded), [7.0, 7.0, 7.0, 20.0], "the last is half a second long");
        let first = rows[0].latency_ms.unwrap();
        assert_eq!((first.count, first.max, first.min), (10, 3000.0, 2100.0));
        assert_eq!(rows[3].latency_ms, None);
    }

    #[test]
    fn a_run_without_anything_is_one_empty_stretch() {
        let rows = stretches(&Ledger::new(at(0)), 0.0);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].sent, rows[0].committed, rows[0].latency_ms), (0.0, 0.0, None));
    }

    #[test]
    fn a_run_of_a_day_has_few_stretches() {
        let rows = stretches(&Ledger::new(at(0)), 86_400.0);
        assert_eq!((rows.len(), rows[1].from), (600, 144.0));
    }
}
