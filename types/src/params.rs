//! What all nodes of a chain must agree on beyond the rules: consensus parameters and their limits.

use std::time::Duration;

use crate::block::BLOCK_BYTES_MAX;
use crate::hash::Hash;
use crate::height::{HEIGHT_MAX, Height};
use crate::time::Time;

/// The only key type that we support, by its wire name.
pub const KEY_TYPE: &str = "ed25519";
/// Longest authority in bytes. spec: `maxAuthorityLength`.
pub const AUTHORITY_BYTES_MAX: usize = 256;
/// Largest number that fits the wire's signed 64 bits.
const WIRE_MAX: u64 = i64::MAX as u64;

/// Parameters of the chain, in force from a height on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsensusParams {
    /// Limits of a block.
    pub block: BlockParams,
    /// How long evidence counts, and how much of it fits.
    pub evidence: EvidenceParams,
    /// Who may be a validator.
    pub validator: ValidatorParams,
    /// The application's version.
    pub version: VersionParams,
    /// What the application takes part in.
    pub abci: AbciParams,
    /// Who may change the parameters, as the application understands it. spec: `AuthorityParams`.
    pub authority: String,
}

/// Limits of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockParams {
    /// Largest block in bytes; none allows [`crate::block::BLOCK_BYTES_MAX`] (-1 on the wire).
    pub bytes_max: Option<u64>,
    /// Largest sum of gas wanted; none is no limit (-1 on the wire).
    pub gas_max: Option<u64>,
}

/// How long evidence counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceParams {
    /// In blocks.
    pub age_blocks_max: u64,
    /// In time; evidence expires only when both are exceeded.
    pub age_max: Duration,
    /// Most bytes of evidence in a block.
    pub bytes_max: u64,
}

/// Who may be a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorParams {
    /// Key types by their wire names; we support `ed25519`.
    pub key_types: Vec<String>,
}

/// The application's version, which goes into headers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct VersionParams {
    /// `version.app`.
    pub app: u64,
}

/// What the application takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AbciParams {
    /// First height whose precommits carry extensions; none is never (0 on the wire).
    pub extensions_from: Option<Height>,
}

/// A change of some parameters by the application. Absent groups stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ParamsUpdate {
    /// Limits of a block.
    pub block: Option<BlockParams>,
    /// Evidence.
    pub evidence: Option<EvidenceParams>,
    /// Validators' keys.
    pub validator: Option<ValidatorParams>,
    /// The application's version.
    pub version: Option<VersionParams>,
    /// Vote extensions.
    pub abci: Option<AbciParams>,
    /// Authority.
    pub authority: Option<String>,
}

/// Why parameters are refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParamsError {
    /// A field is out of its limits.
    #[error("consensus_params.{field} {problem}")]
    Field {
        /// Path of the field in genesis.json.
        field: &'static str,
        /// What is wrong, with the limit.
        problem: String,
    },
}

impl Default for ConsensusParams {
    /// The reference's defaults. spec: `DefaultConsensusParams` (v0.38's block size).
    fn default() -> Self {
        Self {
            block: BlockParams { bytes_max: Some(22_020_096), gas_max: None },
            evidence: EvidenceParams {
                age_blocks_max: 100_000,
                age_max: Duration::from_secs(48 * 60 * 60),
                bytes_max: 1_048_576,
            },
            validator: ValidatorParams { key_types: vec!["ed25519".to_owned()] },
            version: VersionParams::default(),
            abci: AbciParams::default(),
            authority: String::new(),
        }
    }
}

