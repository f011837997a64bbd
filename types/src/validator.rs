//! Who votes, and with what weight.

use std::collections::BTreeMap;

use crate::hash::{Address, Hash};
use crate::height::Round;
use crate::keys::PublicKey;
use crate::outcome::ValidatorUpdate;
use crate::power::{Quorum, VotingPower};

/// Most validators in a set. spec: `MaxVotesCount`.
pub const VALIDATORS_MAX: usize = 10_000;

/// Position of a validator in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValidatorIndex(pub u32);

/// One validator in a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// First 20 bytes of the SHA-256 of the key.
    pub address: Address,
    /// What its votes are checked with.
    pub public_key: PublicKey,
    /// Weight, above zero.
    pub power: VotingPower,
    /// Its place in the rotation of proposers; not covered by the set's hash.
    pub proposer_priority: i64,
}

/// Validators in the protocol's order (power descending, then address ascending), with the
/// proposer of round 0 chosen. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    pub(crate) validators: Vec<Validator>,
    pub(crate) total: VotingPower,
    pub(crate) proposer: ValidatorIndex,
    pub(crate) by_address: BTreeMap<Address, ValidatorIndex>,
}

/// Why validators make no set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ValidatorSetError {
    /// None would be left.
    #[error("the validator set would be empty")]
    Empty,
    /// More than the protocol allows.
    #[error("{actual} validators, the limit is {limit}")]
    TooMany {
        /// What was given.
        actual: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The same key twice.
    #[error("validator {address} is named twice")]
    Duplicate {
        /// Whose.
        address: Address,
    },
    /// A member of a set without weight.
    #[error("validator {address} has no power")]
    NoPower {
        /// Whose.
        address: Address,
    },
    /// The total would exceed [`crate::power::TOTAL_POWER_MAX`].
    #[error("total power would exceed {limit}")]
    PowerOverflow {
        /// What is allowed.
        limit: u64,
    },
    /// Removal of somebody who is not in the set.
    #[error("validator {address} cannot be removed, it is not in the set")]
    Unknown {
        /// Whose.
        address: Address,
    },
    /// The stored proposer is not in the set.
    #[error("proposer {address} is not in the set")]
    UnknownProposer {
        /// Whose.
        address: Address,
    },
}

impl ValidatorSet {
    /// The first set of a chain. spec: `NewValidatorSet`, which advances the rotation once.
    ///
    /// # Errors
    /// See [`ValidatorSetError`].
    pub fn new(members: &[(PublicKey, VotingPower)]) -> Result<Self, ValidatorSetError> {
        let _ = members;
        unimplemented!()
    }

    /// A set as it was stored or sent, with its priorities; sorted if it is not.
    ///
    /// # Errors
    /// See [`ValidatorSetError`].
    pub fn from_parts(
        validators: Vec<Validator>,
        proposer: Option<Address>,
    ) -> Result<Self, ValidatorSetError> {
        let _ = (validators, proposer);
        unimplemented!()
    }

    /// The members in order.
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// How many members, at least one.
    pub fn count(&self) -> usize {
        self.validators.len()
    }

    /// The member at an index.
    pub fn get(&self, index: ValidatorIndex) -> Option<&Validator> {
        self.validators.get(usize::try_from(index.0).ok()?)
    }

    /// The member with an address, and its index.
    pub fn find(&self, address: &Address) -> Option<(ValidatorIndex, &Validator)> {
        let index = *self.by_address.get(address)?;
        Some((index, self.get(index)?))
    }

    /// Weight of all members.
    pub fn total_power(&self) -> VotingPower {
        self.total
    }

    /// The two-thirds and one-third thresholds of this set.
    pub fn quorum(&self) -> Quorum {
        Quorum::of(self.total)
    }

    /// Who proposes in round 0.
    pub fn proposer(&self) -> &Validator {
        self.get(self.proposer).expect("the proposer is a member")
    }

    /// Who proposes in a round of the height that this set is for. Costs `round` steps of the
    /// rotation, so callers bound the round.
    pub fn proposer_in(&self, round: Round) -> ValidatorIndex {
        let _ = round;
        unimplemented!()
    }

    /// The set after `times` steps of the rotation. spec: `IncrementProposerPriority`.
    #[must_use]
    pub fn advanced(&self, times: u32) -> ValidatorSet {
        let _ = times;
        unimplemented!()
    }

    /// The set after an application's updates (power 0 removes). spec: `UpdateWithChangeSet`.
    /// The rotation is not advanced.
    ///
    /// # Errors
    /// See [`ValidatorSetError`].
    pub fn updated(&self, updates: &[ValidatorUpdate]) -> Result<ValidatorSet, ValidatorSetError> {
        let _ = updates;
        unimplemented!()
    }

    /// What the header says of the set: Merkle root over keys and powers in order.
    pub fn hash(&self) -> Hash {
        unimplemented!()
    }
}
