//! The index in a real PostgreSQL server, which these tests start, kill and start again.
//!
//! Not under libtest: where there is no PostgreSQL these must be counted as skipped, never as
//! passed.

#[allow(dead_code, reason = "networks and their checks are made for more than this")]
#[path = "../cluster/checks.rs"]
mod checks;
#[allow(dead_code, reason = "as above")]
#[path = "../cluster/client.rs"]
mod client;
#[allow(dead_code, reason = "as above")]
#[path = "../cluster/network.rs"]
mod network;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/ports.rs"]
mod ports;
mod scenes;
mod server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A name and what is tried.
type Case = (&'static str, fn());

const CASES: [Case; 3] = [
    ("each_block_is_there_once_whoever_is_killed", scenes::each_block_once),
    ("tables_and_views_are_the_references", scenes::tables),
    ("searches_are_refused_and_transactions_are_found", scenes::searches),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|it| !it.starts_with('-')).collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|it| name.contains(*it));
    let cases: Vec<&Case> = CASES.iter().filter(|(name, _)| chosen(name)).collect();
    if arguments.iter().any(|it| it == "--list") {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = server::find() {
        println!("psql: 0 passed, {} skipped: {reason}", cases.len());
        return ExitCode::SUCCESS;
    }
    let passes = |(name, case): &&&Case| {
        let passed = catch_unwind(AssertUnwindSafe(case)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        passed
    };
    let passed = cases.iter().filter(passes).count();
    println!("psql: {passed} passed, {} failed", cases.len() - passed);
    if passed == cases.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