impl ConsensusParams {
    /// Checks all limits. spec: `ValidateBasic`.
    ///
    /// # Errors
    /// The first field that is out of its limits.
    pub fn validate(&self) -> Result<(), ParamsError> {
        let block_bytes = self.block_bytes_max();
        check_range("block.max_bytes", block_bytes, 1, BLOCK_BYTES_MAX as u64)?;
        check_range("block.max_gas", self.block.gas_max.unwrap_or(0), 0, WIRE_MAX)?;
        let evidence = &self.evidence;
        check_range("evidence.max_age_num_blocks", evidence.age_blocks_max, 1, WIRE_MAX)?;
        let age_nanos = u64::try_from(evidence.age_max.as_nanos()).unwrap_or(u64::MAX);
        check_range("evidence.max_age_duration", age_nanos, 1, WIRE_MAX)?;
        check_range("evidence.max_bytes", evidence.bytes_max, 0, block_bytes)?;
        if let Some(from) = self.abci.extensions_from {
            check_range("abci.vote_extensions_enable_height", from.0, 1, HEIGHT_MAX)?;
        }
        let key_types = &self.validator.key_types;
        if key_types.is_empty() || key_types.iter().any(|it| it != KEY_TYPE) {
            let problem = format!("is {key_types:?}, only [\"{KEY_TYPE}\"] is supported");
            return Err(ParamsError::Field { field: "validator.pub_key_types", problem });
        }
        if AUTHORITY_BYTES_MAX < self.authority.len() {
            let actual = self.authority.len();
            let problem = format!("has {actual} bytes, the limit is {AUTHORITY_BYTES_MAX}");
            return Err(ParamsError::Field { field: "authority.authority", problem });
        }
        Ok(())
    }

    /// Largest encoded block in bytes.
    pub fn block_bytes_max(&self) -> u64 {
        self.block.bytes_max.unwrap_or(BLOCK_BYTES_MAX as u64)
    }

    /// The parameters after a change decided at `height`, in force from the next one.
    ///
    /// # Errors
    /// If the result would be invalid, or extensions would move into the past or be switched off.
    pub fn updated(&self, update: &ParamsUpdate, height: Height) -> Result<Self, ParamsError> {
        fn change<T: Clone>(current: &mut T, wanted: &Option<T>) {
            if let Some(wanted) = wanted {
                current.clone_from(wanted);
            }
        }
        let mut params = self.clone();
        change(&mut params.block, &update.block);
        change(&mut params.evidence, &update.evidence);
        change(&mut params.validator, &update.validator);
        change(&mut params.version, &update.version);
        change(&mut params.abci, &update.abci);
        change(&mut params.authority, &update.authority);
        params.validate()?;
        self.check_extensions_from(params.abci.extensions_from, height)?;
        Ok(params)
    }

    /// Extensions may be switched on for a later height, and that height may be moved or taken back
    /// while it is still ahead of `height`; once they are on, they stay. spec: `ValidateUpdate`.
    fn check_extensions_from(
        &self,
        wanted: Option<Height>,
        height: Height,
    ) -> Result<(), ParamsError> {
        let current = self.abci.extensions_from;
        if wanted == current {
            return Ok(());
        }
        let problem = match (current, wanted) {
            (Some(from), _) if from <= height => {
                format!("cannot change at height {height}, extensions are required since {from}")
            }
            (_, Some(from)) if from <= height => {
                format!("is {from}, must be later than the current height {height}")
            }
            (None | Some(_), None | Some(_)) => return Ok(()),
        };
        Err(ParamsError::Field { field: "abci.vote_extensions_enable_height", problem })
    }

    /// What the header says of the parameters: block limits only. spec: `HashedParams`.
    pub fn hash(&self) -> Hash {
        Hash::of(&crate::codec::hashed_params(self))
    }

    /// Whether precommits of `height` carry extensions.
    pub fn extensions_enabled(&self, height: Height) -> bool {
        self.abci.extensions_from.is_some_and(|from| from <= height)
    }
}

impl EvidenceParams {
    /// Whether evidence from (`height`, `time`) is too old when the chain is at (`now_height`,
    /// `now`): only if it is so both by blocks and by time.
    pub fn expired(&self, height: Height, time: Time, now_height: Height, now: Time) -> bool {
        let blocks = now_height.0.saturating_sub(height.0);
        self.age_blocks_max < blocks && self.age_max < now.since(time)
    }
}

fn check_range(field: &'static str, actual: u64, least: u64, most: u64) -> Result<(), ParamsError> {
    if actual < least || most < actual {
        let problem = format!("is {actual}, must be {least} to {most}");
        return Err(ParamsError::Field { field, problem });
    }
    Ok(())
}
