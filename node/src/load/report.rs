//! What a load found out, for people and as JSON.

use std::fmt;

use serde::Serialize;
use types::Time;

use super::ledger::{Commit, Counts, Ledger};
use super::news::{Seen, Way};
use super::series::{Stretch, seconds_between, stretches};
use super::spread::Spread;

/// A node that was sent transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// How it is reached.
    pub url: String,
    /// Its name.
    pub moniker: String,
    /// Its software's version.
    pub version: String,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// Connections in all.
    pub connections: usize,
    /// Transactions a second over all of them; 0: each as soon as the last was answered.
    pub rate: u32,
    /// Bytes of a transaction.
    pub size: usize,
    /// For how long.
    pub seconds: u64,
    /// By which call.
    pub method: &'static str,
}

/// Where and how a run went, beside what the ledger has.
#[derive(Clone, Debug)]
pub struct Course {
    /// The run's name, which is in each transaction.
    pub run: String,
    /// The chain.
    pub chain: String,
    /// The nodes.
    pub targets: Vec<Target>,
    /// What was asked for.
    pub asked: Asked,
    /// Most bytes of a block by the chain's parameters, if they could be had.
    pub block_bytes_max: Option<u64>,
    /// For how long transactions were sent, in seconds.
    pub sending_seconds: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Turns at which no connection was free.
    pub turns_missed: u64,
}

/// Rates in transactions a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Sent, while there was sending.
    pub sent: f64,
    /// In blocks, from the beginning until the last block with one of ours came.
    pub committed: f64,
}

/// How long transactions took, in milliseconds from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latencies {
    /// Until the time in the header of their block, which its proposer chose: by the rules of
    /// block times that is before the block was decided, and may be before the transaction was
    /// sent.
    pub block_time: Option<Spread>,
    /// Until the time in the next block's header, which is when validators had decided theirs.
    pub next_block_time: Option<Spread>,
    /// Until their block came to us.
    pub event: Option<Spread>,
    /// Until the node answered.
    pub answer: Option<Spread>,
}

/// The blocks of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Blocks {
    /// How many there were.
    pub count: usize,
    /// The first and the last.
    pub from: u64,
    /// See above.
    pub to: u64,
    /// How many did not come by themselves, but were asked for.
    pub polled: usize,
    /// Milliseconds between their times.
    pub interval_ms: Option<Spread>,
    /// Transactions in them, ours and others.
    pub transactions: Option<Spread>,
    /// Bytes of these.
    pub bytes: Option<Spread>,
    /// Most bytes that a block may have.
    pub bytes_max: Option<u64>,
    /// Bytes of transactions in percent of that.
    pub fill_percent: Option<Spread>,
}

/// A kind of errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// Which.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// What the first one said.
    pub first: String,
}

/// Connections over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// How often one was made.
    pub made: u64,
    /// How often one was lost.
    pub lost: u64,
}

/// What a load found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The version of this program.
    pub lockstep: &'static str,
    /// The run's name, which is in each transaction.
    pub run: String,
    /// The chain.
    pub chain: String,
    /// The nodes.
    pub endpoints: Vec<Target>,
    /// What was asked for.
    pub asked: Asked,
    /// When it began, in RFC 3339.
    pub began: String,
    /// For how long transactions were sent, in seconds.
    pub sending_seconds: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// What became of the transactions.
    pub transactions: Counts,
    /// Turns at which no connection was free, so that nothing was sent.
    pub turns_missed: u64,
    /// Transactions a second.
    pub rates: Rates,
    /// How long transactions took.
    pub latency_ms: Latencies,
    /// The blocks of the run.
    pub blocks: Option<Blocks>,
    /// How the last of them were followed: `events` or `polling`.
    pub followed_by: Option<&'static str>,
    /// What went wrong, by its kind.
    pub errors: Vec<Errors>,
    /// Connections over the whole run.
    pub connections: Connections,
    /// The run over time.
    pub series: Vec<Stretch>,
}

impl Report {
    /// What is in the ledger at the end.
    pub fn new(mut ledger: Ledger, course: Course) -> Self {
        let transactions = ledger.conclude();
        let last = ledger.commits.last().map(|commit| ledger.blocks[commit.block].arrived);
        let until_last = last.map_or(0.0, |last| seconds_between(ledger.began, last));
        let per_second =
            |count: u64, seconds: f64| if 0.0 < seconds { count as f64 / seconds } else { 0.0 };
        let rates = Rates {
            sent: per_second(transactions.sent, course.sending_seconds),
            committed: per_second(transactions.committed, until_last),
        };
        let series = stretches(&ledger, until_last.max(course.sending_seconds));
        let latency_ms = Latencies::of(&ledger);
        let blocks = Blocks::of(&ledger.blocks, course.block_bytes_max);
        let errors = ledger.faults.into_iter();
        let errors = errors.map(|(kind, it)| Errors { kind, count: it.count, first: it.first });
        Self {
            lockstep: env!("CARGO_PKG_VERSION"),
            run: course.run,
            chain: course.chain,
            endpoints: course.targets,
            asked: course.asked,
            began: ledger.began.to_string(),
            sending_seconds: course.sending_seconds,
            interrupted: course.interrupted,
            transactions,
            turns_missed: course.turns_missed,
            rates,
            latency_ms,
            blocks,
            followed_by: ledger.way.map(|way| match way {
                Way::Events => "events",
                Way::Polling => "polling",
            }),
            errors: errors.collect(),
            connections: Connections {
                made: ledger.connections_made,
                lost: ledger.connections_lost,
            },
            series,
        }
    }
}

