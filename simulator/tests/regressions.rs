//! Every bug that the simulator has found, as the plan that found it.

use simulator::plan::Vice;
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
