//! What networks rarely meet, and drawn plans hardly ever: blocks only when there is something to
//! put into them, pauses that end early, liars that are found out by one rule each. Judges look on,
//! and each story says what came of it.

#[path = "support/latecomer.rs"]
mod latecomer;
#[path = "support/stories.rs"]
#[expect(dead_code, reason = "directed.rs tells the others")]
mod stories;

use std::collections::BTreeSet;

use simulator::plan::whole::WorkloadPlan;
use simulator::plan::{Fault, FaultKind, MemberPlan, MessageKind, Vice, WholePlan};
use simulator::{Plan, Report, world};

use latecomer::latecomer;
use stories::{Story, Told, any, lost, slow};

/// Lines of a history, more than any story has.
const LINES_MAX: usize = 100_000;

fn passes(plan: &Plan) -> Report {
    let report = world::run(plan);
    assert_eq!(report.failure, None, "{plan:?}");
    report
}

fn told(plan: Plan) -> Told {
    Story { plan }.told()
}

/// How many lines have this in them.
fn count(told: &Told, part: &str) -> usize {
    told.lines.iter().filter(|line| line.contains(part)).count()
}

/// A validator with vices, the last of four, in a network that is a little unruly.
fn vicious(seed: u64, vices: &[Vice]) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 20);
    plan.members[3].vices = vices.to_vec();
    plan.network.jitter_micros = 2000;
    plan
}

fn crash(member: usize, at_ms: u64, after_outputs: u64) -> Fault {
    let kind = FaultKind::Crash { member, after_outputs: Some(after_outputs) };
    Fault { at_ms, lasts_ms: 50, kind }
}

/// Whole machines that make blocks without transactions so long after the last, or never.
fn on_demand(seed: u64, empty_blocks_ms: Option<u64>) -> Plan {
    let workload = WorkloadPlan { clients: 1, pause_ms: 300, ..WorkloadPlan::default() };
    let whole = WholePlan { workload, empty_blocks_ms, ..WholePlan::default() };
    Plan::fair(seed, &[10; 4], 12).whole(whole)
}

/// Without transactions no block is made but the one that proves what the last has changed.
#[test]
fn no_block_is_made_for_nothing() {
    for seed in 0..4 {
        let report = passes(&on_demand(seed, None));
        let clients = &report.counts.clients;
        assert!(report.counts.heights <= 2 * clients["admitted"] + 1, "{:?}", report.counts);
    }
}

/// With an interval a block comes when it is over, transactions or not.
#[test]
fn empty_blocks_come_at_their_time() {
    for seed in 0..4 {
        let mut plan = on_demand(seed, Some(200));
        plan.heights = 20;
        let report = passes(&plan);
        let WholePlan { workload, .. } = plan.whole_plan().expect("it has whole machines");
        assert_eq!(workload.clients, 1);
        let admitted = report.counts.clients["admitted"];
        assert!(2 * admitted + 1 < report.counts.heights, "{admitted} of {:?}", report.counts);
        // Every second block proves the one before, and waits for nothing.
        assert!(10 * 200 / 2 <= report.lasted.millis(), "{:?}", report.lasted);
    }
}

/// Whoever waits for transactions loses its power, and waits on.
#[test]
fn who_waits_for_transactions_may_crash() {
    for outputs in 0..16 {
        let mut plan = on_demand(outputs, None);
        plan.machine.sync_micros = 300;
        plan.faults =
            (0..4).map(|member| crash(member, 100, 2 * outputs + member as u64)).collect();
        passes(&plan);
    }
}

/// A pause that ends once all have precommitted is over at once where all are there, and lasts
/// where somebody is not.
#[test]
fn a_pause_ends_when_nobody_is_left_to_wait_for() {
    let lasts = |silent: &[Vice]| {
        let mut plan = Plan::fair(1, &[10; 4], 10);
        (plan.waits.commit, plan.waits.skip_commit) = (1000, true);
        plan.members[3].vices = silent.to_vec();
        passes(&plan).lasted.millis()
    };
    assert!(lasts(&[]) < 1000);
    assert!(5 * 1000 < lasts(&[Vice::Silent]));
}

