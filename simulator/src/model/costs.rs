//! What work costs on a machine, as it was measured: the performance model charges it in virtual
//! time. `simulator/benches/costs.rs` measures a table, and docs/PERFORMANCE.md says how.

use serde::{Deserialize, Serialize};

/// The table in the tree.
const MEASURED: &str = include_str!("../../costs/default.toml");

/// Largest cost of one thing, in nanoseconds or picoseconds: a second. Sums of them stay far from
/// any limit.
const COST_MAX: u64 = 1_000_000_000_000;

/// A table of costs. Times are nanoseconds; times for a byte are picoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// When it was measured.
    pub measured: String,
    /// On what kind of machine.
    pub machine: String,
    /// Ed25519.
    pub signature: SignatureCosts,
    /// Messages, outside of the replica.
    pub message: MessageCosts,
    /// What a block's bytes go through.
    pub block: BlockCosts,
    /// The replica's own code.
    pub replica: ReplicaCosts,
    /// The disk.
    pub disk: DiskCosts,
    /// The kvstore, in the same program.
    pub application: ApplicationCosts,
}

/// Ed25519.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureCosts {
    /// To sign a vote.
    pub sign: u64,
    /// To check one signature alone.
    pub verify: u64,
    /// To check a batch, whatever its length.
    pub batch: u64,
    /// And for each signature in it.
    pub batch_each: u64,
    /// To find that a signature was checked before.
    pub known: u64,
}

/// Messages, outside of the replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageCosts {
    /// To decode one.
    pub read: u64,
    /// And for each byte.
    pub read_byte_picos: u64,
    /// To encode one.
    pub write: u64,
    /// And for each byte.
    pub write_byte_picos: u64,
    /// To bring one through the transport, at each end: frames, encryption, the kernel.
    pub transport: u64,
    /// And for each byte.
    pub transport_byte_picos: u64,
}

/// What each byte of a block goes through, in picoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockCosts {
    /// SHA-256.
    pub hash_byte_picos: u64,
    /// To make a block: its header's hashes, its encoding, its parts with their proofs.
    pub make_byte_picos: u64,
    /// To check the proof of a part.
    pub part_byte_picos: u64,
    /// To put parts together, decode the block and check it.
    pub read_byte_picos: u64,
}

/// The replica's own code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaCosts {
    /// To take in one message.
    pub input: u64,
    /// And for each peer.
    pub input_peer: u64,
    /// The alarm of gossip, for each peer.
    pub tick_peer: u64,
    /// A height, for each validator: hashes of the set, of the commit, the turn of proposers.
    pub height_validator: u64,
}

/// The disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskCosts {
    /// A short synced write.
    pub sync: u64,
    /// And for each byte.
    pub byte_picos: u64,
}

/// The kvstore, in the same program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationCosts {
    /// CheckTx.
    pub check: u64,
    /// PrepareProposal, for each transaction.
    pub prepare: u64,
    /// ProcessProposal, for each transaction.
    pub judge: u64,
    /// FinalizeBlock and Commit, for each transaction.
    pub execute: u64,
    /// FinalizeBlock and Commit of an empty block, without the sync.
    pub commit: u64,
    /// To put a transaction into the pool, or to find that it was there.
    pub pool: u64,
}

/// Why a table of costs cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostsError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A number is too large.
    #[error("a cost of {actual} is above {COST_MAX}")]
    Limit {
        /// The number.
        actual: u64,
    },
}

impl Costs {
    /// Reads a table, as the measurement writes it.
    ///
    /// # Errors
    /// If it is none.
    pub fn read(text: &str) -> Result<Self, CostsError> {
        let costs: Self = toml::from_str(text)
            .map_err(|error: toml::de::Error| CostsError::Unreadable(error.message().to_owned()))?;
        costs.check()?;
        Ok(costs)
    }

    /// The table in the tree.
    pub fn measured() -> Self {
        Self::read(MEASURED).expect("a test reads it")
    }

    /// Whether all numbers are within their limits.
    ///
    /// # Errors
    /// If one is not.
    pub fn check(&self) -> Result<(), CostsError> {
        match self.numbers().into_iter().find(|&cost| COST_MAX < cost) {
            Some(actual) => Err(CostsError::Limit { actual }),
            None => Ok(()),
        }
    }

    fn numbers(&self) -> [u64; 27] {
        let Self { signature, message, block, replica, disk, application, .. } = self;
        [
            signature.sign,
            signature.verify,
            signature.batch,
            signature.batch_each,
            signature.known,
            message.read,
            message.read_byte_picos,
            message.write,
            message.write_byte_picos,
            message.transport,
            message.transport_byte_picos,
            block.hash_byte_picos,
            block.make_byte_picos,
            block.part_byte_picos,
            block.read_byte_picos,
            replica.input,
            replica.input_peer,
            replica.tick_peer,
            replica.height_validator,
            disk.sync,
            disk.byte_picos,
            application.check,
            application.prepare,
            application.judge,
            application.execute,
            application.commit,
            application.pool,
        ]
    }
}

impl SignatureCosts {
    /// To check so many signatures together.
    pub fn of_batch(&self, count: u64) -> u64 {
        match count {
            0 => 0,
            1 => self.verify,
            _ => self.batch + self.batch_each * count,
        }
    }
}

impl MessageCosts {
    /// To decode a message of so many bytes.
    pub fn reads(&self, bytes: u64) -> u64 {
        self.read + of_bytes(self.read_byte_picos, bytes)
    }

    /// To encode one.
    pub fn writes(&self, bytes: u64) -> u64 {
        self.write + of_bytes(self.write_byte_picos, bytes)
    }

    /// To bring one through the transport, at one end.
    pub fn carries(&self, bytes: u64) -> u64 {
        self.transport + of_bytes(self.transport_byte_picos, bytes)
    }
}

impl DiskCosts {
    /// A synced write of so many bytes.
    pub fn writes(&self, bytes: u64) -> u64 {
        self.sync + of_bytes(self.byte_picos, bytes)
    }
}

/// What so many bytes cost, in nanoseconds.
pub fn of_bytes(picos: u64, bytes: u64) -> u64 {
    let nanos = u128::from(picos) * u128::from(bytes) / 1000;
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_tree_is_one() {
        let costs = Costs::measured();
        assert!(costs.numbers().iter().all(|&it| 0 < it), "{costs:?}");
        assert!(costs.signature.of_batch(64) < 64 * costs.signature.verify);
        let again = toml::to_string(&costs).unwrap();
        assert_eq!(Costs::read(&again), Ok(costs));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let mut costs = Costs::measured();
        costs.disk.sync = COST_MAX + 1;
        let error = Costs::read(&toml::to_string(&costs).unwrap()).unwrap_err();
        assert_eq!(error, CostsError::Limit { actual: COST_MAX + 1 });
        let more = format!("weather = 3\n{MEASURED}");
        assert!(matches!(Costs::read(&more), Err(CostsError::Unreadable(_))));
        assert!(matches!(Costs::read("measured = \"once\""), Err(CostsError::Unreadable(_))));
    }

    #[test]
    fn bytes_cost_in_proportion() {
        assert_eq!(of_bytes(1500, 4000), 6000);
        let disk = DiskCosts { sync: 10, byte_picos: 2000 };
        assert_eq!(disk.writes(100), 210);
    }
}
