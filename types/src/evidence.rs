//! Proof of misbehaviour that anybody can check.

use crate::hash::{Address, Hash};
use crate::height::{ChainId, Height};
use crate::light_block::LightBlock;
use crate::power::VotingPower;
use crate::time::Time;
use crate::validator::{Validator, ValidatorSet};
use crate::vote::Vote;

/// Two votes of one validator, of one kind, in one round, for different blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateVoteEvidence {
    /// The one with the smaller block id key.
    pub vote_a: Vote,
    /// The other.
    pub vote_b: Vote,
    /// Of the set at that height.
    pub total_power: VotingPower,
    /// Of the culprit.
    pub validator_power: VotingPower,
    /// Time of the block at that height.
    pub timestamp: Time,
}

/// A second, conflicting light block, signed by enough validators to fool a light client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientAttackEvidence {
    /// The lie.
    pub conflicting_block: LightBlock,
    /// Last height at which the lie and the chain agree.
    pub common_height: Height,
    /// Who signed the lie.
    pub byzantine_validators: Vec<Validator>,
    /// Of the set at the common height.
    pub total_power: VotingPower,
    /// Time of the block at the common height.
    pub timestamp: Time,
}

/// Proof of misbehaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Equivocation.
    DuplicateVote(Box<DuplicateVoteEvidence>),
    /// An attack on light clients.
    LightClientAttack(Box<LightClientAttackEvidence>),
}

/// Why evidence proves nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EvidenceError {
    /// What does not hold.
    #[error("evidence is invalid: {reason}")]
    Invalid {
        /// In words.
        reason: &'static str,
    },
    /// The culprit was no validator at that height.
    #[error("validator {address} was not in the set at height {height}")]
    UnknownValidator {
        /// Whose.
        address: Address,
        /// Where.
        height: Height,
    },
    /// It is older than the parameters allow, by blocks and by time.
    #[error("evidence of height {height} has expired")]
    Expired {
        /// Where.
        height: Height,
    },
    /// Its claimed power or time is not the chain's.
    #[error("evidence claims a wrong {field}")]
    Mismatch {
        /// Which claim.
        field: &'static str,
    },
}

/// What the chain knows about the height that evidence speaks of.
pub struct EvidenceContext<'a> {
    /// The chain.
    pub chain_id: &'a ChainId,
    /// The validators at the evidence's height (the common height of an attack).
    pub validators: &'a ValidatorSet,
    /// The time of the block at that height.
    pub block_time: Time,
    /// For an attack: our own signed header at the conflicting block's height (or our latest, if
    /// the lie is about the future).
    pub trusted: Option<&'a crate::light_block::SignedHeader>,
}

impl DuplicateVoteEvidence {
    /// Orders two conflicting votes and adds what the chain knows.
    ///
    /// # Errors
    /// If the votes do not conflict or the voter is not in the set.
    pub fn new(
        first: Vote,
        second: Vote,
        validators: &ValidatorSet,
        block_time: Time,
    ) -> Result<Self, EvidenceError> {
        let _ = (first, second, validators, block_time);
        unimplemented!()
    }
}

impl Evidence {
    /// The height it speaks of: of the votes, or the common height.
    pub fn height(&self) -> Height {
        match self {
            Evidence::DuplicateVote(it) => it.vote_a.height,
            Evidence::LightClientAttack(it) => it.common_height,
        }
    }

    /// The time it claims.
    pub fn time(&self) -> Time {
        match self {
            Evidence::DuplicateVote(it) => it.timestamp,
            Evidence::LightClientAttack(it) => it.timestamp,
        }
    }

    /// What names it. spec: `Evidence.Hash`, with its quirk for attacks.
    pub fn hash(&self) -> Hash {
        unimplemented!()
    }

    /// Whether the evidence proves what it claims, signatures included. Age is checked apart
    /// ([`crate::params::EvidenceParams::expired`]).
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, context: &EvidenceContext<'_>) -> Result<(), EvidenceError> {
        let _ = context;
        unimplemented!()
    }
}
