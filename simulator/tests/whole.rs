//! Whole machines: the stores, the mempool, the executor, the handshake and the kvstore of a node,
//! in fair weather and in foul.

use simulator::plan::WholePlan;
use simulator::{Plan, world};

fn fair(seed: u64, powers: &[u64], heights: u64) -> Plan {
    Plan::fair(seed, powers, heights).whole(WholePlan::default())
}

#[test]
fn whole_machines_decide_in_fair_weather_in_round_0() {
    let report = world::run(&fair(1, &[10; 4], 50));
    assert_eq!(report.failure, None);
    assert_eq!(report.counts.heights, report.counts.rounds);
}
