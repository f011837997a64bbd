//! Applications in processes of their own: over TCP, Unix sockets and gRPC nodes agree with those
//! that have theirs inside; and whoever dies under whom, at any point of a block, the state after a
//! restart is the same.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxRequest, CommitResponse, Endpoint,
    InfoRequest, InfoResponse, InitChainRequest, InitChainResponse, QueryRequest, QueryResponse,
    SocketServer,
};
use execution::Point;
use node::crash;
use rustix::process::{Pid, Signal, kill_process};
use types::{BlockOutcome, TxResult};

use crate::checks::end_and_check;
use crate::client::Committed;
use crate::network::Network;
use crate::patience::wait_for;

/// The environment variable that says how many heights the mixed network runs; 1,000 is what the
/// issue asks for.
const HEIGHTS_VARIABLE: &str = "LOCKSTEP_MIXED_HEIGHTS";
const HEIGHTS: u64 = 100;

/// `lockstep app serve kvstore`.
struct Server {
    folder: PathBuf,
    endpoint: String,
    process: Option<Child>,
}

impl Server {
    fn new(folder: PathBuf, endpoint: String) -> Self {
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Self { folder, endpoint, process: None }
    }

    /// An application beside a node, on a Unix socket. The node is configured for it.
    fn beside(network: &Network, index: usize) -> Self {
        let folder = network.home(index).join("application");
        let endpoint = format!("unix://{}", folder.join("app.sock").display());
        network.configure(index, "proxy_app", &endpoint);
        Self::new(folder, endpoint)
    }

    fn start(&mut self) {
        self.start_to_crash(None);
    }

    /// Starts it, so that it perhaps dies before or after a call (`before-commit:3`).
    fn start_to_crash(&mut self, place: Option<&str>) {
        let log = self.folder.join("log.txt");
        let log = File::options().create(true).append(true).open(log).expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["app", "serve", "kvstore", "--abci", &self.endpoint, "--dir"]);
        command.arg(self.folder.join("state"));
        command.env_remove(crash::VARIABLE).envs(place.map(|place| (crash::VARIABLE, place)));
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("an open file")).stderr(log);
        self.process = Some(command.spawn().expect("the binary was built"));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is our child");
        process.wait().expect("it is our child");
    }

    /// How it has ended by itself, if it has.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().expect("it is our child")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the application's log\n{}", self.log());
        }
        let Some(mut process) = self.process.take() else { return };
        // Perhaps it has ended already.
        drop(process.kill());
        drop(process.wait());
    }
}

fn heights() -> u64 {
    std::env::var(HEIGHTS_VARIABLE).ok().and_then(|it| it.parse().ok()).unwrap_or(HEIGHTS)
}

/// Sends a transaction to each node in turn, until the chain has a height.
fn load_until(network: &Network, height: u64) -> Vec<Committed> {
    let clients: Vec<_> = (0..network.count()).map(|index| network.client(index)).collect();
    clients.iter().for_each(|client| client.await_height(1));
    let mut committed: Vec<Committed> = vec![];
    while committed.last().is_none_or(|last| last.height < height) {
        let number = committed.len();
        let tx = format!("load-{number}={number}");
        committed.push(clients[number % clients.len()].commit(&tx).expect("the network runs"));
    }
    committed
}

#[test]
fn applications_inside_on_both_kinds_of_sockets_and_behind_grpc_agree() {
    let mut network = Network::make(4, 1, &["consensus.timeout_commit=0s"]);
    let tcp = format!("tcp://127.0.0.1:{}", network.rpc_port(2) + 7);
    network.configure(2, "proxy_app", &tcp);
    // The full node executes what the validators decide.
    let address = format!("127.0.0.1:{}", network.rpc_port(4) + 7);
    network.configure(4, "proxy_app", &format!("tcp://{address}"));
    network.configure(4, "abci", "grpc");
    let mut servers = [
        Server::new(network.home(2).join("application"), tcp),
        Server::beside(&network, 3),
        Server::new(network.home(4).join("application"), format!("grpc://{address}")),
    ];
    servers.iter_mut().for_each(Server::start);
    network.start_all();
    let committed = load_until(&network, heights());
    let last = committed.last().expect("some were sent");
    network.await_height(last.height + 1);
    let key = format!("load-{}", committed.len() - 1);
    for index in 0..network.count() {
        let value = network.client(index).value_of(&key);
        assert_eq!(value, Some((committed.len() - 1).to_string()), "node {index}");
    }
    for server in &mut servers {
        assert!(server.ended().is_none(), "it serves to the end");
    }
    let chain = end_and_check(network);
    chain.has_kept(&committed);
    println!("{} transactions in {} blocks", committed.len(), chain.tip());
}

