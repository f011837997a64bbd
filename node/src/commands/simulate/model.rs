//! `lockstep simulate --model`: how fast a network of some size is, by a table of what work costs.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;
use simulator::model::{
    self, Costs, Figures, ModelError, ModelFailure, ModelLimit, ModelShape, Table,
};
use simulator::plan::shape::Terrain;

use super::Args;
use crate::cli::Surroundings;
use crate::commands::progress::{Line, bar};
use crate::complaint::Complaint;
use crate::config::duration;

/// Options of the performance model.
#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    /// Say how fast such a network is rather than what can go wrong in it: what work costs is taken
    /// from a table, and the rest is the same world.
    #[arg(long, help_heading = "Performance model")]
    pub model: bool,
    /// How many peers a validator has on the average [default: 20, or all if there are fewer].
    #[arg(long, value_name = "COUNT", help_heading = "Performance model")]
    degree: Option<usize>,
    /// What each sends and receives at most, such as `1Gbit` or `100Mbit` a second
    /// [default: 1Gbit].
    #[arg(long, value_name = "RATE", help_heading = "Performance model")]
    bandwidth: Option<String>,
    /// Transactions that clients send, in a second, to all nodes together [default: 0].
    #[arg(long, value_name = "COUNT", help_heading = "Performance model")]
    rate: Option<u64>,
    /// Bytes of a transaction [default: 1024].
    #[arg(long, value_name = "BYTES", help_heading = "Performance model")]
    tx_size: Option<u64>,
    /// Most bytes of a block [default: 4194304].
    #[arg(long, value_name = "BYTES", help_heading = "Performance model")]
    block_bytes: Option<u64>,
    /// Most transactions that wait in a pool [default: 5000].
    #[arg(long, value_name = "COUNT", help_heading = "Performance model")]
    pool_size: Option<usize>,
    /// The pause after a decision, such as `1s` or `0` [default: 1s].
    #[arg(long, value_name = "TIME", help_heading = "Performance model")]
    timeout_commit: Option<String>,
    /// How long peers are given to get votes and parts from their makers [default: 50ms].
    #[arg(long, value_name = "TIME", help_heading = "Performance model")]
    relay_delay: Option<String>,
    /// Threads that check signatures on a node [default: 1, as a node has].
    #[arg(long, value_name = "COUNT", help_heading = "Performance model")]
    verifiers: Option<usize>,
    /// What work costs: a table as `cargo bench -p simulator --bench costs` prints it
    /// [default: the one in docs/PERFORMANCE.md].
    #[arg(long, value_name = "FILE", help_heading = "Performance model")]
    costs: Option<PathBuf>,
}

