//! ABCI 2.0: what the node asks of an application, and how it reaches it.
//!
//! An application is anything that implements [`Application`]. The node holds [`Client`]s, which
//! stand for the application wherever it runs: in this process, on a socket, or behind gRPC. The
//! last four modules are for those who write
//! applications, and for our own tests.

pub mod application;
pub mod request;
pub mod response;

pub mod client;
pub mod local;
pub mod timings;

pub mod endpoint;
pub mod remote;
pub mod wire;

pub mod frame;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod socket;

pub mod answering;

pub mod grammar;
pub mod recorded;
pub mod testing;

pub mod check;

pub use application::{Application, ApplicationError, CODE_RETRY, Call};
pub use client::{Client, Connections};
pub use endpoint::{Endpoint, EndpointError};
pub use grammar::{Grammar, GrammarError};
pub use local::{LocalClient, Watcher};
pub use recorded::Recorded;
pub use remote::{Fault, RemoteApplication, Transport};
pub use request::{
    ApplySnapshotChunkRequest, BlockRequest, CheckTxKind, CheckTxRequest, CommitInfo,
    ExtendedCommitInfo, ExtendedVoteSummary, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, Misbehavior, MisbehaviorKind, OfferSnapshotRequest,
    PrepareProposalRequest, QueryRequest, ReapTxsRequest, VerifyVoteExtensionRequest, VoteFlag,
    VoteSummary,
};
pub use response::{
    ApplySnapshotChunkResponse, ChunkVerdict, CommitResponse, InfoResponse, InitChainResponse,
    ProofOp, QueryResponse, Snapshot, SnapshotVerdict, Verdict,
};
pub use socket::{ConnectionLost, Lifeline, ServeError, SocketConnection, SocketServer};
pub use testing::TestChain;
pub use timings::Timings;
