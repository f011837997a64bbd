//! genesis.json: how a chain begins. Both layouts are read: the reference's, and the SDK's with
//! `consensus.{validators,params}` and a numeric `initial_height`.

mod read;
mod write;

use crate::hash::{AppHash, Hash};
use crate::height::{ChainId, Height};
use crate::keys::PublicKey;
use crate::params::ConsensusParams;
use crate::power::VotingPower;
use crate::time::Time;

/// Largest genesis file in bytes (the application's state included).
pub const GENESIS_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// How a chain begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Time of the first block.
    pub genesis_time: Time,
    /// The chain.
    pub chain_id: ChainId,
    /// Height of the first block.
    pub initial_height: Height,
    /// Parameters of the first block.
    pub params: ConsensusParams,
    /// Who votes on the first block, unless the application says otherwise. May be empty only if
    /// the application names some in InitChain.
    pub validators: Vec<GenesisValidator>,
    /// The application's digest before the first block.
    pub app_hash: AppHash,
    /// The application's beginning, as JSON text (kept byte for byte); empty if there is none.
    pub app_state: String,
}

/// A validator from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisValidator {
    /// Its key.
    pub public_key: PublicKey,
    /// Its weight, above zero.
    pub power: VotingPower,
    /// For people.
    pub name: String,
}

/// Why a text is no genesis. Names the field.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GenesisError {
    /// Not JSON.
    #[error("not valid JSON: {reason}")]
    Json {
        /// With line and column.
        reason: String,
    },
    /// A field is missing or wrong.
    #[error("{field}: {problem}")]
    Field {
        /// Path of the field, such as `validators[2].power`.
        field: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

impl Genesis {
    /// Reads and checks a genesis file of either layout.
    ///
    /// # Errors
    /// The first field that is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, GenesisError> {
        read::genesis(text)
    }

    /// Writes the reference's layout, indented.
    pub fn to_json(&self) -> String {
        write::indented(self)
    }

    /// SHA-256 over [`Genesis::to_json`] without white space: two nodes of one chain compare it,
    /// however their files are indented.
    pub fn hash(&self) -> Hash {
        Hash::of(write::compact(self).as_bytes())
    }
}
