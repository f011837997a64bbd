//! Each kind of node on the other's application: our kvstore under CometBFT, CometBFT's under us,
//! on sockets and over gRPC. Their app hashes agree, since their formats are one.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::checks::{agreed, nobody_is_blamed};
use crate::client::under_load;
use crate::network::{Kind, Network, Shape};
use crate::patience::wait_for;
use crate::shapes::BRISK;

/// How many heights they go together.
const HEIGHTS: u64 = 40;

/// An application in a process of its own, for as long as it lives.
struct Application(Child);

impl Application {
    fn start(mut command: Command, log: &Path) -> Self {
        let log = File::create(log).expect("a temporary folder");
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("an open file")).stderr(log);
        Self(command.spawn().expect("the program is there"))
    }

    /// `lockstep app serve kvstore`.
    fn ours(address: &str, folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["app", "serve", "kvstore", "--abci", address, "--dir"]).arg(folder);
        Self::start(command, &folder.with_extension("log"))
    }

    /// `abci-cli kvstore`.
    fn theirs(abci: &str, address: &str, log: &Path) -> Self {
        let mut command = Command::new("abci-cli");
        command.args(["--abci", abci, "--address", address, "kvstore"]);
        Self::start(command, log)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Two nodes of each kind, each on an application of the other's: one on a socket, one over gRPC.
pub fn each_on_the_others() {
    let mut network = Network::make(Shape::validators(2, 2), &BRISK);
    let folder = network.folder().to_owned();
    let port = |index: usize| network.port(index) + 7;
    let tcp = |index: usize| format!("tcp://127.0.0.1:{}", port(index));
    let unix = format!("unix://{}", folder.join("app.sock").display());
    let grpc = format!("grpc://127.0.0.1:{}", port(3));
    let _applications = [
        Application::theirs("socket", &tcp(0), &folder.join("theirs-0.log")),
        Application::theirs("grpc", &tcp(1), &folder.join("theirs-1.log")),
        Application::ours(&unix, &folder.join("ours-2")),
        Application::ours(&grpc, &folder.join("ours-3")),
    ];
    // The reference's gRPC client takes an address without `tcp://` only.
    let bare = format!("127.0.0.1:{}", port(3));
    let places = [("socket", tcp(0)), ("grpc", tcp(1)), ("socket", unix), ("grpc", bare)];
    for (index, (abci, address)) in places.iter().enumerate() {
        network.configure(index, "proxy_app", address);
        network.configure(index, "abci", abci);
    }
    network.start_all();
    network.await_height(2);
    let ports: Vec<_> = network.all().map(|index| (index, network.rpc_port(index))).collect();
    let sent = under_load(&ports, Duration::from_millis(20), || network.await_height(HEIGHTS));
    network.await_heights_more(6);
    let chain = agreed(&network, 1, network.height() - 2);
    println!("  {} heights, {} sent", chain.blocks().len(), sent.len());
    chain.takes_turns();
    chain.has_all(&network, &sent);
    nobody_is_blamed(&network);
    // Nobody fell back to an application inside.
    for index in network.of(Kind::Lockstep) {
        assert!(network.log(index).contains("connected to the application"), "node {index}");
    }
}

/// What the reference's own tool prints of both applications is the same, byte for byte.
pub fn told_alike_by_abci_cli() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = crate::ports::free_ports(1);
    let address = |number: u16| format!("127.0.0.1:{}", port + number);
    let [ours, theirs, grpc] = [0, 1, 4].map(address);
    let _applications = [
        Application::ours(&format!("tcp://{ours}"), &folder.path().join("ours")),
        Application::theirs("socket", &format!("tcp://{theirs}"), &folder.path().join("theirs")),
        Application::ours(&format!("grpc://{grpc}"), &folder.path().join("grpc")),
    ];
    let asked = [("socket", &ours), ("socket", &theirs), ("grpc", &grpc)];
    let told = asked.map(|(abci, address)| {
        // While it waits for an application, the tool writes so between its answers.
        let reached = || std::net::TcpStream::connect(address).ok();
        drop(wait_for("the application listens", reached));
        let ask = || Some(ask(abci, address)).filter(|output| output.status.success());
        String::from_utf8(wait_for("the application answers", ask).stdout).expect("a text")
    });
    assert!(told[0].contains("-> value: def"), "the script has asked for what it set: {}", told[0]);
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

/// In the manner of the reference's `ex1.abci`.
const SCRIPT: &str = "echo hello
info
prepare_proposal \"abc=123\"
process_proposal \"abc==456\"
process_proposal \"abc=123\"
check_tx \"abc\"
check_tx \"abc=def\"
finalize_block \"abc=def\" \"def=xyz\"
commit
info
query \"abc\"
finalize_block \"ghi=jkl\"
commit
query \"def\"
query \"nothing\"
";

fn ask(abci: &str, address: &str) -> Output {
    use std::io::Write;
    let mut command = Command::new("abci-cli");
    command.args(["--abci", abci, "--address", address, "--log_level", "error", "batch"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program is there");
    let mut input = child.stdin.take().expect("it is piped");
    // It may have ended already, if nobody listens yet.
    drop(input.write_all(SCRIPT.as_bytes()));
    drop(input);
    child.wait_with_output().expect("it is our child")
}