/// A full node that was away for a while, and has three liars to catch up from.
fn late(seed: u64, extended: bool) -> Plan {
    let mut plan = latecomer(seed, 40, &vec![vec![Vice::BadBlocks]; 3], 1000);
    plan.network.delay_micros = 2000;
    (plan.waits.commit, plan.waits.catch_up) = (20, 1000);
    plan.machine.extensions_from = extended.then_some(1);
    plan
}

/// Each way to serve a bad block is held against who did it, and the good ones come all the same.
#[test]
fn bad_blocks_are_held_against_who_served_them() {
    let wrong = [
        (false, "served another block than was decided"),
        (false, "served a block without its last commit"),
        (false, "served a commit that proves nothing"),
        (true, "served a block without its extended commit"),
        (true, "served a commit that proves nothing"),
    ];
    let story = |extended| (0..6).map(move |seed| (extended, told(late(seed, extended))));
    let stories: Vec<(bool, Told)> = [false, true].into_iter().flat_map(story).collect();
    for (extended, what) in wrong {
        let mut found = stories.iter().filter(|(it, _)| *it == extended);
        assert!(found.any(|(_, told)| 0 < count(told, what)), "nobody {what}: {extended}");
    }
}

/// One validator votes for two blocks, and says that a quorum wants the second. That vote counts as
/// long as its peer is there to claim it, and no longer.
#[test]
fn votes_that_count_by_a_claim_go_with_who_claimed_it() {
    for seed in 0..12 {
        let mut plan = vicious(seed, &[Vice::DoubleVoteOpenly, Vice::FalseQuorums]);
        plan.waits.commit = 20;
        let churn = FaultKind::Churn { member: 3, every_ms: 7 };
        plan.faults = vec![Fault { at_ms: 0, lasts_ms: 2000, kind: churn }];
        passes(&plan);
    }
}

/// More than two thirds of the power belong to one, who gets its nonsense decided. Whoever sees it
/// stops, and says why, rather than build on it. What only signatures show, in the last commit of a
/// block, is not looked at again once a quorum has decided it; the judge of commits sees that.
#[test]
fn nobody_builds_on_a_block_that_cannot_be() {
    let mut reasons = BTreeSet::new();
    for seed in 0..16 {
        let mut plan = Plan::fair(seed, &[40, 3, 3, 3], 10);
        plan.members[0].vices = vec![Vice::InvalidBlock];
        plan.machine.sync_micros = if seed.is_multiple_of(2) { 4000 } else { 0 };
        plan.network.jitter_micros = 2000;
        let (report, trace) = world::run_traced(&plan, LINES_MAX);
        let failure = report.failure;
        assert!(failure.as_ref().is_none_or(|it| it.judge == "commits"), "{failure:?}");
        for line in trace.lines() {
            if let Some((_, reason)) = line.split_once("which is invalid: ") {
                reasons.insert(reason.to_owned());
            }
        }
    }
    assert!(reasons.contains("its parts make another block"), "{reasons:?}");
    assert!(1 < reasons.len(), "{reasons:?}");
}

