//! Who votes, and with what weight.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::hash::{Address, Hash};
use crate::height::Round;
use crate::keys::PublicKey;
use crate::outcome::ValidatorUpdate;
use crate::power::{Quorum, TOTAL_POWER_MAX, VotingPower};
use crate::proposer;

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
    validators: Vec<Validator>,
    total: VotingPower,
    proposer: ValidatorIndex,
    roster: Arc<Roster>,
}

/// What follows from the members and their order alone: shared between the sets of heights that
/// differ in priorities only.
#[derive(Debug)]
struct Roster {
    by_address: BTreeMap<Address, ValidatorIndex>,
    /// Made when it is first asked for: every block names it twice, and it changes seldom.
    hash: OnceLock<Hash>,
}

/// Whether the hash was asked for makes no difference.
impl PartialEq for Roster {
    fn eq(&self, other: &Self) -> bool {
        self.by_address == other.by_address
    }
}

impl Eq for Roster {}

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
    /// A stored address is not that of the key beside it.
    #[error("validator {address} has a key with another address")]
    Address {
        /// The stored one.
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
        let mut validators = Vec::with_capacity(members.len().min(VALIDATORS_MAX));
        for &(public_key, power) in members {
            let address = public_key.address();
            if power == VotingPower::ZERO {
                return Err(ValidatorSetError::NoPower { address });
            }
            // All join together, so they begin as equals, centred at zero.
            validators.push(Validator { address, public_key, power, proposer_priority: 0 });
        }
        Ok(Self::assemble(validators, None)?.advanced(1))
    }

    /// A set as it was stored or sent, with its priorities; sorted if it is not.
    ///
    /// # Errors
    /// See [`ValidatorSetError`].
    pub fn from_parts(
        validators: Vec<Validator>,
        proposer: Option<Address>,
    ) -> Result<Self, ValidatorSetError> {
        for validator in &validators {
            if validator.public_key.address() != validator.address {
                return Err(ValidatorSetError::Address { address: validator.address });
            }
        }
        Self::assemble(validators, proposer)
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
        let index = *self.roster.by_address.get(address)?;
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
        if round == Round::FIRST {
            return self.proposer;
        }
        let mut validators = self.validators.clone();
        proposer::advance(&mut validators, self.total, round.0).unwrap_or(self.proposer)
    }

    /// The set after `times` steps of the rotation. spec: `IncrementProposerPriority`.
    #[must_use]
    pub fn advanced(&self, times: u32) -> ValidatorSet {
        let mut set = self.clone();
        if let Some(proposer) = proposer::advance(&mut set.validators, set.total, times) {
            set.proposer = proposer;
        }
        set
    }

    /// The set after an application's updates (power 0 removes). spec: `UpdateWithChangeSet`.
    /// The rotation is not advanced.
    ///
    /// # Errors
    /// See [`ValidatorSetError`].
    pub fn updated(&self, updates: &[ValidatorUpdate]) -> Result<ValidatorSet, ValidatorSetError> {
        if updates.is_empty() {
            return Ok(self.clone());
        }
        let changes = Changes::sort(updates)?;
        let known = &self.roster.by_address;
        let joining = changes.kept.keys().filter(|it| !known.contains_key(it)).count();
        if joining == 0 && changes.removed.len() == self.count() {
            return Err(ValidatorSetError::Empty);
        }
        let total_before_removals = self.total_before_removals(&changes)?;

        let mut members: BTreeMap<Address, Validator> =
            self.validators.iter().map(|it| (it.address, it.clone())).collect();
        for (&address, update) in &changes.kept {
            members.entry(address).and_modify(|it| it.power = update.power).or_insert(Validator {
                address,
                public_key: update.public_key,
                power: update.power,
                proposer_priority: proposer::late_joiner_priority(total_before_removals),
            });
        }
        members.retain(|address, _| !changes.removed.contains(address));
        let mut validators: Vec<Validator> = members.into_values().collect();
        let total = sum_of_power(&validators)?;
        proposer::rescale(&mut validators, total);
        proposer::centre(&mut validators);

        let proposer = self.proposer().address;
        let stays = validators.iter().any(|it| it.address == proposer);
        Self::assemble(validators, stays.then_some(proposer))
    }

    /// Total power with the changes that keep or add members, before others are removed, if the
    /// total after the removals is within its limit. spec: `verifyRemovals`, `verifyUpdates`.
    fn total_before_removals(&self, changes: &Changes<'_>) -> Result<i128, ValidatorSetError> {
        let mut removed = 0;
        for address in &changes.removed {
            let (_, validator) =
                self.find(address).ok_or(ValidatorSetError::Unknown { address: *address })?;
            removed += i128::from(validator.power.0);
        }
        let mut total = i128::from(self.total.0);
        for (address, update) in &changes.kept {
            let before = self.find(address).map_or(0, |(_, it)| i128::from(it.power.0));
            total += i128::from(update.power.0) - before;
        }
        if i128::from(TOTAL_POWER_MAX) < total - removed {
            return Err(ValidatorSetError::PowerOverflow { limit: TOTAL_POWER_MAX });
        }
        Ok(total)
    }

    /// Puts members in order, checks them, and finds the proposer (the first in line, unless one is
    /// given).
    fn assemble(
        mut validators: Vec<Validator>,
        proposer: Option<Address>,
    ) -> Result<Self, ValidatorSetError> {
        if VALIDATORS_MAX < validators.len() {
            let actual = validators.len();
            return Err(ValidatorSetError::TooMany { actual, limit: VALIDATORS_MAX });
        }
        validators.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.address.cmp(&b.address)));
        let mut by_address = BTreeMap::new();
        for (index, validator) in (0_u32..).zip(&validators) {
            let address = validator.address;
            if validator.power == VotingPower::ZERO {
                return Err(ValidatorSetError::NoPower { address });
            }
            if by_address.insert(address, ValidatorIndex(index)).is_some() {
                return Err(ValidatorSetError::Duplicate { address });
            }
        }
        let total = sum_of_power(&validators)?;
        let first = proposer::first_in_line(&validators).ok_or(ValidatorSetError::Empty)?;
        let proposer = match proposer {
            None => first,
            Some(address) => {
                *by_address.get(&address).ok_or(ValidatorSetError::UnknownProposer { address })?
            }
        };
        let roster = Arc::new(Roster { by_address, hash: OnceLock::new() });
        Ok(Self { validators, total, proposer, roster })
    }

    /// What the header says of the set: Merkle root over keys and powers in order.
    pub fn hash(&self) -> Hash {
        *self.roster.hash.get_or_init(|| {
            let leaves: Vec<Vec<u8>> =
                self.validators.iter().map(crate::codec::validator_leaf).collect();
            crate::merkle::root(&leaves)
        })
    }
}

