//! `lockstep testnet`: the homes of a new network on one machine.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::json;
use types::{ChainId, Genesis};

use super::init;
use crate::cli::Surroundings;
use crate::complaint::Complaint;
use crate::config::Config;
use crate::config::overrides::Overrides;
use crate::home::Home;

mod app;
mod cometbft;

pub use app::App;

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
    /// Write homes for another implementation too, from the same genesis, as --peer-v and --peer-n
    /// say: `cometbft` is CometBFT v0.40 with its libp2p transport.
    #[arg(long, value_enum, value_name = "KIND")]
    peer_config: Option<PeerConfig>,
    /// How many validators of the other implementation; their homes come after ours.
    #[arg(long, default_value_t = 1, value_name = "COUNT", requires = "peer_config")]
    peer_v: u16,
    /// How many full nodes of the other implementation; their homes come last.
    #[arg(long, default_value_t = 0, value_name = "COUNT", requires = "peer_config")]
    peer_n: u16,
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
    /// What the network runs [default: kvstore].
    #[arg(long, value_enum, value_name = "NAME", default_value_t, hide_default_value = true)]
    app: App,
    /// Another value for a key of every node's config.toml; can be given many times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Overrides::pair)]
    set: Vec<(String, String)>,
}

/// An implementation whose config `lockstep testnet` can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PeerConfig {
    /// CometBFT v0.40 with libp2p.
    Cometbft,
}

/// Who runs a node of a new network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lockstep,
    Cometbft,
}

/// How many nodes of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many vote.
    pub validators: u16,
    /// How many only follow.
    pub full_nodes: u16,
}

/// What a new network is to be like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder for the homes.
    pub folder: PathBuf,
    /// Our nodes.
    pub own: Count,
    /// Nodes of CometBFT.
    pub cometbft: Count,
    /// The first node's port for peers.
    pub base_port: u16,
    /// The chain's name.
    pub chain_id: ChainId,
    /// Values over those of every config.
    pub overrides: Overrides,
    /// What it runs.
    pub app: App,
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
    let cometbft = match args.peer_config {
        Some(PeerConfig::Cometbft) => Count { validators: args.peer_v, full_nodes: args.peer_n },
        None => Count::default(),
    };
    let plan = Plan {
        folder: args.output.clone(),
        own: Count { validators: args.validators, full_nodes: args.full_nodes },
        cometbft,
        base_port: args.base_port,
        chain_id,
        overrides: Overrides(args.set.clone()),
        app: args.app,
    };
    let homes = plan.make()?;
    if around.json {
        let homes: Vec<_> = homes.iter().map(|home| home.root().display().to_string()).collect();
        println!("{:#}", json!({ "chain_id": plan.chain_id.as_str(), "homes": homes }));
    } else {
        for (home, kind) in homes.iter().zip(plan.kinds()) {
            println!("{} start --home {}", kind.program(), home.root().display());
        }
    }
    Ok(())
}

/// The home of a node of a network.
pub fn home_of(folder: &Path, index: u16) -> Home {
    Home::new(folder.join(format!("node{index}")))
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Kind::Lockstep => "lockstep",
            Kind::Cometbft => "cometbft",
        }
    }

    /// What is listened on and dialed. All kinds of a network must have it in common; the
    /// reference has QUIC only. Among ourselves, decision 0004.
    fn place(self, is_mixed: bool, port: u16) -> String {
        match self {
            Kind::Lockstep if !is_mixed => format!("/ip4/127.0.0.1/tcp/{port}"),
            Kind::Lockstep | Kind::Cometbft => format!("/ip4/127.0.0.1/udp/{port}/quic-v1"),
        }
    }
}