impl ModelArgs {
    /// The first option of a model that is given, if any is.
    pub fn is_given(&self) -> Option<&'static str> {
        let given = [
            ("--degree", self.degree.is_some()),
            ("--bandwidth", self.bandwidth.is_some()),
            ("--rate", self.rate.is_some()),
            ("--tx-size", self.tx_size.is_some()),
            ("--block-bytes", self.block_bytes.is_some()),
            ("--pool-size", self.pool_size.is_some()),
            ("--timeout-commit", self.timeout_commit.is_some()),
            ("--relay-delay", self.relay_delay.is_some()),
            ("--verifiers", self.verifiers.is_some()),
            ("--costs", self.costs.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    /// The shape that they ask for, whatever its size.
    fn shape(&self) -> Result<ModelShape, Complaint> {
        let default = ModelShape::default();
        let bandwidth = self.bandwidth.as_deref().map(bytes_per_second).transpose()?;
        let commit = millis("--timeout-commit", self.timeout_commit.as_deref())?;
        let relay = millis("--relay-delay", self.relay_delay.as_deref())?;
        let costs = self.costs.as_deref().map(costs).transpose()?;
        Ok(ModelShape {
            degree: self.degree,
            bandwidth: bandwidth.unwrap_or(default.bandwidth),
            rate: self.rate.unwrap_or(default.rate),
            tx_bytes: self.tx_size.unwrap_or(default.tx_bytes),
            block_bytes: self.block_bytes.unwrap_or(default.block_bytes),
            pool_txs_max: self.pool_size.unwrap_or(default.pool_txs_max),
            commit_ms: commit.unwrap_or(default.commit_ms),
            relay_ms: relay.unwrap_or(default.relay_ms),
            verifiers: self.verifiers.unwrap_or(default.verifiers),
            costs: costs.unwrap_or(default.costs),
            ..default
        })
    }
}

/// Models networks, and prints a column for each.
///
/// # Errors
/// If the options cannot be, a file cannot be used, or a network does not work.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    refuse_searches(args)?;
    let (sizes, heights, network) = args.shape.of_model()?;
    let default = args.model.shape()?;
    let first = ModelShape {
        seed: args.seed.unwrap_or(default.seed),
        heights: heights.unwrap_or(default.heights),
        network: if network == Terrain::Any { Terrain::Wan } else { network },
        ..default
    };
    let sizes = if sizes.is_empty() { vec![first.validators] } else { sizes };
    let shape = |&validators: &usize| ModelShape { validators, ..first.clone() };
    let shapes: Vec<ModelShape> = sizes.iter().map(shape).collect();
    // Found out now rather than after the first has run for long.
    for shape in &shapes {
        shape.plan().map_err(|error| complaint(&error))?;
    }
    let figures = model_all(around, &shapes)?;
    if around.json {
        println!(
            "{:#}",
            json!({ "shape": asked(&first), "costs": first.costs, "figures": figures })
        );
    } else {
        println!("{}", headline(&first));
        print!("{}", Table(&figures));
    }
    Ok(())
}

/// What has no meaning with a model.
fn refuse_searches(args: &Args) -> Result<(), Complaint> {
    let given = [
        ("--seeds", args.seeds.is_some(), "one seed makes a performance model"),
        ("--jobs", args.jobs.is_some(), "one network is modelled at a time"),
        ("--within", args.within.is_some(), "a performance model ends with its heights"),
        ("--failures", args.failures.is_some(), "a performance model does not search for any"),
        ("--trace", args.trace.is_some(), "too much happens in a performance model"),
        ("--replay", args.replay.is_some(), "a performance model has no trace"),
    ];
    match given.into_iter().find(|(_, given, _)| *given) {
        Some((option, _, problem)) => {
            Err(Complaint::new(option, "", problem, "leave it out, or leave out --model"))
        }
        None => Ok(()),
    }
}

fn model_all(around: &Surroundings, shapes: &[ModelShape]) -> anyhow::Result<Vec<Figures>> {
    let mut figures = vec![];
    let mut line = Line::new(around.json);
    for (place, shape) in shapes.iter().enumerate() {
        let goal = shape.plan().map_err(|error| complaint(&error))?.heights;
        let mut watch = |height: u64| {
            let (number, count) = (place + 1, shapes.len());
            line.show(|_| {
                let (bar, size) = (bar(height, goal), shape.validators);
                format!("{bar} {size} validators, height {height} of {goal}, {number} of {count}")
            });
        };
        watch(0);
        match model::run(shape, &mut watch) {
            Ok(own) => figures.push(own),
            Err(ModelFailure::Shape(error)) => return Err(complaint(&error).into()),
            Err(ModelFailure::Judged(failure)) => {
                line.clear();
                bail!("{} validators: {failure}", shape.validators);
            }
        }
    }
    line.clear();
    Ok(figures)
}

/// What the figures are of.
fn headline(shape: &ModelShape) -> String {
    let place = place_of(shape);
    let ModelShape { rate, tx_bytes, block_bytes, commit_ms, relay_ms, costs, .. } = shape;
    format!(
        "network {place}, {} Mbit/s, {rate} tx/s of {tx_bytes} bytes, blocks of {block_bytes} \
         bytes at most, {commit_ms} ms after a decision, relayed after {relay_ms} ms\n\
         costs of {}, {}\n",
        shape.bandwidth * 8 / 1_000_000,
        costs.measured,
        costs.machine,
    )
}

/// The same for machines.
fn asked(shape: &ModelShape) -> serde_json::Value {
    json!({
        "seed": shape.seed,
        "network": place_of(shape),
        "degree": shape.degree,
        "bandwidth_bytes": shape.bandwidth,
        "rate": shape.rate,
        "tx_bytes": shape.tx_bytes,
        "block_bytes": shape.block_bytes,
        "pool_txs_max": shape.pool_txs_max,
        "commit_ms": shape.commit_ms,
        "relay_ms": shape.relay_ms,
        "verifiers": shape.verifiers,
    })
}

fn place_of(shape: &ModelShape) -> String {
    match &shape.network {
        Terrain::Any | Terrain::Wan => "wan".to_owned(),
        Terrain::Lan => "lan".to_owned(),
        Terrain::Table(table) => format!("of {} places", table.places.len()),
    }
}

fn complaint(error: &ModelError) -> Complaint {
    let option = match error {
        ModelError::Table { .. } => "--network",
        ModelError::Limit { what, .. } => match what {
            ModelLimit::Validators => "--validators",
            ModelLimit::Degree => "--degree",
            ModelLimit::Bandwidth => "--bandwidth",
            ModelLimit::Rate => "--rate",
            ModelLimit::TxBytes => "--tx-size",
            ModelLimit::BlockBytes => "--block-bytes",
            ModelLimit::PoolTxs => "--pool-size",
            ModelLimit::Heights => "--heights",
            ModelLimit::CommitMs => "--timeout-commit",
            ModelLimit::RelayMs => "--relay-delay",
            ModelLimit::Verifiers => "--verifiers",
        },
    };
    Complaint::new(option, "", error.to_string(), "see docs/SIMULATOR.md for what can be modelled")
}

fn costs(file: &Path) -> Result<Costs, Complaint> {
    let complain = |problem: String| {
        let remedy = "give a table as `cargo bench -p simulator --bench costs` prints it";
        Complaint::new(format!("--costs {}", file.display()), "", problem, remedy)
    };
    let text = std::fs::read_to_string(file).map_err(|error| complain(error.to_string()))?;
    Costs::read(&text).map_err(|error| complain(error.to_string()))
}

fn millis(option: &str, text: Option<&str>) -> Result<Option<u64>, Complaint> {
    let Some(text) = text else { return Ok(None) };
    let span = duration::parse(text).map_err(|error| {
        Complaint::new(option, "", error.to_string(), "write it as 500ms or 1s")
    })?;
    Ok(Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
}

/// Bits a second in words, as bytes a second.
fn bytes_per_second(text: &str) -> Result<u64, Complaint> {
    const UNITS: [(&str, u64); 4] =
        [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1000), ("bit", 1)];
    let unit = UNITS.into_iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, bits)));
    let bits = unit.and_then(|(count, bits)| count.trim().parse::<u64>().ok()?.checked_mul(bits));
    bits.map(|bits| bits / 8).ok_or_else(|| {
        let problem = format!("{text:?} is no bandwidth");
        Complaint::new("--bandwidth", "", problem, "write it as 1Gbit, 100Mbit or 500kbit")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidth_is_in_bits() {
        assert_eq!(bytes_per_second("1Gbit"), Ok(125_000_000));
        assert_eq!(bytes_per_second("100Mbit"), Ok(12_500_000));
        assert_eq!(bytes_per_second("8bit"), Ok(1));
        for text in ["", "1", "1GB", "Gbit", "-1Gbit", "1.5Gbit", "99999999999999999999Gbit"] {
            assert!(bytes_per_second(text).is_err(), "{text}");
        }
    }
}