/// Updates by the application, sorted into who stays or joins and who leaves.
/// spec: `processChanges`.
struct Changes<'a> {
    kept: BTreeMap<Address, &'a ValidatorUpdate>,
    removed: BTreeSet<Address>,
}

impl<'a> Changes<'a> {
    fn sort(updates: &'a [ValidatorUpdate]) -> Result<Self, ValidatorSetError> {
        let mut changes = Self { kept: BTreeMap::new(), removed: BTreeSet::new() };
        for update in updates {
            let address = update.public_key.address();
            if changes.kept.contains_key(&address) || changes.removed.contains(&address) {
                return Err(ValidatorSetError::Duplicate { address });
            }
            if TOTAL_POWER_MAX < update.power.0 {
                return Err(ValidatorSetError::PowerOverflow { limit: TOTAL_POWER_MAX });
            }
            if update.power == VotingPower::ZERO {
                changes.removed.insert(address);
            } else {
                changes.kept.insert(address, update);
            }
        }
        Ok(changes)
    }
}

fn sum_of_power(validators: &[Validator]) -> Result<VotingPower, ValidatorSetError> {
    let total = validators.iter().fold(VotingPower::ZERO, |sum, it| sum.plus(it.power));
    if TOTAL_POWER_MAX < total.0 {
        return Err(ValidatorSetError::PowerOverflow { limit: TOTAL_POWER_MAX });
    }
    Ok(total)
}
