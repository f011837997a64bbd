//! `lockstep simulate` as the binary has it: what it prints, what it writes, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use simulator::Plan;
use simulator::model::Costs;
use tempfile::TempDir;

/// A small and quick network.
const SMALL: [&str; 10] = [
    "--heights",
    "3",
    "--validators",
    "4",
    "--byzantine",
    "0",
    "--faults",
    "none",
    "--network",
    "lan",
];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn simulate(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .arg("simulate")
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the binary was built")
}

fn succeeds(folder: &Path, args: &[&str]) -> String {
    let output = simulate(folder, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Ends with exit code 1 and one line that says all of this.
fn refuses(folder: &Path, args: &[&str], says: &[&str]) -> String {
    let output = simulate(folder, args);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    let [line] = lines.as_slice() else { panic!("{args:?}: not one line: {stderr}") };
    assert!(line.starts_with("error: ") && line.contains("; "), "{line}");
    for fragment in says {
        assert!(line.contains(fragment), "{fragment:?} is not in {line:?}");
    }
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("a writable folder");
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("it was written")
}

/// A network whose halves no link joins: nothing is ever decided.
fn standstill() -> String {
    let mut plan = Plan::fair(5, &[10; 4], 3);
    plan.network.links = Some(vec![(0, 1), (2, 3)]);
    plan.members[0].skew_micros = 7;
    format!("# Two halves.\n{}\n", plan.line())
}

#[test]
fn a_seed_is_simulated_and_its_trace_is_the_same_again() {
    let folder = folder();
    let at = folder.path();
    let table = succeeds(at, &[&["--seed", "1", "--trace", "one.trace"], &SMALL[..]].concat());
    assert!(table.contains("heights decided in round"), "{table}");
    assert!(read(at, "one.trace").contains(" signs precommit 3/"));
    let again = succeeds(at, &["--replay", "one.trace", "--trace", "two.trace"]);
    assert!(again.contains("the same history as in one.trace"), "{again}");
    assert_eq!(read(at, "one.trace"), read(at, "two.trace"));
}

#[test]
fn many_seeds_give_one_table_on_any_number_of_threads() {
    let folder = folder();
    let run = |jobs: &str| {
        let args = ["--seeds", "3..9", "--jobs", jobs];
        succeeds(folder.path(), &[&args, &SMALL[..]].concat())
    };
    assert_eq!(run("1"), run("3"));
    let json = [&["--seeds", "3..9", "--json"], &SMALL[..]].concat();
    let json: Value = serde_json::from_str(&succeeds(folder.path(), &json)).expect("JSON");
    assert_eq!(json["summary"]["seeds"], 6);
    assert!(18 <= json["summary"]["counts"]["heights"].as_u64().expect("a count"));
    assert_eq!(json["failures"], Value::Array(vec![]));
}

#[test]
fn seeds_without_an_end_stop_in_time() {
    let folder = folder();
    let args = [&["--seeds", "0..", "--within", "1", "--jobs", "1"], &SMALL[..]].concat();
    assert!(succeeds(folder.path(), &args).starts_with("seeds "));
}

#[test]
fn what_fails_is_made_small_and_written_so_that_it_fails_again() {
    let folder = folder();
    let at = folder.path();
    write(at, "plan.json", &standstill());
    let said = refuses(at, &["--replay", "plan.json"], &["1 of 1", "--replay seed-5.trace"]);
    for fragment in ["verdict  liveness at ", "before   faults: 0", "after ", "seed-5.trace"] {
        assert!(said.contains(fragment), "{fragment:?} is not in {said}");
    }
    let says = ["liveness at ", "seed-5.trace"];
    let again = refuses(at, &["--replay", "seed-5.trace"], &says);
    assert!(again.contains("the same history as in seed-5.trace"), "{again}");

    let output = simulate(at, &["--replay", "plan.json", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["failures"][0]["failure"]["judge"], "liveness");
    assert_eq!(json["failures"][0]["plan"]["heights"], 1);
    assert_eq!(json["failures"][0]["trace"], "seed-5.trace");
}

#[test]
fn impossible_networks_are_refused_with_the_reason() {
    let folder = folder();
    write(folder.path(), "bad.toml", "places = [\"here\"]\none_way_ms = []\n");
    let cases: [(&[&str], &[&str]); 13] = [
        (&[], &["nothing to simulate", "--seed N"]),
        (&["--seed", "1", "--validators", "0"], &["--validators: 0 validators"]),
        (
            &["--seed", "1", "--validators", "4", "--byzantine", "5"],
            &["5 Byzantine validators of 4"],
        ),
        (&["--seed", "1", "--validators", "4", "--byzantine", "2"], &["--beyond-a-third"]),
        (&["--seed", "1", "--heights", "0"], &["--heights: 0 heights"]),
        (&["--seed", "1", "--faults", "loss,crush"], &["crush", "did you mean `crash`?"]),
        (&["--seed", "1", "--faults", "xyzzyxyzzy"], &["--faults list"]),
        (&["--seed", "1", "--network", "nowhere.toml"], &["nowhere.toml", "lan, wan"]),
        (&["--seed", "1", "--network", "bad.toml"], &["--network", "a row and a column"]),
        (&["--seeds", "0.."], &["never end", "--within"]),
        (&["--seeds", "0..2", "--jobs", "0"], &["--jobs: 0 networks", "give 1 to"]),
        (&["--jobs", "2"], &["nothing to simulate"]),
        (&["--replay", "x.trace", "--heights", "3"], &["the file has the plan"]),
    ];
    for (args, says) in cases {
        refuses(folder.path(), args, says);
    }
    for args in [
        &["--seed", "1", "--seeds", "0..2"][..],
        &["--seeds", "5..5"],
        &["--seed", "1", "--jobs", "2"],
        &["--seeds", "0..2", "--trace", "t"],
    ] {
        assert_eq!(simulate(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn traces_that_cannot_be_replayed_are_refused_with_the_reason() {
    let folder = folder();
    let at = folder.path();
    succeeds(at, &[&["--seed", "2", "--trace", "good.trace"], &SMALL[..]].concat());
    let good = read(at, "good.trace");
    for (from, to, says) in [
        ("lockstep trace 1", "lockstep trace 9", "the trace is of version 9"),
        ("lockstep trace 1", "something else", "this is no trace"),
        ("\"version\":1", "\"version\":0", "the plan is of version 0"),
        ("\"heights\":3", "\"heights\":-3", "cannot be read"),
        ("\"heights\":3", "\"heights\":4", "another history: its digest was"),
        ("digest ", "digest of ", "line 3 is not its digest"),
    ] {
        write(at, "bad.trace", &good.replacen(from, to, 1));
        refuses(at, &["--replay", "bad.trace"], &["bad.trace", says]);
    }
    refuses(at, &["--replay", "missing.trace"], &["missing.trace", "No such file"]);
}

#[test]
fn the_names_of_faults_are_listed() {
    let names = succeeds(folder().path(), &["--faults", "list"]);
    assert!(names.lines().any(|name| name == "crash-at-output"), "{names}");
}

/// A model of small and quick networks.
const MODEL: [&str; 8] =
    ["--model", "--validators", "4,7", "--network", "lan", "--heights", "3", "--rate=100"];

#[test]
fn a_model_has_a_column_for_each_size_and_the_same_figures_again() {
    let folder = folder();
    let table = succeeds(folder.path(), &MODEL);
    for row in ["network lan, 1000 Mbit/s, 100 tx/s of 1024 bytes", "costs of ", "validators "] {
        assert!(table.contains(row), "{row:?} is not in {table}");
    }
    let sizes = table.lines().find(|line| line.starts_with("validators ")).expect("a row");
    let sizes: Vec<&str> = sizes.split_whitespace().skip(1).collect();
    assert_eq!(sizes, ["4", "7"]);
    assert_eq!(succeeds(folder.path(), &MODEL), table);

    let json = succeeds(folder.path(), &[&MODEL[..], &["--json", "--seed", "9"]].concat());
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["shape"]["seed"], 9);
    assert_eq!(json["figures"][1]["validators"], 7);
    assert_eq!(json["figures"][1]["heights"], 3);
    assert!(0 < json["figures"][0]["block_micros"]["p50"].as_u64().expect("a time"));
    assert!(0 < json["figures"][0]["latency_micros"]["p99"].as_u64().expect("a time"));
}

#[test]
fn a_model_takes_its_costs_from_a_file() {
    let folder = folder();
    let at = folder.path();
    let mut costs = Costs::measured();
    costs.machine = "a very slow disk".to_owned();
    costs.disk.sync = 20_000_000;
    write(at, "slow.toml", &toml::to_string(&costs).expect("a table is TOML"));
    let table = succeeds(at, &[&MODEL[..], &["--costs", "slow.toml"]].concat());
    assert!(table.contains("a very slow disk"), "{table}");
    assert_ne!(table, succeeds(at, &MODEL));
    write(at, "bad.toml", "measured = \"once\"\n");
    let says = ["--costs bad.toml", "missing field", "--bench costs"];
    refuses(at, &["--model", "--costs", "bad.toml"], &says);
}

#[test]
fn impossible_models_are_refused_with_the_reason() {
    let folder = folder();
    let cases: [(&[&str], &[&str]); 21] = [
        (&["--validators", "4,0"], &["--validators: validators: 0", "1 to 1000"]),
        (&["--validators", "4", "--degree", "4"], &["--degree: peers of each validator: 4"]),
        (&["--bandwidth", "1GB"], &["--bandwidth", "\"1GB\" is no bandwidth", "1Gbit"]),
        (&["--bandwidth", "1bit"], &["--bandwidth: bytes a second: 0"]),
        (&["--rate", "2000000"], &["--rate: transactions a second: 2000000"]),
        (&["--tx-size", "7"], &["--tx-size: bytes of a transaction: 7"]),
        (&["--tx-size", "4194304"], &["--tx-size"]),
        (&["--block-bytes", "1000"], &["--block-bytes: bytes of a block: 1000"]),
        (&["--pool-size", "0"], &["--pool-size: transactions in a pool: 0"]),
        (&["--heights", "0"], &["--heights: heights to measure: 0"]),
        (&["--timeout-commit", "1"], &["--timeout-commit", "is no duration"]),
        (&["--relay-delay", "0"], &["--relay-delay", "until something is relayed: 0"]),
        (&["--verifiers", "0"], &["--verifiers: threads that check signatures: 0"]),
        (&["--costs", "nowhere.toml"], &["--costs nowhere.toml", "No such file"]),
        (&["--network", "nowhere.toml"], &["nowhere.toml", "lan, wan"]),
        (&["--byzantine", "1"], &["--byzantine: all are honest", "leave out --model"]),
        (&["--faults", "loss"], &["--faults: nothing goes wrong"]),
        (&["--whole"], &["--whole", "machines of its own"]),
        (&["--real-signatures"], &["--real-signatures", "charges what signatures cost"]),
        (&["--seeds", "0..2"], &["--seeds: one seed"]),
        (&["--trace", "t"], &["--trace: too much happens"]),
    ];
    for (args, says) in cases {
        refuses(folder.path(), &[&["--model"], args].concat(), says);
    }
    let says = ["--rate is of the performance model", "add --model"];
    refuses(folder.path(), &["--seed", "1", "--rate", "5"], &says);
    refuses(folder.path(), &["--seed", "1", "--validators", "4,7"], &["2 counts for one network"]);
}
