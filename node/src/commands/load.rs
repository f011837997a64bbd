//! `lockstep load`: puts a load on a network, and says what it made of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::progress::{Line, bar};
use crate::cli::{Json, Surroundings};
use crate::complaint::Complaint;
use crate::load::endpoint::Endpoint;
use crate::load::payload::{BYTES_MAX, BYTES_MIN, TRANSACTIONS_MAX};
use crate::load::report::Report;
use crate::load::sender::Method;
use crate::load::{self, Plan, Standing, plot};

/// Most endpoints.
const ENDPOINTS_MAX: usize = 100;
/// Most connections.
const CONNECTIONS_MAX: usize = 1000;
/// Most transactions a second.
const RATE_MAX: u32 = 100_000;
/// Longest run in seconds: a day.
const SECONDS_MAX: u64 = 86_400;
/// Longest wait after it in seconds.
const GRACE_SECONDS_MAX: u64 = 600;

/// Arguments of `lockstep load`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The nodes to send to: `ws://HOST:PORT/websocket` or `http://HOST:PORT`, several with commas.
    /// Any node with CometBFT's RPC will do.
    #[arg(long, value_name = "URL,...", required = true, value_delimiter = ',')]
    endpoints: Vec<String>,
    /// Connections in all, spread over the endpoints.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    connections: usize,
    /// Transactions a second over all connections, whether they are answered or not; 0: each
    /// connection sends as soon as its last transaction was answered.
    #[arg(long, value_name = "TX/S", default_value_t = 1000)]
    rate: u32,
    /// Bytes of a transaction.
    #[arg(long, value_name = "BYTES", default_value_t = 250)]
    size: usize,
    /// For how many seconds transactions are sent.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    time: u64,
    /// How many seconds afterwards it is waited for what nodes took to come into blocks.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    grace: u64,
    /// Whether a transaction is answered once it is checked, at once, or once it is in a block.
    #[arg(long, value_enum, default_value_t = Method::Sync)]
    method: Method,
    /// Write the report as JSON to this file; without one, or with `-`, to the standard output,
    /// instead of text.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-",
        value_parser = Json::parse)]
    json: Option<Json>,
    /// Draw throughput and latency over time into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// Puts the load on the network, and reports.
