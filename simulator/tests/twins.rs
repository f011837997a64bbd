//! Twins: every scenario of four validators with one pair and three slots, and samples of five and
//! seven. Agreement holds, and once all hear all again everybody decides.

use simulator::twins;
use simulator::{Plan, world};

fn run(plans: impl Iterator<Item = Plan>) -> usize {
    let run = |plan: Plan| {
        let report = world::run(&plan);
        assert_eq!(report.failure, None, "{plan:?}");
    };
    plans.map(run).count()
}

/// The scenarios with the twins at one place of the rotation.
fn at(place: usize) -> usize {
    let each = twins::scenarios().count() / 4;
    run(twins::scenarios().skip(place * each).take(each))
}

#[test]
fn twins_that_propose_first_divide_nobody() {
    assert_eq!(at(0), 25_389);
}

#[test]
fn twins_that_propose_second_divide_nobody() {
    assert_eq!(at(1), 25_389);
}

#[test]
fn twins_that_propose_third_divide_nobody() {
    assert_eq!(at(2), 25_389);
}

#[test]
fn twins_that_do_not_propose_divide_nobody() {
    assert_eq!(at(3), 25_389);
}

#[test]
fn one_pair_of_five_divides_nobody() {
    run((0..2000).map(|seed| twins::sample(seed, 5)));
}

#[test]
fn two_pairs_of_seven_divide_nobody() {
    run((0..1000).map(|seed| twins::sample(seed, 7)));
}
