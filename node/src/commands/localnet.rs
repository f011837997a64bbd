//! `lockstep localnet`: a whole network on this machine, each validator a process of its own.

use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::testnet::{App, Count, Plan, home_of};
use super::{init, reset};
use crate::cli::Surroundings;
use crate::client::wait_for;
use crate::complaint::Complaint;
use crate::config::overrides::Overrides;
use crate::config::{Config, listen};
use crate::home::Home;

mod members;

use members::Members;

/// How many validators a new network has.
const VALIDATORS: u16 = 4;
/// The first node's port for peers in a new network.
const BASE_PORT: u16 = 26656;
/// How long a stopping node may take before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// Arguments of `lockstep localnet`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many validators a new network has [default: 4].
    #[arg(short = 'n', long = "validators", value_name = "COUNT")]
    validators: Option<u16>,
    /// Folder of the network. If there is one in it, its chain is continued.
    #[arg(long, default_value = "localnet")]
    dir: PathBuf,
    /// The first node's port in a new network: peers; the next is its RPC, the fourth after its
    /// metrics; each further node begins 10 above the one before [default: 26656].
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Delete the network that is there and make a new one.
    #[arg(long)]
    fresh: bool,
    /// What a new network runs [default: kvstore].
    #[arg(long, value_enum, value_name = "NAME")]
    app: Option<App>,
    /// Another value for a key of every node's config.toml in a new network.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Overrides::pair)]
    set: Vec<(String, String)>,
}

/// Runs the network until it is told to stop, or every node has died.
///
/// # Errors
/// If a port is in use, a home is wrong, or the nodes do not stop in time.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    if args.fresh {
        delete(&args.dir)?;
    }
    let homes = match existing(&args.dir) {
        homes if homes.is_empty() => make(args)?,
        homes => {
            check_same(args, &homes)?;
            homes
        }
    };
    let mut nodes = Vec::new();
    for home in homes {
        let config = home.load_config()?.config;
        // Found out now rather than in the log of one of the nodes. Let go again at once.
        drop(home.lock()?);
        check_ports(&home, &config)?;
        nodes.push((home, config));
    }
    let colour = std::io::stdout().is_terminal() && !around.json;
    wait_for(async {
        let mut members = Members::spawn(&nodes, colour)?;
        members.run(STOP_WITHIN).await
    })
}

/// The homes of the network in a folder, in order.
fn existing(folder: &std::path::Path) -> Vec<Home> {
    let homes = (0..).map(|index| home_of(folder, index));
    homes.take_while(|home| home.config_file().exists()).collect()
}

fn make(args: &Args) -> anyhow::Result<Vec<Home>> {
    let plan = Plan {
        folder: args.dir.clone(),
        own: Count { validators: args.validators.unwrap_or(VALIDATORS), full_nodes: 0 },
        cometbft: Count::default(),
        base_port: args.base_port.unwrap_or(BASE_PORT),
        chain_id: init::random_chain_id()?,
        overrides: Overrides(args.set.clone()),
        app: args.app.unwrap_or_default(),
    };
    plan.make()
}

/// Flags that shape a new network must not be ignored for an old one.
fn check_same(args: &Args, homes: &[Home]) -> anyhow::Result<()> {
    let first = homes.first().context("a network has a node")?;
    let port = listen::parse(&first.load_config()?.config.p2p.laddr).map(|it| it.port());
    let complain = |flag: &str, problem: String| {
        Complaint::new(flag, "", problem, "leave it out, or begin anew with --fresh")
    };
    let folder = args.dir.display();
    match args.validators {
        Some(count) if usize::from(count) != homes.len() => {
            let problem = format!("the network in {folder} has {} nodes", homes.len());
            return Err(complain("--validators", problem).into());
        }
        Some(_) | None => {}
    }
    match (args.base_port, port) {
        (Some(asked), Some(actual)) if asked != actual => {
            let problem = format!("the network in {folder} begins at port {actual}");
            return Err(complain("--base-port", problem).into());
        }
        (_, _) => {}
    }
    let config = first.load_config()?.config;
    if args.app.is_some_and(|app| app.proxy_app() != config.proxy_app) {
        let problem = format!("the network in {folder} runs {}", config.proxy_app);
        return Err(complain("--app", problem).into());
    }
    if !args.set.is_empty() {
        let problem = format!("the network in {folder} has its config already");
        return Err(complain("--set", problem).into());
    }
    Ok(())
}

fn check_ports(home: &Home, config: &Config) -> Result<(), Complaint> {
    let place = home.config_file();
    let metrics = &config.instrumentation.prometheus_listen_addr;
    for (field, address) in [
        ("p2p.laddr", &config.p2p.laddr),
        ("rpc.laddr", &config.rpc.laddr),
        ("instrumentation.prometheus_listen_addr", metrics),
    ] {
        let Some(socket) = listen::parse(address) else { continue };
        TcpListener::bind(socket).map_err(|error| {
            let remedy = "stop what listens there, or choose another --base-port with --fresh";
            Complaint::new(place.display(), field, format!("{socket}: {error}"), remedy)
        })?;
    }
    Ok(())
}

/// Deletes a network: only folders that are homes, and only if none is in use.
fn delete(folder: &std::path::Path) -> anyhow::Result<()> {
    let homes = existing(folder);
    if homes.is_empty() && folder.exists() && folder.read_dir()?.next().is_some() {
        bail!("{}: is no network; choose an empty or new folder with --dir", folder.display());
    }
    let locks = homes.iter().map(Home::lock).collect::<Result<Vec<_>, _>>()?;
    for home in &homes {
        reset::remove(home.root())?;
    }
    drop(locks);
    Ok(())
}
