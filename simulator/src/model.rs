//! The same world as a performance model: nodes whose work takes the time that it was measured to
//! take, lines that carry so many bytes, and clients who send so many transactions.
//!
//! A node has the threads of the node's task table: the replica's, verifiers, the application's,
//! admission, the network's; and a disk. `member/modelled.rs` says where each of them works. The
//! replica, the driver and the network are those of all other runs. The pool is a light one that
//! knows transactions by number (`pool.rs`): what it sends and when is what the mempool would.

pub mod costs;
pub mod figures;
pub mod load;
pub mod meter;
pub mod pool;
pub mod seen;
pub mod shape;
pub mod station;
pub mod workshop;

use std::sync::Arc;

use types::{BlockOutcome, Hash};

use crate::member::Member;
use crate::moment::Moment;
use crate::outside::Outside;
use crate::plan::Plan;
use crate::report::Failure;
use crate::world::World;

pub use costs::{Costs, CostsError};
pub use figures::{Figures, Quantiles, Table};
pub use shape::{ModelError, ModelLimit, ModelShape};

use figures::{Busy, TrafficFigures};
use load::Load;
use meter::Meter;
use station::Resource;

/// What all modelled members share.
#[derive(Debug)]
pub struct Modelling {
    /// Their clients.
    pub load: Load,
    /// What is measured.
    pub meter: Meter,
    /// When what a member writes just now is durable.
    pub durable_at: Moment,
    /// What came of the last block, which is the same everywhere.
    pub outcome: Option<(Hash, Arc<BlockOutcome>)>,
}

impl Modelling {
    /// By a plan; none if its machines are not modelled.
    pub fn new(plan: &Plan) -> Option<Box<Self>> {
        let model = plan.model()?;
        let (load, meter) = (Load::new(plan, model), Meter::new(plan, model));
        Some(Box::new(Self { load, meter, durable_at: Moment::START, outcome: None }))
    }
}

/// Runs a model. `watch` is told how many heights every other member has decided, whenever it has
/// become more.
///
/// # Errors
/// If a judge objects: the model is of a network that works.
pub fn run(shape: &ModelShape, watch: &mut dyn FnMut(u64)) -> Result<Figures, ModelFailure> {
    let plan = shape.plan()?;
    let mut world = World::new(plan);
    let mut told = 0;
    world.last(&mut |outside| {
        let height = outside.modelling.as_ref().map_or(0, |it| it.meter.height());
        if told < height {
            told = height;
            watch(height);
        }
    });
    if let Some(failure) = world.outside.judges.failure() {
        return Err(failure.clone().into());
    }
    Ok(figures(&world))
}

/// Why there are no figures.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelFailure {
    /// It cannot be.
    #[error(transparent)]
    Shape(#[from] ModelError),
    /// The network did not work.
    #[error("{0}")]
    Judged(Failure),
}

impl From<Failure> for ModelFailure {
    fn from(failure: Failure) -> Self {
        ModelFailure::Judged(failure)
    }
}

/// What was measured.
fn figures(world: &World) -> Figures {
    let Outside { modelling, network, counts, now, plan, .. } = &world.outside;
    let meter = &modelling.as_ref().expect("the plan is of a model").meter;
    let (heights, rounds, txs, txs_bytes) = meter.totals();
    let lasted = meter.lasted_nanos(*now);
    let peers: usize = (0..plan.members.len()).map(|member| network.peers(member).len()).sum();
    let quantiles = |nanos: &[u64]| Quantiles::of_nanos(nanos);
    Figures {
        validators: plan.members.len(),
        peers_tenths: length(peers * 10 / plan.members.len()),
        heights,
        rounds,
        measured_ms: lasted / 1_000_000,
        block_micros: quantiles(&meter.block_nanos()).unwrap_or_default(),
        decide_micros: quantiles(&meter.decides).unwrap_or_default(),
        latency_micros: quantiles(&meter.latencies),
        txs,
        txs_bytes,
        refused: meter.refused,
        traffic: traffic(&world.members, lasted),
        busy: Resource::ALL.map(|it| busy(world, it, lasted)).to_vec(),
        dropped: counts.dropped + network.dropped(),
    }
}

fn traffic(members: &[Member], lasted: u64) -> TrafficFigures {
    let shops = || members.iter().filter_map(Member::workshop);
    let traffic = || shops().map(|it| it.traffic);
    let sum = |of: fn(&workshop::Traffic) -> u64| traffic().map(|it| of(&it)).sum::<u64>();
    let rate = |count: u64| per_second(count, lasted);
    let mean = |of| rate(sum(of) / length(members.len()));
    TrafficFigures {
        bytes_out: mean(|it| it.bytes_out),
        bytes_in: mean(|it| it.bytes_in),
        bytes_out_max: rate(traffic().map(|it| it.bytes_out).max().unwrap_or(0)),
        messages_out: mean(|it| it.messages_out),
        messages_in: mean(|it| it.messages_in),
        txs_bytes_out: mean(|it| it.txs_bytes_out),
        all_out: shops().map(|it| it.bytes_of_all_time().0).sum(),
        all_in: shops().map(|it| it.bytes_of_all_time().1).sum(),
    }
}

/// How busy a resource was on the average, and on the node where it was busiest.
fn busy(world: &World, resource: Resource, lasted: u64) -> Busy {
    let bandwidth = world.outside.plan.network.bandwidth;
    let on_line = |bytes: u64, speed: Option<u64>| {
        let permille = per_second(bytes, lasted).saturating_mul(1000);
        speed.map_or(0, |speed| permille / speed.max(1))
    };
    let share = |it: &workshop::Workshop| match resource {
        Resource::Uplink => on_line(it.traffic.bytes_out, bandwidth.map(|it| it.uplink)),
        Resource::Downlink => on_line(it.traffic.bytes_in, bandwidth.map(|it| it.downlink)),
        thread => it.busy_nanos(thread).saturating_mul(1000) / lasted.max(1),
    };
    let shares = || world.members.iter().filter_map(Member::workshop).map(share);
    Busy {
        resource,
        mean_permille: shares().sum::<u64>() / length(world.members.len()),
        max_permille: shares().max().unwrap_or(0),
    }
}

fn per_second(count: u64, nanos: u64) -> u64 {
    let rate = u128::from(count) * 1_000_000_000 / u128::from(nanos.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}
