//! A network of real processes over loopback, which ends when it is dropped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use node::commands::testnet;
use node::config::overrides::Overrides;
use node::config::{Config, listen};
use node::home::{Home, NodeKey};
use tempfile::TempDir;
use types::ChainId;

use crate::delay_line::DelayLine;
use crate::http::Http;
use crate::sample::sum;

/// First ports that are tried, below those that systems hand out.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports of a node as `lockstep testnet` gives them, from its first.
const PORT_OFFSETS: [u16; 3] = [0, 1, 4];
const PORTS_EACH: u16 = 10;
/// How long a network may take until all are connected and blocks come.
const READY_WITHIN: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Lines of a log that are shown when its node has ended.
const LOG_LINES: usize = 5;

/// What connects the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over UDP.
    Quic,
    /// With Noise and Yamux.
    Tcp,
}

/// What a network is to be like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many validators there are.
    pub validators: u16,
    /// How many of them run, from the first.
    pub running: u16,
    /// What connects them.
    pub transport: Transport,
    /// How long each message is on its way besides.
    pub delay: Option<Duration>,
    /// Values over those of every node's config.
    pub settings: Vec<(&'static str, &'static str)>,
}

impl Default for Plan {
    fn default() -> Self {
        let (validators, running) = (4, 4);
        Self { validators, running, transport: Transport::Quic, delay: None, settings: vec![] }
    }
}

/// Processes, and the folder that they write to.
pub struct Localnet {
    /// Those that run.
    pub nodes: Vec<Node>,
    _line: Option<DelayLine>,
    // After the nodes, so that nobody writes to it when it is removed.
    _folder: TempDir,
}

/// One process.
pub struct Node {
    process: Child,
    log: PathBuf,
    /// Where its RPC is.
    pub rpc: SocketAddr,
    metrics: Http,
}

impl Localnet {
    /// Makes a network and waits until all nodes are connected, and have decided blocks if they
    /// make empty ones.
    ///
    /// # Errors
    /// If the files cannot be made, or a node does not come up.
    pub async fn start(program: &Path, plan: &Plan) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a temporary folder")?;
        let settings =
            plan.settings.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let homes = testnet::Plan {
            folder: folder.path().join("net"),
            own: testnet::Count { validators: plan.validators, full_nodes: 0 },
            cometbft: testnet::Count::default(),
            base_port: free_ports(plan.validators)?,
            chain_id: ChainId::new("bench-chain").expect("a good name"),
            overrides: Overrides(settings.collect()),
            app: testnet::App::Kvstore,
        }
        .make()?;
        let mut line = plan.delay.map(DelayLine::new);
        connect(&homes, plan.transport, line.as_mut()).await?;
        let mut nodes = Vec::new();
        for home in homes.iter().take(usize::from(plan.running)) {
            nodes.push(Node::start(program, home)?);
        }
        let mut localnet = Self { nodes, _line: line, _folder: folder };
        localnet.wait_until_ready().await?;
        Ok(localnet)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let peers = self.nodes.len() as f64 - 1.0;
        let deadline = Instant::now() + READY_WITHIN;
        for node in &mut self.nodes {
            loop {
                node.check_alive()?;
                // Refused until the node listens.
                let text = node.metrics().await.unwrap_or_default();
                let of = |name| sum(&text, name, "");
                let connected = peers <= of("cometbft_p2p_peers");
                if connected && 1.0 <= of("cometbft_consensus_latest_block_height") {
                    break;
                }
                if deadline < Instant::now() {
                    bail!("not ready within {READY_WITHIN:?}: {}", node.last_words());
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        }
        Ok(())
    }
}

impl Node {
    fn start(program: &Path, home: &Home) -> anyhow::Result<Self> {
        let config = home.load_config()?.config;
        let log = home.root().join("log");
        let out = File::create(&log)?;
        let process = Command::new(program)
            .args(["start", "--home"])
            .arg(home.root())
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let rpc = listen::parse(&config.rpc.laddr).context("no RPC address")?;
        let metrics = listen::parse(&config.instrumentation.prometheus_listen_addr);
        let metrics = Http::new(metrics.context("no metrics address")?);
        Ok(Self { process, log, rpc, metrics })
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// All its figures as text.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let body = self.metrics.get("/metrics").await?;
        String::from_utf8(body.to_vec()).context("metrics that are no text")
    }

    fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("a node ended ({status}): {}", self.last_words()),
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Tells each node where the others are: at their own ports, or at the line's.
async fn connect(
    homes: &[Home],
    transport: Transport,
    mut line: Option<&mut DelayLine>,
) -> anyhow::Result<()> {
    let mut targets = Vec::new();
    for home in homes {
        let config = home.load_config()?.config;
        let id = p2p::network_id(&NodeKey::load(&home.node_key_file(&config))?.key);
        targets.push((listen::parse(&config.p2p.laddr).context("no address for peers")?, id));
    }
    for (index, home) in homes.iter().enumerate() {
        let mut peers = Vec::new();
        for (_, (target, id)) in targets.iter().enumerate().filter(|(other, _)| *other != index) {
            let address = match (&mut line, transport) {
                (None, _) => *target,
                (Some(line), Transport::Quic) => line.udp(*target).await?,
                (Some(line), Transport::Tcp) => line.tcp(*target).await?,
            };
            peers.push(match transport {
                Transport::Quic => {
                    format!("/ip4/127.0.0.1/udp/{}/quic-v1/p2p/{id}", address.port())
                }
                Transport::Tcp => format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", address.port()),
            });
        }
        let mut config: Config = home.load_config()?.config;
        config.p2p.persistent_peers = peers.join(",");
        // Nobody shall learn of a way around the line.
        config.p2p.pex = false;
        fs::write(home.config_file(), config.to_toml())?;
    }
    Ok(())
}

/// A first port such that all ports of so many nodes are free now.
fn free_ports(nodes: u16) -> anyhow::Result<u16> {
    let is_free = |port: u16| {
        let address = (Ipv4Addr::LOCALHOST, port);
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    };
    // Programs that measure at the same time begin elsewhere.
    let span = PORTS.len() as u32;
    let begin = std::process::id().wrapping_mul(u32::from(PORTS_EACH)) % span;
    let bases = (0..span).step_by(usize::from(PORTS_EACH));
    let bases = bases.map(|step| PORTS.start + ((begin + step) % span) as u16);
    let mut free = bases.filter(|base| {
        let firsts = (0..nodes).map(|node| base + node * PORTS_EACH);
        let mut ports = firsts.flat_map(|first| PORT_OFFSETS.map(|offset| first + offset));
        ports.all(is_free)
    });
    free.next().context("no free ports")
}
