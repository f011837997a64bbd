//! What came of a performance model.

use std::fmt;

use serde::Serialize;

use super::station::Resource;

/// A share of busy time from which on a resource is what binds, in thousandths.
const BINDS_PERMILLE: u64 = 500;

/// The figures of one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How many validators.
    pub validators: usize,
    /// Peers of each, on the average, in tenths.
    pub peers_tenths: u64,
    /// Heights that were measured.
    pub heights: u64,
    /// Rounds of them; one that was decided in its first round counts as 1.
    pub rounds: u64,
    /// For how long, in virtual milliseconds.
    pub measured_ms: u64,
    /// Between the moments at which every other validator had a block on its disk.
    pub block_micros: Quantiles,
    /// On each validator, from waiting for a proposal to the block on the disk.
    pub decide_micros: Quantiles,
    /// From sending a transaction to its execution by the node that got it; none without load.
    pub latency_micros: Option<Quantiles>,
    /// Transactions that were decided.
    pub txs: u64,
    /// Bytes of them.
    pub txs_bytes: u64,
    /// Transactions that found no room in the pool of the node that got them.
    pub refused: u64,
    /// What crossed the lines of a node, on the average.
    pub traffic: TrafficFigures,
    /// How busy resources were, in thousandths.
    pub busy: Vec<Busy>,
    /// Messages that did not fit through a line and were dropped.
    pub dropped: u64,
}

/// What a node sent and received, in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TrafficFigures {
    /// Bytes that it sent.
    pub bytes_out: u64,
    /// Bytes that it received.
    pub bytes_in: u64,
    /// Bytes that the one sent which sent most.
    pub bytes_out_max: u64,
    /// Messages that it sent.
    pub messages_out: u64,
    /// Messages that it received.
    pub messages_in: u64,
    /// Of the bytes that it sent, those of transactions that wait for a block.
    pub txs_bytes_out: u64,
    /// Bytes that all sent since the world began, not in a second.
    pub all_out: u64,
    /// Bytes that all received since the world began.
    pub all_in: u64,
}

/// How busy a resource was, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Busy {
    /// Which.
    pub resource: Resource,
    /// On the average of all nodes.
    pub mean_permille: u64,
    /// On the node where it was busiest.
    pub max_permille: u64,
}

/// What half, nine tenths, and all but a hundredth stay below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Half.
    pub p50: u64,
    /// Nine tenths.
    pub p90: u64,
    /// All but a hundredth.
    pub p99: u64,
}

impl Quantiles {
    /// Of these nanoseconds, in microseconds; none if there are none.
    pub fn of_nanos(nanos: &[u64]) -> Option<Self> {
        let mut sorted: Vec<u64> = nanos.iter().map(|it| it / 1000).collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        // The least that at least so many of a hundred do not exceed.
        let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).min(last + 1) - 1];
        Some(Self { p50: at(50), p90: at(90), p99: at(99) })
    }
}

impl Figures {
    /// The busiest resource, on the average of all nodes.
    pub fn busiest(&self) -> Option<Busy> {
        // The first of equals, so that the order of resources decides.
        self.busy.iter().rev().max_by_key(|it| it.mean_permille).copied()
    }

    /// What keeps it from being faster; none if nothing is busy for half of the time: then it is
    /// distance, and the waits of the protocol.
    pub fn binds(&self) -> Option<Resource> {
        self.busiest().filter(|it| BINDS_PERMILLE <= it.mean_permille).map(|it| it.resource)
    }

    /// Transactions in a second, in thousandths.
    pub fn txs_per_kilosecond(&self) -> u64 {
        let rate = u128::from(self.txs) * 1_000_000 / u128::from(self.measured_ms.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// The figures of several networks, as people read them: a column for each.
pub struct Table<'a>(pub &'a [Figures]);

/// What stands in a row of a column.
type Cell = fn(&Figures) -> String;

/// Width of the first column.
const NAMES: usize = 34;
/// Width of the others.
const NUMBERS: usize = 14;

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: [(&str, Cell); 20] = [
            ("validators", |it| it.validators.to_string()),
            ("peers of each, mean", |it| tenths(it.peers_tenths)),
            ("heights measured", |it| it.heights.to_string()),
            ("rounds per height", |it| hundredths(it.rounds * 100 / it.heights.max(1))),
            ("block time p50, ms", |it| millis(it.block_micros.p50)),
            ("block time p99, ms", |it| millis(it.block_micros.p99)),
            ("propose to decide p50, ms", |it| millis(it.decide_micros.p50)),
            ("propose to decide p99, ms", |it| millis(it.decide_micros.p99)),
            ("send to commit p50, ms", |it| latency(it, |it| it.p50)),
            ("send to commit p90, ms", |it| latency(it, |it| it.p90)),
            ("send to commit p99, ms", |it| latency(it, |it| it.p99)),
            ("committed tx/s", |it| tenths(it.txs_per_kilosecond() / 100)),
            ("tx per block", |it| (it.txs / it.heights.max(1)).to_string()),
            ("refused (pool full)", |it| it.refused.to_string()),
            ("KB/s out of a node", |it| tenths(it.traffic.bytes_out / 100)),
            ("KB/s into a node", |it| tenths(it.traffic.bytes_in / 100)),
            ("  of it out, pending tx", |it| tenths(it.traffic.txs_bytes_out / 100)),
            ("messages/s out of a node", |it| it.traffic.messages_out.to_string()),
            ("busiest: mean, worst node", busiest),
            ("bound by", bound),
        ];
        for (name, cell) in rows {
            write!(f, "{name:<NAMES$}")?;
            for figures in self.0 {
                write!(f, " {:>NUMBERS$}", cell(figures))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn busiest(figures: &Figures) -> String {
    let Some(busy) = figures.busiest() else { return String::new() };
    format!("{}, {} %", tenths(busy.mean_permille), tenths(busy.max_permille))
}

fn bound(figures: &Figures) -> String {
    match (figures.binds(), figures.busiest()) {
        (Some(resource), _) => resource.name().to_owned(),
        (None, Some(busy)) => format!("waits ({})", busy.resource.name()),
        (None, None) => "waits".to_owned(),
    }
}

fn latency(figures: &Figures, of: fn(&Quantiles) -> u64) -> String {
    figures.latency_micros.as_ref().map_or_else(|| "-".to_owned(), |it| millis(of(it)))
}

/// Microseconds as milliseconds.
fn millis(micros: u64) -> String {
    tenths(micros / 100)
}

fn tenths(count: u64) -> String {
    format!("{}.{}", count / 10, count % 10)
}

fn hundredths(count: u64) -> String {
    format!("{}.{:02}", count / 100, count % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_seen() {
        let nanos: Vec<u64> = (1..=200).rev().map(|it| it * 1000).collect();
        let quantiles = Quantiles::of_nanos(&nanos);
        assert_eq!(quantiles, Some(Quantiles { p50: 100, p90: 180, p99: 198 }));
        assert_eq!(Quantiles::of_nanos(&[5000]), Some(Quantiles { p50: 5, p90: 5, p99: 5 }));
        assert_eq!(Quantiles::of_nanos(&[]), None);
    }
}
