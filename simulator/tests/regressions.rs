//! Every bug that the simulator has found, as the plan that found it.

use simulator::plan::{Fault, FaultKind, MessageKind, Rule, Vice};
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