///
/// # Errors
/// If an option is beyond its limit, a node does not answer at the beginning, or a file cannot be
/// written.
pub fn run(_around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let plan = plan(args)?;
    let json = args.json.clone().unwrap_or_default();
    // Found out now rather than when there is something to lose; what is there stays until then.
    if let Json::File(path) = &json {
        check_writable("--json", path)?;
    }
    if let Some(path) = &args.plot {
        check_writable("--plot", path)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut line = Line::new(json == Json::Stdout);
    let report = runtime.block_on(load::run(&plan, |standing| {
        line.show(|_| progress(&plan, standing));
    }));
    line.clear();
    let report = report?;
    let text = format!("{:#}\n", serde_json::to_value(&report)?);
    // Before anything is printed: if nobody reads that, the program ends there.
    let kept = keep(&json, args.plot.as_deref(), &text, &report);
    match json {
        Json::Stdout => print!("{text}"),
        Json::Nowhere | Json::File(_) => print!("{report}"),
    }
    kept
}

/// Writes the files that were asked for.
fn keep(json: &Json, picture: Option<&Path>, text: &str, report: &Report) -> anyhow::Result<()> {
    if let Json::File(path) = json {
        fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    let Some(path) = picture else { return Ok(()) };
    fs::write(path, plot::svg(report)?).with_context(|| path.display().to_string())
}

fn check_writable(option: &str, path: &Path) -> Result<(), Complaint> {
    let opened = File::options().append(true).create(true).open(path);
    opened.map(drop).map_err(|error| {
        let place = format!("{option} {}", path.display());
        let remedy = "choose another file in a folder that is there";
        Complaint::new(place, "", error.to_string(), remedy)
    })
}

/// The plan that the options ask for, if they are within their limits.
fn plan(args: &Args) -> Result<Plan, Complaint> {
    let limit = |option: &str, given: u64, least: u64, most: u64| {
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let remedy = format!("give {least} to {most}");
        Err(Complaint::new(option, "", format!("{given} is beyond the limit"), remedy))
    };
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    limit("--connections", wide(args.connections), 1, wide(CONNECTIONS_MAX))?;
    limit("--rate", args.rate.into(), 0, RATE_MAX.into())?;
    limit("--size", wide(args.size), wide(BYTES_MIN), wide(BYTES_MAX))?;
    limit("--time", args.time, 1, SECONDS_MAX)?;
    limit("--grace", args.grace, 0, GRACE_SECONDS_MAX)?;
    let transactions = u64::from(args.rate) * args.time;
    if TRANSACTIONS_MAX < transactions {
        let problem = format!("--rate times --time makes {transactions} transactions");
        let remedy = format!("a run has at most {TRANSACTIONS_MAX}: give less of either");
        return Err(Complaint::new("--rate", "", problem, remedy));
    }
    let endpoints = endpoints(&args.endpoints)?;
    if args.connections < endpoints.len() {
        let problem = format!("{} for {} endpoints", args.connections, endpoints.len());
        let remedy = "give at least one for each";
        return Err(Complaint::new("--connections", "", problem, remedy));
    }
    Ok(Plan {
        endpoints,
        connections: args.connections,
        rate: args.rate,
        size: args.size,
        time: Duration::from_secs(args.time),
        grace: Duration::from_secs(args.grace),
        method: args.method,
    })
}

fn endpoints(texts: &[String]) -> Result<Vec<Endpoint>, Complaint> {
    let refuse = |problem: String| {
        let remedy = "write such as ws://127.0.0.1:26657/websocket or http://127.0.0.1:26657";
        Complaint::new("--endpoints", "", problem, remedy)
    };
    if ENDPOINTS_MAX < texts.len() {
        return Err(refuse(format!("{} are given, {ENDPOINTS_MAX} are the limit", texts.len())));
    }
    let parse = |text: &String| text.trim().parse().map_err(|error| refuse(format!("{error}")));
    texts.iter().map(parse).collect()
}

/// How far it is, in one line.
fn progress(plan: &Plan, standing: Standing) -> String {
    let (done, of) = (standing.sending.as_secs(), plan.time.as_secs());
    let Standing { sent, committed, height, errors, .. } = standing;
    let phase = match standing.stopped {
        true => format!("{} sent, waiting for {}", bar(of, of), sent.saturating_sub(committed)),
        false => format!("{} {done} of {of} s", bar(done, of)),
    };
    let rate = committed as f64 / standing.sending.as_secs_f64().max(0.1);
    let mut text = format!("{phase}, {sent} sent, {committed} committed, height {height}");
    if !standing.stopped {
        text.push_str(&format!(", {rate:.0} tx/s"));
    }
    if 0 < errors {
        text.push_str(&format!(", {errors} errors"));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let line = format!("lockstep load --endpoints ws://a:1,http://b:2 {line}");
        match Cli::try_parse_from(line.split_whitespace())?.command {
            Command::Load(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_named_with_the_limit() {
        for (line, says) in [
            ("--connections 0", ["--connections: ", "1 to 1000"]),
            ("--connections 1001", ["--connections: ", "1 to 1000"]),
            ("--connections 1", ["--connections: ", "1 for 2 endpoints"]),
            ("--rate 100001 --connections 2", ["--rate: ", "0 to 100000"]),
            ("--rate 1000 --time 86400 --connections 2", ["--rate: ", "at most 10000000"]),
            ("--size 20 --connections 2", ["--size: ", "43 to 4194304"]),
            ("--size 9999999 --connections 2", ["--size: ", "43 to 4194304"]),
            ("--time 0 --connections 2", ["--time: ", "1 to 86400"]),
            ("--grace 601 --connections 2", ["--grace: ", "0 to 600"]),
            ("--endpoints nowhere", ["--endpoints: ", "names no port"]),
        ] {
            let complaint = plan(&parse(line).expect(line)).expect_err(line).to_string();
            for part in says {
                assert!(complaint.contains(part), "{line}: {complaint}");
            }
        }
    }

    #[test]
    fn json_goes_to_a_file_or_to_the_standard_output() {
        let json = |line: &str| parse(line).expect(line).json;
        assert_eq!(json("--json -"), Some(Json::Stdout));
        assert_eq!(json("--json a.json"), Some(Json::File("a.json".into())));
        assert_eq!(json("").unwrap_or_default(), Json::Nowhere);
        assert_eq!(json("--json"), Some(Json::Stdout));
        let before = "lockstep --json load --endpoints ws://a:1";
        let parsed = Cli::try_parse_from(before.split(' ')).expect("the flag of all commands");
        let Command::Load(args) = parsed.command else { panic!("a load") };
        assert_eq!(args.json, Some(Json::Stdout));
    }

    #[test]
    fn the_line_says_how_far_it_is() {
        let plan = plan(&parse("--connections 2 --time 20").unwrap()).unwrap();
        let mut standing = Standing {
            sending: Duration::from_secs(5),
            stopped: false,
            sent: 5000,
            committed: 4500,
            height: 12,
            errors: 0,
        };
        assert_eq!(
            progress(&plan, standing),
            "[######..................] 5 of 20 s, 5000 sent, 4500 committed, height 12, 900 tx/s"
        );
        (standing.stopped, standing.errors) = (true, 3);
        assert_eq!(
            progress(&plan, standing),
            "[########################] sent, waiting for 500, 5000 sent, 4500 committed, \
             height 12, 3 errors"
        );
    }
}
