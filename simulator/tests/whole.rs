//! Whole machines: the stores, the mempool, the executor, the handshake and the kvstore of a node,
//! in fair weather and in foul.

use execution::Point;
use simulator::plan::whole::Wrong;
use simulator::plan::{Fault, FaultKind, Shape, SignerFate, WholePlan};
use simulator::{Plan, Report, world};

fn fair(seed: u64, powers: &[u64], heights: u64) -> Plan {
    let mut plan = Plan::fair(seed, powers, heights).whole(WholePlan::default());
    plan.machine.sync_micros = 500;
    plan
}

fn with(mut plan: Plan, kinds: impl IntoIterator<Item = FaultKind>) -> Plan {
    let fault =
        |(place, kind): (u64, FaultKind)| Fault { at_ms: 20 + 40 * place, lasts_ms: 200, kind };
    plan.faults = (0..).zip(kinds).map(fault).collect();
    plan
}

fn passes(plan: &Plan) -> Report {
    let report = world::run(plan);
    assert_eq!(report.failure, None, "{:?}", plan.faults);
    report
}

#[test]
fn whole_machines_decide_in_fair_weather_in_round_0() {
    let report = passes(&fair(1, &[10; 4], 50));
    assert_eq!(report.counts.heights, report.counts.rounds);
}

#[test]
fn what_clients_submit_in_fair_weather_is_decided() {
    let clients = passes(&fair(2, &[10, 20, 30, 40], 100)).counts.clients;
    assert!(20 < clients["admitted"], "{clients:?}");
    // Each client may wait for one when the world ends.
    assert!(clients["admitted"] <= clients["acknowledged"] + 2, "{clients:?}");
    assert_eq!(clients.get("unknown outcomes"), None);
    assert!(0 < clients["reads"]);
}

#[test]
fn one_seed_is_one_history_of_whole_machines() {
    let plan = Plan::draw(7, &Shape { whole: true, ..Shape::default() }).unwrap();
    assert_eq!(world::run(&plan), world::run(&plan));
}

#[test]
fn real_signatures_make_no_difference() {
    let mut plan = fair(3, &[10; 4], 10);
    plan.real_signatures = true;
    passes(&plan);
}

#[test]
fn a_node_may_end_at_every_point() {
    for point in Point::ALL {
        for power in [false, true] {
            let crash = |passes| FaultKind::CrashAtPoint { member: 1, point, passes, power };
            let once = point == Point::AfterInitChain;
            let hits = |report: Report| report.counts.hits.get("crash-at-output").copied();
            let four = hits(passes(&with(fair(4, &[10; 4], 60), [crash(1), crash(7)])));
            let mut lonely = with(fair(4, &[10], 60), [crash(1), crash(7)]);
            for fault in &mut lonely.faults {
                if let FaultKind::CrashAtPoint { member, .. } = &mut fault.kind {
                    *member = 0;
                }
            }
            let one = hits(passes(&lonely));
            assert_eq!(four.is_some() && one.is_some(), !once, "{point}: {four:?}, {one:?}");
        }
    }
}

#[test]
fn a_node_may_end_at_every_write() {
    for after_writes in 0..24 {
        for written in [false, true] {
            let crash = FaultKind::CrashAtWrite { member: 0, after_writes, written };
            for powers in [&[10; 4][..], &[10]] {
                let report = passes(&with(fair(5, powers, 40), [crash.clone()]));
                assert_eq!(report.counts.hits["crash-at-output"], 1);
            }
        }
    }
}

#[test]
fn a_handshake_may_end_at_every_point() {
    for point in [
        Point::AfterInitChain,
        Point::BeforeFinalize,
        Point::AfterFinalize,
        Point::AfterOutcome,
        Point::AfterCommit,
        Point::AfterState,
    ] {
        // The application's folder is lost with the node's, so that a chain begins once more.
        let wiped = FaultKind::Wipe { member: 2, signer: SignerFate::Kept };
        let again = FaultKind::CrashAtPoint { member: 2, point, passes: 1, power: true };
        let mut plan = with(fair(6, &[10; 4], 60), [wiped, again]);
        (plan.faults[1].at_ms, plan.faults[1].lasts_ms) = (30, 400);
        passes(&plan);
    }
}

#[test]
fn disks_may_fail_fill_up_and_be_slow() {
    let disks = [
        FaultKind::FailedSync { member: 0 },
        FaultKind::FullDisk { member: 1 },
        FaultKind::SlowDisk { member: 2, sync_ms: 50 },
        FaultKind::FullDisk { member: 0 },
        FaultKind::FailedSync { member: 1 },
    ];
    let counts = passes(&with(fair(8, &[10; 4], 60), disks)).counts;
    assert!(counts.hits.contains_key("failed-sync") && counts.hits.contains_key("full-disk"));
}

#[test]
fn validators_come_and_go_while_nodes_crash() {
    let mut whole = WholePlan::default();
    whole.workload.validators_every_ms = Some(20);
    let mut plan = Plan::fair(9, &[10, 10, 10, 10], 80).whole(whole);
    plan.members.push(simulator::plan::MemberPlan { key: Some(4), ..plan.members[0].clone() });
    let crash = |member| FaultKind::Crash { member, after_outputs: Some(20) };
    let report = passes(&with(plan, (0..5).map(crash)));
    assert!(10 < report.counts.clients["validator updates"]);
}

#[test]
fn a_wrong_application_halts_its_own_node_only() {
    let wrong = Some(Wrong { member: 1, from: 10 });
    let plan = Plan::fair(10, &[10; 4], 40).whole(WholePlan { wrong, ..WholePlan::default() });
    let report = passes(&plan);
    assert_eq!(report.counts.clients["nodes that halted"], 1);
}

#[test]
fn blocks_are_forgotten_as_the_application_allows() {
    let mut whole = WholePlan::default();
    whole.application.retain_blocks = 3;
    let crash = |member| FaultKind::Crash { member, after_outputs: None };
    passes(&with(Plan::fair(11, &[10; 4], 60).whole(whole), (0..4).map(crash)));
}

#[test]
fn parameters_change_and_votes_are_extended() {
    let mut whole = WholePlan::default();
    (whole.application.extensions_asked_at, whole.application.params_every) = (Some(5), Some(3));
    let crash = |member| FaultKind::Crash { member, after_outputs: Some(10) };
    passes(&with(Plan::fair(12, &[10; 4], 60).whole(whole), (0..4).map(crash)));
}
