//! How far something is, in one line that is written over and over; only where somebody looks.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_end_and_never_longer() {
        assert_eq!(bar(0, 5), format!("[{}]", ".".repeat(24)));
        assert_eq!(bar(7, 5), format!("[{}]", "#".repeat(24)));
        assert_eq!(bar(3, 0), format!("[{}]", ".".repeat(24)));
    }
}
