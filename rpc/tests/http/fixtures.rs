//! What a node of the reference was asked, and what it answered: ours has the same shape.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use types::Time;

use crate::served::Served;
use crate::websocket::Client;
use crate::wire::{call, post};

/// Methods that come with later parts of the dialect.
const LATER: [&str; 1] = ["subscribe"];

/// What we say beyond the reference, and where.
const ADDED: [&str; 2] =
    [".result.node_info.other.lockstep_version", ".result.node_info.other.peer_id"];

/// What the fixtures' older application left out, and ours, as today's reference, says.
const NULL_THERE: [&str; 1] = [".result.app_hash"];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/rpc");
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn answers_have_the_shape_of_the_references() {
    let Some(folder) = folder() else { return };
    let served = Served::plain();
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.join("outgoing")).unwrap() {
        let path = entry.unwrap().path();
        let mut request = read(&path);
        let method = request["method"].as_str().unwrap().to_owned();
        if LATER.contains(&method.as_str()) {
            continue;
        }
        match method.as_str() {
            // Theirs is a block of their chain, and ours has other keys.
            "block_by_hash" => request["params"]["hash"] = a_block_hash(&served),
            "abci_query" if request["params"]["data"] == "747830" => {
                request["params"]["data"] = Value::from(hex::encode("tx0"));
            }
            _ => {}
        }
        let name = path.file_name().unwrap();
        let theirs = read(&folder.join("incoming").join(name));
        let ours = post(served.address, &request.to_string()).json();
        let mut differences = vec![];
        compare(&ours, &theirs, "", &mut differences);
        assert!(differences.is_empty(), "{name:?}: {differences:#?}\n{ours:#}");
        assert_eq!(ours["id"], theirs["id"]);
        compared += 1;
    }
    assert!(20 <= compared, "only {compared} fixtures were compared");
}

#[test]
fn events_have_the_shape_of_the_references() {
    let Some(folder) = folder() else { return };
    let served = Served::plain();
    let (block, tx) = served.block_on(async {
        let mut client = Client::connect(served.address).await;
        client.subscribe("a", "tm.event = 'NewBlock'").await;
        client.subscribe("b", "tm.event = 'Tx'").await;
        client
            .call(1.into(), "broadcast_tx_async", serde_json::json!({"tx": "dHgwPXZhbHVl"}))
            .await;
        (client.hear().await.unwrap(), client.hear().await.unwrap())
    });
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.join("incoming")).unwrap() {
        let path = entry.unwrap().path();
        let mut theirs = read(&path);
        let ours = match theirs["result"]["query"].as_str() {
            Some("tm.event = 'NewBlock'") => &block,
            Some("tm.event = 'Tx'") => &tx,
            _ => continue,
        };
        // Theirs is an empty block; ours has a transaction in it.
        if let Some(finalized) = theirs["result"]["data"]["value"].get_mut("result_finalize_block")
        {
            finalized["tx_results"] = Value::Array(vec![]);
        }
        let mut differences = vec![];
        compare(ours, &theirs, "", &mut differences);
        assert!(differences.is_empty(), "{path:?}: {differences:#?}\n{ours:#}");
        compared += 1;
    }
    assert!(10 <= compared, "only {compared} fixtures were compared");
}

fn a_block_hash(served: &Served) -> Value {
    let block = call(served.address, "block", serde_json::json!({"height": "10"}));
    let hash = block["result"]["block_id"]["hash"].as_str().unwrap();
    Value::from(STANDARD.encode(hex::decode(hash).unwrap()))
}

fn compare(ours: &Value, theirs: &Value, place: &str, differences: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(mine), Value::Object(other)) => {
            for (key, theirs) in other {
                let place = format!("{place}.{key}");
                match mine.get(key) {
                    Some(ours) => compare(ours, theirs, &place, differences),
                    None => differences.push(format!("{place} is missing")),
                }
            }
            for key in mine.keys().filter(|key| !other.contains_key(*key)) {
                let place = format!("{place}.{key}");
                if !ADDED.contains(&place.as_str()) {
                    differences.push(format!("{place} is ours alone"));
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let Some(theirs) = theirs.first() else { return };
            if ours.is_empty() {
                differences.push(format!("{place} is empty"));
            }
            ours.iter().for_each(|it| compare(it, theirs, &format!("{place}[]"), differences));
        }
        (Value::String(ours), Value::String(theirs)) => {
            let (mine, other) = (encodings(ours), encodings(theirs));
            if !ours.is_empty() && !theirs.is_empty() && other.iter().any(|it| !mine.contains(it)) {
                differences.push(format!("{place}: {ours} is {mine:?}, {theirs} is {other:?}"));
            }
        }
        (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => {}
        (_, Value::Null) if NULL_THERE.contains(&place) => {}
        _ => differences.push(format!("{place}: {ours} for {theirs}")),
    }
}

/// In which encodings a text can be read. What is as long as a hash is no number.
fn encodings(text: &str) -> Vec<&'static str> {
    const HASH_LENGTH: usize = 16;
    let is_hex = |it: u8| it.is_ascii_digit() || (b'A'..=b'F').contains(&it);
    let mut encodings = vec![];
    if text.len() < HASH_LENGTH && text.parse::<i64>().is_ok() {
        encodings.push("a number");
    } else if HASH_LENGTH <= text.len() && text.bytes().all(is_hex) {
        encodings.push("upper-case hex");
    } else if Time::parse_rfc3339(text).is_some() {
        encodings.push("a time");
    } else if text.ends_with('=') && STANDARD.decode(text).is_ok() {
        encodings.push("base64");
    }
    encodings
}
