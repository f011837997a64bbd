//! An application in another place: each call is put into bytes, carried over a connection, and its
//! answer read.
//!
//! What the application does wrong (it dies, is silent for too long, raises an exception, answers
//! something else) ends the connection for good: it may have lost its state, so the node must begin
//! again with a handshake.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use types::codec::{self, DecodeError};
use types::{BlockOutcome, Tx, TxResult};

use crate::application::{Application, ApplicationError, Call};
use crate::endpoint::Endpoint;
use crate::request::{
    ApplySnapshotChunkRequest, BlockRequest, CheckTxRequest, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, OfferSnapshotRequest, PrepareProposalRequest, QueryRequest,
    ReapTxsRequest, VerifyVoteExtensionRequest,
};
use crate::response::{
    ApplySnapshotChunkResponse, CommitResponse, InfoResponse, InitChainResponse, QueryResponse,
    Snapshot, SnapshotVerdict, Verdict,
};
use crate::wire::{request, response};

/// What ended a connection to an application: what it did, as the rest of a sentence about it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    /// It is gone.
    #[error("closed the connection")]
    Closed,
    /// The way to it is broken.
    #[error("cannot be reached any more: {reason}")]
    Broken {
        /// The system's word.
        reason: String,
    },
    /// It is too slow, or stuck.
    #[error("gave no answer within {limit:?}")]
    Silent {
        /// What it had.
        limit: Duration,
    },
    /// It says that it cannot go on.
    #[error("raised an exception: {error}")]
    Exception {
        /// Its word.
        error: String,
    },
    /// It answered something else.
    #[error("answered with {given} where {expected} was due")]
    Unexpected {
        /// What was due.
        expected: &'static str,
        /// What came.
        given: String,
    },
    /// It answered something that is no answer.
    #[error("gave an answer that cannot be taken: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
}

/// A connection that carries calls to an application.
pub trait Transport: Send + Sync + 'static {
    /// Puts a call, and waits for its answer. On a socket, callers on several threads are served in
    /// the order in which they asked; over gRPC those who ask at once may overtake one another.
    ///
    /// # Errors
    /// What ended the connection.
    fn ask(&self, call: Call, request: &[u8]) -> Result<Bytes, Fault>;

    /// As [`Transport::ask`], for several requests of one call: `heard` is given their answers, in
    /// their order, each as soon as it has come.
    ///
    /// # Errors
    /// As there, or what `heard` says.
    fn ask_all(
        &self,
        call: Call,
        requests: &[Vec<u8>],
        heard: &mut dyn FnMut(Bytes) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        requests.iter().try_for_each(|request| heard(self.ask(call, request)?))
    }

    /// How many requests share a journey.
    fn asks_at_once(&self) -> usize {
        1
    }

    /// Ends the connection: every call fails from now on, with the first reason there was.
    fn end(&self, fault: Fault);

    /// Where the application is.
    fn endpoint(&self) -> &Endpoint;
}

/// An application behind a connection.
pub struct RemoteApplication<T> {
    transport: Arc<T>,
}

impl<T: Transport> RemoteApplication<T> {
    /// The application at the other end.
    pub fn new(transport: Arc<T>) -> Self {
        Self { transport }
    }

    fn ask<A>(
        &self,
        call: Call,
        request: &[u8],
        read: impl FnOnce(Bytes) -> Result<A, DecodeError>,
    ) -> Result<A, ApplicationError> {
        let asked = self.transport.ask(call, request).and_then(|bytes| self.read(bytes, read));
        asked.map_err(|fault| self.complaint(call, &fault))
    }

    /// Reads an answer; who gives one that cannot be read is not asked again.
    fn read<A>(
        &self,
        bytes: Bytes,
        read: impl FnOnce(Bytes) -> Result<A, DecodeError>,
    ) -> Result<A, Fault> {
        read(bytes).map_err(|error| {
            let fault = Fault::Malformed { reason: error.to_string() };
            self.transport.end(fault.clone());
            fault
        })
    }

    fn complaint(&self, call: Call, fault: &Fault) -> ApplicationError {
        let endpoint = self.transport.endpoint();
        ApplicationError::new(call, format_args!("the application at {endpoint} {fault}"))
    }
}

impl<T: Transport> Application for RemoteApplication<T> {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.ask(Call::Info, &request::encode_info(request), response::decode_info)
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        let bytes = request::encode_init_chain(request);
        self.ask(Call::InitChain, &bytes, response::decode_init_chain)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        let read = |bytes: Bytes| codec::decode_result(&bytes);
        self.ask(Call::CheckTx, &request::encode_check_tx(request), read)
    }

    fn check_txs(
        &self,
        requests: &[CheckTxRequest],
        heard: &mut dyn FnMut(TxResult),
    ) -> Result<(), ApplicationError> {
        let requests: Vec<Vec<u8>> = requests.iter().map(request::encode_check_tx).collect();
        let mut hear = |bytes| {
            heard(self.read(bytes, |bytes| codec::decode_result(&bytes))?);
            Ok(())
        };
        let asked = self.transport.ask_all(Call::CheckTx, &requests, &mut hear);
        asked.map_err(|fault| self.complaint(Call::CheckTx, &fault))
    }

    fn checks_at_once(&self) -> usize {
        self.transport.asks_at_once()
    }

    fn insert_tx(&self, tx: &Tx) -> Result<u32, ApplicationError> {
        self.ask(Call::InsertTx, &request::encode_insert_tx(tx), response::decode_insert_tx)
    }

    fn reap_txs(&self, request: &ReapTxsRequest) -> Result<Vec<Tx>, ApplicationError> {
        self.ask(Call::ReapTxs, &request::encode_reap_txs(request), response::decode_reap_txs)
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.ask(Call::Query, &request::encode_query(request), response::decode_query)
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        let bytes = request::encode_prepare_proposal(request);
        self.ask(Call::PrepareProposal, &bytes, response::decode_prepare_proposal)
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        self.ask(Call::ProcessProposal, &request::encode_block(block), response::decode_verdict)
    }

    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        let bytes = request::encode_extend_vote(block);
        self.ask(Call::ExtendVote, &bytes, response::decode_extend_vote)
    }

    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        let bytes = request::encode_verify_vote_extension(request);
        self.ask(Call::VerifyVoteExtension, &bytes, response::decode_verdict)
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        let read = |bytes: Bytes| codec::decode_outcome(&bytes);
        self.ask(Call::FinalizeBlock, &request::encode_block(block), read)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.ask(Call::Commit, &[], response::decode_commit)
    }

    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        self.ask(Call::ListSnapshots, &[], response::decode_list_snapshots)
    }

    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        let bytes = request::encode_offer_snapshot(request);
        self.ask(Call::OfferSnapshot, &bytes, response::decode_offer_snapshot)
    }

    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        let bytes = request::encode_load_snapshot_chunk(request);
        self.ask(Call::LoadSnapshotChunk, &bytes, response::decode_load_snapshot_chunk)
    }

    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        let bytes = request::encode_apply_snapshot_chunk(request);
        self.ask(Call::ApplySnapshotChunk, &bytes, response::decode_apply_snapshot_chunk)
    }
}
