//! What staking keeps.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use types::keys::PUBLIC_KEY_BYTES;

use super::StakingError;
use crate::framework::{Account, Item, Map, State};

/// The rules, from genesis.
pub const RULES: Item<Rules> = Item::new("staking/rules");
/// Validators by the account that registered them.
pub const CANDIDATES: Map<Account, Candidate> = Map::new("staking/validator/");
/// Validators that may vote, those with the most stake first: by what their stake lacks of all that
/// can be counted.
pub const RANKING: Map<(u64, Account), bool> = Map::new("staking/ranking/");
/// Accounts of validators by the address of the key that they vote with.
pub const BY_ADDRESS: Map<Account, Account> = Map::new("staking/address/");
/// Shares by validator and owner.
pub const DELEGATIONS: Map<(Account, Account), Delegation> = Map::new("staking/delegation/");
/// What is on its way back, by when it arrives and a number that is given once.
pub const UNBONDINGS: Map<(u64, u64), Unbonding> = Map::new("staking/unbonding/");
/// The next such number.
pub const NEXT_UNBONDING: Item<u64> = Item::new("staking/next_unbonding");
/// The set that was last chosen.
pub const ACTIVE: Map<Account, Active> = Map::new("staking/active/");
/// Blocks that a validator missed in the window that it is in; nothing if it missed none.
pub const MISSES: Map<Account, Misses> = Map::new("staking/misses/");
/// There while a block has changed what the set depends on; never between two blocks.
pub const CHANGED: Item<bool> = Item::new("staking/changed");

/// What staking goes by.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Of what stake is.
    pub denom: String,
    /// How much stake is one of voting power; also the least that is bonded.
    pub power_unit: u64,
    /// How many validators are in the set, at most.
    pub validators_max: u32,
    /// How long stake is on its way back. Should be longer than evidence counts; nothing
    /// checks that.
    pub unbonding_seconds: u64,
    /// Of the stake, for voting twice, in ten thousandths. The validator never votes again.
    pub equivocation_loss: u64,
    /// Of the stake, for downtime, in ten thousandths.
    pub downtime_loss: u64,
    /// In how many blocks missed ones are counted.
    pub downtime_window: u64,
    /// How many of them may be missed.
    pub downtime_misses_max: u64,
    /// How long a validator is jailed for downtime.
    pub jail_seconds: u64,
}

/// As the largest networks have them.
impl Default for Rules {
    fn default() -> Self {
        Self {
            denom: "stake".to_owned(),
            power_unit: 1_000_000,
            validators_max: 100,
            unbonding_seconds: 21 * 24 * 60 * 60,
            equivocation_loss: 500,
            downtime_loss: 1,
            downtime_window: 10_000,
            downtime_misses_max: 9_500,
            jail_seconds: 600,
        }
    }
}

/// Parts in a whole, for losses.
pub const WHOLE: u64 = 10_000;
/// The least power unit: all stake there can be is then below the protocol's limit of power.
const POWER_UNIT_MIN: u64 = 16;
const _: () = assert!(u64::MAX / POWER_UNIT_MIN <= types::power::TOTAL_POWER_MAX);
const VALIDATORS_MAX: u64 = types::validator::VALIDATORS_MAX as u64;

impl Rules {
    /// Whether they make sense.
    pub fn check(&self) -> Result<(), StakingError> {
        let range = |rule, actual, (least, most), allowed| {
            let fits = least <= actual && actual <= most;
            if fits { Ok(()) } else { Err(StakingError::Rule { rule, actual, allowed }) }
        };
        let all = u64::MAX;
        range("power_unit", self.power_unit, (POWER_UNIT_MIN, all), "16 or more")?;
        let count = u64::from(self.validators_max);
        range("validators_max", count, (1, VALIDATORS_MAX), "1 to 10000")?;
        range("equivocation_loss", self.equivocation_loss, (0, WHOLE), "0 to 10000")?;
        range("downtime_loss", self.downtime_loss, (0, WHOLE), "0 to 10000")?;
        range("downtime_window", self.downtime_window, (1, all), "1 or more")
    }
}

/// The rules of this chain.
pub fn rules_of(state: &State) -> Rules {
    RULES.get(state).unwrap_or_default()
}

/// Somebody who votes, or wants to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Candidate {
    /// The key that it votes with.
    pub key: [u8; PUBLIC_KEY_BYTES],
    /// Its own and others'.
    pub stake: u64,
    /// Of the stake, in the hands of all who delegated.
    pub shares: u128,
    /// How many withdrawals from it are on their way.
    pub unbondings: u64,
    /// Whether it may not vote.
    pub jailed: bool,
    /// Until when it may not ask to vote again, in seconds since 1970.
    pub jailed_until: u64,
    /// That it voted twice, if that was proven.
    pub fault: Fault,
}

impl Candidate {
    /// A validator without stake.
    pub fn new(key: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self {
            key,
            stake: 0,
            shares: 0,
            unbondings: 0,
            jailed: false,
            jailed_until: 0,
            fault: Fault::default(),
        }
    }

    /// Its place in the ranking, if it may vote.
    pub fn rank(&self, account: Account) -> Option<(u64, Account)> {
        let missing = u64::MAX.checked_sub(self.stake).expect("stake is a number of 64 bits");
        (!self.jailed && 0 < self.stake).then_some((missing, account))
    }
}

/// A validator's second vote; zeros if there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Fault {
    /// The height that it voted on.
    pub at: u64,
    /// The height of the block with the proof.
    pub proven: u64,
}

impl Fault {
    /// Whether stake that was withdrawn at a height is to pay: it was bonded then (who withdrew
    /// had power for two heights more), and was not bonded when the rest paid.
    pub fn reaches(self, withdrawn: u64) -> bool {
        self.at <= withdrawn.saturating_add(1) && withdrawn < self.proven
    }
}

/// Keeps a validator, and its place in the ranking.
pub fn keep(state: &mut State, account: Account, candidate: &Candidate) {
    let known = CANDIDATES.get(state, &account).and_then(|it| it.rank(account));
    let rank = candidate.rank(account);
    if known != rank {
        if let Some(known) = known {
            RANKING.remove(state, &known);
        }
        if let Some(rank) = rank {
            RANKING.set(state, &rank, &true);
        }
    }
    CANDIDATES.set(state, &account, candidate);
}

/// Somebody's shares of a validator's stake.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Delegation {
    /// How many.
    pub shares: u128,
}

/// Stake on its way back to its owner.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Unbonding {
    /// To whom it was bonded.
    pub validator: Account,
    /// Whose it is.
    pub owner: Account,
    /// How much.
    pub amount: u64,
    /// Since which height it is not bonded.
    pub since: u64,
}

/// A member of the set.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Active {
    /// The key that it votes with.
    pub key: [u8; PUBLIC_KEY_BYTES],
    /// As the chain was told.
    pub power: u64,
}

/// Missed blocks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Misses {
    /// Number of the window.
    pub window: u64,
    /// How many in it.
    pub count: u64,
}
