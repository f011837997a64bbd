//! An application that remembers what it was asked, and answers with something in every field.

use std::fmt::Debug;
use std::sync::Mutex;

use abci::{
    Application, ApplicationError, ApplySnapshotChunkRequest, ApplySnapshotChunkResponse,
    BlockRequest, Call, CheckTxRequest, ChunkVerdict, CommitResponse, InfoRequest, InfoResponse,
    InitChainRequest, InitChainResponse, LoadSnapshotChunkRequest, OfferSnapshotRequest,
    PrepareProposalRequest, ProofOp, QueryRequest, QueryResponse, Snapshot, SnapshotVerdict,
    Verdict, VerifyVoteExtensionRequest,
};
use bytes::Bytes;
use types::outcome::{Event, EventAttribute};
use types::params::{AbciParams, ParamsUpdate};
use types::{AppHash, BlockOutcome, Height, PublicKey, Tx, TxResult, ValidatorUpdate, VotingPower};

/// Says back what it is asked.
#[derive(Default)]
pub struct Echoing {
    asked: Mutex<Vec<String>>,
    /// Whether its commits fail.
    broken: bool,
}

impl Echoing {
    /// One whose commits fail.
    pub fn broken() -> Self {
        Self { broken: true, ..Self::default() }
    }

    fn note(&self, request: &dyn Debug) {
        self.asked.lock().unwrap().push(format!("{request:?}"));
    }

    /// What it was asked since the last time, as text.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn event() -> Event {
    let attribute = EventAttribute { key: "k".to_owned(), value: "v".to_owned(), index: true };
    Event { kind: "e".to_owned(), attributes: vec![attribute] }
}

fn result(data: Bytes) -> TxResult {
    TxResult {
        code: 7,
        data,
        log: "log".to_owned(),
        info: "info".to_owned(),
        gas_wanted: -1,
        gas_used: 2,
        events: vec![event()],
        codespace: "space".to_owned(),
    }
}

/// A snapshot with something in every field.
pub fn snapshot() -> Snapshot {
    Snapshot {
        height: Height(9),
        format: 1,
        chunks: 2,
        hash: Bytes::from_static(b"hash"),
        metadata: Bytes::from_static(b"meta"),
    }
}

fn update() -> ValidatorUpdate {
    ValidatorUpdate { public_key: PublicKey([5; 32]), power: VotingPower(0) }
}

fn params() -> ParamsUpdate {
    ParamsUpdate {
        abci: Some(AbciParams { extensions_from: Some(Height(3)) }),
        authority: Some("me".to_owned()),
        ..ParamsUpdate::default()
    }
}

impl Application for Echoing {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.note(request);
        Ok(InfoResponse {
            data: request.version.clone(),
            version: "2".to_owned(),
            app_version: 3,
            last_block_height: Some(Height(4)),
            last_block_app_hash: AppHash(Bytes::from_static(&[1; 8])),
        })
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.note(request);
        Ok(InitChainResponse {
            params: Some(params()),
            validators: vec![update()],
            app_hash: AppHash(Bytes::from_static(b"begin")),
        })
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        self.note(request);
        Ok(result(request.tx.clone()))
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.note(request);
        let op = ProofOp {
            kind: "ics23".to_owned(),
            key: Bytes::from_static(b"key"),
            data: Bytes::from_static(b"proof"),
        };
        Ok(QueryResponse {
            code: 1,
            log: "log".to_owned(),
            info: "info".to_owned(),
            index: -5,
            key: request.data.clone(),
            value: Bytes::from_static(b"value"),
            proof: vec![op],
            height: request.height,
            codespace: "space".to_owned(),
        })
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        self.note(request);
        Ok(request.txs.iter().rev().cloned().collect())
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        self.note(block);
        Ok(Verdict::Reject)
    }

    fn extend_vote(&self, block: &BlockRequest) -> Result<Bytes, ApplicationError> {
        self.note(block);
        Ok(Bytes::copy_from_slice(&block.hash.0))
    }

    fn verify_vote_extension(
        &self,
        request: &VerifyVoteExtensionRequest,
    ) -> Result<Verdict, ApplicationError> {
        self.note(request);
        Ok(Verdict::Accept)
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.note(block);
        Ok(BlockOutcome {
            events: vec![event()],
            tx_results: block.txs.iter().cloned().map(result).collect(),
            validator_updates: vec![update()],
            params_update: Some(params()),
            app_hash: AppHash(Bytes::from_static(b"state")),
        })
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        if self.broken {
            return Err(ApplicationError::new(Call::Commit, "the disk is full"));
        }
        Ok(CommitResponse { retain_height: Some(Height(2)) })
    }

    fn list_snapshots(&self) -> Result<Vec<Snapshot>, ApplicationError> {
        Ok(vec![snapshot(), snapshot()])
    }

    fn offer_snapshot(
        &self,
        request: &OfferSnapshotRequest,
    ) -> Result<SnapshotVerdict, ApplicationError> {
        self.note(request);
        Ok(SnapshotVerdict::RejectSender)
    }

    fn load_snapshot_chunk(
        &self,
        request: &LoadSnapshotChunkRequest,
    ) -> Result<Option<Bytes>, ApplicationError> {
        self.note(request);
        Ok((request.chunk == 0).then(|| Bytes::from_static(b"chunk")))
    }

    fn apply_snapshot_chunk(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, ApplicationError> {
        self.note(request);
        Ok(ApplySnapshotChunkResponse {
            verdict: ChunkVerdict::RetrySnapshot,
            refetch_chunks: vec![0, 300],
            reject_senders: vec![request.sender.clone()],
        })
    }
}
