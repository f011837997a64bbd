//! `lockstep load` against real nodes: what it counts adds up and is on the chain, and a node that
//! dies or a user who has seen enough ends it with a report.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checks::{Chain, end_and_check};
use crate::network::Network;
use crate::patience::wait_for;

/// Blocks every tenth of a second, so that a run of seconds has many.
const SETTINGS: [&str; 1] = ["consensus.timeout_commit=100ms"];

/// A running `lockstep load`, with a folder for its files.
struct Load {
    process: Option<Child>,
    folder: TempDir,
}

impl Load {
    fn start(endpoints: &str, options: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["load", "--endpoints", endpoints]).args(options.split_whitespace());
        command.arg("--json").arg(folder.path().join("report.json"));
        command.arg("--plot").arg(folder.path().join("plot.svg"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Some(command.spawn().expect("the binary was built"));
        Self { process, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn interrupt(&self) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), Signal::INT).expect("it is our child");
    }

    /// Waits for its end, which must be a good one, and checks what every report must have.
    fn report(mut self) -> Value {
        let process = self.process.as_mut().expect("it runs");
        wait_for("the load ends", || process.try_wait().expect("it is our child"));
        let process = self.process.take().expect("it was there just now");
        let Output { status, stdout, stderr } = process.wait_with_output().expect("our child");
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{stderr}");
        assert_eq!(stderr, "", "no line is written over where nobody looks");
        println!("{stdout}");
        let text = fs::read_to_string(self.file("report.json")).expect("it was written");
        let report: Value = serde_json::from_str(&text).expect("it is JSON");
        let count = |name: &str| {
            report["transactions"][name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"))
        };
        let ends = ["committed", "rejected", "lost", "failed"].map(count);
        assert_eq!(count("sent"), ends.iter().sum::<u64>(), "{report}");
        let sent = stdout.lines().find_map(|line| line.strip_prefix("sent  "));
        let sent = sent.and_then(|line| line.split_whitespace().next());
        assert_eq!(sent, Some(count("sent").to_string().as_str()), "text and JSON agree");
        let picture = fs::read_to_string(self.file("plot.svg")).expect("it was written");
        assert!(picture.starts_with("<svg") && !picture.contains("NaN"), "{picture}");
        report
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // Perhaps it has ended already.
        drop(process.kill());
        drop(process.wait());
    }
}

/// How many transactions a chain has.
fn txs_on(chain: &Chain) -> u64 {
    let counts = (1..=chain.tip()).map(|height| chain.txs_count(height));
    counts.map(|count| u64::try_from(count).expect("a count fits")).sum()
}

/// Waits until the application has so many keys.
fn await_keys(network: &Network, keys: u64) {
    let client = network.client(0);
    wait_for("transactions in blocks", || {
        let answer = client.call("abci_info", json!({})).ok()?;
        let text: Value = serde_json::from_str(answer["response"]["data"].as_str()?).ok()?;
        text["size"].as_u64().filter(|&size| keys <= size)
    });
}

#[test]
fn a_load_counts_what_is_on_the_chain() {
    let network = Network::start_validators(2, &SETTINGS);
    network.await_height(1);
    let ports = [0, 1].map(|index| network.rpc_port(index));
    let both = format!("ws://127.0.0.1:{}/websocket,http://127.0.0.1:{}", ports[0], ports[1]);
    let open = Load::start(&both, "--connections 4 --rate 100 --size 200 --time 3").report();
    let sent = open["transactions"]["sent"].as_u64().expect("a number");
    assert!((1..=300).contains(&sent), "an open loop has its rate: {open}");
    assert_eq!(open["transactions"]["committed"], sent, "{open}");
    assert_eq!(open["errors"], json!([]));
    assert_eq!(open["followed_by"], "events");
    assert_eq!(open["endpoints"].as_array().map(Vec::len), Some(2));
    for latency in ["block_time", "next_block_time", "event", "answer"] {
        let spread = &open["latency_ms"][latency];
        let [p50, p90, p99, max] = ["p50", "p90", "p99", "max"].map(|name| spread[name].as_f64());
        assert!(p50.is_some() && p50 <= p90 && p90 <= p99 && p99 <= max, "{latency}: {spread}");
    }
    let event = open["latency_ms"]["event"]["min"].as_f64().expect("a number");
    assert!(0.0 < event, "no block comes before its transactions are sent");
    assert!(open["rates"]["committed"].as_f64().is_some_and(|rate| 0.0 < rate));
    let most = open["blocks"]["bytes"]["max"].as_f64().expect("a number");
    assert!(200.0 <= most, "a block has a transaction of 200 bytes: {most}");
    assert!(open["blocks"]["interval_ms"]["p50"].as_f64().is_some_and(|it| 0.0 < it));
    assert!(open["blocks"]["fill_percent"]["max"].as_f64().is_some_and(|it| 0.0 < it));
    assert!(open["series"].as_array().is_some_and(|series| 3 <= series.len()));

    let closed = format!("http://127.0.0.1:{}", ports[0]);
    let options = "--connections 2 --rate 0 --time 1 --method commit";
    let closed = Load::start(&closed, options).report();
    let more = closed["transactions"]["committed"].as_u64().expect("a number");
    assert!(0 < more, "{closed}");
    let chain = end_and_check(network);
    assert_eq!(txs_on(&chain), sent + more);
}

#[test]
fn an_interrupted_load_reports_what_it_has_seen_without_events_too() {
    let settings = ["consensus.timeout_commit=100ms", "rpc.max_subscription_clients=0"];
    let network = Network::start_validators(1, &settings);
    network.await_height(1);
    let endpoint = format!("ws://127.0.0.1:{}", network.rpc_port(0));
    let load = Load::start(&endpoint, "--rate 50 --time 600 --method async");
    await_keys(&network, 20);
    load.interrupt();
    let report = load.report();
    assert_eq!(report["interrupted"], true);
    assert_eq!(report["followed_by"], "polling");
    assert!(report["sending_seconds"].as_f64().is_some_and(|it| it < 600.0));
    assert_eq!(report["transactions"]["committed"], report["transactions"]["sent"]);
    end_and_check(network);
}

#[test]
fn a_node_that_dies_under_a_load_is_an_error_in_its_report() {
    let mut network = Network::start_validators(1, &SETTINGS);
    network.await_height(1);
    let port = network.rpc_port(0);
    let endpoints = format!("ws://127.0.0.1:{port},http://127.0.0.1:{port}");
    let load = Load::start(&endpoints, "--connections 2 --rate 200 --time 600 --grace 1");
    await_keys(&network, 20);
    network.kill(0);
    network.start(0);
    // It goes on by itself when the node is back.
    await_keys(&network, 400);
    network.kill(0);
    load.interrupt();
    let report = load.report();
    assert!(report["connections"]["lost"].as_u64().is_some_and(|lost| 2 <= lost), "{report}");
    assert!(report["connections"]["made"].as_u64().is_some_and(|made| 4 <= made), "{report}");
    let kinds = report["errors"].as_array().expect("a list");
    assert!(kinds.iter().any(|it| it["kind"] == "connection refused"), "{report}");
}
