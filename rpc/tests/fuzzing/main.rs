//! The fuzz targets over the stored corpus, and over changes of it from a seed: so many that they
//! take about a second. libFuzzer, which looks for more, runs the same functions: see `rpc/fuzz`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod targets;

use std::path::Path;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Changes of each file.
const CHANGES: usize = 2_000;
/// Bytes that mean something to some reader.
const MEANING: &[u8] = b"{}[]\",:'\\0x9.-+eE=<>&%/ \x00\xff\xc3TZ";

/// The stored inputs of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let inputs: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(10 <= inputs.len(), "the corpus of {target} has only {} files", inputs.len());
    inputs
}

/// An input with some of its bytes taken, doubled, replaced, or exchanged for another's.
fn changed(input: &[u8], other: &[u8], rng: &mut TestRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let at = rng.next_u32() as usize % (bytes.len() + 1);
        let length = rng.next_u32() as usize % 9;
        let end = (at + length).min(bytes.len());
        match rng.next_u32() % 5 {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => bytes.insert(at, MEANING[rng.next_u32() as usize % MEANING.len()]),
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (rng.next_u32() % 8);
                }
            }
            _ => {
                let from = rng.next_u32() as usize % (other.len() + 1);
                bytes.splice(at..end, other[from..].iter().copied().take(24));
            }
        }
    }
    bytes
}

fn run(name: &str, target: fn(&[u8])) {
    let inputs = corpus(name);
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for input in &inputs {
        target(input);
        for _ in 0..CHANGES {
            let other = &inputs[rng.next_u32() as usize % inputs.len()];
            let bytes = changed(input, other, &mut rng);
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "{name}: fails for {shown:?} ({bytes:?})");
        }
    }
}

#[test]
fn any_body_is_refused_or_understood() {
    run("requests", targets::requests);
}

#[test]
fn any_uri_is_refused_or_understood() {
    run("uris", targets::uris);
}

#[test]
fn any_query_is_refused_at_its_place_or_means_one_thing() {
    run("queries", targets::queries);
}
