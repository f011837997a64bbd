//! Who votes: stake is bonded to validators, unbonded with a delay, and lost to faults.
//!
//! A validator's stake is its own and what others delegated to it. Whoever delegates gets shares of
//! the stake, so that a fault takes from all alike without a list of them. What is unbonding still
//! pays, when it arrives, for a fault from when it was bonded. The validators with the most stake
//! make the set.

mod bonds;
mod description;
mod faults;
mod records;
mod set;

use abci::InitChainRequest;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Deserialize;
use types::keys::PUBLIC_KEY_BYTES;
use types::{PublicKey, VotingPower};

use super::auth::Auth;
use super::bank::Bank;
use crate::framework::{
    Account, Answer, Coded, Description, Effects, Frame, Module, Question, Refusal, State, event,
};

use records::{ACTIVE, BY_ADDRESS, CANDIDATES, DELEGATIONS, RANKING, RULES, UNBONDINGS, rules_of};
pub use records::{Candidate, Delegation, Fault, Rules, Unbonding};

/// Staking, over the bank's coins.
#[derive(Clone, Copy, Debug)]
pub struct Staking {
    /// Where the stake is.
    pub bank: Bank,
}

/// What staking can be told.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum StakingMessage {
    /// Makes the signer a validator, with stake of its own.
    Register {
        /// The key that it votes with.
        key: [u8; PUBLIC_KEY_BYTES],
        /// How much it bonds.
        amount: u64,
    },
    /// Bonds coins of the signer to a validator.
    Delegate {
        /// The account that registered it.
        validator: Account,
        /// How much.
        amount: u64,
    },
    /// Takes stake back, after a delay.
    Undelegate {
        /// The account that registered it.
        validator: Account,
        /// How much.
        amount: u64,
    },
    /// Lets the signer's validator vote again after it was jailed for downtime.
    Unjail,
}

/// The section in genesis: the rules. The genesis file's validators are bonded with as much stake
/// as gives them their power; it is made for them.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct StakingGenesis(pub Rules);

/// Why stake is not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StakingError {
    /// Nobody registered it.
    #[error("there is no validator {validator}")]
    NoValidator {
        /// Which.
        validator: Account,
    },
    /// The account is a validator, or another votes with the key.
    #[error("the account or the key is a validator's already")]
    Registered,
    /// Not as much is delegated.
    #[error("{actual} are delegated, which is less than {wanted}")]
    TooLittle {
        /// What there is.
        actual: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// Less than can be bonded or unbonded.
    #[error("the least amount is {least}")]
    Least {
        /// The least.
        least: u64,
    },
    /// It may vote.
    #[error("the validator is not jailed")]
    NotJailed,
    /// It may not vote yet, or never again.
    #[error("the validator is jailed until {until} (seconds since 1970)")]
    Jailed {
        /// Until when.
        until: u64,
    },
    /// All of its stake is gone.
    #[error("the validator has lost its stake; nothing can be delegated to it")]
    Worthless,
    /// A rule in genesis makes no sense.
    #[error("{rule} is {actual}, must be {allowed}")]
    Rule {
        /// Which.
        rule: &'static str,
        /// What it is.
        actual: u64,
        /// What it may be.
        allowed: &'static str,
    },
}

impl Coded for StakingError {
    const CODESPACE: &'static str = "staking";

    fn code(&self) -> u32 {
        match self {
            StakingError::NoValidator { .. } => 1,
            StakingError::Registered => 2,
            StakingError::TooLittle { .. } => 3,
            StakingError::Least { .. } => 4,
            StakingError::NotJailed => 5,
            StakingError::Jailed { .. } => 6,
            StakingError::Worthless => 7,
            StakingError::Rule { .. } => 8,
        }
    }
}

impl Staking {
    /// Where bonded and unbonding stake is.
    pub fn pool() -> Account {
        Account::of_module("staking")
    }

    /// The power of an account's validator in the set that was last chosen.
    pub fn power_of(self, state: &State, validator: Account) -> VotingPower {
        ACTIVE.get(state, &validator).map_or(VotingPower::ZERO, |it| VotingPower(it.power))
    }

    /// The power of the set that was last chosen.
    pub fn total_power(self, state: &State) -> VotingPower {
        let powers = ACTIVE.all(state).map(|(_, it)| VotingPower(it.power));
        powers.fold(VotingPower::ZERO, VotingPower::plus)
    }

