//! The legal order of calls to an application. spec: "CometBFT's expected behavior", grammar.
//!
//! ```text
//! start            = clean-start / recovery
//! clean-start      = ( info init-chain / state-sync ) consensus-exec
//! state-sync       = *( offer-snapshot *apply-chunk ) offer-snapshot 1*apply-chunk info
//! recovery         = info [init-chain] consensus-exec
//! consensus-exec   = (inf)consensus-height
//! consensus-height = *consensus-round finalize-block commit
//! ```
//!
//! A round may be left out in any of its parts, so within a height prepare, process, extend and
//! verify come in any order. Calls that only read (and further `info`) come at any time.

use std::fmt;

use crate::application::Call;

/// Where a node stands in the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar {
    start: Start,
    place: Place,
}

/// How the node began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// For the first time: InitChain or state sync must come.
    Clean,
    /// Again: the application may have all that it needs.
    Recovery,
}

/// The places between calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing was asked yet.
    Start,
    /// `info` was answered.
    Handshake,
    /// A snapshot was offered.
    Offered,
    /// At least one piece of the offered snapshot was put in.
    Applied,
    /// `info` was answered after the last piece.
    Restored,
    /// Some height goes on, or the next begins.
    Height,
    /// A block was executed and not committed.
    Executed,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Start => "before the handshake",
            Place::Handshake => "after the handshake's info",
            Place::Offered => "after offer_snapshot",
            Place::Applied => "after apply_snapshot_chunk",
            Place::Restored => "after a restored snapshot's info",
            Place::Height => "within a height",
            Place::Executed => "between finalize_block and commit",
        })
    }
}

/// A call out of order. Our mistake, never the application's.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{call} may not come {place}")]
pub struct GrammarError {
    /// Which call.
    pub call: Call,
    /// Where it came.
    pub place: Place,
}

impl Grammar {
    /// A node that starts for the first time.
    pub fn clean_start() -> Self {
        Self { start: Start::Clean, place: Place::Start }
    }

    /// A node that starts again.
    pub fn recovery() -> Self {
        Self { start: Start::Recovery, place: Place::Start }
    }

    /// Takes the next call.
    ///
    /// # Errors
    /// If the call may not come here; the place stays as it was.
    pub fn call(&mut self, call: Call) -> Result<(), GrammarError> {
        match self.after(call) {
            Some(place) => {
                self.place = place;
                Ok(())
            }
            None => Err(GrammarError { call, place: self.place }),
        }
    }

    fn after(&self, call: Call) -> Option<Place> {
        match (self.place, call) {
            (
                place,
                Call::CheckTx
                | Call::InsertTx
                | Call::ReapTxs
                | Call::Query
                | Call::ListSnapshots
                | Call::LoadSnapshotChunk,
            ) => Some(place),

            (Place::Start, Call::Info) => Some(Place::Handshake),
            (Place::Applied, Call::Info) => Some(Place::Restored),
            (place, Call::Info) => Some(place),

            (Place::Handshake, Call::InitChain) => Some(Place::Height),
            (_, Call::InitChain) => None,

            (
                Place::Start | Place::Handshake | Place::Offered | Place::Applied | Place::Restored,
                Call::OfferSnapshot,
            ) => (self.start == Start::Clean).then_some(Place::Offered),
            (Place::Height | Place::Executed, Call::OfferSnapshot) => None,

            (Place::Offered | Place::Applied | Place::Restored, Call::ApplySnapshotChunk) => {
                Some(Place::Applied)
            }
            (_, Call::ApplySnapshotChunk) => None,

            (
                _,
                Call::PrepareProposal
                | Call::ProcessProposal
                | Call::ExtendVote
                | Call::VerifyVoteExtension,
            ) => self.may_run().then_some(Place::Height),
            (_, Call::FinalizeBlock) => self.may_run().then_some(Place::Executed),

            (Place::Executed, Call::Commit) => Some(Place::Height),
            (_, Call::Commit) => None,
        }
    }

    /// Whether a height may go on or begin here.
    fn may_run(&self) -> bool {
        match self.place {
            Place::Height | Place::Restored => true,
            Place::Handshake => self.start == Start::Recovery,
            Place::Start | Place::Offered | Place::Applied | Place::Executed => false,
        }
    }
}
