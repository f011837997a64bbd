//! How far a search is, in one line that is written over and over; only where somebody looks.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use simulator::report::Summary;

use super::Seeds;

/// Between two looks of the line.
const EVERY: Duration = Duration::from_millis(200);
/// Cells of the bar.
const CELLS: u64 = 24;

/// The line.
pub struct Progress {
    shown: bool,
    count: Option<u64>,
    begun: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// For so many seeds; not for machines.
    pub fn new(seeds: Seeds, json: bool) -> Self {
        let shown = !json && std::io::stderr().is_terminal();
        Self { shown, count: seeds.count(), begun: Instant::now(), last: None }
    }

    /// Shows how far it is, if it was not shown just now.
    pub fn show(&mut self, summary: &Summary) {
        if !self.shown || self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        let line = line(self.count, self.begun.elapsed(), summary);
        // Whoever cannot be shown how far it is still gets the result.
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.last.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(count: Option<u64>, elapsed: Duration, summary: &Summary) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let speed = summary.counts.heights.saturating_mul(1000) / millis;
    let (seeds, failed) = (summary.seeds, summary.failures.len());
    let mut text = match count {
        Some(count) => {
            let full = usize::try_from(seeds * CELLS / count.max(1)).unwrap_or(0);
            let cells = usize::try_from(CELLS).unwrap_or(0);
            let bar = "#".repeat(full) + &".".repeat(cells.saturating_sub(full));
            format!("[{bar}] {seeds} of {count} seeds")
        }
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
