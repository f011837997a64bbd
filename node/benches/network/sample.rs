//! What a node has done and used so far, seen from outside, and what it did between two looks.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::localnet::Node;

/// Milliseconds of a tick in `/proc/PID/stat`; Linux tells programs of hundredths of a second on
/// every machine we know.
const TICK_MS: f64 = 10.0;
const DECIDE: &str = "lockstep_propose_to_decide_seconds";

/// One look at a node.
pub struct Sample {
    at: Instant,
    usage: Usage,
    height: f64,
    bytes_sent: f64,
    synced_writes: f64,
    decide: Histogram,
}

/// What a process has used.
pub struct Usage {
    /// Milliseconds of processor time, of the program and of the system for it.
    cpu_ms: f64,
    /// Switches from each of its threads to another.
    switches: BTreeMap<u32, u64>,
    /// Memory in use, in MB.
    pub resident_mb: f64,
}

/// How many observations were at most so many seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Upper bounds and counts, both ascending; the last bound is infinity.
    buckets: Vec<(f64, f64)>,
}

/// What several nodes did in a window: means of a node, but for the distribution, which is of all.
pub struct Change {
    /// How long it was.
    pub seconds: f64,
    /// How many heights were decided.
    pub heights: f64,
    /// Processor time of a node in milliseconds.
    pub cpu_ms: f64,
    /// Bytes that a node sent to its peers, as payload.
    pub bytes_sent: f64,
    /// Synced writes of a node: store, signer and application.
    pub synced_writes: f64,
    /// Context switches of a node.
    pub switches: f64,
    /// Memory of a node at the end, in MB.
    pub resident_mb: f64,
    /// From entering a height to its decision.
    pub decide: Histogram,
}

impl Sample {
    /// Looks at a node now.
    pub async fn take(node: &Node) -> anyhow::Result<Self> {
        let text = node.metrics().await?;
        let usage = Usage::of(node.id())?;
        let sum = |name: &str, label: &str| sum(&text, name, label);
        // The application syncs each commit.
        let commits =
            sum("cometbft_abci_connection_method_timing_seconds_count", "method=\"commit\"");
        Ok(Self {
            at: Instant::now(),
            usage,
            height: sum("cometbft_consensus_latest_block_height", ""),
            bytes_sent: sum("cometbft_p2p_peer_send_bytes_total", ""),
            synced_writes: sum("lockstep_synced_writes_total", "")
                + sum("lockstep_signer_synced_writes_total", "")
                + commits,
            decide: Histogram::read(&text, DECIDE),
        })
    }
}

impl Usage {
    /// What a process has used until now.
    pub fn of(process: u32) -> anyhow::Result<Self> {
        let folder = format!("/proc/{process}");
        let read = |path: String| fs::read_to_string(&path).with_context(|| format!("read {path}"));
        let stat = read(format!("{folder}/stat"))?;
        // The program's name, in brackets, may have spaces; user and system time are the 12th and
        // 13th words after it.
        let (_, after) = stat.rsplit_once(')').context("stat has no name")?;
        let words = after.split_whitespace().skip(11).take(2);
        let ticks = words.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        let mut switches = BTreeMap::new();
        for task in fs::read_dir(format!("{folder}/task"))? {
            let task = task?.file_name().to_string_lossy().into_owned();
            // A thread may end while we look.
            let Ok(status) = read(format!("{folder}/task/{task}/status")) else { continue };
            let count = field(&status, "voluntary_ctxt_switches:")
                + field(&status, "nonvoluntary_ctxt_switches:");
            switches.insert(task.parse()?, count);
        }
        let resident_mb = field(&read(format!("{folder}/status"))?, "VmRSS:") as f64 / 1024.0;
        Ok(Self { cpu_ms: ticks * TICK_MS, switches, resident_mb })
    }

    /// Processor time since an earlier look, in milliseconds.
    pub fn cpu_ms_since(&self, earlier: &Usage) -> f64 {
        self.cpu_ms - earlier.cpu_ms
    }