    /// Gives what was paid in fees to the proposer.
    fn pay_proposer(self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        let Some(denom) = Auth::fee_denom(state) else { return Ok(()) };
        let paid = self.bank.balance(state, Auth::collector(), &denom);
        let proposer = BY_ADDRESS.get(state, &Account::from(frame.proposer));
        let (Some(proposer), true) = (proposer, 0 < paid) else { return Ok(()) };
        self.bank.transfer(state, (Auth::collector(), proposer), &denom, paid)?;
        state.emit(event("staking.reward", &[("validator", &proposer), ("amount", &paid)]));
        Ok(())
    }
}

impl Module for Staking {
    const DESCRIPTION: Description = description::DESCRIPTION;
    type Message = StakingMessage;
    type Genesis = StakingGenesis;

    fn genesis(
        &self,
        state: &mut State,
        start: &InitChainRequest,
        section: StakingGenesis,
    ) -> Result<(), Refusal> {
        let rules = section.0;
        rules.check()?;
        RULES.set(state, &rules);
        if (rules.validators_max as usize) < start.validators.len() {
            return Err(StakingError::Rule {
                rule: "validators_max",
                actual: u64::from(rules.validators_max),
                allowed: "no less than the genesis file's validators",
            }
            .into());
        }
        for validator in &start.validators {
            let account = Account::of(&validator.public_key);
            let amount = validator.power.0.checked_mul(rules.power_unit);
            let amount = amount.ok_or(StakingError::Rule {
                rule: "power_unit",
                actual: rules.power_unit,
                allowed: "less, or the validators' powers must be",
            })?;
            self.bank.mint(state, account, &rules.denom, amount)?;
            self.register(state, (account, validator.public_key), amount)?;
        }
        self.choose(state, &mut Effects::default());
        Ok(())
    }

    fn handle(
        &self,
        state: &mut State,
        frame: &Frame,
        signer: Account,
        message: &StakingMessage,
    ) -> Result<(), Refusal> {
        match message {
            StakingMessage::Register { key, amount } => {
                self.register(state, (signer, PublicKey(*key)), *amount)
            }
            StakingMessage::Delegate { validator, amount } => {
                self.delegate(state, (signer, *validator), *amount)
            }
            StakingMessage::Undelegate { validator, amount } => {
                self.undelegate(state, frame, (signer, *validator), *amount)
            }
            StakingMessage::Unjail => self.unjail(state, frame, signer),
        }
    }

    fn begin_block(&self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        self.punish_misbehavior(state, frame)?;
        self.punish_downtime(state, frame)
    }

    fn end_block(
        &self,
        state: &mut State,
        frame: &Frame,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.release_matured(state, frame)?;
        self.pay_proposer(state, frame)?;
        self.choose_if_changed(state, effects);
        Ok(())
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        match question.name {
            "validator" => Ok(Answer::at(state, CANDIDATES.key(&question.read()?))),
            "delegation" => Ok(Answer::at(state, DELEGATIONS.key(&question.read()?))),
            "rules" => Ok(Answer::at(state, RULES.key())),
            _ => Err(question.unknown()),
        }
    }

    fn invariants(&self, state: &State) -> Result<(), String> {
        let mut staked = 0_u128;
        let mut ranked = 0;
        for (validator, candidate) in CANDIDATES.all(state) {
            staked += u128::from(candidate.stake);
            let delegations = DELEGATIONS.under(state, &validator.0);
            let shares: u128 = delegations.map(|(_, it)| it.shares).sum();
            if shares != candidate.shares {
                return Err(format!("{validator} has {} shares, not {shares}", candidate.shares));
            }
            if candidate.shares == 0 && 0 < candidate.stake {
                return Err(format!("{validator} has stake that is nobody's"));
            }
            if let Some(rank) = candidate.rank(validator) {
                ranked += 1;
                if RANKING.get(state, &rank).is_none() {
                    return Err(format!("{validator} has no place in the ranking"));
                }
            }
            let waiting = UNBONDINGS.all(state).filter(|(_, it)| it.validator == validator);
            if waiting.count() as u64 != candidate.unbondings {
                return Err(format!("{validator} has another number of withdrawals"));
            }
        }
        if RANKING.all(state).count() != ranked {
            return Err("somebody is ranked who is no validator, or at another stake".to_owned());
        }
        staked += UNBONDINGS.all(state).map(|(_, it)| u128::from(it.amount)).sum::<u128>();
        let pool = self.bank.balance(state, Self::pool(), &rules_of(state).denom);
        // Others may have sent it more.
        if staked <= u128::from(pool) {
            return Ok(());
        }
        Err(format!("{staked} are bonded or unbonding, the pool holds {pool}"))
    }
}
