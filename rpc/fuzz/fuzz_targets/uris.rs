//! libFuzzer over [`targets::uris`].
#![no_main]

#[allow(dead_code, reason = "each program has one of them")]
#[path = "../../tests/fuzzing/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::uris(bytes));
