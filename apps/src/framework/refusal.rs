//! Why a transaction or a question is refused: a code of a codespace, as ABCI has it.

use std::fmt;

use types::TxResult;

/// Of refusals that no module makes.
pub const CODESPACE: &str = "lockstep";

const HALT: u32 = 11;

/// A refusal. Not an error of ours: it is the answer to who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{log} ({codespace}, {code})")]
pub struct Refusal {
    /// Whose code it is: the module's name.
    pub codespace: &'static str,
    /// Never 0, which is success.
    pub code: u32,
    /// For people.
    pub log: String,
}

/// An error of a module, which has a number that clients know it by.
pub trait Coded: fmt::Display {
    /// The module's name.
    const CODESPACE: &'static str;

    /// Above 0; never reused for something else.
    fn code(&self) -> u32;
}

impl<E: Coded> From<E> for Refusal {
    fn from(error: E) -> Self {
        let code = error.code();
        assert!(0 < code, "0 is success");
        Self { codespace: E::CODESPACE, code, log: error.to_string() }
    }
}

impl Refusal {
    /// Whether this software must stop here, and the block is not to blame.
    pub fn is_halt(&self) -> bool {
        self.codespace == CODESPACE && self.code == HALT
    }

    /// The result of a transaction that was refused.
    pub fn result(&self) -> TxResult {
        TxResult {
            code: self.code,
            codespace: self.codespace.to_owned(),
            log: self.log.clone(),
            ..TxResult::default()
        }
    }
}

/// What the framework itself refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameworkError {
    /// Not the bytes of a transaction.
    #[error("not a transaction: {reason}")]
    Undecodable {
        /// What is wrong.
        reason: String,
    },
    /// Longer than the limit.
    #[error("the transaction has {actual} bytes, the limit is {limit}")]
    TooLarge {
        /// How long.
        actual: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Not signed by its signer, or for another chain.
    #[error("the signature is not the signer's over this transaction on chain {chain_id}")]
    Signature {
        /// This chain.
        chain_id: String,
    },
    /// No messages, or too many.
    #[error("the transaction has {actual} messages, must have 1 to {limit}")]
    Messages {
        /// How many.
        actual: usize,
        /// How many there may be.
        limit: usize,
    },
    /// For a module that is not there.
    #[error("there is no module {module:?}")]
    NoModule {
        /// Its name.
        module: String,
    },
    /// A message that its module cannot read.
    #[error("not a message of module {module}: {reason}")]
    Message {
        /// Which module.
        module: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A question that no module answers.
    #[error("nothing answers {path:?}")]
    NoQuery {
        /// The path.
        path: String,
    },
    /// A question that its module cannot read.
    #[error("the parameters of {path:?} cannot be read: {reason}")]
    Parameters {
        /// The path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A height that is no longer known, or not yet.
    #[error("height {height} is not retained: there are {floor} to {tip}")]
    Height {
        /// Which.
        height: u64,
        /// The lowest.
        floor: u64,
        /// The last.
        tip: u64,
    },
    /// There is no block, so nothing can be proven.
    #[error("nothing can be proven before the first block")]
    NoBlock,
    /// This software must not go on with this chain: it stops, whoever proposed the block.
    #[error("{reason}")]
    Halt {
        /// Why, and the remedy.
        reason: String,
    },
}

impl Coded for FrameworkError {
    const CODESPACE: &'static str = CODESPACE;

    fn code(&self) -> u32 {
        match self {
            FrameworkError::Undecodable { .. } => 1,
            FrameworkError::TooLarge { .. } => 2,
            FrameworkError::Signature { .. } => 3,
            FrameworkError::Messages { .. } => 4,
            FrameworkError::NoModule { .. } => 5,
            FrameworkError::Message { .. } => 6,
            FrameworkError::NoQuery { .. } => 7,
            FrameworkError::Parameters { .. } => 8,
            FrameworkError::Height { .. } => 9,
            FrameworkError::NoBlock => 10,
            FrameworkError::Halt { .. } => HALT,
        }
    }
}
