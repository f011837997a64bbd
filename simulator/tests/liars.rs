//! Lying peers without any voting power: who has to catch up does so all the same, with one honest
//! peer among many liars.

#[path = "support/latecomer.rs"]
mod latecomer;

use simulator::plan::Vice;
use simulator::{Plan, Report, world};

use latecomer::latecomer;

/// How long the late one stays away, in milliseconds.
const AWAY_MS: u64 = 30_000;
/// How long an answer may take, in milliseconds.
const PATIENCE_MS: u64 = 1000;

fn plan(seed: u64, liars: &[Vec<Vice>]) -> Plan {
    let mut plan = latecomer(seed, 10, liars, AWAY_MS);
    plan.network.delay_micros = 10_000;
    plan.waits.commit = 100;
    plan.waits.catch_up = PATIENCE_MS;
    plan
}

/// How long the late one took, in milliseconds.
fn takes(plan: &Plan) -> (u64, Report) {
    let report = world::run(plan);
    assert_eq!(report.failure, None, "{plan:?}");
    (report.lasted.millis() - AWAY_MS, report)
}

#[test]
fn liars_make_nobody_late_beyond_their_answers_and_some_patience() {
    let (alone, _) = takes(&plan(1, &[]));
    for seed in 0..12 {
        for count in [1, 3, 7] {
            let number = |liar: u64| usize::try_from(seed * 7 + liar).expect("few");
            let lies = &Vice::LIES;
            let vices =
                |liar| vec![lies[number(liar) % lies.len()], lies[number(liar * 5) % lies.len()]];
            let (with_liars, _) = takes(&plan(seed, &(0..count).map(vices).collect::<Vec<_>>()));
            // Each liar may be asked before it is found out, but all are asked at once.
            let bound = 3 * alone + 5 * PATIENCE_MS;
            assert!(with_liars <= bound, "{count} liars, seed {seed}: {with_liars} of {bound} ms");
        }
    }
}

#[test]
fn every_lie_of_every_peer_but_one_is_survived() {
    let (alone, _) = takes(&plan(1, &[]));
    for vice in Vice::LIES {
        let (with_liars, report) = takes(&plan(2, &vec![vec![vice]; 7]));
        assert!(0 < report.counts.vices.values().sum::<u64>(), "{vice:?} never acts");
        let bound = 3 * alone + 5 * PATIENCE_MS;
        assert!(with_liars <= bound, "7 with {vice:?}: {with_liars} of {bound} ms");
    }
}
