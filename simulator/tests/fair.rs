//! Fair weather: everybody decides, in round 0, and the same seed gives the same history.

use simulator::{Plan, world};

#[test]
fn validators_decide_in_fair_weather_in_round_0() {
    let report = world::run(&Plan::fair(1, &[10; 4], 100));
    assert_eq!(report.failure, None);
    assert!(100 <= report.counts.heights);
    assert_eq!(report.counts.heights, report.counts.rounds);
}

#[test]
fn one_seed_is_one_history() {
    let plan = Plan::fair(7, &[10, 20, 30, 40], 30);
    assert_eq!(world::run(&plan).digest, world::run(&plan).digest);
}
