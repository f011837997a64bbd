//! Records: what the replica was told and what it said at the current height, so that after a
//! crash it knows again what it knew. Replay feeds them back without acting on them.

use types::part_set::Part;
use types::{DecodeError, Height, Proposal, Round, Vote};

use crate::input::Timeout;

/// One thing that changed our state at the current height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A proposal, a peer's or ours.
    Proposal(Proposal),
    /// A part of a block, a peer's or ours.
    Part {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// The part.
        part: Part,
    },
    /// A vote, a peer's or ours.
    Vote(Vote),
    /// A timeout that had an effect.
    Timeout(Timeout),
}

impl Record {
    /// The height it belongs to: records of decided heights are deleted.
    pub fn height(&self) -> Height {
        unimplemented!()
    }

    /// The record's bytes, for the store.
    pub fn encode(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let _ = bytes;
        unimplemented!()
    }
}
