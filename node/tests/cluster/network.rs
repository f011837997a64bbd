//! A network of real processes: the built binary, homes made by `lockstep testnet`, loopback only.
//!
//! Only one network runs at a time, however many threads the tests have: two cores are not many.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use node::crash;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::patience::wait_for;
use crate::ports::{PORTS_EACH, free_ports};

/// How much of a log a failure prints.
const LAST_LINES: usize = 40;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Nodes that run, or could.
pub struct Network {
    nodes: Vec<Node>,
    _folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

struct Node {
    home: PathBuf,
    rpc_port: u16,
    process: Option<Child>,
}

impl Network {
    /// Makes the homes of a network; nothing runs yet. `settings` go into every config.toml.
    pub fn make(validators: u16, full_nodes: u16, settings: &[&str]) -> Self {
        Self::make_for("kvstore", (validators, full_nodes), settings)
    }

    /// The same, for another application of ours.
    pub fn make_for(app: &str, (validators, full_nodes): (u16, u16), settings: &[&str]) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let count = validators + full_nodes;
        let base_port = free_ports(count);
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["testnet", "--v", &validators.to_string(), "--n", &full_nodes.to_string()]);
        command.args(["--base-port", &base_port.to_string(), "--app", app]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        let made = command.arg("--o").arg(folder.path().join("net")).output();
        let made = made.expect("the binary was built");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let nodes = (0..count).map(|index| Node {
            home: folder.path().join(format!("net/node{index}")),
            rpc_port: base_port + index * PORTS_EACH + 1,
            process: None,
        });
        let nodes = nodes.collect();
        Self { nodes, _folder: folder, _turn: turn }
    }

    /// Makes the homes of a network of validators, and starts them all.
    pub fn start_validators(validators: u16, settings: &[&str]) -> Self {
        let mut network = Self::make(validators, 0, settings);
        network.start_all();
        network
    }

    /// How many nodes there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// A node's home.
    pub fn home(&self, index: usize) -> &Path {
        &self.nodes[index].home
    }

    /// The port of a node's RPC.
    pub fn rpc_port(&self, index: usize) -> u16 {
        self.nodes[index].rpc_port
    }

    /// A client of a node's RPC.
    pub fn client(&self, index: usize) -> Client {
        Client::new(self.rpc_port(index))
    }

    /// Gives a key at the top of a node's config.toml another text.
    pub fn configure(&self, index: usize, key: &str, text: &str) {
        let file = self.home(index).join("config/config.toml");
        let config = fs::read_to_string(&file).expect("testnet made it");
        let line = config.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let changed = config.replacen(line.expect("it is there"), &format!("{key} = {text:?}"), 1);
        fs::write(&file, changed).expect("the home is writable");
    }

    /// Starts all nodes that do not run.
    pub fn start_all(&mut self) {
        for index in 0..self.count() {
            self.start(index);
        }
    }

    /// Starts a node.
    pub fn start(&mut self, index: usize) {
        self.start_to_crash(index, None);
    }

    /// Starts a node that perhaps dies at a place of [`execution::Point`] (`name:count`).
    pub fn start_to_crash(&mut self, index: usize, place: Option<&str>) {
        let node = &mut self.nodes[index];
        if node.process.is_some() {
            return;
        }
        let log = OpenOptions::new().create(true).append(true).open(log_file(&node.home));
        let log: File = log.expect("the home is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["start", "--home"]).arg(&node.home);
        command.env_remove(crash::VARIABLE).envs(place.map(|place| (crash::VARIABLE, place)));
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("an open file")).stderr(log);
        node.process = Some(command.spawn().expect("the binary was built"));
    }

    /// Ends a node as `kill -9` does.
    pub fn kill(&mut self, index: usize) {
        let mut process = self.nodes[index].process.take().expect("it runs");
        process.kill().expect("it is our child");
        process.wait().expect("it is our child");
    }

    /// Ends all nodes that run, each as `kill -9` does, before any of them is waited for.
    pub fn kill_all(&mut self) {
        let mut killed: Vec<Child> =
            self.nodes.iter_mut().filter_map(|node| node.process.take()).collect();
        killed.iter_mut().for_each(|process| process.kill().expect("it is our child"));
        for process in &mut killed {
            process.wait().expect("it is our child");
        }
    }

    /// Asks a node to end, and says how and after what time it did.
    pub fn stop(&mut self, index: usize) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal(index, Signal::TERM);
        (self.await_end(index), begun.elapsed())
    }

    /// Asks all nodes that run to end.
    pub fn stop_all(&mut self) {
        let running: Vec<usize> = self.running().collect();
        running.iter().for_each(|&index| self.signal(index, Signal::TERM));
        for index in running {
            self.await_end(index);
        }
    }

    /// Waits until a node has ended by itself.
    pub fn await_end(&mut self, index: usize) -> ExitStatus {
        wait_for(&format!("node {index} ends"), || self.ended(index))
    }

    /// How a node has ended by itself; none if it still runs.
    pub fn ended(&mut self, index: usize) -> Option<ExitStatus> {
        let process = self.nodes[index].process.as_mut().expect("it was started");
        let status = process.try_wait().expect("it is our child")?;
        self.nodes[index].process = None;
        Some(status)
    }

    /// Sends a signal to a node.
    pub fn signal(&self, index: usize, signal: Signal) {
        let process = self.nodes[index].process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it is our child");
    }

    /// Waits until each node that runs is at `height`.
    pub fn await_height(&self, height: u64) {
        for index in self.running() {
            self.client(index).await_height(height);
        }
    }

    /// Waits until each node that runs is `more` heights ahead of where the first is now.
    pub fn await_heights_more(&self, more: u64) {
        let first = self.running().next().expect("a node runs");
        let now = wait_for("a node answers", || self.client(first).height());
        self.await_height(now + more);
    }

    /// All that a node has logged.
    pub fn log(&self, index: usize) -> String {
        fs::read_to_string(log_file(self.home(index))).unwrap_or_default()
    }

    fn running(&self) -> impl Iterator<Item = usize> {
        let running = self.nodes.iter().map(|node| node.process.is_some());
        let running: Vec<bool> = running.collect();
        (0..running.len()).filter(move |&index| running[index])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for index in 0..self.count() {
                let log = self.log(index);
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
                eprintln!("--- node {index}, the last lines of its log\n{last}");
            }
        }
        for node in &mut self.nodes {
            let Some(mut process) = node.process.take() else { continue };
            // Perhaps it has ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }
}

fn log_file(home: &Path) -> PathBuf {
    home.join("log.txt")
}
