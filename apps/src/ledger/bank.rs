//! Coins of several denominations: balances, transfers, and how much there is of each.

use std::collections::BTreeMap;

use abci::InitChainRequest;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Deserialize;

use crate::framework::{
    Account, Answer, Coded, Description, Field, Frame, Kind, Map, MessageDescription, Module,
    QueryDescription, Question, Refusal, State, event,
};

/// What each account has of each denomination; nothing is no entry.
const BALANCES: Map<(Account, String), u64> = Map::new("bank/balance/");
/// How much there is of each denomination.
const SUPPLY: Map<String, u64> = Map::new("bank/supply/");
/// Longest name of a denomination in bytes.
const DENOM_BYTES_MAX: usize = 32;

/// Coins. Whoever holds this may move and make them; messages only move the signer's.
#[derive(Clone, Copy, Debug)]
pub struct Bank;

/// What the bank can be told.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum BankMessage {
    /// Gives coins of the signer to somebody.
    Send {
        /// To whom.
        to: Account,
        /// Which.
        denom: String,
        /// How many.
        amount: u64,
    },
}

/// The section in genesis.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BankGenesis {
    /// Who has what from the beginning.
    pub balances: Vec<GenesisBalance>,
}

/// What an account has from the beginning.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisBalance {
    /// Who.
    pub account: Account,
    /// Which.
    pub denom: String,
    /// How many.
    pub amount: u64,
}

/// Why coins are not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BankError {
    /// There are not enough.
    #[error("account {account} has {balance} {denom}, which is less than {amount}")]
    Funds {
        /// Whose.
        account: Account,
        /// Of what.
        denom: String,
        /// What it has.
        balance: u64,
        /// What it should give.
        amount: u64,
    },
    /// Nothing is called this.
    #[error("{denom:?} names no coins: 1 to {DENOM_BYTES_MAX} of a-z, 0-9, - and /")]
    Denom {
        /// The name.
        denom: String,
    },
    /// Nothing is to be moved.
    #[error("the amount is 0")]
    Nothing,
    /// There would be more than can be counted.
    #[error("there would be more than {} {denom}", u64::MAX)]
    TooMany {
        /// Of what.
        denom: String,
    },
}

impl Coded for BankError {
    const CODESPACE: &'static str = "bank";

    fn code(&self) -> u32 {
        match self {
            BankError::Funds { .. } => 1,
            BankError::Denom { .. } => 2,
            BankError::Nothing => 3,
            BankError::TooMany { .. } => 4,
        }
    }
}

/// Whether coins may be called this.
///
/// # Errors
/// If not.
pub fn check_denom(denom: &str) -> Result<(), BankError> {
    let is_known = |it: u8| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'/');
    let well_formed = (1..=DENOM_BYTES_MAX).contains(&denom.len()) && denom.bytes().all(is_known);
    if well_formed {
        Ok(())
    } else {
        Err(BankError::Denom { denom: denom.chars().take(DENOM_BYTES_MAX).collect() })
    }
}

impl Bank {
    /// What an account has.
    pub fn balance(self, state: &State, account: Account, denom: &str) -> u64 {
        BALANCES.get(state, &(account, denom.to_owned())).unwrap_or(0)
    }

    /// How much there is.
    pub fn supply(self, state: &State, denom: &str) -> u64 {
        SUPPLY.get(state, &denom.to_owned()).unwrap_or(0)
    }

    /// Moves coins from the first account to the second.
    ///
    /// # Errors
    /// If there are not enough.
    pub fn transfer(
        self,
        state: &mut State,
        (from, to): (Account, Account),
        denom: &str,
        amount: u64,
    ) -> Result<(), BankError> {
        self.take(state, from, denom, amount)?;
        self.give(state, to, denom, amount)
    }

    /// Makes coins.
    ///
    /// # Errors
    /// If there would be more than can be counted.
    pub fn mint(
        self,
        state: &mut State,
        to: Account,
        denom: &str,
        amount: u64,
    ) -> Result<(), BankError> {
        let supply = self.supply(state, denom).checked_add(amount);
        let supply = supply.ok_or_else(|| BankError::TooMany { denom: denom.to_owned() })?;
        SUPPLY.set(state, &denom.to_owned(), &supply);
        self.give(state, to, denom, amount)
    }

