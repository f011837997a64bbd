//! What senders and the watcher tell the one who keeps the ledger.

use std::time::Duration;

use types::Time;

use super::answer::{Answer, Fault};
use super::payload::Stamp;

/// Something that happened.
#[derive(Debug)]
pub enum News {
    /// A connection stands.
    Connected,
    /// A connection is gone that stood, or could not be made.
    Disconnected {
        /// Whether it had stood.
        stood: bool,
        /// Why, if no transaction was answered with that.
        fault: Option<Fault>,
    },
    /// A transaction is being sent.
    Sent(Stamp),
    /// This is what came of sending it.
    Answered {
        /// The transaction's number.
        number: u64,
        /// What was said.
        answer: Answer,
        /// How long that took.
        after: Duration,
    },
    /// A node said something that belongs to no transaction.
    Fault(Fault),
    /// A block.
    Block(Seen),
    /// How blocks are followed from here on.
    Following(Way),
}

/// How blocks are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a subscription to NewBlock.
    Events,
    /// By asking again and again.
    Polling,
}

/// A block, as far as a load is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its height.
    pub height: u64,
    /// Its time, by its header.
    pub time: Time,
    /// When it came to us, by our clock.
    pub arrived: Time,
    /// Whether it was asked for, rather than told by an event.
    pub polled: bool,
    /// How many transactions it has, ours and others.
    pub txs: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Those that are ours.
    pub ours: Vec<Stamp>,
}
