//! Applications that we did not write, over their own servers. What they break with is known; the
//! check must say so, and nothing else.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use abci::Endpoint;
use abci::check::{self, Claim, Config, HEIGHTS_MIN, Link, Report, Running, Served};
use tendermint_abci::{KeyValueStoreApp, ServerBuilder};

use crate::{config, evidence};

/// How long a foreign process may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves the kvstore of `tendermint-abci` on a free port, for as long as this process lives.
pub fn kvstore_rs() -> Endpoint {
    let (application, driver) = KeyValueStoreApp::new();
    let server = ServerBuilder::default().bind("127.0.0.1:0", application).unwrap();
    let endpoint = Endpoint::Tcp(server.local_addr());
    thread::spawn(move || drop(driver.run()));
    thread::spawn(move || drop(server.listen()));
    endpoint
}

fn check_kvstore_rs(config: &Config) -> Report {
    let limit = config.limit;
    let connecting = (0..5).map(|_| {
        let endpoint = kvstore_rs();
        move || Link::over_socket(&endpoint, limit)
    });
    let mut instances = Running::new(connecting.collect(), "there are no more");
    check::run(&mut instances, config, &mut |_| {}).unwrap()
}

#[test]
fn kvstore_rs_of_tendermint_abci_is_told_that_it_omits_results() {
    // Its server needs 40 ms for each answer, so not more of them than must be.
    let report = check_kvstore_rs(&Config { heights: HEIGHTS_MIN, ..config() });
    assert_eq!(
        evidence(&report, Claim::ResultCount),
        "block 1, finalize_block: 0 results for 4 transactions",
        "{report}"
    );
    // It also counts the bytes of transactions without what a block adds around each, sets keys
    // as soon as a block is executed, and leaves the app hash out of its answer.
    let failed =
        [Claim::PrepareFits, Claim::ResultCount, Claim::CommitOnly, Claim::InfoFollowsCommit];
    assert_eq!(report.failed(), failed, "{report}");
}

/// CometBFT's kvstore, in a process of its own; dropping it kills it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn abci_cli(endpoint: &Endpoint, folder: PathBuf) -> Killed {
    let Endpoint::Unix(socket) = endpoint else { panic!("it is on a Unix socket") };
    drop(std::fs::remove_file(socket));
    let mut command = Command::new("abci-cli");
    command.args(["kvstore", "--abci", "socket", "--address", &endpoint.to_string()]);
    command.arg("--persist").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Killed(command.spawn().expect("it was there just now"));
    let begun = Instant::now();
    while UnixStream::connect(socket).is_err() {
        assert!(begun.elapsed() < PATIENCE, "abci-cli does not listen");
        thread::yield_now();
    }
    process
}

#[test]
fn cometbfts_kvstore_is_told_that_it_shows_the_height_before_commit() {
    if Command::new("abci-cli").arg("version").output().is_err() {
        println!("skipped: there is no abci-cli on the PATH");
        return;
    }
    let (folder, config) = (tempfile::tempdir().unwrap(), config());
    let mut instances = Served::new(folder.path(), config.limit, abci_cli);
    let report = check::run(&mut instances, &config, &mut |_| {}).unwrap();
    println!("{report}");
    // It gives back all that it is given, and counts the height before Commit.
    assert_eq!(report.failed(), [Claim::PrepareFits, Claim::CommitOnly], "{report}");
    assert_eq!(report.not_reached(), [Claim::Snapshot, Claim::SnapshotChanged], "{report}");
}
