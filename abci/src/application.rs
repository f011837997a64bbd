//! The application's side of the contract: a state machine that the chain replicates.
//!
//! Calls come from several threads at once. `info`, `check_tx` and `query` answer from the state of
//! the last `commit`, also while `finalize_block` runs elsewhere; the calls of consensus never
//! overlap one another, and come in the order of [`crate::grammar`].

use std::fmt;

use bytes::Bytes;
use types::{BlockOutcome, Tx, TxResult};

use crate::request::{
    ApplySnapshotChunkRequest, BlockRequest, CheckTxRequest, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, OfferSnapshotRequest, PrepareProposalRequest, QueryRequest,
    ReapTxsRequest, VerifyVoteExtensionRequest,
};
use crate::response::{
    ApplySnapshotChunkResponse, CommitResponse, InfoResponse, InitChainResponse, QueryResponse,
    Snapshot, SnapshotVerdict, Verdict,
};

/// The least code of a transaction that may be brought again. spec: `CodeTypeRetry`.
pub const CODE_RETRY: u32 = 32_000;
/// Why most applications can be told of no transaction but by a proposal.
const NO_MEMPOOL: &str = "the application has no mempool of its own (mempool.type = \"app\")";

/// A replicated state machine. spec: ABCI 2.0, `Application`.
///
/// What must be deterministic, on every node alike: `init_chain`, `process_proposal`,
/// `verify_vote_extension`, `finalize_block`. State changes at `commit` and nowhere else: a crash
/// before it leaves the application at the height before.
///
/// An error from any call is fatal: the node stops rather than run beside a broken application. A
/// bad transaction is no error, it has a code.
pub trait Application: Send + Sync + 'static {
    /// Says which height the application stands at, so that the node can bring it up to date.
    ///
    /// # Errors
    /// Fatal to the node.
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError>;

    /// Begins a chain. Asked once, before the first block.
    ///
    /// # Errors
    /// Fatal to the node.
    fn init_chain(&self, request: &InitChainRequest)
    -> Result<InitChainResponse, ApplicationError>;

    /// Whether a transaction may wait in the mempool: code 0 admits it.
    ///
    /// # Errors
    /// Fatal to the node.
    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError>;

    /// As [`Application::check_tx`], for several in their order: `heard` is given each answer as
    /// soon as it is there. Nothing that answers a call needs to change it.
    ///
    /// # Errors
    /// Fatal to the node.
    fn check_txs(
        &self,
        requests: &[CheckTxRequest],
        heard: &mut dyn FnMut(TxResult),
    ) -> Result<(), ApplicationError> {
        requests.iter().try_for_each(|request| {
            heard(self.check_tx(request)?);
            Ok(())
        })
    }

    /// How many transactions [`Application::check_txs`] is best given: one, unless asking takes a
    /// journey that several can share. A block waits for the answers to all of them.
    fn checks_at_once(&self) -> usize {
        1
    }

    /// Takes a transaction that a peer's application told of into the application's own mempool:
    /// code 0 keeps it, [`CODE_RETRY`] and above mean that it may be brought again. Asked only of
    /// an application whose node has `mempool.type = "app"`, and while other calls run.
    ///
    /// # Errors
    /// If the application has no mempool of its own, which is the default.
    fn insert_tx(&self, tx: &Tx) -> Result<u32, ApplicationError> {
        let _ = tx;
        Err(ApplicationError::new(Call::InsertTx, NO_MEMPOOL))
    }

    /// What the application's own mempool wants peers to be told of, each transaction once.
    ///
    /// # Errors
    /// If the application has no mempool of its own, which is the default.
    fn reap_txs(&self, request: &ReapTxsRequest) -> Result<Vec<Tx>, ApplicationError> {
        let _ = request;
        Err(ApplicationError::new(Call::ReapTxs, NO_MEMPOOL))
    }

    /// Reads the committed state.
    ///
    /// # Errors
    /// Fatal to the node; what was asked wrongly gets a code.
    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError>;

    /// Chooses the transactions of our own proposal: as they came, while they fit.
    ///
    /// # Errors
    /// Fatal to the node.
    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        Ok(request.txs_that_fit())
    }

    /// Judges a proposed block.
    ///
    /// # Errors
    /// Fatal to the node.
    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        let _ = block;
        Ok(Verdict::Accept)
    }

    /// Says something beside our precommit for a block; need not be deterministic.
    ///
    /// # Errors
    /// Fatal to the node.
    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        let _ = block;
        Ok(Bytes::new())
    }

    /// Judges another validator's vote extension; must accept whatever an honest one says. By
    /// default nobody says anything.
    ///
    /// # Errors
    /// Fatal to the node.
    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        Ok(if request.extension.is_empty() { Verdict::Accept } else { Verdict::Reject })
    }

    /// Executes a decided block, and keeps what it changes aside until `commit`.
    ///
    /// # Errors
    /// Fatal to the node.
    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError>;

    /// Makes the executed block the committed state, durably.
    ///
    /// # Errors
    /// Fatal to the node.
    fn commit(&self) -> Result<CommitResponse, ApplicationError>;

    /// The snapshots that we can serve to others; by default none.
    ///
    /// # Errors
    /// Fatal to the node.
    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        Ok(Vec::new())
    }

    /// Whether to start from a snapshot that a peer has; by default no format is known.
    ///
    /// # Errors
    /// Fatal to the node.
    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        let _ = request;
        Ok(SnapshotVerdict::RejectFormat)
    }

    /// A piece of a snapshot of ours; none if we do not have it.
    ///
    /// # Errors
    /// Fatal to the node.
    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        let _ = request;
        Ok(None)
    }

    /// Takes a piece of the snapshot that `offer_snapshot` accepted.
    ///
    /// # Errors
    /// Fatal to the node; by default always, since no offer is accepted.
    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        let _ = request;
        Err(ApplicationError::new(Call::ApplySnapshotChunk, "no snapshot was accepted"))
    }
}

