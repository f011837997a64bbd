//! What may be asked of a performance model, and what cannot be.

use super::Costs;
use crate::chance::Chance;
use crate::network::regions;
use crate::plan::model::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, ModelPlan, RATE_MAX, THREADS_MAX, TX_BYTES_MIN,
};
use crate::plan::shape::{HEIGHTS_MAX, Terrain, VALIDATORS_MAX};
use crate::plan::{Bandwidth, Distances, MachineKind, Plan};

/// Which stream of chance the topology is drawn from.
const STREAM: u64 = 20;
/// Peers that a member has, on the average, where it is not connected with all: each dials ten, as
/// with the default of `max_num_outbound_peers`.
pub const DEGREE: usize = 20;
/// Heights that are not measured: pools and connections fill.
const WARM_UP: u64 = 2;
/// Bytes in a second to one peer: what a node sends unless its `send_rate` says otherwise.
const LINK_BYTES_MAX: u64 = 50_000_000;
/// Bytes that may wait for a line.
const WAITING_MAX: u64 = 256 * 1024 * 1024;
/// Fewest and most bytes in a second.
const BANDWIDTH_LIMITS: (u64, u64) = (1000, 1_000_000_000_000);
/// Longest wait, in milliseconds.
const WAIT_MS_MAX: u64 = 3_600_000;
/// Most transactions in a pool.
const POOL_TXS_MAX: u64 = 1_000_000;
/// What a block has beside its transactions, at most, for each validator.
const COMMIT_SIG_BYTES: u64 = 120;
/// And in any case.
const FRAME_BYTES: u64 = 2000;

/// What is asked of a performance model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Of the topology, the load and the jitter.
    pub seed: u64,
    /// How many validators.
    pub validators: usize,
    /// How many peers each has on the average; none is [`DEGREE`], or all if there are fewer.
    pub degree: Option<usize>,
    /// How far it is between them.
    pub network: Terrain,
    /// What each sends and receives at most, in bytes a second.
    pub bandwidth: u64,
    /// Transactions a second, over the whole network.
    pub rate: u64,
    /// Bytes of a transaction.
    pub tx_bytes: u64,
    /// Most bytes of a block.
    pub block_bytes: u64,
    /// Most transactions that wait in a pool.
    pub pool_txs_max: usize,
    /// Heights to measure.
    pub heights: u64,
    /// The pause after a decision, in milliseconds.
    pub commit_ms: u64,
    /// Until what others made is relayed, in milliseconds.
    pub relay_ms: u64,
    /// Threads that check signatures.
    pub verifiers: usize,
    /// What work costs.
    pub costs: Costs,
}

impl Default for ModelShape {
    /// Four validators all over the world, with the defaults of a node.
    fn default() -> Self {
        Self {
            seed: 1,
            validators: 4,
            degree: None,
            network: Terrain::Wan,
            bandwidth: 125_000_000,
            rate: 0,
            tx_bytes: 1024,
            block_bytes: 4 * 1024 * 1024,
            pool_txs_max: 5000,
            heights: 20,
            commit_ms: 1000,
            relay_ms: 50,
            verifiers: 1,
            costs: Costs::measured(),
        }
    }
}

/// A model that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A number is out of its limits.
    #[error("{what}: {actual}; there may be {least} to {most}")]
    Limit {
        /// Of what.
        what: ModelLimit,
        /// The number.
        actual: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Not a table of latencies.
    #[error("the latency table cannot be used: {fault}")]
    Table {
        /// Why.
        fault: &'static str,
    },
}

/// What has limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelLimit {
    /// Validators.
    Validators,
    /// Peers of a member.
    Degree,
    /// Bytes a second.
    Bandwidth,
    /// Transactions a second.
    Rate,
    /// Bytes of a transaction.
    TxBytes,
    /// Bytes of a block.
    BlockBytes,
    /// Heights.
    Heights,
    /// Transactions in a pool.
    PoolTxs,
    /// Milliseconds after a decision.
    CommitMs,
    /// Milliseconds until what others made is relayed.
    RelayMs,
    /// Threads.
    Verifiers,
}

impl std::fmt::Display for ModelLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Validators => "validators",
            Self::Degree => "peers of each validator",
            Self::Bandwidth => "bytes a second",
            Self::Rate => "transactions a second",
            Self::TxBytes => "bytes of a transaction",
            Self::BlockBytes => "bytes of a block",
            Self::Heights => "heights to measure",
            Self::PoolTxs => "transactions in a pool",
            Self::CommitMs => "milliseconds after a decision",
            Self::RelayMs => "milliseconds until something is relayed",
            Self::Verifiers => "threads that check signatures",
        })
    }
}

