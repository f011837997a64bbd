//! What can go wrong on a chain without a network.

use types::Height;
use types::chain_state::{BlockError, OutcomeError};

use crate::application::ApplicationError;

/// What the application, or the test, did wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TestChainError {
    /// The application failed, or a call came out of order.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// Its answer cannot be taken.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// The proposal breaks the chain's rules.
    #[error("block {height}: {source}")]
    Block {
        /// Where.
        height: Height,
        /// Which rule.
        source: BlockError,
    },
    /// It prepared more than fits.
    #[error("prepared {actual} bytes of transactions, the limit is {limit}")]
    TooLarge {
        /// What it prepared.
        actual: u64,
        /// What it was allowed.
        limit: u64,
    },
    /// It refuses a block.
    #[error("block {height} is rejected")]
    Rejected {
        /// Where.
        height: Height,
    },
    /// Two of it do not write the same: it depends on something that is not in the block.
    #[error("block {height}: two executions differ in {what}")]
    Differ {
        /// Where.
        height: Height,
        /// In what: a key of the state, or a part of the outcome.
        what: String,
    },
    /// Something does not hold that always should.
    #[error("after block {height}: {broken}")]
    Invariant {
        /// Where.
        height: Height,
        /// What.
        broken: String,
    },
    /// It cannot start from its own snapshot.
    #[error("snapshot: {problem}")]
    Snapshot {
        /// What went wrong.
        problem: String,
    },
    /// After a restart it stands above the chain.
    #[error("the application stands at {application}, the chain at {chain:?}")]
    Ahead {
        /// What it says.
        application: Height,
        /// The last block; none before the first.
        chain: Option<Height>,
    },
    /// After a restart it does not have the state that it had.
    #[error("the application is not what it was at height {height:?}")]
    Diverged {
        /// Where; none is before the first block.
        height: Option<Height>,
    },
}