/// The calls by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// [`Application::info`].
    Info,
    /// [`Application::init_chain`].
    InitChain,
    /// [`Application::check_tx`].
    CheckTx,
    /// [`Application::insert_tx`].
    InsertTx,
    /// [`Application::reap_txs`].
    ReapTxs,
    /// [`Application::query`].
    Query,
    /// [`Application::prepare_proposal`].
    PrepareProposal,
    /// [`Application::process_proposal`].
    ProcessProposal,
    /// [`Application::extend_vote`].
    ExtendVote,
    /// [`Application::verify_vote_extension`].
    VerifyVoteExtension,
    /// [`Application::finalize_block`].
    FinalizeBlock,
    /// [`Application::commit`].
    Commit,
    /// [`Application::list_snapshots`].
    ListSnapshots,
    /// [`Application::offer_snapshot`].
    OfferSnapshot,
    /// [`Application::load_snapshot_chunk`].
    LoadSnapshotChunk,
    /// [`Application::apply_snapshot_chunk`].
    ApplySnapshotChunk,
}

impl Call {
    /// Every call, in the order of the enum.
    pub const ALL: [Call; 16] = [
        Call::Info,
        Call::InitChain,
        Call::CheckTx,
        Call::InsertTx,
        Call::ReapTxs,
        Call::Query,
        Call::PrepareProposal,
        Call::ProcessProposal,
        Call::ExtendVote,
        Call::VerifyVoteExtension,
        Call::FinalizeBlock,
        Call::Commit,
        Call::ListSnapshots,
        Call::OfferSnapshot,
        Call::LoadSnapshotChunk,
        Call::ApplySnapshotChunk,
    ];

    /// The name in logs and metrics, such as `finalize_block`.
    pub fn name(self) -> &'static str {
        match self {
            Call::Info => "info",
            Call::InitChain => "init_chain",
            Call::CheckTx => "check_tx",
            Call::InsertTx => "insert_tx",
            Call::ReapTxs => "reap_txs",
            Call::Query => "query",
            Call::PrepareProposal => "prepare_proposal",
            Call::ProcessProposal => "process_proposal",
            Call::ExtendVote => "extend_vote",
            Call::VerifyVoteExtension => "verify_vote_extension",
            Call::FinalizeBlock => "finalize_block",
            Call::Commit => "commit",
            Call::ListSnapshots => "list_snapshots",
            Call::OfferSnapshot => "offer_snapshot",
            Call::LoadSnapshotChunk => "load_snapshot_chunk",
            Call::ApplySnapshotChunk => "apply_snapshot_chunk",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The application could not do what it must. Fatal: the node stops with this line.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("application failed in {call}: {reason}")]
pub struct ApplicationError {
    /// Which call.
    pub call: Call,
    /// In words.
    pub reason: String,
}

impl ApplicationError {
    /// A failure of `call`, for a reason in words.
    pub fn new(call: Call, reason: impl fmt::Display) -> Self {
        Self { call, reason: reason.to_string() }
    }
}
