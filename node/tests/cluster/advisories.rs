//! Published advisories that only a real process can show: what it logs, and whether those who ask
//! can hold it up. The numbers are of docs/RELIABILITY.md.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::checks::end_and_check;
use crate::client::Client;
use crate::network::Network;
use crate::patience::PATIENCE;

/// Threads that ask, each everything, without a pause.
const ASKERS: usize = 4;
/// Heights that must pass while they do.
const HEIGHTS: u64 = 20;

/// Whatever is asked about the state of the node, all of which look at what consensus changes.
const QUESTIONS: [&str; 14] = [
    "dump_consensus_state",
    "consensus_state",
    "status",
    "net_info",
    "validators",
    "consensus_params",
    "block",
    "block_results",
    "commit",
    "header",
    "blockchain",
    "unconfirmed_txs",
    "num_unconfirmed_txs",
    "abci_info",
];

/// Row 16: a logger that knows the key's fields prints them.
#[test]
fn advisory_16_no_log_holds_a_key() {
    let settings = ["log_level=trace", "consensus.timeout_commit=0s"];
    let mut network = Network::start_validators(2, &settings);
    network.await_height(3);
    network.client(0).commit("name=satoshi").expect("the network runs");
    network.stop_all();
    for index in 0..network.count() {
        let log = network.log(index);
        assert!(log.contains("DEBUG") || log.contains("TRACE"), "node {index} says little");
        for file in ["priv_validator_key.json", "node_key.json"] {
            let text = fs::read_to_string(network.home(index).join("config").join(file));
            let key: Value = serde_json::from_str(&text.expect("testnet made it")).expect("JSON");
            let written = key["priv_key"]["value"].as_str().expect("a key file has the key");
            let bytes = BASE64.decode(written).expect("as testnet wrote it");
            for form in forms(&bytes) {
                assert!(!log.contains(&form), "node {index} logs the key of {file}");
            }
        }
    }
    end_and_check(network);
}

/// How the secret half of a key might be written, whole or cut short.
fn forms(key: &[u8]) -> Vec<String> {
    let secret = &key[..32];
    let whole: Vec<String> = secret.iter().map(u8::to_string).collect();
    let base64 = BASE64.encode(&secret[..30]);
    vec![base64, hex::encode(secret), hex::encode_upper(secret), whole.join(", "), whole.join(" ")]
}

/// Row 51: an answer that waited for consensus, while consensus waited for it.
#[test]
fn advisory_51_questions_without_end_stop_no_block() {
    let network = Network::start_validators(2, &["consensus.timeout_commit=0s"]);
    network.await_height(2);
    let (enough, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let ask = &|port: u16| {
        let client = Client::new(port);
        while !enough.load(Ordering::Relaxed) && begun.elapsed() < PATIENCE {
            for question in QUESTIONS {
                client.ask(question, json!({}));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let port = network.rpc_port(asker % 2);
            scope.spawn(move || ask(port));
        }
        network.await_heights_more(HEIGHTS);
        enough.store(true, Ordering::Relaxed);
    });
    let answered = answered.into_inner();
    println!("{answered} answers while {HEIGHTS} heights passed");
    assert!((QUESTIONS.len() * ASKERS) as u64 <= answered);
    end_and_check(network);
}
