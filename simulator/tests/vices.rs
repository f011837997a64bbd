//! Every vice, alone and together: it acts, and below a third of the power it breaks nothing.

use simulator::plan::{Fault, FaultKind, Vice, WaitsPlan};
use simulator::{Plan, Report, world};

/// Four validators, the last of them Byzantine, and a network that is a little unruly.
fn plan(seed: u64, vices: &[Vice]) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 30);
    plan.members[3].vices = vices.to_vec();
    plan.network.jitter_micros = 2000;
    plan.network.ordered = seed.is_multiple_of(2);
    plan
}

fn silent(plan: &Plan) -> Report {
    let report = world::run(plan);
    assert_eq!(report.failure, None, "{plan:?}");
    report
}

/// A validator that stops twice and comes back, while the others talk.
fn stops(plan: &mut Plan, member: usize) {
    for at_ms in [5, 300] {
        let kind = FaultKind::Crash { member, after_outputs: Some(40) };
        plan.faults.push(Fault { at_ms, lasts_ms: 100, kind });
    }
}

#[test]
fn every_vice_acts_and_breaks_nothing_below_a_third() {
    for vice in Vice::ALL {
        let mut acts = 0;
        for seed in 0..8 {
            let mut plan = plan(seed, &[vice]);
            match vice {
                // Somebody who has something to forget, and somebody who has to catch up.
                Vice::ForgetOnRestart => stops(&mut plan, 3),
                Vice::NoAnswers | Vice::SlowAnswers | Vice::BadBlocks => stops(&mut plan, 0),
                // It locks, and the round fails before others do.
                Vice::Amnesia => {
                    let kind = FaultKind::Loss { permille: 300 };
                    plan.faults.push(Fault { at_ms: 0, lasts_ms: 20_000, kind });
                    let WaitsPlan { propose, prevote, precommit, delta, .. } = &mut plan.waits;
                    (*propose, *prevote, *precommit, *delta) = (60, 20, 20, 10);
                }
                _ => {}
            }
            let report = silent(&plan);
            acts += report.counts.vices.get(&vice).copied().unwrap_or(0);
        }
        assert!(0 < acts, "{vice:?} never acts");
    }
}

/// All members share what is known of signatures: what one has found right must not let another
/// take a forged one.
#[test]
fn votes_in_the_names_of_others_are_refused_where_signatures_are_real() {
    let mut plan = plan(1, &[Vice::ForgeVotes]);
    plan.real_signatures = true;
    let counts = silent(&plan).counts;
    assert!(counts.vices.get(&Vice::ForgeVotes).is_some_and(|&acts| 0 < acts), "{counts:?}");
    assert!(0 < counts.bans, "nobody minds a wrong signature: {counts:?}");
}

/// Two of four that collude: one proposes two blocks, and both tell every peer what it wants to
/// hear. Somewhere two honest validators decide differently, and the judges see it.
#[test]
fn half_of_the_power_can_break_agreement() {
    let forked = |seed| {
        let mut plan = plan(seed, &[Vice::TwoBlocks, Vice::Echo]);
        plan.members[2].vices = vec![Vice::Echo];
        let report = world::run(&plan);
        assert_eq!(report.failure, None, "{plan:?}");
        report.counts.findings.iter().any(|(what, count)| what.contains("fork") && 0 < *count)
    };
    assert!((0..20).any(forked), "nobody is ever divided");
}
