//! ABCI's calls and their messages as bytes, the same on sockets and over gRPC. Whoever reads a
//! message names the field that it refuses.
//!
//! Answers are read with more patience than blocks are: an application's mistakes stop its own
//! node, so it is told what is wrong, by name.

use types::codec::DecodeError;

use crate::application::Call;

pub mod request;
pub mod response;

/// Number of an exception among the responses: the application's word that it cannot go on.
pub const EXCEPTION: u32 = 1;

/// What may stand in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Say the same.
    Echo,
    /// Send what you hold back.
    Flush,
    /// Do this.
    Ask(Call),
}

impl Kind {
    /// The number of its field in `tendermint.abci.Request`.
    pub fn request_number(self) -> u32 {
        match self {
            Kind::Echo => 1,
            Kind::Flush => 2,
            Kind::Ask(Call::Info) => 3,
            Kind::Ask(Call::InitChain) => 5,
            Kind::Ask(Call::Query) => 6,
            Kind::Ask(Call::CheckTx) => 8,
            Kind::Ask(Call::Commit) => 11,
            Kind::Ask(Call::ListSnapshots) => 12,
            Kind::Ask(Call::OfferSnapshot) => 13,
            Kind::Ask(Call::LoadSnapshotChunk) => 14,
            Kind::Ask(Call::ApplySnapshotChunk) => 15,
            Kind::Ask(Call::PrepareProposal) => 16,
            Kind::Ask(Call::ProcessProposal) => 17,
            Kind::Ask(Call::ExtendVote) => 18,
            Kind::Ask(Call::VerifyVoteExtension) => 19,
            Kind::Ask(Call::FinalizeBlock) => 20,
            Kind::Ask(Call::InsertTx) => 21,
            Kind::Ask(Call::ReapTxs) => 22,
        }
    }

    /// The number of its answer's field in `tendermint.abci.Response`.
    pub fn response_number(self) -> u32 {
        // The exception came first, and moved all others by one.
        self.request_number() + 1
    }

    /// What a request with this number is.
    pub fn of_request(number: u32) -> Option<Self> {
        Self::all().find(|it| it.request_number() == number)
    }

    /// What a response with this number answers; none for an exception and the unknown.
    pub fn of_response(number: u32) -> Option<Self> {
        Self::all().find(|it| it.response_number() == number)
    }

    fn all() -> impl Iterator<Item = Self> {
        [Kind::Echo, Kind::Flush].into_iter().chain(Call::ALL.map(Kind::Ask))
    }

    /// The name in `tendermint.abci.ABCI`.
    pub fn method(self) -> &'static str {
        match self {
            Kind::Echo => "Echo",
            Kind::Flush => "Flush",
            Kind::Ask(Call::Info) => "Info",
            Kind::Ask(Call::InitChain) => "InitChain",
            Kind::Ask(Call::CheckTx) => "CheckTx",
            Kind::Ask(Call::InsertTx) => "InsertTx",
            Kind::Ask(Call::ReapTxs) => "ReapTxs",
            Kind::Ask(Call::Query) => "Query",
            Kind::Ask(Call::PrepareProposal) => "PrepareProposal",
            Kind::Ask(Call::ProcessProposal) => "ProcessProposal",
            Kind::Ask(Call::ExtendVote) => "ExtendVote",
            Kind::Ask(Call::VerifyVoteExtension) => "VerifyVoteExtension",
            Kind::Ask(Call::FinalizeBlock) => "FinalizeBlock",
            Kind::Ask(Call::Commit) => "Commit",
            Kind::Ask(Call::ListSnapshots) => "ListSnapshots",
            Kind::Ask(Call::OfferSnapshot) => "OfferSnapshot",
            Kind::Ask(Call::LoadSnapshotChunk) => "LoadSnapshotChunk",
            Kind::Ask(Call::ApplySnapshotChunk) => "ApplySnapshotChunk",
        }
    }

    /// What the method of this name is.
    pub fn of_method(name: &str) -> Option<Self> {
        Self::all().find(|it| it.method() == name)
    }
}

/// Reads a protobuf message.
fn decoded<M: prost::Message + Default>(
    what: &'static str,
    bytes: impl bytes::Buf,
) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|error| DecodeError::Protobuf { what, reason: error.to_string() })
}