    /// Destroys coins.
    ///
    /// # Errors
    /// If there are not enough.
    pub fn burn(
        self,
        state: &mut State,
        from: Account,
        denom: &str,
        amount: u64,
    ) -> Result<(), BankError> {
        self.take(state, from, denom, amount)?;
        let supply = self.supply(state, denom).checked_sub(amount);
        let supply = supply.expect("there is as much as everybody has together");
        SUPPLY.set(state, &denom.to_owned(), &supply);
        Ok(())
    }

    fn take(
        self,
        state: &mut State,
        account: Account,
        denom: &str,
        amount: u64,
    ) -> Result<(), BankError> {
        let balance = self.balance(state, account, denom);
        let Some(left) = balance.checked_sub(amount) else {
            let denom = denom.to_owned();
            return Err(BankError::Funds { account, denom, balance, amount });
        };
        let key = (account, denom.to_owned());
        if left == 0 {
            BALANCES.remove(state, &key);
        } else {
            BALANCES.set(state, &key, &left);
        }
        Ok(())
    }

    fn give(
        self,
        state: &mut State,
        account: Account,
        denom: &str,
        amount: u64,
    ) -> Result<(), BankError> {
        if amount == 0 {
            return Ok(());
        }
        let balance = self.balance(state, account, denom).checked_add(amount);
        let balance = balance.ok_or_else(|| BankError::TooMany { denom: denom.to_owned() })?;
        BALANCES.set(state, &(account, denom.to_owned()), &balance);
        Ok(())
    }
}

const DENOM: Field = Field { name: "denom", kind: Kind::Text, summary: "Which coins" };

impl Module for Bank {
    const DESCRIPTION: Description = Description {
        name: "bank",
        summary: "Coins of several denominations",
        messages: &[MessageDescription {
            name: "send",
            tag: 0,
            summary: "Gives coins to somebody",
            fields: &[
                Field { name: "to", kind: Kind::Account, summary: "To whom" },
                DENOM,
                Field { name: "amount", kind: Kind::Number, summary: "How many" },
            ],
        }],
        queries: &[
            QueryDescription {
                name: "balance",
                summary: "What an account has",
                parameters: &[
                    Field { name: "account", kind: Kind::Account, summary: "Whose" },
                    DENOM,
                ],
                answer: &[Field { name: "amount", kind: Kind::Number, summary: "How many" }],
            },
            QueryDescription {
                name: "supply",
                summary: "How much there is",
                parameters: &[DENOM],
                answer: &[Field { name: "amount", kind: Kind::Number, summary: "How many" }],
            },
        ],
        events: &["bank.send"],
    };
    type Message = BankMessage;
    type Genesis = BankGenesis;

    fn genesis(
        &self,
        state: &mut State,
        _start: &InitChainRequest,
        section: BankGenesis,
    ) -> Result<(), Refusal> {
        for GenesisBalance { account, denom, amount } in section.balances {
            check_denom(&denom)?;
            self.mint(state, account, &denom, amount)?;
        }
        Ok(())
    }

    fn check(&self, message: &BankMessage) -> Result<(), Refusal> {
        let BankMessage::Send { denom, amount, .. } = message;
        check_denom(denom)?;
        if *amount == 0 { Err(BankError::Nothing.into()) } else { Ok(()) }
    }

    fn handle(
        &self,
        state: &mut State,
        _frame: &Frame,
        signer: Account,
        message: &BankMessage,
    ) -> Result<(), Refusal> {
        let BankMessage::Send { to, denom, amount } = message;
        self.transfer(state, (signer, *to), denom, *amount)?;
        let facts: [(&str, &dyn std::fmt::Display); 4] =
            [("from", &signer), ("to", to), ("denom", denom), ("amount", amount)];
        state.emit(event("bank.send", &facts));
        Ok(())
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        match question.name {
            "balance" => Ok(Answer::at(state, BALANCES.key(&question.read()?))),
            "supply" => Ok(Answer::at(state, SUPPLY.key(&question.read()?))),
            _ => Err(question.unknown()),
        }
    }

    fn invariants(&self, state: &State) -> Result<(), String> {
        let mut sums: BTreeMap<String, u128> = BTreeMap::new();
        for ((_, denom), amount) in BALANCES.all(state) {
            *sums.entry(denom).or_default() += u128::from(amount);
        }
        let supply: BTreeMap<String, u128> = SUPPLY
            .all(state)
            .filter(|(_, amount)| 0 < *amount)
            .map(|(denom, amount)| (denom, u128::from(amount)))
            .collect();
        if sums == supply {
            return Ok(());
        }
        Err(format!("the balances add up to {sums:?}, the supply is {supply:?}"))
    }
}
