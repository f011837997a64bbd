//! Why application, store and state cannot be brought together, and what an operator can do.

use abci::ApplicationError;
use storage::StorageError;
use types::chain_state::OutcomeError;
use types::{AppHash, Height};

use crate::executor::ExecutionError;
use crate::watch::Stopped;

/// Why a node cannot start from what it finds. Heights are numbers where there may be no block yet.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The application failed.
    #[error(transparent)]
    Application(#[from] ApplicationError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// A block could not be executed again.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// What came of a stored block makes no state.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// Whoever watches has ended the node.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The chain cannot begin.
    #[error("genesis.json and the application's InitChain make no state to begin with: {0}")]
    Genesis(OutcomeError),
    /// The application has a past and we have none.
    #[error(
        "the application is at height {application} but this node's data folder is empty; restore \
         the data folder, or reset the application"
    )]
    NoState {
        /// Where the application is.
        application: Height,
    },
    /// There is a past, but no blocks.
    #[error(
        "the application is at height {application} and the state at {state}, but the store has no \
         block; restore the data folder, or run unsafe-reset-all and reset the application"
    )]
    NoBlock {
        /// Where the application is.
        application: u64,
        /// Where the state is.
        state: u64,
    },
    /// Blocks and state do not belong together.
    #[error(
        "the store's last block is {tip}, the state is at {state}: the data folder is damaged; \
         restore it, or run unsafe-reset-all and fetch the chain again"
    )]
    StateAstray {
        /// The last block.
        tip: Height,
        /// Where the state is.
        state: u64,
    },
    /// The application has executed what we do not have.
    #[error(
        "the application is at height {application}, the store's last block is {tip}: the data \
         folder is older than the application; restore the newer one, or reset the application"
    )]
    ApplicationAhead {
        /// Where the application is.
        application: u64,
        /// The last block.
        tip: Height,
    },
    /// The application needs blocks that were pruned.
    #[error(
        "the application is at height {application}, but the store keeps no block before {base}; \
         restore the application from a snapshot at height {base} or later"
    )]
    BlocksGone {
        /// Where the application is.
        application: u64,
        /// The first block.
        base: Height,
    },
    /// The application has executed the last block, but nobody knows with what outcome.
    #[error(
        "the application has committed height {tip}, but its outcome is not in the store; restore \
         the data folder, or reset the application"
    )]
    NoOutcome {
        /// The last block.
        tip: Height,
    },
    /// A block between the first and the last is not there.
    #[error("block {height} is not in the store; restore the data folder")]
    Missing {
        /// Which.
        height: Height,
    },
    /// A block was executed twice, with different outcomes.
    #[error(
        "the application executed block {height} differently than before (app hash {before}, then \
         {now}): it is not deterministic, or its state is not that of the height before"
    )]
    OtherOutcome {
        /// Which block.
        height: Height,
        /// The first time.
        before: AppHash,
        /// This time.
        now: AppHash,
    },
    /// A block was executed with another outcome than the next block says.
    #[error(
        "the application's state after replaying block {height} is {application}, the chain says \
         {chain}: it is not deterministic, or its state is not of this chain"
    )]
    OtherChain {
        /// Which block.
        height: Height,
        /// What the application says.
        application: AppHash,
        /// What the next block says.
        chain: AppHash,
    },
    /// All are at one height, but the application is in another state.
    #[error(
        "the application's state is {application}, the chain says {chain} after height {height}: it \
         is not deterministic, or its state is not of this chain; reset the application to replay"
    )]
    OtherState {
        /// After which block.
        height: u64,
        /// What the application says.
        application: AppHash,
        /// What the chain says.
        chain: AppHash,
    },
}
