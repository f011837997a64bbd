//! How long everybody may take to get a block further once the last fault is over: argued from the
//! waits and delays of a plan, not tuned.
//!
//! 1. *Old news.* What was lost is offered again by gossip to peers who do not get on: at the
//!    latest every sixteenth slow tick. A member may be as many hops away as there are members, and
//!    what is offered is a vote set first, then votes, then parts.
//! 2. *Rounds.* When the faults end, validators are in some round that they reached meanwhile, and
//!    that they announce. Each round from there on lasts its three waits at most.
//! 3. *A good round.* From then on all are in the same round as soon as its messages are around.
//!    It decides if its proposer is honest, its block is acceptable, and the waits have grown
//!    beyond what a proposal and two votes take through the gossip of all hops. Who is locked on a
//!    block that the proposer has not heard of may refuse once; by the next good round it was heard
//!    of. So three good rounds suffice, and the rotation says when they come.
//! 4. *Heights.* Who is behind fetches blocks; one that does not come is asked of another peer
//!    after the wait for that, at most twice for each peer. Each height at the tip is decided as
//!    in 2-3.

use super::Plan;
use crate::network::bandwidth::WAITING_NANOS_MAX;

/// Slow ticks of gossip between two offers to a peer that does not get on.
const TICKS_MAX: u64 = 16;
/// What must be offered for a member to decide: vote sets, votes, parts; and all of it again, as
/// what was sent meanwhile may have been for another height.
const OFFERS: u64 = 6;
/// Rejected blocks in a row that are as good as impossible at the highest drawn rate: 0.2^14.
const REJECTIONS_MAX: u64 = 14;

/// Most things that happen for each height of the goal: more is a storm.
const EVENTS_PER_HEIGHT_MAX: u64 = 200_000;
/// And for each pair of members: in a round each says what it has to each other.
const EVENTS_PER_PAIR_MAX: u64 = 1_000;
/// And for each pair of modelled ones, whose clients may send much.
const EVENTS_PER_MODELLED_PAIR_MAX: u64 = 20_000;

impl Plan {
    /// Most things that happen in its world: more is a storm.
    pub fn events_max(&self) -> u64 {
        let count = u64::try_from(self.members.len()).expect("few members");
        let each = self.model().map_or(EVENTS_PER_PAIR_MAX, |_| EVENTS_PER_MODELLED_PAIR_MAX);
        let pairs = each.saturating_mul(count * count);
        EVENTS_PER_HEIGHT_MAX.max(pairs).saturating_mul(self.heights.max(10))
    }
}

/// Virtual milliseconds in which the slowest honest member gets a block further once the last fault
/// is over, at most. `round` is the highest that anybody has reached, and `turns` how many rounds
/// pass until enough honest proposers had theirs.
pub fn block_ms(plan: &Plan, round: u64, turns: u64) -> u64 {
    let count = u64::try_from(plan.members.len()).expect("few members");
    let hops = if plan.network.links.is_some() { count } else { 2 };
    // In a round that is young nothing has to wait for the doubt of gossip: relays, hop by hop.
    let spread_ms = 3 * hops * (2 * plan.waits.relay + plan.waits.gossip + hop_ms(plan));
    let ample = spread_ms / plan.waits.delta.max(1) + 1;
    let lucky = ample.saturating_sub(round) + turns.max(count) + REJECTIONS_MAX;
    let rounds = rounds_ms(plan, round, lucky, spread_ms);
    news_ms(plan) + rounds + 2 * count * plan.waits.catch_up + plan.waits.commit
}

/// Virtual milliseconds in which everybody who did not get on is told what was lost.
pub fn news_ms(plan: &Plan) -> u64 {
    let count = u64::try_from(plan.members.len()).expect("few members");
    let hops = if plan.network.links.is_some() { count } else { 2 };
    let gossip_ms = plan.waits.gossip + plan.waits.relay;
    hops * OFFERS * (TICKS_MAX * gossip_ms + hop_ms(plan))
}

/// The longest that a message is under way from the moment it should be said until it is heard,
/// with all that its receiver does first.
fn hop_ms(plan: &Plan) -> u64 {
    let machine = 8 * plan.machine.step_micros();
    let lines = plan.network.bandwidth.map_or(0, |it| {
        let waits = |speed: u64| {
            let full = u128::from(it.waiting_max) * 1_000_000 / u128::from(speed.max(1));
            u64::try_from(full).unwrap_or(u64::MAX).min(WAITING_NANOS_MAX / 1000)
        };
        waits(it.uplink) + waits(it.link) + waits(it.downlink)
    });
    (plan.network.slowest_micros() + machine + lines).div_ceil(1000)
}

/// How long so many rounds last, from this one on.
fn rounds_ms(plan: &Plan, from: u64, count: u64, spread_ms: u64) -> u64 {
    let waits = &plan.waits;
    let base = waits.propose + waits.prevote + waits.precommit + spread_ms;
    let later = |round: u64| base + 3 * round * waits.delta;
    // Waits are a line, so that the middle one is the mean.
    count * (later(from) + later(from + count)) / 2
}
