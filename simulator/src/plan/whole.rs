//! What the plan of a whole machine adds: the application, its clients, and the pool.

use serde::{Deserialize, Serialize};

/// Everything about whole machines that light ones do not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholePlan {
    /// The application.
    pub application: ApplicationPlan,
    /// Its clients.
    pub workload: WorkloadPlan,
    /// The application of one member alone is wrong.
    pub wrong: Option<Wrong>,
    /// Most transactions that wait in a pool.
    pub pool_txs_max: usize,
    /// Past transactions that a pool remembers.
    pub pool_seen_max: usize,
    /// Blocks without transactions are made, so long after the last, in milliseconds; none is
    /// never.
    pub empty_blocks_ms: Option<u64>,
}

/// An application that is not deterministic on one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// Whose.
    pub member: usize,
    /// From which height on.
    pub from: u64,
}

/// How long an application takes at most for each call, in microseconds, and what it wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationPlan {
    /// CheckTx, and VerifyVoteExtension.
    pub check_micros: u64,
    /// PrepareProposal, ProcessProposal and ExtendVote.
    pub propose_micros: u64,
    /// FinalizeBlock.
    pub execute_micros: u64,
    /// Commit.
    pub commit_micros: u64,
    /// Most bytes that an extension has beyond its least.
    pub extension_bytes_max: u64,
    /// At this height the application asks for extensions.
    pub extensions_asked_at: Option<u64>,
    /// From so many heights later on.
    pub extensions_after: u64,
    /// Every so many heights it changes the limits of blocks.
    pub params_every: Option<u64>,
    /// It lets its node forget all but the last so many blocks; 0 keeps all.
    pub retain_blocks: u64,
}

/// What clients do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadPlan {
    /// How many there are.
    pub clients: usize,
    /// How many keys they write and read, together.
    pub keys: u64,
    /// How long each pauses at most between two things that it does, in milliseconds.
    pub pause_ms: u64,
    /// How long each waits for a transaction to be decided, in milliseconds.
    pub patience_ms: u64,
    /// How much is added to a transaction at most, in bytes.
    pub value_bytes_max: u64,
    /// An operator changes the validators so often, in milliseconds; none is never.
    pub validators_every_ms: Option<u64>,
}

/// Points of the durability contract by name.
pub(crate) mod point_name {
    use execution::Point;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes the name.
    pub fn serialize<S: Serializer>(point: &Point, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(point.name())
    }

    /// Reads a name.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Point, D::Error> {
        let name = String::deserialize(deserializer)?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        point.ok_or_else(|| de::Error::custom(format!("no point is called {name}")))
    }
}

impl Default for WholePlan {
    /// Two clients in fair weather.
    fn default() -> Self {
        Self {
            application: ApplicationPlan::default(),
            workload: WorkloadPlan::default(),
            wrong: None,
            pool_txs_max: 1000,
            pool_seen_max: 1000,
            empty_blocks_ms: Some(0),
        }
    }
}

impl Default for ApplicationPlan {
    /// It takes next to no time, and wants nothing.
    fn default() -> Self {
        Self {
            check_micros: 20,
            propose_micros: 50,
            execute_micros: 200,
            commit_micros: 200,
            extension_bytes_max: 40,
            extensions_asked_at: None,
            extensions_after: 1,
            params_every: None,
            retain_blocks: 0,
        }
    }
}

impl ApplicationPlan {
    /// The longest that its calls of a height take, in microseconds.
    pub fn height_micros(&self) -> u64 {
        4 * self.propose_micros + self.execute_micros + self.commit_micros + 10 * self.check_micros
    }
}

impl Default for WorkloadPlan {
    /// Two clients.
    fn default() -> Self {
        Self {
            clients: 2,
            keys: 4,
            pause_ms: 50,
            patience_ms: 10_000,
            value_bytes_max: 20,
            validators_every_ms: None,
        }
    }
}