impl Latencies {
    fn of(ledger: &Ledger) -> Self {
        let took = |commit: &Commit, until: Time| seconds_between(commit.sent_at, until) * 1000.0;
        let by = |until: fn(&[Seen], usize) -> Option<Time>| {
            let commits = ledger.commits.iter();
            let known = commits
                .filter_map(|it| until(&ledger.blocks, it.block).map(|until| took(it, until)));
            Spread::of(known.collect())
        };
        let answers = ledger.answers.iter().map(|answer| answer.as_secs_f64() * 1000.0);
        Self {
            block_time: by(|blocks, index| Some(blocks[index].time)),
            next_block_time: by(|blocks, index| blocks.get(index + 1).map(|next| next.time)),
            event: by(|blocks, index| Some(blocks[index].arrived)),
            answer: Spread::of(answers.collect()),
        }
    }
}

impl Blocks {
    /// Of all blocks but the first, which is from before the run.
    fn of(blocks: &[Seen], bytes_max: Option<u64>) -> Option<Self> {
        let during = blocks.get(1..)?;
        let (first, last) = (during.first()?, during.last()?);
        let intervals =
            blocks.windows(2).map(|it| seconds_between(it[0].time, it[1].time) * 1000.0);
        let spread = |of: fn(&Seen) -> u64| during.iter().map(move |it| of(it) as f64);
        let fill = bytes_max.and_then(|max| {
            Spread::of(spread(|it| it.bytes).map(|bytes| bytes * 100.0 / max as f64).collect())
        });
        Some(Self {
            count: during.len(),
            from: first.height,
            to: last.height,
            polled: during.iter().filter(|it| it.polled).count(),
            interval_ms: Spread::of(intervals.collect()),
            transactions: Spread::of(spread(|it| it.txs).collect()),
            bytes: Spread::of(spread(|it| it.bytes).collect()),
            bytes_max,
            fill_percent: fill,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = &self.asked;
        let rate = match asked.rate {
            0 => "as fast as answered".to_owned(),
            rate => format!("{rate} tx/s"),
        };
        writeln!(
            f,
            "run {} on {}: {} of {} bytes by {} over {} connections for {:.1} s{}",
            self.run,
            self.chain,
            rate,
            asked.size,
            asked.method,
            asked.connections,
            self.sending_seconds,
            if self.interrupted { ", ended early" } else { "" },
        )?;
        for it in &self.endpoints {
            writeln!(f, "  {} ({}, {})", it.url, it.moniker, it.version)?;
        }
        self.write_counts(f)?;
        self.write_latencies(f)?;
        self.write_blocks(f)?;
        self.write_errors(f)
    }
}

impl Report {
    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.transactions;
        writeln!(f, "\n{:<12} {:>10}   {:.1} tx/s", "sent", counts.sent, self.rates.sent)?;
        let (committed, rate) = (counts.committed, self.rates.committed);
        writeln!(f, "{:<12} {committed:>10}   {rate:.1} tx/s", "committed")?;
        for (name, count, meaning) in [
            ("rejected", counts.rejected, "a node did not take them"),
            ("lost", counts.lost, "a node took them, and they came into no block"),
            ("failed", counts.failed, "no answer, and in no block"),
            ("duplicates", counts.duplicates, "in a block again"),
            ("turns missed", self.turns_missed, "no connection was free; not sent"),
        ] {
            if 0 < count || ["rejected", "lost", "failed"].contains(&name) {
                writeln!(f, "{name:<12} {count:>10}   {meaning}")?;
            }
        }
        Ok(())
    }

    fn write_latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["p50", "p90", "p99", "max"];
        let [p50, p90, p99, max] = columns;
        writeln!(f, "\n{:<32} {p50:>9} {p90:>9} {p99:>9} {max:>9}", "milliseconds")?;
        let latencies = &self.latency_ms;
        let interval = self.blocks.and_then(|blocks| blocks.interval_ms);
        for (name, spread) in [
            ("sent to answered", latencies.answer),
            ("sent to its block's time", latencies.block_time),
            ("sent to the next block's time", latencies.next_block_time),
            ("sent to its block's arrival", latencies.event),
            ("block to block", interval),
        ] {
            match spread {
                Some(Spread { p50, p90, p99, max, .. }) => {
                    writeln!(f, "{name:<32} {p50:>9.1} {p90:>9.1} {p99:>9.1} {max:>9.1}")?;
                }
                None => writeln!(f, "{name:<32} {:>9}", "-")?,
            }
        }
        Ok(())
    }

