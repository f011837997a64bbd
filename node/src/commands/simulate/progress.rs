//! How far a simulation is, in one line that is written over and over; only where somebody looks.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use simulator::report::Summary;

use super::Seeds;

/// Between two looks of the line.
const EVERY: Duration = Duration::from_millis(200);
/// Cells of the bar.
const CELLS: u64 = 24;

/// A line that is written over and over.
pub struct Line {
    shown: bool,
    begun: Instant,
    last: Option<Instant>,
}

impl Line {
    /// Not for machines.
    pub fn new(json: bool) -> Self {
        let shown = !json && std::io::stderr().is_terminal();
        Self { shown, begun: Instant::now(), last: None }
    }

    /// Shows a text, if nothing was shown just now. It is told how long it is since the beginning.
    pub fn show(&mut self, text: impl FnOnce(Duration) -> String) {
        if !self.shown || self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        let text = text(self.begun.elapsed());
        // Whoever cannot be shown how far it is still gets the result.
        let _ = write!(std::io::stderr(), "\r{text}\x1b[K");
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.last.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// How much is done, as a bar.
pub fn bar(done: u64, of: u64) -> String {
    let full = usize::try_from(done.min(of) * CELLS / of.max(1)).unwrap_or(0);
    let cells = usize::try_from(CELLS).unwrap_or(0);
    format!("[{}{}]", "#".repeat(full), ".".repeat(cells.saturating_sub(full)))
}

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

    #[test]
    fn a_bar_is_full_at_the_end_and_never_longer() {
        assert_eq!(bar(0, 5), format!("[{}]", ".".repeat(24)));
        assert_eq!(bar(7, 5), format!("[{}]", "#".repeat(24)));
        assert_eq!(bar(3, 0), format!("[{}]", ".".repeat(24)));
    }
}