#[test]
fn a_node_waits_for_its_application_and_goes_on_after_the_application_died_anywhere() {
    let mut network = Network::make(1, 0, &["consensus.timeout_commit=0s"]);
    let mut server = Server::beside(&network, 0);
    let calls = [
        Call::Info,
        Call::InitChain,
        Call::CheckTx,
        Call::PrepareProposal,
        Call::ProcessProposal,
        Call::FinalizeBlock,
        Call::Commit,
    ];
    let places = calls.iter().flat_map(|call| {
        // What is asked once only when a chain begins is not asked again.
        let times = if matches!(call, Call::InitChain | Call::Info) { 1 } else { 3 };
        [format!("before-{call}:{times}"), format!("after-{call}:{times}")]
    });
    // InitChain comes first, while the application has not begun.
    let mut places: Vec<String> = places.collect();
    places.sort_by_key(|place| !place.contains("init_chain"));
    let mut committed = vec![];
    for (round, place) in places.iter().enumerate() {
        network.start(0);
        let waits = || network.log(0).matches("waiting for the application").count();
        wait_for("the node says that it waits", || (round < waits()).then_some(()));
        server.start_to_crash(Some(place.as_str()));
        let client = network.client(0);
        let mut number = 0;
        let status = wait_for(&format!("{place} is passed, and the node ends"), || {
            number += 1;
            let tx = format!("{place}-{number}={number}");
            committed.extend(client.commit(&tx));
            network.ended(0)
        });
        assert_eq!(status.code(), Some(1), "{place}");
        wait_for("the application is gone", || server.ended());
        let log = network.log(0);
        let last = log.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: "), "{place}: {last}");
        assert!(
            last.contains(&server.endpoint) && last.contains("closed the connection"),
            "{last}"
        );
    }
    network.start(0);
    server.start();
    let client = network.client(0);
    committed.push(wait_for("the chain goes on", || client.commit("after=all").ok()));
    let chain = end_and_check(network);
    chain.has_kept(&committed);
    assert!(places.len() as u64 / 2 < chain.tip(), "it went on between");
}

#[test]
fn an_application_outlives_its_node_wherever_that_died() {
    let mut network = Network::make(1, 0, &["consensus.timeout_commit=0s"]);
    let mut server = Server::beside(&network, 0);
    server.start();
    let mut committed = vec![];
    for place in Point::ALL.map(Point::name) {
        network.start_to_crash(0, Some(place));
        let client = network.client(0);
        let mut number = 0;
        wait_for(&format!("{place} is passed"), || {
            number += 1;
            committed.extend(client.commit(&format!("{place}-{number}={number}")));
            network.ended(0)
        });
        assert!(server.ended().is_none(), "{place}: the application goes on");
    }
    network.start(0);
    let client = network.client(0);
    committed.push(wait_for("the chain goes on", || client.commit("after=all").ok()));
    end_and_check(network).has_kept(&committed);
    server.kill();
}

#[test]
fn a_server_stops_when_it_is_told_to_and_leaves_no_socket() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("app.sock");
    for signal in [Signal::INT, Signal::TERM] {
        let mut server =
            Server::new(folder.path().to_owned(), format!("unix://{}", socket.display()));
        server.start();
        wait_for("it serves", || server.log().contains("serving kvstore").then_some(()));
        let process = server.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it is our child");
        let status = wait_for("it ends", || server.ended());
        assert!(status.success(), "{status}");
        assert!(!socket.exists());
        std::fs::remove_file(folder.path().join("log.txt")).expect("it has logged");
    }
}

/// A kvstore that breaks the protocol once there are transactions.
struct Faulty {
    kvstore: apps::KvStore,
    /// Whether it fails outright, or gives too few results.
    fails: bool,
}

impl Application for Faulty {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.kvstore.info(request)
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.kvstore.init_chain(request)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        self.kvstore.check_tx(request)
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.kvstore.query(request)
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        if self.fails && !block.txs.is_empty() {
            return Err(ApplicationError::new(Call::FinalizeBlock, "the state is corrupt"));
        }
        // As `kvstore-rs` of tendermint-abci does.
        let outcome = self.kvstore.finalize_block(block)?;
        Ok(BlockOutcome { tx_results: vec![], ..outcome })
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.kvstore.commit()
    }
}

/// The last line of a node whose application is `Faulty`, after a transaction.
fn last_words(fails: bool) -> String {
    let mut network = Network::make(1, 0, &["consensus.timeout_commit=0s"]);
    let path: &Path = network.home(0);
    let endpoint = Endpoint::Unix(path.join("app.sock"));
    network.configure(0, "proxy_app", &endpoint.to_string());
    let application = Arc::new(Faulty { kvstore: apps::KvStore::in_memory(), fails });
    let _server = SocketServer::start(&endpoint, application).expect("a folder of our own");
    network.start(0);
    network.await_height(2);
    assert!(network.client(0).commit("a=1").is_err());
    assert_eq!(network.await_end(0).code(), Some(1));
    network.log(0).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn an_application_that_omits_results_stops_its_node_which_says_so() {
    let line = last_words(false);
    assert!(line.contains("the application gave 0 results for the 1 transactions"), "{line}");
    assert!(line.contains("FinalizeBlock must answer for each"), "{line}");
}

#[test]
fn the_kvstore_of_tendermint_abci_stops_its_node_which_says_so() {
    let mut network = Network::make(1, 0, &["consensus.timeout_commit=0s"]);
    let (application, driver) = tendermint_abci::KeyValueStoreApp::new();
    let server = tendermint_abci::ServerBuilder::default().bind("127.0.0.1:0", application);
    let server = server.expect("a free port");
    network.configure(0, "proxy_app", &format!("tcp://{}", server.local_addr()));
    // They have no end.
    std::thread::spawn(move || drop(driver.run()));
    std::thread::spawn(move || drop(server.listen()));
    network.start(0);
    network.await_height(2);
    assert!(network.client(0).commit("a=1").is_err());
    assert_eq!(network.await_end(0).code(), Some(1));
    let log = network.log(0);
    let line = log.lines().last().unwrap_or_default();
    assert!(line.contains("the application gave 0 results for the 1 transactions"), "{line}");
    assert!(line.contains("FinalizeBlock must answer for each"), "{line}");
}

#[test]
fn an_application_that_fails_stops_its_node_which_says_why() {
    let line = last_words(true);
    // Whichever of its threads was first to say so.
    assert!(line.contains("raised an exception: the state is corrupt"), "{line}");
}
