//! `lockstep testnet`: the homes of a new network on one machine.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::json;
use types::ChainId;

use super::init;
use crate::cli::Surroundings;
use crate::complaint::Complaint;
use crate::config::Config;
use crate::config::overrides::Overrides;
use crate::home::Home;

/// Ports between one node's and the next one's.
const PORTS_EACH: u16 = 10;
/// More would not fit the ports above the usual first one.
const NODES_MAX: u16 = 1000;

/// Arguments of `lockstep testnet`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many validators.
    #[arg(long = "v", default_value_t = 4, value_name = "COUNT")]
    validators: u16,
    /// How many full nodes besides.
    #[arg(long = "n", default_value_t = 0, value_name = "COUNT")]
    full_nodes: u16,
    /// Folder for the homes.
    #[arg(long = "o", alias = "output-dir", default_value = "mytestnet", value_name = "DIR")]
    output: PathBuf,
    /// The first node's port for peers; its RPC has the next one, its metrics the fourth after.
    /// Each further node begins 10 above the one before.
    #[arg(long, default_value_t = 26656, value_name = "PORT")]
    base_port: u16,
    /// The chain's name [default: test-chain- and six letters].
    #[arg(long, alias = "chain_id")]
    chain_id: Option<String>,
    /// Another value for a key of every node's config.toml; can be given many times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Overrides::pair)]
    set: Vec<(String, String)>,
}

/// What a new network is to be like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder for the homes.
    pub folder: PathBuf,
    /// How many nodes vote.
    pub validators: u16,
    /// How many only follow.
    pub full_nodes: u16,
    /// The first node's port for peers.
    pub base_port: u16,
    /// The chain's name.
    pub chain_id: ChainId,
    /// Values over those of every config.
    pub overrides: Overrides,
}

/// Makes the homes and says where they are.
///
/// # Errors
/// If there is a network already, or a file cannot be written.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let chain_id = match &args.chain_id {
        Some(name) => ChainId::new(name).map_err(|error| {
            Complaint::new("--chain-id", "", error.to_string(), "choose another name")
        })?,
        None => init::random_chain_id()?,
    };
    let plan = Plan {
        folder: args.output.clone(),
        validators: args.validators,
        full_nodes: args.full_nodes,
        base_port: args.base_port,
        chain_id,
        overrides: Overrides(args.set.clone()),
    };
    let homes = plan.make()?;
    if around.json {
        let homes: Vec<_> = homes.iter().map(|home| home.root().display().to_string()).collect();
        println!("{:#}", json!({ "chain_id": plan.chain_id.as_str(), "homes": homes }));
    } else {
        for home in homes {
            println!("lockstep start --home {}", home.root().display());
        }
    }
    Ok(())
}

/// The home of a node of a network.
pub fn home_of(folder: &Path, index: u16) -> Home {
    Home::new(folder.join(format!("node{index}")))
}

impl Plan {
    /// Makes all homes.
    ///
    /// # Errors
    /// If the plan cannot be, there is a network already, or a file cannot be written.
    pub fn make(&self) -> anyhow::Result<Vec<Home>> {
        ensure!(0 < self.validators, "--v: a network needs a validator; give at least 1");
        let nodes = self.validators.saturating_add(self.full_nodes);
        ensure!(nodes <= NODES_MAX, "--v: {nodes} nodes are too many; {NODES_MAX} is the limit");
        let last_port = u32::from(self.base_port) + u32::from(nodes) * u32::from(PORTS_EACH);
        ensure!(
            last_port <= u32::from(u16::MAX),
            "--base-port: node {} would have no port; choose one below {}",
            nodes - 1,
            u32::from(u16::MAX) - u32::from(nodes) * u32::from(PORTS_EACH),
        );
        let homes: Vec<Home> = (0..nodes).map(|index| home_of(&self.folder, index)).collect();
        if let Some(home) = homes.iter().find(|home| home.root().exists()) {
            let remedy = "choose another folder, or remove the old network first";
            return Err(Complaint::new(home.root().display(), "", "exists already", remedy).into());
        }
        self.write(&homes)?;
        Ok(homes)
    }

    fn write(&self, homes: &[Home]) -> Result<(), Complaint> {
        let configs = (0..).zip(homes).map(|(index, _)| self.config(index));
        let mut configs = configs.collect::<Result<Vec<Config>, Complaint>>()?;
        let mut made = Vec::new();
        let mut keys = Vec::new();
        for (home, config) in homes.iter().zip(&configs) {
            keys.push(init::make_keys(home, config, &mut made)?);
        }
        let addresses: Vec<String> =
            (0..).zip(&keys).map(|(index, keys)| self.address(index, &keys.network_id)).collect();
        let voters = keys.iter().zip(&configs).take(usize::from(self.validators));
        let voters = voters.map(|(keys, config)| (keys.validator, config.moniker.clone()));
        let genesis = init::genesis(self.chain_id.clone(), voters.collect()).to_json();
        for (index, (home, config)) in homes.iter().zip(&mut configs).enumerate() {
            let others = addresses.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<&str> = others.map(|(_, address)| address.as_str()).collect();
            config.p2p.persistent_peers = others.join(",");
            init::write_new(&home.config_file(), &config.to_toml(), &mut made)?;
            init::write_new(&home.genesis_file(config), &genesis, &mut made)?;
        }
        Ok(())
    }

    fn config(&self, index: u16) -> Result<Config, Complaint> {
        let port = self.port(index);
        let mut config = Config { moniker: format!("node{index}"), ..Config::default() };
        config.p2p.laddr = format!("tcp://127.0.0.1:{port}");
        config.rpc.laddr = format!("tcp://127.0.0.1:{}", port + 1);
        config.instrumentation.prometheus = true;
        config.instrumentation.prometheus_listen_addr = format!("127.0.0.1:{}", port + 4);
        self.overrides.apply(&config)
    }

    fn port(&self, index: u16) -> u16 {
        self.base_port + index * PORTS_EACH
    }

    fn address(&self, index: u16, network_id: &str) -> String {
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{network_id}", self.port(index))
    }
}
