//! A summary as people read it.

use std::collections::BTreeMap;
use std::fmt;

use super::{Stage, Summary, hex};
use crate::plan::Vice;

/// Rounds beyond this one are added up in one line.
const ROUND_SHOWN_MAX: u32 = 9;
/// Width of the first column.
const NAMES: usize = 26;
/// Width of a column of numbers.
const NUMBERS: usize = 13;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.totals(f)?;
        self.rounds(f)?;
        let messages: Vec<_> = self.counts.messages.iter().filter(|it| 0 < it.1).collect();
        list(f, "messages sent", &messages)?;
        let vices = self.counts.vices.iter();
        let vices: Vec<_> = vices.map(|(&vice, &it)| (called(vice), it)).collect();
        list(f, "vices acted on", &vices)?;
        self.coverage(f)?;
        let findings: Vec<_> = self.counts.findings.iter().map(|(what, &it)| (what, it)).collect();
        list(f, "found out by the judges", &findings)?;
        self.failed(f)
    }
}

impl Summary {
    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = u64::try_from(self.failures.len()).unwrap_or(u64::MAX);
        let rows = [
            ("seeds", self.seeds),
            ("failed", failed),
            ("heights", self.counts.heights),
            ("rounds", self.counts.rounds),
            ("events", self.counts.events),
            ("messages", self.counts.messages.total()),
            ("messages dropped", self.counts.dropped),
            ("peers banned", self.counts.bans),
            ("virtual seconds", self.lasted.millis() / 1000),
        ];
        for (name, count) in rows {
            row(f, name, &[grouped(count)])?;
        }
        writeln!(f, "{:<NAMES$} {}", "digest", &hex(&self.digest.finish())[..16])
    }

    fn rounds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: BTreeMap<u32, u64> = BTreeMap::new();
        for (&round, count) in &self.counts.decided_in {
            *shown.entry(round.min(ROUND_SHOWN_MAX + 1)).or_default() += count;
        }
        writeln!(f, "\nheights decided in round")?;
        for (round, count) in shown {
            let name = if ROUND_SHOWN_MAX < round { "later".to_owned() } else { round.to_string() };
            row(f, &format!("  {name}"), &[grouped(count)])?;
        }
        Ok(())
    }

    /// Rows are classes of faults, columns are where the members concerned were.
    fn coverage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counts.faults.is_empty() {
            return Ok(());
        }
        let stages = Stage::ALL.map(|stage| stage.name().to_owned());
        writeln!(f, "\nfaults that began, what they hit, and where the members concerned were")?;
        let heads = ["began", "hits"].map(str::to_owned).into_iter();
        row(f, "", &heads.chain(stages).collect::<Vec<String>>())?;
        for (class, &began) in &self.counts.faults {
            let hits = self.counts.hits.get(class).copied().unwrap_or(0);
            let met = self.counts.coverage.get(class);
            let count = |stage| met.and_then(|met| met.get(&stage)).copied().unwrap_or(0);
            let counts = Stage::ALL.map(|stage| grouped(count(stage)));
            let cells = [began, hits].map(grouped).into_iter().chain(counts);
            row(f, &format!("  {class}"), &cells.collect::<Vec<String>>())?;
        }
        Ok(())
    }

    fn failed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nfailed seeds")?;
        for failed in &self.failures {
            writeln!(f, "  {:<12} {}", failed.seed, failed.failure)?;
        }
        Ok(())
    }
}

fn list<N: AsRef<str>>(f: &mut fmt::Formatter<'_>, title: &str, rows: &[(N, u64)]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for (name, count) in rows {
        writeln!(f, "  {:>NUMBERS$}  {}", grouped(*count), name.as_ref())?;
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, cells: &[String]) -> fmt::Result {
    write!(f, "{name:<NAMES$}")?;
    for cell in cells {
        write!(f, " {cell:>NUMBERS$}")?;
    }
    writeln!(f)
}

/// What a plan calls it.
fn called(vice: Vice) -> String {
    let text = serde_json::to_string(&vice).expect("a vice is a word");
    text.trim_matches('"').to_owned()
}

/// 1234567 as `1 234 567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use crate::plan::FaultClass;
    use crate::report::{Counts, Failure, Report};

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn a_table_has_what_was_counted_and_who_failed() {
        let mut counts = Counts::default();
        counts.decided(types::Round(0));
        counts.decided(types::Round(40));
        counts.began(FaultClass::Crash);
        counts.hit(FaultClass::Crash, 3);
        counts.met(FaultClass::Crash, Stage::Precommit);
        let at = Moment::from_millis(1500);
        let failure = Failure { judge: "agreement", at, what: "two blocks".to_owned() };
        let report = Report { failure: Some(failure), digest: [7; 32], counts, lasted: at };
        let mut summary = Summary::default();
        summary.add(12_345, &report);
        let lines: Vec<String> =
            summary.to_string().lines().map(|line| words(line).join(" ")).collect();
        for line in [
            "seeds 1",
            "rounds 42",
            "later 1",
            "began hits new height propose prevote precommit commit catch-up down",
            "crash 1 3 0 0 0 1 0 0 0",
            "12345 agreement at 1.500000: two blocks",
        ] {
            assert!(lines.iter().any(|it| it == line), "{line:?} is not in {lines:#?}");
        }
    }

    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }
}