    fn switches_since(&self, earlier: &Usage) -> f64 {
        let since = |(thread, count): (&u32, &u64)| {
            count.saturating_sub(earlier.switches.get(thread).copied().unwrap_or(0))
        };
        self.switches.iter().map(since).sum::<u64>() as f64
    }
}

impl Change {
    /// What the nodes did from the first looks to the second ones.
    pub fn between(before: &[Sample], after: &[Sample]) -> anyhow::Result<Self> {
        ensure!(!before.is_empty() && before.len() == after.len(), "every node is looked at twice");
        let pairs = || before.iter().zip(after);
        let mean = |of: &dyn Fn(&Sample, &Sample) -> f64| {
            pairs().map(|(before, after)| of(before, after)).sum::<f64>() / before.len() as f64
        };
        let mut decide = Histogram::default();
        for (before, after) in pairs() {
            decide.add(&after.decide, &before.decide);
        }
        Ok(Self {
            seconds: mean(&|before, after| after.at.duration_since(before.at).as_secs_f64()),
            heights: mean(&|before, after| after.height - before.height),
            cpu_ms: mean(&|before, after| after.usage.cpu_ms_since(&before.usage)),
            bytes_sent: mean(&|before, after| after.bytes_sent - before.bytes_sent),
            synced_writes: mean(&|before, after| after.synced_writes - before.synced_writes),
            switches: mean(&|before, after| after.usage.switches_since(&before.usage)),
            resident_mb: mean(&|_, after| after.usage.resident_mb),
            decide,
        })
    }

    /// Share of one processor that a node used, in percent.
    pub fn cpu_percent(&self) -> f64 {
        self.cpu_ms / 10.0 / self.seconds
    }
}

/// What several nodes do from now on, for so long.
pub async fn watch(nodes: &[Node], window: Duration) -> anyhow::Result<Change> {
    let before = look(nodes).await?;
    tokio::time::sleep(window).await;
    Change::between(&before, &look(nodes).await?)
}

/// Looks at each node once.
pub async fn look(nodes: &[Node]) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for node in nodes {
        samples.push(Sample::take(node).await?);
    }
    Ok(samples)
}

impl Histogram {
    /// Reads one histogram from Prometheus text.
    fn read(text: &str, name: &str) -> Self {
        let name = format!("{name}_bucket");
        let bucket = |(labels, count): (&str, f64)| {
            let (_, bound) = labels.split_once("le=\"")?;
            Some((bound.split('"').next()?.parse().ok()?, count))
        };
        Self { buckets: values(text, &name).filter_map(bucket).collect() }
    }

    /// Adds what was observed between two looks.
    fn add(&mut self, after: &Histogram, before: &Histogram) {
        if self.buckets.is_empty() {
            self.buckets = after.buckets.iter().map(|(bound, _)| (*bound, 0.0)).collect();
        }
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            let count = |of: &Histogram| of.buckets.get(index).map_or(0.0, |(_, count)| *count);
            bucket.1 += count(after) - count(before);
        }
    }

    /// What this share of all observations was at most, in milliseconds; within a bucket by
    /// interpolation. NaN if nothing was observed.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let Some((_, all)) = self.buckets.last() else { return f64::NAN };
        let rank = share * all;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if rank <= *count && below < *count {
                let inside = (rank - below) / (count - below);
                let upper = if bound.is_finite() { *bound } else { lower };
                return (lower + (upper - lower) * inside) * 1000.0;
            }
            (lower, below) = (*bound, *count);
        }
        f64::NAN
    }
}

/// The labels and values of all lines of one metric.
fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
        // Otherwise it is a metric whose name only begins like this one's.
        if labels.is_empty() || labels.starts_with('{') {
            Some((labels, value.parse().ok()?))
        } else {
            None
        }
    })
}

/// The sum of all values of a metric whose labels have this text in them.
pub fn sum(text: &str, name: &str, label: &str) -> f64 {
    values(text, name).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
}

/// The number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> u64 {
    let after = text.lines().find_map(|line| line.strip_prefix(name));
    let word = after.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}
