//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../rules/network.rs"]
mod network;
#[path = "../encodings/values.rs"]
#[expect(dead_code, reason = "other files make use of the rest")]
mod values;

mod commits;
mod evidence;
mod hashes;
mod keys;
mod params;
mod parts;
mod validators;
mod wire;

/// So many random cases; a failure prints its input, and nothing is written beside the sources.
fn cases(count: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config { cases: count, failure_persistence: None, ..Default::default() }
}
