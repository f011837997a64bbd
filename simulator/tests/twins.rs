//! Twins: every fifth scenario of four validators with one pair and three slots, and samples of
//! five and seven. Agreement holds, and once all hear all again everybody decides. With
//! `TWINS=all` in the environment it is every scenario, as `make night` has it, and with `SHARE=50`
//! one of fifty of those, as `make coverage` has it.
#![expect(clippy::disallowed_methods, reason = "the environment says how many are asked for")]

use simulator::twins;
use simulator::{Plan, world};

/// The scenarios with the twins at one place of the rotation.
const EACH: usize = 25_389;

fn run(plans: impl Iterator<Item = Plan>) -> usize {
    let run = |plan: Plan| {
        let report = world::run(&plan);
        assert_eq!(report.failure, None, "{plan:?}");
    };
    plans.map(run).count()
}

/// One of how many scenarios is run.
fn share() -> usize {
    let asked = std::env::var("SHARE").ok();
    asked.map_or(1, |it| it.parse().expect("SHARE is a number above 0"))
}

fn at(place: usize) {
    let step = if std::env::var("TWINS").is_ok_and(|it| it == "all") { 1 } else { 5 } * share();
    let scenarios = twins::scenarios().skip(place * EACH).take(EACH);
    assert_eq!(
        run(scenarios.skip(place % step).step_by(step)),
        (EACH - place % step).div_ceil(step)
    );
}

#[test]
fn twins_that_propose_first_divide_nobody() {
    at(0);
}

#[test]
fn twins_that_propose_second_divide_nobody() {
    at(1);
}

#[test]
fn twins_that_propose_third_divide_nobody() {
    at(2);
}

#[test]
fn twins_that_do_not_propose_divide_nobody() {
    at(3);
}

#[test]
fn one_pair_of_five_divides_nobody() {
    run((0..2000).step_by(share()).map(|seed| twins::sample(seed, 5)));
}

#[test]
fn two_pairs_of_seven_divide_nobody() {
    run((0..1000).step_by(share()).map(|seed| twins::sample(seed, 7)));
}
