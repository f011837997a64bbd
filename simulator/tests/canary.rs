//! Canaries: plans that must fail. If one passes, the alarm is broken, and all seeds that pass
//! prove nothing. Each is also shrunk, and its trace repeats it.

use simulator::plan::{Fault, FaultKind, MemberPlan};
use simulator::shrink::Budget;
use simulator::trace::Head;
use simulator::{Plan, search, world};
use types::power::TOTAL_POWER_MAX;

/// Enough to leave out what does not matter.
const BUDGET: Budget = Budget { runs: 40, events: 500_000 };

/// No link joins the two halves of the network.
fn standstill() -> Plan {
    let mut plan = Plan::fair(2, &[10; 4], 3);
    plan.network.links = Some(vec![(0, 1), (2, 3)]);
    let crash = FaultKind::Crash { member: 1, after_outputs: Some(3) };
    plan.faults.push(Fault { at_ms: 100, lasts_ms: 500, kind: crash });
    plan
}

/// An application that wants more power than there may be.
fn outcome_that_cannot_be_taken() -> Plan {
    let mut plan = Plan::fair(3, &[10, 10, 10, TOTAL_POWER_MAX / 4], 50);
    plan.powers = vec![TOTAL_POWER_MAX / 4; 4];
    plan.powers[0] += TOTAL_POWER_MAX % 4;
    plan.machine.updates_every = Some(1);
    for at_ms in [10, 20, 30] {
        plan.faults.push(Fault { at_ms, lasts_ms: 50, kind: FaultKind::Delay { millis: 3 } });
    }
    plan.machine.sync_micros = 250;
    plan
}

/// Half of the power has a twin, and each half of the network believes to have a quorum.
fn fork() -> Plan {
    let mut plan = Plan::fair(1, &[10; 4], 20);
    for key in [0, 1] {
        let twin = MemberPlan { key: Some(key), ..plan.members[key].clone() };
        plan.members.push(twin);
    }
    plan.waits.commit = 200;
    let split = FaultKind::Partition { groups: vec![0, 0, 0, 1, 1, 1], told: true };
    plan.faults.push(Fault { at_ms: 0, lasts_ms: 10_000, kind: split });
    plan
}

fn raises_the_alarm(plan: &Plan, judge: &str) {
    let report = world::run(plan);
    let failure = report.failure.as_ref().expect("the plan must fail");
    assert_eq!(failure.judge, judge, "{failure}");

    let explained = search::explain(plan, &report, BUDGET).expect("what fails is explained");
    assert_eq!(explained.failure.judge, judge, "{}", explained.failure);
    let (before, after) = (explained.shrunk.before, explained.shrunk.after);
    assert!(after.faults < before.faults, "{before} shrank to {after}");
    assert!(after.heights <= before.heights && after.members <= before.members);

    let head = Head::read(&explained.trace).expect("what was just written");
    assert_eq!(head.plan, explained.shrunk.plan);
    assert_eq!(Head::of(&head.plan, &world::run(&head.plan)), head);
}

#[test]
fn a_standstill_is_seen_shrunk_and_replayed() {
    raises_the_alarm(&standstill(), "liveness");
}

#[test]
fn an_outcome_that_cannot_be_taken_is_seen_shrunk_and_replayed() {
    raises_the_alarm(&outcome_that_cannot_be_taken(), "halt");
}

#[test]
fn a_fork_is_seen_and_its_culprits_are_named() {
    let report = world::run(&fork());
    assert_eq!(report.failure, None, "it is excused, since half of the power equivocates");
    assert_eq!(report.counts.findings.get("forks"), Some(&1));
    assert_eq!(report.counts.findings.get("culprits of forks"), Some(&2));
}
