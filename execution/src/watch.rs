//! Who looks on while a node works, and can end it between any two rows of the durability contract.

use std::fmt;

use types::{Block, BlockOutcome};

/// A place between two facts that must become durable in order. At each a test may end the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The application has begun a chain, which the store does not know yet.
    AfterInitChain,
    /// Something is to be signed.
    BeforeSign,
    /// The signer's next state is written beside the old one.
    SignerWritten,
    /// The signer's next state is in the old one's place.
    SignerRenamed,
    /// A signature is known to this node alone.
    AfterSign,
    /// Records are to be made durable.
    BeforePersist,
    /// Records are durable.
    AfterPersist,
    /// A decided block is to be made durable.
    BeforeDecide,
    /// A decided block is durable.
    AfterDecide,
    /// A block is to be executed.
    BeforeFinalize,
    /// A block is executed, and its outcome is to be made durable.
    AfterFinalize,
    /// A block's outcome is durable.
    AfterOutcome,
    /// The application has made its state durable.
    AfterCommit,
    /// The replica is to be told of the outcome.
    BeforeAnswer,
    /// The state after a block is written.
    AfterState,
}

impl Point {
    /// Every place, in the order in which one height passes them; the first only when a chain
    /// begins.
    pub const ALL: [Point; 15] = [
        Point::AfterInitChain,
        Point::BeforeSign,
        Point::SignerWritten,
        Point::SignerRenamed,
        Point::AfterSign,
        Point::BeforePersist,
        Point::AfterPersist,
        Point::BeforeDecide,
        Point::AfterDecide,
        Point::BeforeFinalize,
        Point::AfterFinalize,
        Point::AfterOutcome,
        Point::AfterCommit,
        Point::BeforeAnswer,
        Point::AfterState,
    ];

    /// The name by which a test asks for it, such as `before-sign`.
    pub fn name(self) -> &'static str {
        match self {
            Point::AfterInitChain => "after-init-chain",
            Point::BeforeSign => "before-sign",
            Point::SignerWritten => "signer-written",
            Point::SignerRenamed => "signer-renamed",
            Point::AfterSign => "after-sign",
            Point::BeforePersist => "before-persist",
            Point::AfterPersist => "after-persist",
            Point::BeforeDecide => "before-decide",
            Point::AfterDecide => "after-decide",
            Point::BeforeFinalize => "before-finalize",
            Point::AfterFinalize => "after-finalize",
            Point::AfterOutcome => "after-outcome",
            Point::AfterCommit => "after-commit",
            Point::BeforeAnswer => "before-answer",
            Point::AfterState => "after-state",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whoever watches has ended the node here. Nothing more may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at {point}")]
pub struct Stopped {
    /// Where.
    pub point: Point,
}

/// Who looks on. By default nobody does.
pub trait Watch: Send + Sync {
    /// A place is passed.
    ///
    /// # Errors
    /// If the node ends here, as a crash would end it.
    fn pass(&self, point: Point) -> Result<(), Stopped> {
        let _ = point;
        Ok(())
    }

    /// A synced write is done.
    fn synced(&self) {}

    /// A block was executed, and the application has committed it.
    fn executed(&self, block: &Block, outcome: &BlockOutcome) {
        let _ = (block, outcome);
    }
}

/// Nobody looks on, and nothing is ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
