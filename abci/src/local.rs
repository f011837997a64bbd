//! The client for an application in this process, or for a stub of one elsewhere: calls it
//! directly, on the caller's thread.
//!
//! A [`Watcher`] sees every call: [`Timings`] measures them, [`crate::recorded::Recording`] holds
//! them against the grammar.

use std::sync::Arc;

use bytes::Bytes;
use types::{BlockOutcome, Tx, TxResult};

use crate::application::{Application, ApplicationError, Call};
use crate::request::{
    ApplySnapshotChunkRequest, BlockRequest, CheckTxRequest, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, OfferSnapshotRequest, PrepareProposalRequest, QueryRequest,
    ReapTxsRequest, VerifyVoteExtensionRequest,
};
use crate::response::{
    ApplySnapshotChunkResponse, CommitResponse, InfoResponse, InitChainResponse, QueryResponse,
    Snapshot, SnapshotVerdict, Verdict,
};
use crate::timings::Timings;

/// Stands beside every call to an application.
pub trait Watcher: Send + Sync + 'static {
    /// Has `ask` put the call, and passes its answer on.
    ///
    /// # Errors
    /// The application's, or the watcher's own if the call must not be put.
    fn watch<T>(
        &self,
        call: Call,
        ask: impl FnOnce() -> Result<T, ApplicationError>,
    ) -> Result<T, ApplicationError> {
        self.watch_all(call, 1, ask)
    }

    /// As [`Watcher::watch`], for `count` calls of one kind that are put together.
    ///
    /// # Errors
    /// As there.
    fn watch_all<T>(
        &self,
        call: Call,
        count: usize,
        ask: impl FnOnce() -> Result<T, ApplicationError>,
    ) -> Result<T, ApplicationError>;
}

/// An application in this process, and who watches its calls.
pub struct LocalClient<W = Timings> {
    application: Arc<dyn Application>,
    watcher: Arc<W>,
}

impl<W> LocalClient<W> {
    /// A client whose calls `watcher` sees.
    pub fn new(application: Arc<dyn Application>, watcher: Arc<W>) -> Self {
        Self { application, watcher }
    }

    /// Who watches.
    pub fn watcher(&self) -> &W {
        &self.watcher
    }
}

impl<W> Clone for LocalClient<W> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.application), Arc::clone(&self.watcher))
    }
}

impl<W: Watcher> Application for LocalClient<W> {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.watcher.watch(Call::Info, || self.application.info(request))
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.watcher.watch(Call::InitChain, || self.application.init_chain(request))
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        self.watcher.watch(Call::CheckTx, || self.application.check_tx(request))
    }

    fn check_txs(
        &self,
        requests: &[CheckTxRequest],
        heard: &mut dyn FnMut(TxResult),
    ) -> Result<(), ApplicationError> {
        let ask = || self.application.check_txs(requests, heard);
        self.watcher.watch_all(Call::CheckTx, requests.len(), ask)
    }

    fn checks_at_once(&self) -> usize {
        self.application.checks_at_once()
    }

    fn insert_tx(&self, tx: &Tx) -> Result<u32, ApplicationError> {
        self.watcher.watch(Call::InsertTx, || self.application.insert_tx(tx))
    }

    fn reap_txs(&self, request: &ReapTxsRequest) -> Result<Vec<Tx>, ApplicationError> {
        self.watcher.watch(Call::ReapTxs, || self.application.reap_txs(request))
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.watcher.watch(Call::Query, || self.application.query(request))
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        self.watcher.watch(Call::PrepareProposal, || self.application.prepare_proposal(request))
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        self.watcher.watch(Call::ProcessProposal, || self.application.process_proposal(block))
    }

    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        self.watcher.watch(Call::ExtendVote, || self.application.extend_vote(block))
    }

    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        self.watcher
            .watch(Call::VerifyVoteExtension, || self.application.verify_vote_extension(request))
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.watcher.watch(Call::FinalizeBlock, || self.application.finalize_block(block))
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.watcher.watch(Call::Commit, || self.application.commit())
    }

    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        self.watcher.watch(Call::ListSnapshots, || self.application.list_snapshots())
    }

    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        self.watcher.watch(Call::OfferSnapshot, || self.application.offer_snapshot(request))
    }

    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        self.watcher
            .watch(Call::LoadSnapshotChunk, || self.application.load_snapshot_chunk(request))
    }

    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        self.watcher
            .watch(Call::ApplySnapshotChunk, || self.application.apply_snapshot_chunk(request))
    }
}
