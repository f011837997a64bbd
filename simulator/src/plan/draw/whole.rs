//! Draws plans of whole machines: what light ones have, and more that goes wrong, applications and
//! clients of all kinds.

use execution::Point;

use crate::chance::Chance;
use crate::plan::fault::{Fault, FaultClass, FaultKind};
use crate::plan::shape::{Shape, ShapeError};
use crate::plan::whole::{ApplicationPlan, WholePlan, WorkloadPlan};
use crate::plan::{MachineKind, Plan};
use crate::world::BLOCK_BYTES_MAX;

/// Of the chance for what light plans do not have.
const STREAM: u64 = 50;
/// Most faults of each kind.
const FAULTS_MAX: u64 = 4;

impl Plan {
    /// The plan of a seed for whole machines.
    pub(super) fn draw_whole(seed: u64, shape: &Shape) -> Result<Self, ShapeError> {
        let mut chance = Chance::of(seed, STREAM);
        let mut shape = shape.clone();
        // Where validators come and go, nobody can say who may be absent.
        let changing = shape.byzantine.is_none_or(|count| count == 0) && chance.coin();
        if changing {
            shape.byzantine = Some(0);
            for class in [FaultClass::Wipe, FaultClass::WipedSigner, FaultClass::Amnesia] {
                shape.faults.remove(&class);
            }
        }
        // A height of whole machines costs as much as three of light ones.
        shape.heights = shape.heights.or_else(|| Some(chance.between(7, 16)));
        let mut plan = Self::draw_light(seed, &shape)?;
        // The kvstore's validators are changed by transactions alone.
        plan.machine.updates_every = None;
        let mut whole = draw(&mut chance, &plan);
        if changing {
            let pace_ms = plan.pace_ms();
            whole.workload.validators_every_ms = Some(chance.log_between(pace_ms, pace_ms * 20));
            let validators = plan.powers.len();
            for (more, member) in plan.members[validators..].iter_mut().enumerate() {
                member.key = Some(validators + more);
            }
        }
        if 0 < whole.application.retain_blocks {
            // Nobody could give an empty folder what all have forgotten.
            plan.faults.retain(|fault| !matches!(fault.kind, FaultKind::Wipe { .. }));
        }
        if let Some(lines) = &mut plan.network.bandwidth {
            // As a node's do with blocks of the default size: what waits for a peer holds the
            // largest, and what waits for all peers one for each.
            let peers = u64::try_from(plan.members.len()).expect("few members");
            lines.waiting_max = lines.waiting_max.max(peers * BLOCK_BYTES_MAX);
        }
        plan.machine.kind = MachineKind::Whole(Box::new(whole));
        plan.faults.extend(places(&mut chance, &plan));
        plan.faults.sort_by_key(|fault| fault.at_ms);
        Ok(plan)
    }
}

fn draw(chance: &mut Chance, plan: &Plan) -> WholePlan {
    let pace_ms = plan.pace_ms();
    let patience_ms = chance.log_between(pace_ms * 2, pace_ms * 200);
    let workload = WorkloadPlan {
        clients: usize::try_from(chance.between(1, 4)).expect("a few"),
        keys: chance.between(1, 6),
        pause_ms: chance.log_between(1, pace_ms * 4),
        patience_ms,
        value_bytes_max: chance.log_between(1, 30_000),
        validators_every_ms: None,
    };
    let honest = (0..plan.members.len()).all(|member| plan.is_honest(member));
    WholePlan {
        application: application(chance, honest, plan.machine.extensions_from.is_some()),
        workload,
        wrong: None,
        pool_txs_max: usize::try_from(chance.log_between(1, 2000)).expect("small"),
        pool_seen_max: usize::try_from(chance.log_between(1, 2000)).expect("small"),
        empty_blocks_ms: Some(0),
    }
}

fn application(chance: &mut Chance, honest: bool, extends: bool) -> ApplicationPlan {
    let mut sometimes = |micros: u64| {
        let drawn = chance.log_between(1, micros);
        if chance.coin() { drawn } else { 0 }
    };
    let (check_micros, propose_micros) = (sometimes(1000), sometimes(5000));
    let (execute_micros, commit_micros) = (sometimes(20_000), sometimes(20_000));
    let extension_bytes_max = sometimes(4000);
    let (asked_at, extensions_after) = (chance.between(1, 10), chance.between(1, 5));
    let (params_every, retain_blocks) = (chance.between(1, 10), chance.log_between(1, 20));
    ApplicationPlan {
        check_micros,
        propose_micros,
        execute_micros,
        commit_micros,
        extension_bytes_max,
        extensions_asked_at: (chance.permille(250) && !extends).then_some(asked_at),
        extensions_after,
        params_every: chance.permille(250).then_some(params_every),
        // What proves misbehaviour must not be forgotten.
        retain_blocks: if chance.permille(333) && honest { retain_blocks } else { 0 },
    }
}

/// Nodes that end at places.
fn places(chance: &mut Chance, plan: &Plan) -> Vec<Fault> {
    let pace_ms = plan.pace_ms();
    let window = pace_ms * plan.heights;
    let mut faults = Vec::new();
    for at_points in [true, false] {
        let count = chance.log_between(1, FAULTS_MAX);
        if chance.coin() {
            continue;
        }
        for _ in 0..count {
            let member = chance.index(plan.members.len());
            let (point, passes) = (chance.pick(&Point::ALL), chance.log_between(1, 30));
            let (after_writes, coin) = (chance.log_between(1, 60) - 1, chance.coin());
            let kind = if at_points {
                FaultKind::CrashAtPoint { member, point, passes, power: coin }
            } else {
                FaultKind::CrashAtWrite { member, after_writes, written: coin }
            };
            let at_ms = chance.below(window);
            let lasts_ms = chance.log_between(pace_ms.div_ceil(2), window.div_ceil(2));
            faults.push(Fault { at_ms, lasts_ms, kind });
        }
    }
    faults
}
