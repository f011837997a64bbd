//! The client for an application in this process: calls it directly, on the caller's thread.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use types::{BlockOutcome, Tx, TxResult};

use crate::application::{Application, ApplicationError, Call};
use crate::request::{
    ApplySnapshotChunkRequest, BlockRequest, CheckTxRequest, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, OfferSnapshotRequest, PrepareProposalRequest, QueryRequest,
    VerifyVoteExtensionRequest,
};
use crate::response::{
    ApplySnapshotChunkResponse, CommitResponse, InfoResponse, InitChainResponse, QueryResponse,
    Snapshot, SnapshotVerdict, Verdict,
};
use crate::timings::Timings;

/// An application in this process, and how long its answers take.
#[derive(Clone)]
pub struct LocalClient {
    application: Arc<dyn Application>,
    timings: Arc<Timings>,
}

impl LocalClient {
    /// A client that writes down its timings in `timings`.
    pub fn new(application: Arc<dyn Application>, timings: Arc<Timings>) -> Self {
        Self { application, timings }
    }

    fn timed<T>(&self, call: Call, ask: impl FnOnce(&dyn Application) -> T) -> T {
        let start = Instant::now();
        let answer = ask(self.application.as_ref());
        self.timings.record(call, start.elapsed());
        answer
    }
}

impl Application for LocalClient {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.timed(Call::Info, |it| it.info(request))
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.timed(Call::InitChain, |it| it.init_chain(request))
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        self.timed(Call::CheckTx, |it| it.check_tx(request))
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.timed(Call::Query, |it| it.query(request))
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        self.timed(Call::PrepareProposal, |it| it.prepare_proposal(request))
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        self.timed(Call::ProcessProposal, |it| it.process_proposal(block))
    }

    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        self.timed(Call::ExtendVote, |it| it.extend_vote(block))
    }

    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        self.timed(Call::VerifyVoteExtension, |it| it.verify_vote_extension(request))
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.timed(Call::FinalizeBlock, |it| it.finalize_block(block))
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.timed(Call::Commit, |it| it.commit())
    }

    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        self.timed(Call::ListSnapshots, |it| it.list_snapshots())
    }

    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        self.timed(Call::OfferSnapshot, |it| it.offer_snapshot(request))
    }

    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        self.timed(Call::LoadSnapshotChunk, |it| it.load_snapshot_chunk(request))
    }

    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        self.timed(Call::ApplySnapshotChunk, |it| it.apply_snapshot_chunk(request))
    }
}
