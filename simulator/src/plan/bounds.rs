//! How long everybody may take to catch up once the last fault is over: argued from the waits and
//! delays of a plan, not tuned.
//!
//! 1. *Old news.* What was lost is offered again by gossip to peers who do not get on: at the
//!    latest every sixteenth slow tick. A member may be as many hops away as there are members, and
//!    what is offered is a vote set first, then votes, then parts.
//! 2. *Rounds.* When the faults end, validators are in some round that they reached meanwhile. A
//!    round lasts at least its wait after precommits, which grows by a delta each round; so many
//!    rounds fit into the time of the faults and no more.
//! 3. *A good round.* From then on all are in the same round as soon as its messages are around.
//!    It decides if its proposer is honest, its block is acceptable, and the waits have grown
//!    beyond what a proposal and two votes take through the gossip of all hops.
//! 4. *Heights.* Who is behind fetches blocks; one that does not come is asked of another peer after
//!    the wait for that, at most twice for each peer. Each height at the tip is decided as in 2-3.

use super::Plan;
use crate::network::bandwidth::WAITING_NANOS_MAX;

/// Slow ticks of gossip between two offers to a peer that does not get on.
const TICKS_MAX: u64 = 16;
/// What must be offered for a member to decide: vote sets, votes, parts; and all of it again, as
/// what was sent meanwhile may have been for another height.
const OFFERS: u64 = 6;
/// Rejected blocks in a row that are as good as impossible at the highest drawn rate: 0.2^14.
const REJECTIONS_MAX: u64 = 14;

/// Virtual milliseconds in which all honest members get on by so many heights, at most.
pub fn recovery_ms(plan: &Plan, heights: u64) -> u64 {
    let count = u64::try_from(plan.members.len()).expect("few members");
    let hops = if plan.network.links.is_some() { count } else { 2 };
    let under_way_ms = hop_ms(plan);
    let gossip_ms = plan.waits.gossip + plan.waits.relay;
    let news_ms = hops * OFFERS * (TICKS_MAX * gossip_ms + under_way_ms);
    // In a round that is young nothing has to wait for the doubt of gossip: relays, hop by hop.
    let spread_ms = 3 * hops * (2 * plan.waits.relay + plan.waits.gossip + under_way_ms);
    let ample = spread_ms / plan.waits.delta.max(1) + 1;
    let reached = rounds_within(plan, plan.heals_at_ms());
    let unlucky = count + REJECTIONS_MAX;
    let first = rounds_ms(plan, reached, ample + unlucky, spread_ms);
    let each = rounds_ms(plan, 0, ample + unlucky, spread_ms)
        + 2 * count * plan.waits.catch_up
        + plan.waits.commit;
    news_ms + first + heights.saturating_mul(each + news_ms)
}

/// The longest that a message is under way from the moment it should be said until it is heard,
/// with all that its receiver does first.
fn hop_ms(plan: &Plan) -> u64 {
    let machine = 8 * plan.machine.step_micros();
    let lines = plan.network.bandwidth.map_or(0, |_| 3 * WAITING_NANOS_MAX / 1000);
    (plan.network.slowest_micros() + machine + lines).div_ceil(1000)
}

/// The most rounds that fit into a time.
fn rounds_within(plan: &Plan, millis: u64) -> u64 {
    let mut left = millis;
    let mut rounds = 0;
    loop {
        let lasts = plan.waits.precommit + rounds * plan.waits.delta;
        if left < lasts || lasts == 0 {
            return rounds + 1;
        }
        left -= lasts;
        rounds += 1;
    }
}

/// How long so many rounds last, from this one on.
fn rounds_ms(plan: &Plan, from: u64, count: u64, spread_ms: u64) -> u64 {
    let waits = &plan.waits;
    let base = waits.propose + waits.prevote + waits.precommit + spread_ms;
    let later = |round: u64| base + 3 * round * waits.delta;
    // Waits are a line, so that the middle one is the mean.
    count * (later(from) + later(from + count)) / 2
}
