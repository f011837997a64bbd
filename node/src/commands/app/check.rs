//! `lockstep app check`: says which of ABCI's requirements an application keeps to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use abci::QueryRequest;
use abci::check::{
    self, CheckError, Config, HEIGHTS, HEIGHTS_MAX, HEIGHTS_MIN, Instances, Link, Report, Running,
};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::ArgGroup;
use tokio::runtime::{Handle, Runtime};
use types::{Genesis, Tx};

use super::Place;
use crate::cli::Surroundings;
use crate::commands::progress::{Line, bar};
use crate::complaint::Complaint;

mod render;
mod spawned;

use spawned::{Over, Spawned};

/// Longest wait for an answer, in seconds.
const TIMEOUT_SECONDS_MAX: u64 = 3600;

/// Arguments of `lockstep app check`.
#[derive(Debug, clap::Args)]
#[group(id = "app-check")]
#[command(group = ArgGroup::new("instances").args(["spawn", "abci"]).required(true))]
pub struct Args {
    /// Start instances with this command, as many as are needed, each without state, and kill
    /// them. In it {address} is where to listen, {port} the port of that, and {dir} an empty folder
    /// for the state. It is run by `sh`, and must be one command, without pipes or &&, that stays
    /// in the foreground.
    #[arg(long, value_name = "COMMAND")]
    spawn: Option<String>,
    /// Over what instances that are started are reached.
    #[arg(long, value_enum, default_value_t = Over::Unix, conflicts_with = "abci")]
    over: Over,
    /// An instance that runs already and has no state: tcp://HOST:PORT, unix:///PATH or
    /// grpc://HOST:PORT. It is left with the state of the check.
    #[arg(long, value_name = "ADDRESS")]
    abci: Option<Place>,
    /// A second one, independent of the first.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "spawn")]
    second: Option<Place>,
    /// Begin the chain as this genesis file says, instead of a chain of four validators.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// The application's beginning (`app_state_bytes` of InitChain) [default: {}].
    #[arg(long, value_name = "FILE")]
    app_state: Option<PathBuf>,
    /// Do not enable vote extensions, for applications that have none and say so with an exception.
    #[arg(long)]
    no_extensions: bool,
    /// A transaction for the blocks: a text, or 0x and hex. May be repeated
    /// [default: texts such as key=value].
    #[arg(long, value_name = "TX")]
    tx: Vec<String>,
    /// A file with transactions, one on each line, written as for --tx.
    #[arg(long, value_name = "FILE")]
    txs: Option<PathBuf>,
    /// A question that shows whether state has changed: path and key, such as /store=key or =0x00.
    /// May be repeated. The keys of transactions such as key=value are asked about without a path.
    #[arg(long, value_name = "PATH=KEY")]
    query: Vec<String>,
    /// How many blocks.
    #[arg(long, value_name = "COUNT", default_value_t = HEIGHTS)]
    heights: u64,
    /// What the made-up transactions and the noise are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many seconds an answer, or a start, may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
    /// How many milliseconds PrepareProposal may take: the network's timeout_propose.
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    timeout_propose: u64,
    /// Write the report to this file as JUnit XML, for continuous integration.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Checks the application, and reports.
///
/// # Errors
/// If an option is wrong, the application cannot be reached, or it does not keep to a requirement.
pub fn run(around: &Surroundings, args: &Args) -> Result<()> {
    let config = config(args)?;
    let runtime = Runtime::new().context("the runtime could not be started")?;
    let mut instances = instances(args, &config, runtime.handle())?;
    let mut line = Line::new(around.json);
    let report = check::run(&mut *instances, &config, &mut |standing| {
        line.show(|_| {
            let (done, of) = (standing.done, standing.of);
            format!("{} {} {done}/{of}", bar(done, of), standing.part)
        });
    });
    line.clear();
    // Ends what was started, before anything is said.
    drop(instances);
    let report = report.map_err(|error| {
        let (place, remedy) = match (&args.spawn, &error) {
            (Some(_), CheckError::NotFresh { .. }) => {
                ("--spawn", "the command must keep its state in {dir}")
            }
            (Some(_), _) => ("--spawn", "try the command in a shell"),
            (None, CheckError::NotFresh { .. }) => {
                ("--abci", "give an application that has no state")
            }
            (None, _) => ("--abci", "start it first"),
        };
        Complaint::new(place, "", error.to_string(), remedy)
    })?;
    conclude(around, args, &report)
}

fn conclude(around: &Surroundings, args: &Args, report: &Report) -> Result<()> {
    if around.json {
        println!("{:#}", render::json(report));
    } else {
        print!("{report}");
    }
    // Last, so that a check of minutes is not lost with the file.
    if let Some(path) = &args.junit {
        fs::write(path, render::junit(report)?).map_err(|error| {
            let remedy = "name a file in a folder that is there";
            Complaint::new(format!("--junit {}", path.display()), "", error.to_string(), remedy)
        })?;
    }
    match report.failed().len() {
        0 => Ok(()),
        1 => bail!("the application does not keep to {}", report.failed()[0].id()),
        count => bail!("the application does not keep to {count} of the requirements"),
    }
}

fn instances(args: &Args, config: &Config, runtime: &Handle) -> Result<Box<dyn Instances>> {
    if let Some(command) = &args.spawn {
        check_place(command, args.over)?;
        let spawned = Spawned::new(command, args.over, config.limit, runtime)?;
        let (living, signals) = (spawned.living(), {
            let _within = runtime.enter();
            super::stop_signals()?
        });
        runtime.spawn(async move {
            super::stop_signal(signals).await;
            living.end()
        });
        return Ok(Box::new(spawned));
    }
    let places = args.abci.iter().chain(&args.second).cloned();
    let connecting = places.map(|place| {
        let (limit, runtime) = (config.limit, runtime.clone());
        move || connect(&place, limit, &runtime)
    });
    let remedy = match args.second {
        Some(_) => "give --spawn instead of --abci",
        None => "give --second, or --spawn instead of --abci",
    };
    Ok(Box::new(Running::new(connecting.collect(), remedy)))
}

/// An instance that is not told where to listen would be waited for in vain.
fn check_place(command: &str, over: Over) -> Result<(), Complaint> {
    let (told, remedy) = match over {
        Over::Unix => (command.contains("{address}"), "write {address} into it"),
        Over::Tcp | Over::Grpc => (
            command.contains("{address}") || command.contains("{port}"),
            "write {address} or {port} into it",
        ),
    };
    if told {
        return Ok(());
    }
    let problem = format!("`{command}` does not say where to listen");
    Err(Complaint::new("--spawn", "", problem, remedy))
}

fn connect(place: &Place, limit: Duration, runtime: &Handle) -> std::io::Result<Link> {
    match place {
        Place::Socket(endpoint) => Link::over_socket(endpoint, limit),
        Place::Grpc(address) => {
            Link::over_grpc(&abci::Endpoint::Tcp(address.clone()), limit, runtime)
        }
    }
}

fn config(args: &Args) -> Result<Config> {
    within("--heights", args.heights, HEIGHTS_MIN, HEIGHTS_MAX)?;
    within("--timeout", args.timeout, 1, TIMEOUT_SECONDS_MAX)?;
    let mut config = Config::new(args.seed, !args.no_extensions);
    if let Some(path) = &args.genesis {
        config.genesis = Genesis::parse(&read(path)?).map_err(|error| {
            let remedy = "give a genesis file of CometBFT or of the Cosmos SDK";
            Complaint::new(path.display(), "", error.to_string(), remedy)
        })?;
    }
    if let Some(path) = &args.app_state {
        config.genesis.app_state = read(path)?;
    }
    let given = args.tx.iter().map(|tx| bytes("--tx", tx));
    config.txs = given.collect::<Result<Vec<Tx>, Complaint>>()?;
    if let Some(path) = &args.txs {
        let text = read(path)?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            config.txs.push(bytes(&format!("{}:{}", path.display(), index + 1), line)?);
        }
    }
    for query in &args.query {
        let (path, key) = query.split_once('=').ok_or_else(|| {
            let problem = "it has no =".to_owned();
            Complaint::new(format!("--query {query}"), "", problem, "write it as PATH=KEY")
        })?;
        let (data, path) = (bytes("--query", key)?, path.to_owned());
        config.queries.push(QueryRequest { data, path, ..QueryRequest::default() });
    }
    config.heights = args.heights;
    config.limit = Duration::from_secs(args.timeout);
    config.prepare_limit = Duration::from_millis(args.timeout_propose);
    Ok(config)
}

fn within(option: &str, given: u64, least: u64, most: u64) -> Result<(), Complaint> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let remedy = format!("give {least} to {most}");
    Err(Complaint::new(option, "", format!("{given} is out of range"), remedy))
}

/// A text, or 0x and hex.
fn bytes(place: &str, text: &str) -> Result<Bytes, Complaint> {
    let Some(digits) = text.strip_prefix("0x") else {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    };
    hex::decode(digits).map(Bytes::from).map_err(|error| {
        Complaint::new(place, "", error.to_string(), "write two digits for each byte after 0x")
    })
}

fn read(path: &Path) -> Result<String, Complaint> {
    fs::read_to_string(path).map_err(|error| {
        Complaint::new(path.display(), "", error.to_string(), "give a text file that is there")
    })
}
