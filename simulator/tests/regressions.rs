//! Every bug that the simulator has found, as the plan that found it.

use simulator::plan::{
    Bandwidth, Fault, FaultKind, MessageKind, Rule, Shape, SignerFate, Vice, WaitsPlan, WholePlan,
};
use simulator::{Plan, world};

fn passes(plan: &Plan) {
    assert_eq!(world::run(plan).failure, None, "{plan:?}");
}

/// One equivocating validator of four stopped the chain. It sent two honest ones the precommit that
/// decided, and another to the third, who never counted the right one when it was handed on: peers
/// at the next height claimed no quorum for a height that was behind them, so no slot was open for
/// it. With the equivocator silent, two of four are no quorum for the next height.
#[test]
fn a_conflicting_precommit_does_not_keep_the_last_from_deciding() {
    let mut plan = Plan::fair(7, &[10; 4], 30);
    plan.members[3].vices = vec![Vice::TwoBlocks];
    plan.network.jitter_micros = 2000;
    plan.network.ordered = false;
    passes(&plan);
}

/// A validator without which there is no quorum lost the precommits that decided, and never got
/// them again: it said over and over which parts of the block it had, and its peers took that for a
/// sign that it was getting on.
#[test]
fn who_says_the_same_again_and_again_is_helped() {
    let mut plan = Plan::fair(1, &[10; 3], 5);
    let rule = Rule {
        kind: Some(MessageKind::Precommit),
        height: Some(1),
        round: None,
        from: None,
        to: Some(2),
    };
    plan.faults =
        vec![Fault { at_ms: 0, lasts_ms: 3000, kind: FaultKind::Withhold { rules: vec![rule] } }];
    passes(&plan);
}

/// A member that had lost its data asked another for blocks, whose line was choked for half a
/// second: ten answers came too late, and that was a ban. Silence weighs next to nothing now.
#[test]
fn who_answers_too_late_for_a_while_is_not_banned() {
    let fault = |at_ms, lasts_ms, kind| Fault { at_ms, lasts_ms, kind };
    let mut plan = Plan::fair(1795673590005554, &[25, 35, 80, 10], 1);
    plan.network.delay_micros = 374;
    plan.network.bandwidth = Some(Bandwidth {
        uplink: 13_718_263,
        downlink: 27_436_526,
        link: 4_572_754,
        waiting_max: 1_788_722,
    });
    plan.machine.answer_micros = 0;
    plan.waits = WaitsPlan {
        propose: 17,
        prevote: 26,
        precommit: 7,
        delta: 40,
        commit: 0,
        skip_commit: false,
        gossip: 52,
        relay: 6,
        catch_up: 52,
    };
    plan.faults = vec![
        fault(97, 114, FaultKind::Wipe { member: 0, signer: SignerFate::Kept }),
        fault(108, 136, FaultKind::Isolation { member: 2, told: true }),
        fault(199, 84, FaultKind::Narrow { permille: 24 }),
        fault(208, 71, FaultKind::Narrow { permille: 109 }),
        fault(221, 0, FaultKind::Pause { member: 1 }),
        fault(251, 0, FaultKind::Churn { member: 0, every_ms: 25 }),
    ];
    passes(&plan);
}

/// A validator with more than two thirds of the power refused its own block, and a quorum of nil
/// ended the round at once. So it went through thousands of rounds in no time, proposed the same
/// each time as no time had passed, and looked at all rounds with each vote. Only the first rounds
/// of a height end so early now.
#[test]
fn a_height_that_nobody_accepts_is_no_race_through_rounds() {
    let mut plan = Plan::fair(1795690310000376, &[80, 10, 10], 20);
    plan.machine.answer_micros = 0;
    plan.machine.rejects_permille = 300;
    let report = world::run(&plan);
    assert_eq!(report.failure, None);
    assert!(report.counts.rounds < 20 * report.counts.heights, "{:?}", report.counts.rounds);
}

/// What a line's queue had no room for was lost, and what was not confirmed was sent again from the
/// first part on: a block larger than the queue never came across, in whatever round. Who lacks
/// parts says now which (seeds 1795702436007050, 1795702436002493, 1795702436005063 --whole).
#[test]
fn a_block_that_no_queue_holds_comes_across_piece_by_piece() {
    let mut whole = WholePlan::default();
    whole.workload.pause_ms = 20;
    whole.workload.patience_ms = 80;
    whole.workload.value_bytes_max = 12_193;
    let mut plan = Plan::fair(1795702436007050, &[10; 4], 8).whole(whole);
    plan.network.bandwidth = Some(Bandwidth {
        uplink: 2_175_293,
        downlink: 2_175_293,
        link: 725_097,
        waiting_max: 413_472,
    });
    plan.waits = WaitsPlan {
        propose: 114,
        prevote: 74,
        precommit: 101,
        delta: 189,
        gossip: 1086,
        relay: 189,
        catch_up: 2679,
        ..plan.waits
    };
    // So many transactions wait behind it that a block takes ten parts.
    let outage = FaultKind::Outage { members: vec![2, 3] };
    plan.faults = vec![Fault { at_ms: 100, lasts_ms: 2000, kind: outage }];
    passes(&plan);
}

/// Who had said that parts were missing was sent them on and on, until a polka let it say that it
/// had them all: twice the parts crossed the network (238 of this plan's, and 736 among seven).
#[test]
fn who_has_got_the_missing_parts_is_sent_no_more() {
    for (members, parts_max) in [(4, 150), (7, 600)] {
        let mut whole = WholePlan { pool_txs_max: 48, ..WholePlan::default() };
        whole.workload.clients = 8;
        whole.workload.pause_ms = 5;
        whole.workload.value_bytes_max = 30_000;
        let mut plan = Plan::fair(1, &vec![10; members], 10).whole(whole);
        plan.network.bandwidth = Some(Bandwidth {
            uplink: 2_000_000,
            downlink: 8_000_000,
            link: 600_000,
            waiting_max: 1 << 25,
        });
        plan.waits.gossip = 100;
        let report = world::run(&plan);
        assert_eq!(report.failure, None);
        let parts = report.counts.messages.iter().find(|(kind, _)| *kind == "part");
        let (_, parts) = parts.expect("a kind of messages");
        assert!(0 < parts && parts <= parts_max, "{parts} parts among {members}");
    }
}

/// A list of evidence was dropped for one piece that a block carried already, and who had sent it
/// took all of it for known: an equivocation that one member alone had heard was never punished.
#[test]
fn evidence_beside_what_is_no_news_is_punished() {
    for seed in [1795702436000940, 1795702436002997] {
        let shape = Shape { beyond_a_third: true, ..Shape::default() };
        passes(&Plan::draw(seed, &shape).expect("the shape is possible"));
    }
}