impl ModelShape {
    /// The plan of this model.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn plan(&self) -> Result<Plan, ModelError> {
        self.check()?;
        let mut plan = Plan::fair(self.seed, &vec![10; self.validators], self.heights + WARM_UP);
        (plan.waits.commit, plan.waits.relay) = (self.commit_ms, self.relay_ms);
        let network = &mut plan.network;
        (network.delay_micros, network.jitter_micros) = self.delay_and_jitter();
        network.distances = self.distances();
        network.bandwidth = Some(Bandwidth {
            uplink: self.bandwidth,
            downlink: self.bandwidth,
            link: self.bandwidth.min(LINK_BYTES_MAX),
            waiting_max: WAITING_MAX,
        });
        network.links = self.links();
        plan.machine.kind = MachineKind::Modelled(Box::new(ModelPlan {
            costs: self.costs.clone(),
            verifiers: self.verifiers,
            carriers: 2,
            rate: self.rate,
            tx_bytes: self.tx_bytes,
            block_bytes: self.block_bytes,
            pool_txs_max: self.pool_txs_max,
            warm_up: WARM_UP,
        }));
        Ok(plan)
    }

    fn check(&self) -> Result<(), ModelError> {
        use ModelLimit as Of;
        let count = length(self.validators);
        let limit = |what, actual, least, most| match (least..=most).contains(&actual) {
            true => Ok(()),
            false => Err(ModelError::Limit { what, actual, least, most }),
        };
        limit(Of::Validators, count, 1, length(VALIDATORS_MAX))?;
        if let Some(degree) = self.degree {
            let least = 2.min(count - 1);
            limit(Of::Degree, length(degree), least, count - 1)?;
        }
        limit(Of::Bandwidth, self.bandwidth, BANDWIDTH_LIMITS.0, BANDWIDTH_LIMITS.1)?;
        limit(Of::Rate, self.rate, 0, RATE_MAX)?;
        limit(Of::BlockBytes, self.block_bytes, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX)?;
        let frame = FRAME_BYTES + COMMIT_SIG_BYTES * count;
        limit(Of::TxBytes, self.tx_bytes, TX_BYTES_MIN, self.block_bytes - frame)?;
        limit(Of::Heights, self.heights, 1, HEIGHTS_MAX - WARM_UP)?;
        limit(Of::PoolTxs, length(self.pool_txs_max), 1, POOL_TXS_MAX)?;
        limit(Of::CommitMs, self.commit_ms, 0, WAIT_MS_MAX)?;
        limit(Of::RelayMs, self.relay_ms, 2, WAIT_MS_MAX)?;
        limit(Of::Verifiers, length(self.verifiers), 1, length(THREADS_MAX))?;
        let Terrain::Table(table) = &self.network else { return Ok(()) };
        table.fault().map_or(Ok(()), |fault| Err(ModelError::Table { fault }))
    }

    /// What every message takes at least, and what chance adds at most, in microseconds.
    fn delay_and_jitter(&self) -> (u64, u64) {
        match &self.network {
            Terrain::Any | Terrain::Lan => (250, 50),
            Terrain::Wan => (0, 1000),
            Terrain::Table(table) => (0, table.jitter_ms * 1000),
        }
    }

    /// Members take the places in turn, so that sizes of networks can be compared.
    fn distances(&self) -> Distances {
        let micros: Vec<Vec<u64>> = match &self.network {
            Terrain::Any | Terrain::Lan => return Distances::default(),
            Terrain::Wan => {
                let row = |from| (0..regions::COUNT).map(move |to| (from, to));
                let times = |(from, to)| regions::one_way_micros(from, to);
                (0..regions::COUNT).map(|from| row(from).map(times).collect()).collect()
            }
            Terrain::Table(table) => {
                let row = |row: &Vec<u64>| row.iter().map(|ms| ms * 1000).collect();
                table.one_way_ms.iter().map(row).collect()
            }
        };
        let places = (0..self.validators).map(|member| member % micros.len()).collect();
        Distances { places, micros }
    }

    /// Everybody with everybody, or each with so many that it dials half of them.
    fn links(&self) -> Option<Vec<(usize, usize)>> {
        let count = self.validators;
        let degree = self.degree.unwrap_or(DEGREE);
        if count <= degree + 1 {
            return None;
        }
        let mut chance = Chance::of(self.seed, STREAM);
        let mut links = std::collections::BTreeSet::new();
        // A ring first: nobody is left out.
        for member in 0..count {
            let next = (member + 1) % count;
            links.insert((member.min(next), member.max(next)));
        }
        let mut member = 0;
        while links.len() < count * degree / 2 {
            let other = chance.index(count);
            if member != other {
                links.insert((member.min(other), member.max(other)));
            }
            member = (member + 1) % count;
        }
        Some(links.into_iter().collect())
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}
