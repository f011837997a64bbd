//! Finds the traces, unpacks them, and tells which of the three shapes each has.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::trace::{KeeperState, NetworkState, RuleState};

/// A trace by what it is about.
pub enum Trace {
    Rules(Vec<RuleState>),
    Keeper(Vec<KeeperState>),
    Network(Vec<NetworkState>),
}

/// The traces beside the workspace, or none (with a printed reason) where there are none.
pub fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/quint");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no vectors at {}", folder.display());
        return vec![];
    };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no vectors", folder.display());
    files
}

/// A trace's name, for messages.
pub fn name(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    name.trim_end_matches(".itf.json.gz").to_owned()
}

/// Reads a trace. Whatever has no known shape is an error of the test, not skipped.
pub fn trace(path: &Path) -> Trace {
    #[expect(clippy::disallowed_methods, reason = "a vector is a file; the replica opens none")]
    let packed = std::fs::File::open(path).expect("a readable file");
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).expect("text in gzip");
    let mut trace: Value = serde_json::from_str(&text).expect("JSON");
    let states = trace["states"].as_array_mut().expect("a trace has states");
    for state in states.iter_mut() {
        strip_instance(state.as_object_mut().expect("a state is a record"));
    }
    let first = states[0].as_object().expect("a state is a record");
    let (rules, keeper) = (first.contains_key("state"), first.contains_key("bookkeeper"));
    match (rules, keeper, first.contains_key("system")) {
        (true, false, false) => Trace::Rules(decode(path, trace)),
        (false, true, false) => Trace::Keeper(decode(path, trace)),
        (false, false, true) => Trace::Network(decode(path, trace)),
        _ => panic!("{}: no trace of a known shape: {:?}", path.display(), first.keys()),
    }
}

fn decode<S: DeserializeOwned>(path: &Path, mut trace: Value) -> Vec<S> {
    let states = trace["states"].as_array_mut().map(std::mem::take).expect("a trace has states");
    let state = |(index, state)| {
        serde_json::from_value(plain(state))
            .unwrap_or_else(|error| panic!("{} state {index}: {error}", path.display()))
    };
    states.into_iter().enumerate().map(state).collect()
}

/// The trace format's marks resolved: what JSON has no word for becomes what serde expects. Maps
/// are lists of pairs, as their keys need not be text.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut record) => {
            let marked = ["#bigint", "#tup", "#set", "#map"].iter();
            match marked.filter_map(|mark| record.remove(*mark)).next() {
                Some(Value::String(digits)) => {
                    Value::from(digits.parse::<i64>().expect("no trace counts further"))
                }
                Some(list) => plain(list),
                None => plain_record(record),
            }
        }
        Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// A record; or a variant, whose content is left out if it has none.
fn plain_record(record: Map<String, Value>) -> Value {
    let is_variant = record.contains_key("tag") && record.contains_key("value");
    let plain = record.into_iter().map(|(name, value)| (name, plain(value)));
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    Value::Object(
        plain.filter(|(name, it)| !(is_variant && name == "value" && empty(it))).collect(),
    )
}

/// `line28Test::N7F1::system` is `system`: of the instances that a test declares, a trace runs
/// one.
fn strip_instance(state: &mut Map<String, Value>) {
    let names: Vec<String> = state.keys().cloned().collect();
    for name in names {
        let Some((_, variable)) = name.rsplit_once("::") else { continue };
        let value = state.remove(&name).expect("it was just listed");
        let other = state.insert(variable.to_owned(), value);
        assert!(other.is_none(), "{variable} is of two instances");
    }
}
