//! Light-client cases that others made: verdicts of a TLA+ model over ten validators, and a chain
//! whose first header expires. They lie beside the workspace and are skipped, aloud, where they are
//! not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod json;

use std::path::PathBuf;
use std::time::Duration;

use json::{BisectionCase, ModelCase};
use light::{Options, Trusted, VerifyError, verify};
use types::commit::TrustLevel;

/// What the vectors' makers allowed.
const CLOCK_DRIFT_MAX: Duration = Duration::from_secs(1);

/// The files of a folder of vectors, or none (with a printed reason) where it does not exist.
fn files(folder: &str, name_start: &str) -> Vec<PathBuf> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no vectors at {}", folder.display());
        return vec![];
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(name_start))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no vectors", folder.display());
    files
}

fn options(trusting_period_nanos: u64) -> Options {
    let trusting_period = Duration::from_nanos(trusting_period_nanos);
    Options::new(TrustLevel::ONE_THIRD, trusting_period, CLOCK_DRIFT_MAX).unwrap()
}

/// The model's word for what we found.
fn verdict(result: &Result<(), VerifyError>) -> &'static str {
    match result {
        Ok(()) => "SUCCESS",
        Err(VerifyError::NotEnoughTrust { .. }) => "NOT_ENOUGH_TRUST",
        Err(VerifyError::Expired { .. } | VerifyError::Invalid(_)) => "INVALID",
    }
}

#[test]
fn verdicts_are_the_models() {
    let mut steps = 0;
    for file in files("light", "MC") {
        let case: ModelCase = json::read(&file);
        let options = options(case.initial.trusting_period.parse().unwrap());
        let mut trusted_header = case.initial.signed_header.domain().header;
        let mut trusted_next = case.initial.next_validator_set.domain();
        for (index, step) in case.input.iter().enumerate() {
            let name = format!("{} step {index}", file.display());
            let trusted = Trusted { header: &trusted_header, next_validators: &trusted_next };
            // A header that cannot even be read is invalid by its form.
            let Some(block) = step.block.domain() else {
                assert_eq!(step.verdict, "INVALID", "{name}");
                continue;
            };
            let result = verify(&trusted, &block, &options, json::time(&step.now));
            assert_eq!(verdict(&result), step.verdict, "{name}: {result:?}");
            if result.is_ok() {
                trusted_header = block.signed_header.header;
                trusted_next = step.block.next_validator_set.domain();
            }
            steps += 1;
        }
    }
    println!("{steps} steps had the model's verdict");
}

#[test]
fn an_expired_header_is_no_ground_for_belief() {
    for file in files("light/bisection", "") {
        if !file.ends_with("header_out_of_trusting_period.json") {
            // Their headers are of block version 0 and hashed as before protobuf (v0.33).
            println!("skipped: {} is of an earlier protocol", file.display());
            continue;
        }
        let case: BisectionCase = json::read(&file);
        let options = options(case.trust_options.period.parse().unwrap());
        let blocks = &case.primary.lite_blocks;
        let first = blocks.first().unwrap();
        let header = first.domain().unwrap().signed_header.header;
        let next_validators = first.next_validator_set.domain();
        let trusted = Trusted { header: &header, next_validators: &next_validators };
        let last = blocks.last().unwrap().domain().unwrap();
        let result = verify(&trusted, &last, &options, json::time(&case.now));
        assert!(matches!(result, Err(VerifyError::Expired { .. })), "{result:?}");
    }
}