/// Whoever says too much is cut off.
#[test]
fn floods_are_held_against_who_sends_them() {
    let blamed = |plan: Plan, what| 0 < count(&told(plan), what);
    // All that it has goes to one peer, who forgets nothing of it meanwhile.
    let talks = |seed| {
        let mut plan = vicious(seed, &[]);
        let vices = vec![Vice::Flood];
        plan.members.push(MemberPlan { key: None, skew_micros: 0, drift_ppm: 0, vices });
        plan.network.links = Some(vec![(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (3, 4)]);
        (plan.waits.gossip, plan.waits.commit, plan.heights) = (60_000, 50, 60);
        plan
    };
    assert!((0..4).any(|seed| blamed(talks(seed), "too many messages")));
    // It has to catch up before it has said all that it can.
    let asks = |seed| {
        let mut plan = vicious(seed, &[Vice::Flood]);
        (plan.waits.commit, plan.heights) = (20, 60);
        let kind = FaultKind::Isolation { member: 3, told: true };
        plan.faults = vec![Fault { at_ms: 20, lasts_ms: 400, kind }];
        plan
    };
    assert!((20..32).any(|seed| blamed(asks(seed), "asks for too many blocks")));
}

/// A vote for the first height with extensions that has none: it came before that was known.
#[test]
fn votes_without_their_extension_do_not_count() {
    for seed in 0..12 {
        let mut plan = vicious(seed, &[Vice::SmallScope, Vice::FarVotes]);
        plan.machine.extensions_from = Some(4);
        plan.machine.sync_micros = 2000;
        passes(&plan);
    }
}

/// The guard of a signer keeps a vote, and not its extension. 2 signs a precommit and loses its
/// power before that is kept, with the prevote that led to it; then it would precommit nil. It
/// gets its own vote back, which nobody takes without the extension, and is silent until the next
/// round.
#[test]
fn an_extension_may_be_lost_in_a_crash() {
    let mut again = 0;
    for outputs in 0..60 {
        let mut story = Story::new();
        story.plan.machine.extensions_from = Some(1);
        story.plan.machine.sync_micros = 100;
        let crash = FaultKind::Crash { member: 2, after_outputs: Some(outputs) };
        story.plan.faults.push(Fault { at_ms: 0, lasts_ms: 40, kind: crash });
        story.withhold(
            0,
            400,
            vec![lost(MessageKind::Proposal, 0, 0, 3), lost(MessageKind::Part, 0, 0, 3)],
        );
        story.withhold(20, 400, vec![lost(MessageKind::Prevote, 0, 1, 2)]);
        let told = story.told();
        again += usize::from(1 < count(&told, "n2 signs precommit 1/0 "));
        for member in 1..4 {
            assert_eq!(told.decided(member), told.decided(0));
        }
    }
    assert!(0 < again, "nobody is given its vote back");
}

/// Lies about the votes behind a proposal that comes a second time.
#[test]
fn lies_about_a_polka_are_held_against_who_tells_them() {
    for seed in 0..40 {
        let mut story = Story::new().seeded(seed);
        story.plan.members.push(MemberPlan {
            key: None,
            skew_micros: 0,
            drift_ppm: 0,
            vices: vec![Vice::FalseBits],
        });
        story.plan.network.delay_micros = 20_000;
        let rules = vec![lost(MessageKind::Proposal, 0, 0, 3), lost(MessageKind::Part, 0, 0, 3)];
        story.withhold(0, 1000, rules);
        for to in [0, 1, 3] {
            story.plan.faults.push(slow(2, to, (0, 60), 120));
        }
        story.told();
    }
}

/// Evidence that nobody could hand on is dropped when it is too old: only a full node hears the
/// votes, and nobody hears its accusation.
#[test]
fn evidence_that_is_too_old_is_dropped() {
    for seed in 0..8 {
        let mut whole = WholePlan::default();
        whole.application.retain_blocks = 2;
        let mut plan = vicious(seed, &[Vice::DoubleVoteOpenly]).whole(whole);
        plan.heights = 40;
        plan.members.push(MemberPlan { key: None, vices: vec![], ..plan.members[0].clone() });
        let links = [(0, 1), (0, 2), (1, 2), (0, 4), (1, 4), (2, 4), (3, 4)];
        plan.network.links = Some(links.to_vec());
        let rules = vec![any(MessageKind::Other)];
        let kind = FaultKind::Withhold { rules };
        plan.faults = vec![Fault { at_ms: 0, lasts_ms: 400, kind }];
        passes(&plan);
    }
}

/// The process of a validator stands still in the midst of a height, and then hears at once how it
/// ended: what it still has to say of it comes late.
#[test]
fn who_stands_still_has_a_last_word_to_say() {
    for seed in 0..12 {
        let mut plan = Plan::fair(seed, &[10; 4], 20);
        plan.machine.extensions_from = Some(1);
        plan.machine.answer_micros = 40_000;
        let waits = &mut plan.waits;
        (waits.propose, waits.prevote, waits.precommit, waits.delta) = (60, 20, 20, 10);
        for number in 0..40 {
            let member = usize::try_from(number % 4).expect("four");
            let (at_ms, kind) = (67 * number + seed, FaultKind::Pause { member });
            plan.faults.push(Fault { at_ms, lasts_ms: 60, kind });
        }
        passes(&plan);
    }
}
