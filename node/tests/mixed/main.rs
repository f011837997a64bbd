//! Lockstep and CometBFT v0.40 in one network, each a real process: they take each other's
//! proposals, count each other's votes, and serve each other blocks.
//!
//! Not under libtest: where there is no `cometbft` these must be counted as skipped, never as
//! passed. `make test-mixed` runs them; `docs/INTEROP.md` says how to install the peer.

mod checks;
mod client;
mod network;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/ports.rs"]
mod ports;
mod proxy;
mod strangers;

mod applications;
mod faults;
mod figures;
mod light;
mod loss;
mod misbehaviour;
mod shapes;
mod updates;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A name and what is tried.
type Case = (&'static str, fn());

/// In the order of the issue that asked for them.
const CASES: [Case; 24] = [
    ("one_lockstep_and_three_cometbft_validators", shapes::one_and_three),
    ("two_and_two_validators", shapes::two_and_two),
    ("three_lockstep_and_one_cometbft_validator", shapes::three_and_one),
    ("full_nodes_of_each_kind_behind_the_other", shapes::full_nodes),
    ("five_hundred_heights_under_load", shapes::five_hundred_heights),
    ("killed_lockstep_comes_back", faults::killed_lockstep),
    ("killed_cometbft_comes_back", faults::killed_cometbft),
    ("paused_lockstep_comes_back", faults::paused_lockstep),
    ("paused_cometbft_comes_back", faults::paused_cometbft),
    ("emptied_lockstep_comes_back", faults::emptied_lockstep),
    ("emptied_cometbft_comes_back", faults::emptied_cometbft),
    ("lockstep_catches_up_from_cometbft_alone", faults::lockstep_from_cometbft_alone),
    ("cometbft_catches_up_from_lockstep_alone", faults::cometbft_from_lockstep_alone),
    ("validator_updates_are_in_force_at_one_height", updates::at_one_height),
    ("a_key_on_lockstep_and_a_second_lockstep_is_found_out", misbehaviour::on_two_lockstep),
    ("a_key_on_lockstep_and_a_cometbft_is_found_out", misbehaviour::on_both_kinds),
    ("light_client_with_a_lockstep_witness", light::with_a_lockstep_witness),
    ("light_client_with_a_lockstep_primary", light::with_a_lockstep_primary),
    ("message_loss_and_timeouts_are_survived_together", loss::survived_together),
    ("a_cometbft_of_another_chain_is_refused", strangers::of_another_chain),
    ("a_cometbft_without_libp2p_is_refused", strangers::without_libp2p),
    ("applications_each_on_the_others", applications::each_on_the_others),
    ("applications_told_alike_by_abci_cli", applications::told_alike_by_abci_cli),
    ("figures", figures::measured),
];

/// Cases whose names begin so need the reference's `abci-cli` as well.
const NEED_ABCI_CLI: &str = "applications_";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = arguments.iter().filter(|it| !it.starts_with('-')).collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|it| name.contains(*it));
    let cases: Vec<&Case> = CASES.iter().filter(|(name, _)| chosen(name)).collect();
    if arguments.iter().any(|it| it == "--list") {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let Some(version) = version_of("cometbft") else {
        println!(
            "0 passed, {} skipped: there is no `cometbft` on the PATH; docs/INTEROP.md says how \
             to install it",
            cases.len()
        );
        return ExitCode::SUCCESS;
    };
    let lacks_tool = version_of("abci-cli").is_none();
    let (skipped, cases): (Vec<&Case>, Vec<&Case>) =
        cases.into_iter().partition(|(name, _)| lacks_tool && name.starts_with(NEED_ABCI_CLI));
    if !skipped.is_empty() {
        println!("{} skipped: there is no `abci-cli` on the PATH", skipped.len());
    }
    println!("running {} tests beside CometBFT {version}", cases.len());
    let failed: Vec<&str> =
        cases.iter().filter(|case| !passes(case)).map(|(name, _)| *name).collect();
    println!("{} passed, {} failed {failed:?}", cases.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes((name, case): &Case) -> bool {
    println!("test {name} ...");
    let begun = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(case)).is_ok();
    let outcome = if passed { "ok" } else { "FAILED" };
    println!("test {name} ... {outcome} ({:.0} s)", begun.elapsed().as_secs_f64());
    passed
}

fn version_of(program: &str) -> Option<String> {
    let output = Command::new(program).arg("version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
