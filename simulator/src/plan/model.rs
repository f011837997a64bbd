//! What the plan of a modelled machine adds: what work costs, and how many transactions come.

use serde::{Deserialize, Serialize};

use crate::model::Costs;

/// Everything about modelled machines that light ones do not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPlan {
    /// What work costs.
    pub costs: Costs,
    /// Threads that decode messages and check signatures.
    pub verifiers: usize,
    /// Threads of the network.
    pub carriers: usize,
    /// Transactions that clients send, in a second, to the whole network.
    pub rate: u64,
    /// Bytes of a transaction.
    pub tx_bytes: u64,
    /// Most bytes of a block.
    pub block_bytes: u64,
    /// Most transactions that wait in a pool.
    pub pool_txs_max: usize,
    /// Heights before the first that is measured.
    pub warm_up: u64,
}

/// Fewest bytes of a transaction: its number.
pub const TX_BYTES_MIN: u64 = 8;
/// Most transactions in a second.
pub const RATE_MAX: u64 = 1_000_000;
/// Most threads of one kind.
pub const THREADS_MAX: usize = 64;
/// Fewest bytes of a block: its header, and a commit of many validators.
pub const BLOCK_BYTES_MIN: u64 = 256 * 1024;
/// Most bytes of a block: the protocol's limit.
pub const BLOCK_BYTES_MAX: u64 = 100 * 1024 * 1024;
