//! What an application answers, where it is more than one of the chain's own nouns.
//!
//! `check_tx` answers with [`types::TxResult`], `finalize_block` with [`types::BlockOutcome`].

use bytes::Bytes;
use types::params::ParamsUpdate;
use types::{AppHash, Height, ValidatorUpdate};

/// Where the application stands. spec: `ResponseInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InfoResponse {
    /// Anything, for people.
    pub data: String,
    /// Of the application's software, for people.
    pub version: String,
    /// Of the application's rules; goes into headers.
    pub app_version: u64,
    /// The last committed height; none before the first.
    pub last_block_height: Option<Height>,
    /// The digest at that height.
    pub last_block_app_hash: AppHash,
}

/// How a chain begins, if not as its genesis says. spec: `ResponseInitChain`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InitChainResponse {
    /// Changes of the genesis file's parameters.
    pub params: Option<ParamsUpdate>,
    /// Replace the genesis file's, unless empty.
    pub validators: Vec<ValidatorUpdate>,
    /// The digest of the state before the first block; in its header.
    pub app_hash: AppHash,
}

/// What was found in the committed state. spec: `ResponseQuery`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct QueryResponse {
    /// 0 is success; others are the application's.
    pub code: u32,
    /// For people.
    pub log: String,
    /// For people.
    pub info: String,
    /// Position of the key in the application's tree, where it has one.
    pub index: i64,
    /// What was asked for.
    pub key: Bytes,
    /// What is there; empty if nothing is.
    pub value: Bytes,
    /// That it is there, up to the app hash.
    pub proof: Vec<ProofOp>,
    /// The height that the answer is true for; none if the application does not say.
    pub height: Option<Height>,
    /// Whose `code` it is.
    pub codespace: String,
}

/// One step of a proof that only the application's clients understand. spec: `ProofOp`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProofOp {
    /// Which kind of step.
    pub kind: String,
    /// Of what.
    pub key: Bytes,
    /// The step itself.
    pub data: Bytes,
}

/// The application's word on a proposed block or on a vote extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be decided.
    Accept,
    /// Vote against it.
    Reject,
}

/// What the node may forget after a commit. spec: `ResponseCommit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CommitResponse {
    /// The lowest height that must be kept; none keeps all.
    pub retain_height: Option<Height>,
}

/// A snapshot of the application's state at a height. spec: `Snapshot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// At which height.
    pub height: Height,
    /// How it is written; the application's numbers.
    pub format: u32,
    /// How many pieces.
    pub chunks: u32,
    /// What names it; any bytes.
    pub hash: Bytes,
    /// More about it; any bytes.
    pub metadata: Bytes,
}

/// Whether to start from an offered snapshot. spec: `ResponseOfferSnapshot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotVerdict {
    /// Fetch its pieces.
    Accept,
    /// Give up starting from snapshots.
    Abort,
    /// Not this one; try another.
    Reject,
    /// None of this format.
    RejectFormat,
    /// None from those who offered this one.
    RejectSender,
}

/// What became of a piece of a snapshot. spec: `ResponseApplySnapshotChunk`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplySnapshotChunkResponse {
    /// How to go on.
    pub verdict: ChunkVerdict,
    /// Pieces to fetch and apply again.
    pub refetch_chunks: Vec<u32>,
    /// Peers to take nothing more from.
    pub reject_senders: Vec<String>,
}

/// How to go on after a piece of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkVerdict {
    /// It is in; the next one.
    Accept,
    /// Give up starting from snapshots.
    Abort,
    /// The same piece once more.
    Retry,
    /// The whole snapshot once more.
    RetrySnapshot,
    /// Another snapshot.
    RejectSnapshot,
}