impl Plan {
    /// Makes all homes.
    ///
    /// # Errors
    /// If the plan cannot be, there is a network already, or a file cannot be written.
    pub fn make(&self) -> anyhow::Result<Vec<Home>> {
        let validators = self.validators();
        ensure!(0 < validators, "--v: a network needs a validator; give at least 1");
        ensure!(
            self.app == App::Kvstore || self.cometbft == Count::default(),
            "--app: only ours run {}; leave --peer-config out",
            self.app.proxy_app(),
        );
        let nodes = self.kinds().len();
        let fits = nodes <= usize::from(NODES_MAX);
        ensure!(fits, "--v: {nodes} nodes are too many; {NODES_MAX} is the limit");
        let nodes = u16::try_from(nodes).unwrap_or(NODES_MAX);
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

    fn validators(&self) -> usize {
        usize::from(self.own.validators) + usize::from(self.cometbft.validators)
    }

    /// Who runs which node: validators first, and ours before others.
    fn kinds(&self) -> Vec<Kind> {
        let counts = [
            (Kind::Lockstep, self.own.validators),
            (Kind::Cometbft, self.cometbft.validators),
            (Kind::Lockstep, self.own.full_nodes),
            (Kind::Cometbft, self.cometbft.full_nodes),
        ];
        counts.iter().flat_map(|&(kind, count)| vec![kind; count.into()]).collect()
    }

    fn write(&self, homes: &[Home]) -> Result<(), Complaint> {
        let configs = (0..).zip(homes).map(|(index, _)| self.config(index));
        let mut configs = configs.collect::<Result<Vec<Config>, Complaint>>()?;
        let mut made = Vec::new();
        let mut keys = Vec::new();
        for (home, config) in homes.iter().zip(&configs) {
            keys.push(init::make_keys(home, config, &mut made)?);
        }
        let kinds = self.kinds();
        let is_mixed = kinds.contains(&Kind::Cometbft);
        let nodes = (0..).zip(kinds.iter().zip(&keys));
        let peers: Vec<Peer> = nodes
            .map(|(index, (kind, keys))| Peer {
                place: kind.place(is_mixed, self.port(index)),
                host: format!("127.0.0.1:{}", self.port(index)),
                id: keys.network_id.clone(),
            })
            .collect();
        let voters = keys.iter().zip(&configs).take(self.validators());
        let voters = voters.map(|(keys, config)| (keys.validator, config.moniker.clone()));
        let genesis = init::genesis(self.chain_id.clone(), voters.collect());
        let genesis = Genesis { app_state: self.app.app_state(), ..genesis }.to_json();
        for (index, (home, config)) in homes.iter().zip(&mut configs).enumerate() {
            let others = peers.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<&Peer> = others.map(|(_, peer)| peer).collect();
            let text = match kinds[index] {
                Kind::Lockstep => {
                    let addresses: Vec<String> = others.iter().map(|it| it.address()).collect();
                    config.p2p.persistent_peers = addresses.join(",");
                    config.to_toml()
                }
                Kind::Cometbft => cometbft::config(config, &others),
            };
            init::write_new(&home.config_file(), &text, &mut made)?;
            init::write_new(&home.genesis_file(config), &genesis, &mut made)?;
        }
        Ok(())
    }

    fn config(&self, index: u16) -> Result<Config, Complaint> {
        let port = self.port(index);
        let mut config = Config {
            moniker: format!("node{index}"),
            proxy_app: self.app.proxy_app().to_owned(),
            ..Config::default()
        };
        config.p2p.laddr = format!("tcp://127.0.0.1:{port}");
        config.rpc.laddr = format!("tcp://127.0.0.1:{}", port + 1);
        config.instrumentation.prometheus = true;
        config.instrumentation.prometheus_listen_addr = format!("127.0.0.1:{}", port + 4);
        self.overrides.apply(&config)
    }

    fn port(&self, index: u16) -> u16 {
        self.base_port + index * PORTS_EACH
    }
}

/// A node, as others are told of it.
struct Peer {
    /// Where it listens, as a multiaddress.
    place: String,
    /// The same as `host:port`.
    host: String,
    /// Its libp2p peer id.
    id: String,
}

impl Peer {
    fn address(&self) -> String {
        format!("{}/p2p/{}", self.place, self.id)
    }
}
