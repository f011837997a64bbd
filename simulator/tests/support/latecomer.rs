//! One full node that comes late to four validators, and knows only one of them and so many liars.

use simulator::Plan;
use simulator::plan::{Fault, FaultKind, MemberPlan, Vice};

/// The late one, after four validators.
const LATE: usize = 4;

/// A plan in which it stays away for so many milliseconds.
pub fn latecomer(seed: u64, heights: u64, liars: &[Vec<Vice>], away_ms: u64) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], heights);
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
    let kind = FaultKind::Kill { member: LATE, after_outputs: None };
    plan.faults = vec![Fault { at_ms: 0, lasts_ms: away_ms, kind }];
    plan
}
