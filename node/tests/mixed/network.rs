//! A network of processes of both kinds, with homes made by `lockstep testnet --peer-config`.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::patience::wait_for;
use crate::ports::{PORTS_EACH, free_ports};

/// How much of a log a failure prints.
const LAST_LINES: usize = 25;

/// Who runs a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ours.
    Lockstep,
    /// The reference's.
    Cometbft,
}

/// How many nodes of each kind there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Validators of ours.
    pub own: u16,
    /// Validators of the reference's.
    pub peers: u16,
    /// Full nodes of ours.
    pub own_full: u16,
    /// Full nodes of the reference's.
    pub peers_full: u16,
}

/// Nodes that run, or could.
pub struct Network {
    nodes: Vec<Node>,
    base_port: u16,
    folder: TempDir,
}

struct Node {
    kind: Kind,
    home: PathBuf,
    process: Option<Child>,
}

impl Shape {
    /// Validators only.
    pub fn validators(own: u16, peers: u16) -> Self {
        Self { own, peers, ..Self::default() }
    }

    fn kinds(self) -> Vec<Kind> {
        let counts = [
            (Kind::Lockstep, self.own),
            (Kind::Cometbft, self.peers),
            (Kind::Lockstep, self.own_full),
            (Kind::Cometbft, self.peers_full),
        ];
        counts.iter().flat_map(|&(kind, count)| vec![kind; count.into()]).collect()
    }
}

impl Network {
    /// Makes the homes of a network; nothing runs yet. `settings` go into every config.toml.
    pub fn make(shape: Shape, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kinds = shape.kinds();
        let base_port = free_ports(u16::try_from(kinds.len()).expect("a small network"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["testnet", "--peer-config", "cometbft", "--chain-id", "mixed"]);
        for (flag, count) in [
            ("--v", shape.own),
            ("--n", shape.own_full),
            ("--peer-v", shape.peers),
            ("--peer-n", shape.peers_full),
            ("--base-port", base_port),
        ] {
            command.args([flag, &count.to_string()]);
        }
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        let made = command.arg("--o").arg(folder.path().join("net")).output();
        let made = made.expect("the binary was built");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let node = |(index, &kind): (usize, &Kind)| Node {
            kind,
            home: folder.path().join(format!("net/node{index}")),
            process: None,
        };
        let nodes = kinds.iter().enumerate().map(node).collect();
        Self { nodes, base_port, folder }
    }

    /// Makes the homes of a network, and starts all nodes.
    pub fn start(shape: Shape, settings: &[&str]) -> Self {
        let mut network = Self::make(shape, settings);
        network.start_all();
        network
    }

    /// All nodes, by index.
    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.nodes.len()
    }

    /// The nodes of a kind.
    pub fn of(&self, kind: Kind) -> Vec<usize> {
        self.all().filter(|&index| self.kind(index) == kind).collect()
    }

    /// Who runs a node.
    pub fn kind(&self, index: usize) -> Kind {
        self.nodes[index].kind
    }

    /// A node's home.
    pub fn home(&self, index: usize) -> &Path {
        &self.nodes[index].home
    }

    /// Gives a key at the top of a node's config.toml another text.
    pub fn configure(&self, index: usize, key: &str, text: &str) {
        let file = self.home(index).join("config/config.toml");
        let config = fs::read_to_string(&file).expect("testnet made it");
        let line = config.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let changed = config.replacen(line.expect("it is there"), &format!("{key} = {text:?}"), 1);
        fs::write(&file, changed).expect("the home is writable");
    }

    /// A folder for what a test needs besides.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A node's port for peers.
    pub fn port(&self, index: usize) -> u16 {
        self.base_port + u16::try_from(index).expect("a small network") * PORTS_EACH
    }

    /// A client of a node's RPC.
    pub fn client(&self, index: usize) -> Client {
        Client::new(self.rpc_port(index))
    }

    /// The port of a node's RPC.
    pub fn rpc_port(&self, index: usize) -> u16 {
        self.port(index) + 1
    }

    /// Starts all nodes that do not run.
    pub fn start_all(&mut self) {
        self.all().for_each(|index| self.start_node(index));
    }

    /// Starts a node, if it does not run.
    pub fn start_node(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if node.process.is_some() {
            return;
        }
        let mut command = match node.kind {
            Kind::Lockstep => Command::new(env!("CARGO_BIN_EXE_lockstep")),
            Kind::Cometbft => Command::new("cometbft"),
        };
        command.args(["start", "--home"]).arg(&node.home);
        let log = OpenOptions::new().create(true).append(true).open(log_file(&node.home));
        let log = log.expect("the home is writable");
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("an open file")).stderr(log);
        node.process = Some(command.spawn().expect("both programs are there"));
    }

    /// Ends a node as `kill -9` does.
    pub fn kill(&mut self, index: usize) {
        let mut process = self.nodes[index].process.take().expect("it runs");
        process.kill().expect("it is our child");
        process.wait().expect("it is our child");
    }

    /// Sends a signal to a node.
    pub fn signal(&self, index: usize, signal: Signal) {
        let process = self.nodes[index].process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it is our child");
    }

    /// The nodes that run.
    pub fn running(&self) -> Vec<usize> {
        self.all().filter(|&index| self.nodes[index].process.is_some()).collect()
    }

    /// The height that one of the nodes is at, of those that run.
    pub fn height(&self) -> u64 {
        let running = self.running();
        let highest = || running.iter().filter_map(|&index| self.client(index).height()).max();
        wait_for("a node answers", highest)
    }

    /// Waits until each node that runs is at `height`.
    pub fn await_height(&self, height: u64) {
        self.running().into_iter().for_each(|index| self.await_height_of(index, height));
    }

    /// Waits until a node is at `height`.
    pub fn await_height_of(&self, index: usize, height: u64) {
        let client = self.client(index);
        let what = format!("node {index} ({:?}) at height {height}", self.kind(index));
        wait_for(&what, || client.height().filter(|&latest| height <= latest));
    }

    /// Waits until each node that runs is `more` heights ahead of where the highest is now.
    pub fn await_heights_more(&self, more: u64) {
        self.await_height(self.height() + more);
    }

    /// All that a node has logged.
    pub fn log(&self, index: usize) -> String {
        fs::read_to_string(log_file(self.home(index))).unwrap_or_default()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let Some(mut process) = node.process.take() else { continue };
            // Perhaps it has ended already.
            drop(process.kill());
            drop(process.wait());
        }
        if !std::thread::panicking() {
            return;
        }
        for index in self.all() {
            let log = self.log(index);
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            eprintln!(
                "--- node {index}, {:?}, the last lines of its log\n{last}",
                self.kind(index)
            );
        }
        // The homes stay where an environment variable says, for whoever looks for the reason.
        if let Some(kept) = std::env::var_os("LOCKSTEP_KEEP_FAILED") {
            let from = self.folder.path().join("net");
            let to = Path::new(&kept).join(format!("net-{}", self.base_port));
            drop(fs::create_dir_all(&kept).and_then(|()| fs::rename(from, to)));
        }
    }
}

fn log_file(home: &Path) -> PathBuf {
    home.join("log.txt")
}
