//! What is wrong with a member just now, and how it stops.

use types::{ChainState, Height};

use crate::disk::Cut;
use crate::outside::Note;

/// How a node stops before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The power is cut, or a sync has failed: of what was not synced, any first part is kept.
    PowerCut,
    /// The process is gone: all that was written is kept.
    Killed,
}

/// A node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// How.
    pub ending: Ending,
    /// Which fault of the plan is to blame.
    pub fault: usize,
}

/// A node will stop after so many further outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doom {
    /// How many.
    pub left: u64,
    /// How, and because of what.
    pub stop: Stop,
}

/// Where a whole machine's node is ended in the midst of what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// When it passes a point of the durability contract for the so-manieth time.
    Point {
        /// Which.
        point: execution::Point,
        /// The first is 1.
        passes: u64,
    },
    /// When it writes.
    Write(Cut),
}

/// A whole machine's node will stop at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceDoom {
    /// Where.
    pub place: Place,
    /// How.
    pub ending: Ending,
    /// Which fault of the plan is to blame.
    pub fault: usize,
}

/// What is wrong with a disk and a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Synced writes take longer by so much.
    pub sync_micros: u64,
    /// Syncs fail, because of this fault.
    pub sync_fails: Option<usize>,
    /// Writes fail, because of this fault.
    pub full: Option<usize>,
    /// The clock has jumped by so much.
    pub clock_nanos: i64,
}

/// A validator that may not vote before the chain is where this says: its store has lost what it
/// has voted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restrained {
    until: Option<Height>,
    released: bool,
}

impl Restrained {
    /// It may vote again when this height is the next.
    pub fn until(height: Option<Height>) -> Self {
        Self { until: height, released: false }
    }

    /// Whether it may vote at the next height of a store.
    pub fn may_vote(&mut self, next: Height) -> bool {
        self.until = self.until.filter(|&until| next < until);
        self.until.is_none()
    }

    /// The chain has got on. The operator restarts the node when it may vote again.
    pub fn release(&mut self, member: usize, state: &ChainState, notes: &mut Vec<Note>) {
        let over = self.until.is_some_and(|until| until <= state.next_height());
        if over && !self.released {
            self.released = true;
            notes.push(Note::MayVote { member });
        }
    }
}
