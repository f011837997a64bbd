//! `make bench`: the figures of docs/PERFORMANCE.md, measured on real processes over loopback.
//!
//! Each section makes networks in temporary folders, runs the `lockstep` program once for each
//! node, looks at it from outside (`/metrics`, `/proc`, RPC), and stops it. Read `localnet.rs` for
//! how nodes are run, `sample.rs` for what is counted, `sections.rs` for what is compared.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

mod delay_line;
mod http;
mod load;
mod localnet;
mod machine;
mod report;
mod sample;
mod search;
mod sections;
mod subscribers;

use report::Report;

/// Seconds of each measurement with `--quick`.
const QUICK_SECONDS: u64 = 5;

/// What to measure, and how long.
#[derive(Debug, Parser)]
#[command(name = "network")]
struct Args {
    /// Only these sections [default: all but soak, search and subscribers].
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Seconds of each measurement; the soak has its own.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// How many transactions are searched in.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..))]
    txs: u64,
    /// How many searches of each kind.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    searches: u64,
    /// Five seconds each: whether it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Write all figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure another build of the program.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_lockstep"))]
    program: PathBuf,
    /// Cargo says so; it has no meaning here.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Empty blocks, one after the other.
    Empty,
    /// The same, with one of four nodes not running.
    OneStopped,
    /// The same, with 25 ms between any two nodes.
    Delay,
    /// One transaction at a time, each waited for.
    Latency,
    /// As many transactions as go in.
    Throughput,
    /// Nothing to do.
    Idle,
    /// Ten minutes of steady load.
    Soak,
    /// A million transactions, and searches among them.
    Search,
    /// A thousand websocket clients, a tenth of them not reading.
    Subscribers,
}

impl Section {
    const BY_DEFAULT: [Section; 6] = [
        Section::Empty,
        Section::OneStopped,
        Section::Delay,
        Section::Latency,
        Section::Throughput,
        Section::Idle,
    ];
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no threads")?;
    // Leaving the block drops the networks, and with them their processes and folders.
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = measure(args) => outcome,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
    })
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let seconds = if args.quick { QUICK_SECONDS } else { args.seconds };
    let bench =
        sections::Bench { program: args.program.clone(), window: Duration::from_secs(seconds) };
    let mut report = Report::new(args.json.clone(), machine::describe()?);
    let chosen = if args.only.is_empty() { &Section::BY_DEFAULT } else { &args.only[..] };
    for section in chosen {
        let table = match section {
            Section::Empty => bench.empty().await,
            Section::OneStopped => bench.one_stopped().await,
            Section::Delay => bench.delay().await,
            Section::Latency => bench.latency().await,
            Section::Throughput => bench.throughput().await,
            Section::Idle => bench.idle().await,
            Section::Soak => bench.soak().await,
            Section::Search => search::run(&args.program, args.txs, args.searches).await,
            Section::Subscribers => subscribers::run(&args.program, bench.window).await,
        };
        report.add(table.with_context(|| format!("section {section:?}"))?)?;
    }
    Ok(())
}
