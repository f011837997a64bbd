//! Lying peers without any voting power: who has to catch up does so all the same, with one honest
//! peer among many liars.

use simulator::plan::{Fault, FaultKind, MemberPlan, Vice};
use simulator::{Plan, Report, world};

/// How long the late one stays away, in milliseconds.
const AWAY_MS: u64 = 30_000;
/// How long an answer may take, in milliseconds.
const PATIENCE_MS: u64 = 1000;
/// The late one, after four validators.
const LATE: usize = 4;

/// Four validators, and one full node that comes late and knows only one of them and so many liars.
fn plan(seed: u64, liars: &[Vec<Vice>]) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 10);
    let node = |vices| MemberPlan { key: None, skew_micros: 0, drift_ppm: 0, vices };
    plan.members.push(node(vec![]));
    plan.members.extend(liars.iter().cloned().map(node));
    let validators = 0..LATE;
    let mut links: Vec<(usize, usize)> =
        validators.clone().flat_map(|a| (a + 1..LATE).map(move |b| (a, b))).collect();
    links.push((0, LATE));
    for liar in LATE + 1..plan.members.len() {
        links.extend(validators.clone().map(|validator| (validator, liar)));
        links.push((LATE, liar));
    }
    plan.network.links = Some(links);
    plan.network.delay_micros = 10_000;
    plan.waits.commit = 100;
    plan.waits.catch_up = PATIENCE_MS;
    let kind = FaultKind::Kill { member: LATE, after_outputs: None };
    plan.faults = vec![Fault { at_ms: 0, lasts_ms: AWAY_MS, kind }];
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
