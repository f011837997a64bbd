//! Accounts: whose turn it is, and what a transaction costs.
//!
//! A transaction carries how many of its signer came before (its nonce), so none runs twice, and a
//! fee of at least the minimum, which the signer pays even if the messages fail. A transaction with
//! another nonce, too small a fee, or an empty account is not admitted: it costs nothing and is in
//! no block.

use abci::InitChainRequest;
use serde::Deserialize;

use super::bank::Bank;
use crate::framework::{
    Account, Answer, Body, Coded, Description, Field, Frame, Item, Kind, Map, Module, Nothing,
    QueryDescription, Question, Refusal, State, event,
};

/// How many transactions of each account have run.
const NONCES: Map<Account, u64> = Map::new("auth/nonce/");
/// What fees are paid in, and the least that is taken.
const FEE: Item<(String, u64)> = Item::new("auth/fee");

/// Accounts and fees.
#[derive(Clone, Copy, Debug)]
pub struct Auth {
    /// None takes no fees.
    bank: Option<Bank>,
}

/// The section in genesis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthGenesis {
    /// What fees are paid in.
    pub fee_denom: String,
    /// The least that is taken for a transaction.
    pub fee_minimum: u64,
}

impl Default for AuthGenesis {
    fn default() -> Self {
        Self { fee_denom: "stake".to_owned(), fee_minimum: 1 }
    }
}

/// Why a transaction is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It has run already, or others must come first.
    #[error("account {account} is at nonce {expected}, the transaction has {actual}")]
    Nonce {
        /// Whose.
        account: Account,
        /// What comes next.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// It pays too little.
    #[error("the fee is {actual}, the least is {least} {denom}")]
    Fee {
        /// What it pays.
        actual: u64,
        /// What it must pay.
        least: u64,
        /// Of what.
        denom: String,
    },
}

impl Coded for AuthError {
    const CODESPACE: &'static str = "auth";

    fn code(&self) -> u32 {
        match self {
            AuthError::Nonce { .. } => 1,
            AuthError::Fee { .. } => 2,
        }
    }
}

impl Auth {
    /// Accounts whose transactions cost nothing: whoever uses this limits them otherwise.
    pub fn free() -> Self {
        Self { bank: None }
    }

    /// Accounts that pay fees with the bank's coins.
    pub fn paid_with(bank: Bank) -> Self {
        Self { bank: Some(bank) }
    }

    /// Where fees are until somebody is given them.
    pub fn collector() -> Account {
        Account::of_module("auth")
    }

    /// What fees are paid in.
    pub fn fee_denom(state: &State) -> Option<String> {
        FEE.get(state).map(|(denom, _)| denom)
    }
}

impl Module for Auth {
    const DESCRIPTION: Description = Description {
        name: "auth",
        summary: "Accounts, their nonces, and fees",
        messages: &[],
        queries: &[
            QueryDescription {
                name: "nonce",
                summary: "The nonce of an account's next transaction; nothing before its first",
                parameters: &[Field {
                    name: "account",
                    kind: Kind::Account,
                    summary: "Whose nonce",
                }],
                answer: &[Field { name: "nonce", kind: Kind::Number, summary: "The nonce" }],
            },
            QueryDescription {
                name: "fee",
                summary: "What a transaction costs at least",
                parameters: &[],
                answer: &[
                    Field { name: "denom", kind: Kind::Text, summary: "What it is paid in" },
                    Field { name: "minimum", kind: Kind::Number, summary: "How much of it" },
                ],
            },
        ],
        events: &["auth.fee"],
    };
    type Message = Nothing;
    type Genesis = AuthGenesis;

    fn genesis(
        &self,
        state: &mut State,
        _start: &InitChainRequest,
        section: AuthGenesis,
    ) -> Result<(), Refusal> {
        if self.bank.is_some() {
            super::bank::check_denom(&section.fee_denom)?;
            FEE.set(state, &(section.fee_denom, section.fee_minimum));
        }
        Ok(())
    }

    fn admit(&self, state: &mut State, body: &Body) -> Result<(), Refusal> {
        let account = body.account();
        let expected = NONCES.get(state, &account).unwrap_or(0);
        if body.nonce != expected {
            return Err(AuthError::Nonce { account, expected, actual: body.nonce }.into());
        }
        NONCES.set(state, &account, &expected.saturating_add(1));
        let Some((bank, (denom, least))) = self.bank.zip(FEE.get(state)) else { return Ok(()) };
        if body.fee < least {
            return Err(AuthError::Fee { actual: body.fee, least, denom }.into());
        }
        if 0 < body.fee {
            let paid = bank.transfer(state, (account, Self::collector()), &denom, body.fee);
            paid.map_err(|error| {
                // Else it would look as if it was about what the messages move.
                let refusal = Refusal::from(error);
                let log = format!("the fee of {} {denom} is not paid: {}", body.fee, refusal.log);
                Refusal { log, ..refusal }
            })?;
            state.emit(event("auth.fee", &[("payer", &account), ("amount", &body.fee)]));
        }
        Ok(())
    }

    fn handle(
        &self,
        _state: &mut State,
        _frame: &Frame,
        _signer: Account,
        message: &Nothing,
    ) -> Result<(), Refusal> {
        match *message {}
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        match question.name {
            "nonce" => Ok(Answer::at(state, NONCES.key(&question.read()?))),
            "fee" => Ok(Answer::at(state, FEE.key())),
            _ => Err(question.unknown()),
        }
    }
}