    fn write_blocks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(blocks) = &self.blocks else { return writeln!(f, "\nno block came") };
        let (count, from, to) = (blocks.count, blocks.from, blocks.to);
        let way = self.followed_by.unwrap_or("nothing");
        write!(f, "\n{count} blocks, {from} to {to}, followed by {way}")?;
        if 0 < blocks.polled {
            write!(f, " ({} of them asked for)", blocks.polled)?;
        }
        if let (Some(txs), Some(bytes)) = (blocks.transactions, blocks.bytes) {
            let (mean, max) = (txs.mean, txs.max);
            write!(f, "\n  transactions in one: {mean:.1} on average, {max:.0} at most")?;
            let (mean, max) = (bytes.mean / 1000.0, bytes.max / 1000.0);
            write!(f, "\n  kilobytes of these:  {mean:.1} on average, {max:.1} at most")?;
        }
        if let Some(fill) = blocks.fill_percent {
            let (mean, max) = (fill.mean, fill.max);
            write!(f, "\n  fill of the limit:   {mean:.1} % on average, {max:.1} % at most")?;
        }
        writeln!(f)
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections { made, lost } = self.connections;
        writeln!(f, "\nconnections made: {made}, lost: {lost}")?;
        if self.errors.is_empty() {
            return writeln!(f, "no errors");
        }
        writeln!(f, "errors:")?;
        for Errors { kind, count, first } in &self.errors {
            writeln!(f, "{count:>10} {kind:<24} {}", first.replace('\n', " "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::answer::{Answer, Fault};
    use crate::load::news::News;
    use crate::load::payload::Stamp;

    fn at(millis: u64) -> Time {
        Time::EPOCH.after(Duration::from_millis(millis))
    }

    fn course() -> Course {
        Course {
            run: "00000000".into(),
            chain: "chain".into(),
            targets: vec![],
            asked: Asked { connections: 1, rate: 10, size: 100, seconds: 1, method: "sync" },
            block_bytes_max: Some(1000),
            sending_seconds: 1.0,
            interrupted: false,
            turns_missed: 0,
        }
    }

    fn block(height: u64, arrived: u64, ours: &[u64]) -> News {
        let stamp = |&number: &u64| Stamp { number, sent_at: at(number * 100) };
        let ours: Vec<Stamp> = ours.iter().map(stamp).collect();
        let txs = u64::try_from(ours.len()).unwrap();
        News::Block(Seen {
            height,
            time: at(arrived - 50),
            arrived: at(arrived),
            polled: false,
            txs,
            bytes: txs * 100,
            ours,
        })
    }

    #[test]
    fn figures_are_those_of_the_ledger() {
        let mut ledger = Ledger::new(at(0));
        for number in 0..10 {
            ledger.note(News::Sent(Stamp { number, sent_at: at(number * 100) }));
            let (answer, after) = (Answer::Accepted, Duration::from_millis(2));
            ledger.note(News::Answered { number, answer, after });
        }
        ledger.note(News::Fault(Fault::new("kind", "text")));
        ledger.note(block(5, 50, &[]));
        ledger.note(block(6, 1000, &[0, 1, 2, 3, 4, 5, 6, 7]));
        ledger.note(block(7, 2000, &[]));
        let report = Report::new(ledger, course());
        assert_eq!((report.rates.sent, report.rates.committed), (10.0, 8.0));
        let spread = |of: Option<Spread>| of.map(|it| (it.count, it.p50, it.max)).unwrap();
        assert_eq!(spread(report.latency_ms.event), (8, 600.0, 1000.0));
        assert_eq!(spread(report.latency_ms.block_time), (8, 550.0, 950.0));
        assert_eq!(spread(report.latency_ms.next_block_time), (8, 1550.0, 1950.0));
        assert_eq!(spread(report.latency_ms.answer), (10, 2.0, 2.0));
        let blocks = report.blocks.unwrap();
        assert_eq!((blocks.count, blocks.from, blocks.to), (2, 6, 7));
        assert_eq!(blocks.fill_percent.unwrap().max, 80.0);
        assert_eq!(report.transactions.lost, 2);
        let text = report.to_string();
        for line in ["committed             8   8.0 tx/s", "2 blocks, 6 to 7", "1 kind"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_run_of_which_nothing_came_has_a_report_too() {
        let report = Report::new(Ledger::new(at(0)), Course { sending_seconds: 0.0, ..course() });
        assert_eq!(report.rates, Rates { sent: 0.0, committed: 0.0 });
        assert!(report.to_string().contains("no block came"));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["transactions"]["sent"], 0);
        assert!(json["latency_ms"]["event"].is_null());
    }
}
