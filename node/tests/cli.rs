//! The real binary: what it makes, and what it says to an operator who got something wrong. Every
//! fault is one line that names the file, the field and the remedy, exit code 1, and nothing has
//! changed on disk.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a command that fails may take to say so.
const FAIL_WITHIN: Duration = Duration::from_secs(20);

/// A home that `lockstep init` made, in a temporary folder.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let output = home.run(&["init", "--moniker", "tester"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        home
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).expect("init made it")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("the folder is writable");
    }

    /// Changes one value of a JSON file; null removes it.
    fn edit(&self, name: &str, pointer: &str, value: Value) {
        let mut document: Value = serde_json::from_str(&self.read(name)).expect("it is JSON");
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
        let parent = document.pointer_mut(parent).expect("the parent is there");
        match (parent, value) {
            (Value::Object(fields), Value::Null) => drop(fields.remove(key)),
            (Value::Object(fields), value) => drop(fields.insert(key.into(), value)),
            (Value::Array(items), value) => items[key.parse::<usize>().expect("an index")] = value,
            (other, _) => panic!("{other} has no {key}"),
        }
        self.write(name, &document.to_string());
    }

    fn run(&self, args: &[&str]) -> Output {
        run(Command::new(env!("CARGO_BIN_EXE_lockstep")).args(args).arg("--home").arg(self.root()))
    }

    /// Starts the node, and stops it once it has signed something.
    fn run_until_it_signs(&self) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lockstep"))
            .args(["start", "--rpc.laddr=tcp://127.0.0.1:0", "--p2p.laddr=tcp://127.0.0.1:0"])
            .arg("--home")
            .arg(self.root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary was built");
        let before = self.read("data/priv_validator_state.json");
        let begun = Instant::now();
        while self.read("data/priv_validator_state.json") == before {
            assert!(begun.elapsed() < FAIL_WITHIN, "the node signs nothing");
            assert!(child.try_wait().expect("it is our child").is_none(), "the node ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    /// Starts the node, which is expected to refuse, and checks how it does so.
    fn refuses_to_start(&self, flags: &[&str], says: &[&str]) {
        let before = contents(&self.root());
        let quiet = ["start", "--rpc.laddr=tcp://127.0.0.1:0", "--p2p.laddr=tcp://127.0.0.1:0"];
        let output = self.run(&[&quiet, flags].concat());
        refused(&output, says);
        assert_eq!(contents(&self.root()), before, "{says:?}: something changed on disk");
    }
}

/// Runs a command to its end, or kills it when it takes too long.
fn run(command: &mut Command) -> Output {
    let mut child = command
        .env_remove("LOCKSTEP_HOME")
        .env_remove("CMTHOME")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let begun = Instant::now();
    while child.try_wait().expect("it is our child").is_none() {
        if FAIL_WITHIN < begun.elapsed() {
            child.kill().expect("it is our child");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("it is our child")
}

/// Checks that a command ended with one line that says all of this.
fn refused(output: &Output, says: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{says:?}: {stderr}");
    let errors: Vec<&str> = stderr.lines().collect();
    let [line] = errors.as_slice() else { panic!("{says:?}: not one line: {stderr}") };
    assert!(line.starts_with("error: "), "{line}");
    for fragment in says {
        assert!(line.contains(fragment), "{fragment:?} is not in {line:?}");
    }
    assert!(line.contains("; "), "{line:?} has no remedy");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file under a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("the file is readable");
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[test]
fn init_makes_a_home_once() {
    let home = Home::new();
    let made = contents(&home.root());
    let names: Vec<_> =
        made.keys().map(|it| it.strip_prefix(home.root()).expect("in it")).collect();
    assert_eq!(
        names,
        [
            "config/config.toml",
            "config/genesis.json",
            "config/node_key.json",
            "config/priv_validator_key.json",
            "data/priv_validator_state.json",
        ]
        .map(Path::new)
    );
    let output = home.run(&["init"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(contents(&home.root()), made, "a second init changes nothing");
}

#[test]
fn wrong_genesis_files_are_refused() {
    let home = Home::new();
    let good = home.read("config/genesis.json");
    let genesis: Value = serde_json::from_str(&good).expect("it is JSON");
    let first = genesis["validators"][0].clone();
    let file = "config/genesis.json";
    for (pointer, value, says) in [
        ("/validators", json!([]), "validators"),
        ("/validators/0/power", json!("0"), "validators[0].power"),
        ("/validators/0/power", json!("-1"), "validators[0].power"),
        ("/validators/0/power", json!("9223372036854775807"), "power"),
        ("/validators/0/power", json!("99999999999999999999"), "validators[0].power"),
        ("/validators", json!([first, first]), "validators[1]"),
        ("/validators/0/pub_key/type", json!("tendermint/PubKeyBls"), "validators[0].pub_key"),
        ("/validators/0/pub_key/value", json!("AAAA"), "validators[0].pub_key"),
        ("/validators/0/address", json!("00"), "validators[0].address"),
        ("/genesis_time", json!("yesterday"), "genesis_time"),
        ("/chain_id", json!(""), "chain_id"),
        ("/chain_id", json!("c".repeat(51)), "chain_id"),
        ("/initial_height", json!("-1"), "initial_height"),
        ("/app_hash", json!("zz"), "app_hash"),
    ] {
        home.write(file, &good);
        home.edit(file, pointer, value);
        home.refuses_to_start(&[], &["genesis.json: ", says]);
    }
    home.write(file, "{");
    home.refuses_to_start(&[], &["genesis.json: ", "JSON"]);
    fs::remove_file(home.file(file)).expect("it is there");
    home.refuses_to_start(&[], &["genesis.json: ", "lockstep init"]);
    home.write(file, &good);
    home.refuses_to_start(&["--genesis_hash", "00"], &["--genesis_hash: ", "64 hex digits"]);
    let other = "00".repeat(32);
    home.refuses_to_start(&["--genesis_hash", &other], &["genesis.json: ", "its SHA-256 is"]);
}

#[test]
fn wrong_configs_are_refused() {
    let home = Home::new();
    let good = home.read("config/config.toml");
    for (from, to, says) in [
        ("moniker", "monicker", "there is no such key; did you mean `moniker`?"),
        ("size = 5000", "size = -1", "mempool.size: "),
        ("size = 5000", "size = ", "config.toml:"),
        ("timeout_commit = \"1s\"", "timeout_commit = \"soon\"", "consensus.timeout_commit: "),
        ("timeout_commit = \"1s\"", "timeout_commit = \"-1s\"", "is negative"),
        ("laddr = \"tcp://127.0.0.1:26657\"", "laddr = \"here\"", "rpc.laddr: "),
        ("log_level = \"info\"", "log_level = \"loud\"", "log_level: "),
        ("log_format = \"plain\"", "log_format = \"xml\"", "log_format: "),
        ("proxy_app = \"kvstore\"", "proxy_app = \"kvstoer\"", "proxy_app: "),
        ("proxy_app = \"kvstore\"", "proxy_app = \"tcp://localhost\"", "write tcp://host:port"),
        ("abci = \"socket\"", "abci = \"pigeon\"", "abci: "),
        ("priv_validator_laddr = \"\"", "priv_validator_laddr = \"tcp://:1\"", "remote signers"),
        ("enable = false", "enable = true", "statesync.enable: "),
        ("indexer = \"kv\"", "indexer = \"sqlite\"", "tx_index.indexer: "),
        ("indexer = \"kv\"", "indexer = \"psql\"", "tx_index.psql-conn: "),
    ] {
        assert!(good.contains(from), "{from} is not in the default file");
        home.write("config/config.toml", &good.replacen(from, to, 1));
        let before = contents(&home.root());
        refused(&home.run(&["start"]), &["config.toml:", says]);
        assert_eq!(contents(&home.root()), before, "{says}: something changed on disk");
    }
    home.write("config/config.toml", &good);
    home.refuses_to_start(&["--mempool.size=many"], &["--mempool.size: "]);
    fs::remove_file(home.file("config/config.toml")).expect("it is there");
    refused(&home.run(&["start"]), &["config.toml: ", "lockstep init"]);
}

#[test]
fn wrong_keys_are_refused() {
    let key = "config/priv_validator_key.json";
    for (file, pointer, value, says) in [
        (key, "/priv_key/value", json!("AAAA"), "priv_key.value: "),
        (key, "/priv_key/type", json!("tendermint/PrivKeySecp256k1"), "priv_key.type: "),
        (key, "/address", json!("00"), "address: "),
        (key, "/pub_key/value", json!("AAAA"), "pub_key: "),
        (key, "/pub_key", Value::Null, "missing field `pub_key`"),
        ("config/node_key.json", "/priv_key/value", json!("!"), "priv_key.value: "),
        ("config/node_key.json", "/priv_key", Value::Null, "missing field `priv_key`"),
    ] {
        let home = Home::new();
        home.edit(file, pointer, value);
        home.refuses_to_start(&[], &[file, says]);
    }
    let home = Home::new();
    fs::remove_file(home.file("config/node_key.json")).expect("it is there");
    home.refuses_to_start(&[], &["node_key.json: ", "gen-node-key"]);
}

#[test]
fn wrong_or_missing_sign_states_are_refused() {
    let state = "data/priv_validator_state.json";
    let home = Home::new();
    let good = home.read(state);
    for (pointer, value, says) in [
        ("/height", json!("x"), "height: "),
        ("/height", json!(0), "invalid type"),
        ("/round", json!(-1), "round: "),
        ("/step", json!(7), "step: "),
        ("/signature", json!("AAAA"), "signbytes: "),
    ] {
        home.write(state, &good);
        home.edit(state, pointer, value);
        home.refuses_to_start(&[], &["priv_validator_state.json: ", says]);
    }
    fs::remove_file(home.file(state)).expect("it is there");
    let says = ["priv_validator_state.json: ", "--i-know-the-state-file-is-gone"];
    home.refuses_to_start(&[], &says);
    // init does not quietly make a new one either.
    let before = contents(&home.root());
    refused(&home.run(&["init"]), &says);
    assert_eq!(contents(&home.root()), before);
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it listens");
    let flags = [
        "start".to_string(),
        format!("--rpc.laddr=tcp://{address}"),
        "--p2p.laddr=tcp://127.0.0.1:0".to_string(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let output = home.run(&flags);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("rpc.laddr") && stderr.contains(&address.to_string()), "{stderr}");
}

#[test]
fn data_of_another_chain_or_of_a_newer_format_is_refused() {
    let home = Home::new();
    home.run_until_it_signs();
    let label = home.read("data/blocks/FORMAT");
    let newer = label.replace("format 3\n", "format 4\n");
    assert_ne!(newer, label);
    home.write("data/blocks/FORMAT", &newer);
    home.refuses_to_start(&[], &["data/blocks", "4", "newer"]);
    home.write("data/blocks/FORMAT", &label);
    home.edit("config/genesis.json", "/chain_id", json!("another-chain"));
    home.refuses_to_start(&[], &["data/blocks", "another-chain"]);
}

#[test]
fn testnet_makes_homes_that_know_each_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let net = folder.path().join("net");
    let make = |more: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_lockstep");
        run(Command::new(binary)
            .args(["testnet", "--v", "3", "--n", "1", "--o"])
            .arg(&net)
            .args(more))
    };
    let flags = ["--base-port", "30000", "--set", "consensus.timeout_commit=0s", "--json"];
    let output = make(&flags);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(answer["homes"].as_array().map(Vec::len), Some(4));

    let genesis = fs::read_to_string(net.join("node3/config/genesis.json")).expect("it was made");
    let document: Value = serde_json::from_str(&genesis).expect("it is JSON");
    assert_eq!(document["validators"].as_array().map(Vec::len), Some(3));
    for index in 0..4 {
        let home = net.join(format!("node{index}"));
        let own = fs::read_to_string(home.join("config/genesis.json")).expect("it was made");
        assert_eq!(own, genesis);
        let config = fs::read_to_string(home.join("config/config.toml")).expect("it was made");
        for line in [
            format!("laddr = \"tcp://127.0.0.1:{}\"", 30000 + index * 10),
            format!("laddr = \"tcp://127.0.0.1:{}\"", 30001 + index * 10),
            format!("prometheus_listen_addr = \"127.0.0.1:{}\"", 30004 + index * 10),
            "timeout_commit = \"0s\"".to_string(),
        ] {
            assert!(config.contains(&line), "{line} is not in the config of node {index}");
        }
        let peers = config.lines().find(|line| line.starts_with("persistent_peers = "));
        assert_eq!(peers.map(|line| line.matches("/p2p/12D3").count()), Some(3));
    }
    refused(&make(&flags), &["exists already"]);
}

#[test]
fn testnet_makes_homes_of_both_kinds_that_know_each_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let net = folder.path().join("net");
    let binary = env!("CARGO_BIN_EXE_lockstep");
    let output = run(Command::new(binary)
        .args(["testnet", "--v", "1", "--n", "1", "--peer-config", "cometbft", "--peer-v", "2"])
        .args(["--base-port", "30000", "--set", "consensus.timeout_commit=0s", "--o"])
        .arg(&net));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let programs: Vec<String> =
        text(&output.stdout).lines().map(|line| line[..8].to_string()).collect();
    assert_eq!(programs, ["lockstep", "cometbft", "cometbft", "lockstep"]);

    let genesis = fs::read_to_string(net.join("node3/config/genesis.json")).expect("it was made");
    let document: Value = serde_json::from_str(&genesis).expect("it is JSON");
    assert_eq!(document["validators"].as_array().map(Vec::len), Some(3));
    for index in 0..4 {
        let home = net.join(format!("node{index}"));
        let read = |name: &str| fs::read_to_string(home.join(name)).expect("it was made");
        assert_eq!(read("config/genesis.json"), genesis);
        let config: toml::Table = read("config/config.toml").parse().expect("it is TOML");
        assert_eq!(config["consensus"]["timeout_commit"].as_str(), Some("0s"));
        let libp2p = &config["p2p"]["libp2p"];
        let bootstrap = libp2p["bootstrap_peers"].as_array().expect("a list");
        if index == 1 || index == 2 {
            assert_eq!(libp2p["enabled"].as_bool(), Some(true));
            assert!(config.get("lockstep").is_none(), "a key that CometBFT does not have");
            assert_eq!(config["proxy_app"].as_str(), Some("kvstore"));
            let hosts: Vec<&str> = bootstrap.iter().filter_map(|it| it["host"].as_str()).collect();
            assert_eq!(hosts.len(), 3);
            assert!(!hosts.contains(&format!("127.0.0.1:{}", 30000 + index * 10).as_str()));
            assert!(bootstrap.iter().all(|it| it["persistent"].as_bool() == Some(true)));
        } else {
            assert!(bootstrap.is_empty());
            let peers = config["p2p"]["persistent_peers"].as_str().expect("a text");
            assert_eq!(peers.matches("/quic-v1/p2p/12D3").count(), 3, "{peers}");
        }
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let home = Home::new();
    for (args, says) in [
        (["testnet", "--v", "0", "--o", "x"].as_slice(), "--v"),
        (&["testnet", "--base-port", "65530", "--o", "x"], "--base-port"),
        (&["testnet", "--chain-id", "", "--o", "x"], "--chain-id"),
        (&["testnet", "--set", "mempool.sise=1", "--o", "x"], "did you mean `mempool.size`?"),
        (&["status", "--node", "nowhere"], "--node"),
        (&["status", "--node", "127.0.0.1:1"], "is the node running"),
        (&["load", "--endpoints", "http://127.0.0.1:1"], "is the node running"),
        (&["load", "--endpoints", "ws://127.0.0.1:1/websocket"], "--endpoints"),
        (&["load", "--endpoints", "wss://127.0.0.1:1"], "without TLS"),
        (&["load", "--endpoints", "a:1", "--size", "42"], "give 43 to 4194304"),
        (&["load", "--endpoints", "a:1", "--json", "/nowhere/x"], "--json /nowhere/x"),
        (&["tx", "send", "zz", "--encoding", "hex"], "TX"),
        (&["tx", "counter", "add", "5"], "the ledger has no module \"counter\"; it has params"),
        (&["tx", "bank", "send", "bob", "coin", "5", "--from", "zed"], "alice, bob, carol, dave"),
        (&["start", "--proxy_app", "grpc://a:1"], "\"tcp://a:1\" and abci = \"grpc\""),
        (&["app", "new", "fn"], "fn is taken by Rust or by Lockstep"),
        (&["app", "new", "abci"], "abci is taken by Rust or by Lockstep"),
        (&["app", "check", "--abci", "tcp://127.0.0.1:1"], "cannot be reached"),
        (&["app", "check", "--abci", "tcp://127.0.0.1:1"], "start it first"),
        (&["app", "check", "--spawn", "sleep 9 {port}"], "does not say where to listen"),
        (
            &["app", "check", "--spawn", "sh -c 'echo gone; exit 3' {address}"],
            "ended with exit status: 3: gone; try the command in a shell",
        ),
        (&["app", "check", "--spawn", "x", "--heights", "3"], "give 15 to 10000"),
        (&["app", "check", "--spawn", "x", "--tx", "0xzz"], "--tx"),
        (&["app", "check", "--spawn", "x", "--query", "key"], "PATH=KEY"),
        (&["app", "check", "--spawn", "x", "--txs", "/nowhere/x"], "/nowhere/x"),
    ] {
        let output = home.run(args);
        refused(&output, &[says]);
    }
    for (args, says) in [
        (["testnet", "--peer-config", "comet", "--o", "x"].as_slice(), "possible values: cometbft"),
        (&["testnet", "--peer-v", "1", "--o", "x"], "--peer-config"),
        (&["app", "check", "--json"], "<--spawn <COMMAND>|--abci <ADDRESS>>"),
        (&["app", "check", "--spawn", "x", "--abci=tcp://a:1"], "--abci"),
        (&["app", "check", "--abci=tcp://a:1", "--over", "grpc"], "--over"),
        (&["app", "check", "--spawn", "x", "--second=tcp://a:1"], "--second"),
        (&["app", "check", "--abci", "a:1"], "or grpc://host:port"),
    ] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(2), "wrong usage");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
    assert!(!Path::new("x").exists(), "nothing was made");
}

#[test]
fn an_application_is_checked_by_the_command_that_starts_it() {
    let home = Home::new();
    let binary = env!("CARGO_BIN_EXE_lockstep");
    let command = format!("'{binary}' app serve kvstore --abci {{address}} --dir {{dir}}");
    let junit = home.file("junit.xml").display().to_string();
    let over_grpc = ["app", "check", "--spawn", &command, "--over", "grpc", "--json"];
    let output = home.run(&over_grpc);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&report["passed"], &report["not_reached"]), (&json!(24), &json!(9)), "{report:#}");
    // Nobody prepares anything in no time.
    let hasty = ["app", "check", "--spawn", &command, "--timeout-propose", "0", "--junit", &junit];
    let output = home.run(&hasty);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("30 passed, 1 failed"), "{}", text(&output.stdout));
    let stderr = text(&output.stderr);
    assert_eq!(stderr, "error: the application does not keep to prepare-in-time\n");
    let written = home.read("junit.xml");
    for count in ["failures=\"1\"", "errors=\"0\"", "skipped=\"2\""] {
        assert!(written.contains(count), "{written}");
    }
    // The report is not lost with the file.
    let output = home.run(&["app", "check", "--spawn", &command, "--junit", "/nowhere/x"]);
    refused(&output, &["--junit /nowhere/x"]);
    assert!(text(&output.stdout).contains("31 passed, 0 failed"), "{}", text(&output.stdout));
}

#[test]
fn an_application_crate_is_written_with_a_program_that_serves_it() {
    let home = Home::new();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("node is in it");
    let binary = env!("CARGO_BIN_EXE_lockstep");
    let make = |more: &[&str]| {
        let mut command = Command::new(binary);
        run(command
            .args(["app", "new"])
            .args(more)
            .arg("--lockstep")
            .arg(checkout)
            .current_dir(home.root()))
    };
    let output = make(&["tally"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("--proxy_app tcp://127.0.0.1:26658"), "{stdout}");
    assert!(stdout.contains("--spawn 'target/debug/tally {address} {dir}'"), "{stdout}");
    assert!(home.read("tally/src/main.rs").contains("use tally::Counter;"));
    let output = make(&["counts", "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let files = ["Cargo.toml", "src/lib.rs", "src/main.rs", "tests/chain.rs"];
    assert_eq!(answer["files"], json!(files));
    assert!(answer["folder"].as_str().is_some_and(|it| it.ends_with("/counts")), "{answer}");
    refused(&make(&["tally"]), &["tally exists already"]);
}

#[test]
fn help_names_the_modules_and_json_describes_one() {
    let home = Home::new();
    let shown = |args: &[&str]| {
        let output = home.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(shown(&["tx", "--help"]).contains("\n  lockstep tx bank send\n"));
    assert!(shown(&["start", "--help"]).contains("--abci"));
    let described = shown(&["tx", "bank", "--json"]);
    let described: Value = serde_json::from_str(&described).expect("it is JSON");
    assert_eq!(described["messages"][0]["fields"][1]["name"], "denom");
}

#[test]
fn ids_and_versions_are_printed_for_machines() {
    let home = Home::new();
    let answer = |args: &[&str]| -> Value {
        let output = home.run(args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    };
    let ids = answer(&["show-node-id", "--json"]);
    assert_eq!(ids["node_id"].as_str().map(str::len), Some(40));
    assert!(ids["libp2p"].as_str().is_some_and(|id| id.starts_with("12D3")), "{ids}");

    let genesis: Value =
        serde_json::from_str(&home.read("config/genesis.json")).expect("it is JSON");
    assert_eq!(answer(&["show-validator"]), genesis["validators"][0]["pub_key"]);
    let key = answer(&["gen-validator"]);
    assert_eq!(key["Key"]["priv_key"]["type"], "tendermint/PrivKeyEd25519");
    assert_eq!(answer(&["version", "--json"])["lockstep"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_reset_keeps_keys_and_forgets_the_chain() {
    let home = Home::new();
    let made = contents(&home.root());
    fs::create_dir_all(home.file("data/blocks")).expect("the folder is writable");
    home.write("data/blocks/000001.log", "blocks");
    let signed = json!({ "height": "9", "round": 0, "step": 3 });
    home.write("data/priv_validator_state.json", &signed.to_string());
    let output = home.run(&["unsafe-reset-all"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(contents(&home.root()), made, "as after init");
}

#[test]
fn homes_in_use_are_refused() {
    let home = Home::new();
    let folder = fs::File::open(home.root()).expect("it is there");
    folder.try_lock().expect("nobody has it");
    home.refuses_to_start(&[], &["another process uses this home", "--home"]);
    refused(&home.run(&["unsafe-reset-all"]), &["another process uses this home"]);
}
