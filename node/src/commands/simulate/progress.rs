//! How far a search through seeds is.

use std::time::Duration;

use simulator::report::Summary;

use super::Seeds;
use crate::commands::progress::{Line, bar};

/// How far a search is.
pub struct Progress {
    line: Line,
    count: Option<u64>,
}

impl Progress {
    /// For so many seeds; not for machines.
    pub fn new(seeds: Seeds, json: bool) -> Self {
        Self { line: Line::new(json), count: seeds.count() }
    }

    /// Shows how far it is, if it was not shown just now.
    pub fn show(&mut self, summary: &Summary) {
        let count = self.count;
        self.line.show(|elapsed| line(count, elapsed, summary));
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.line.clear();
    }
}

fn line(count: Option<u64>, elapsed: Duration, summary: &Summary) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let speed = summary.counts.heights.saturating_mul(1000) / millis;
    let (seeds, failed) = (summary.seeds, summary.failures.len());
    let mut text = match count {
        Some(count) => format!("{} {seeds} of {count} seeds", bar(seeds, count)),
        None => format!("{seeds} seeds"),
    };
    text.push_str(&format!(", {failed} failed, {speed} heights/s"));
    if let Some(left) = count.filter(|_| 0 < seeds).map(|count| count.saturating_sub(seeds)) {
        let seconds = millis.saturating_mul(left) / seeds / 1000;
        text.push_str(&format!(", {}:{:02} left", seconds / 60, seconds % 60));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let mut summary = Summary { seeds: 250, ..Summary::default() };
        summary.counts.heights = 5000;
        assert_eq!(
            line(Some(1000), Duration::from_secs(50), &summary),
            "[######..................] 250 of 1000 seeds, 0 failed, 100 heights/s, 2:30 left"
        );
        assert_eq!(
            line(None, Duration::from_secs(10), &summary),
            "250 seeds, 0 failed, 500 heights/s"
        );
    }
}
