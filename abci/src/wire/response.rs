//! Answers to and from bytes. `check_tx` and `finalize_block` answer with nouns of the chain, whose
//! bytes are `types::codec`'s.

use bytes::Bytes;
use prost::Message;
use tendermint_proto::v0_38::abci;
use tendermint_proto::v0_38::abci::response_apply_snapshot_chunk::Result as WireChunkVerdict;
use tendermint_proto::v0_38::abci::response_offer_snapshot::Result as WireSnapshotVerdict;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::crypto;
use types::codec::DecodeError;
use types::codec::scalar::{
    height, height_option, height_option_to_wire, height_to_wire, refused, unsigned_to_wire,
};
use types::{AppHash, Height, Tx};

use super::decoded;
use super::request::{update_to_wire, updates_from_wire};
use crate::response::{
    ApplySnapshotChunkResponse, ChunkVerdict, CommitResponse, InfoResponse, InitChainResponse,
    ProofOp, QueryResponse, Snapshot, SnapshotVerdict, Verdict,
};

/// spec: `ResponseInitChain`; its parameters are read elsewhere, with the fields that the published
/// message lacks.
#[derive(Clone, PartialEq, Message)]
struct WireInitChain {
    #[prost(bytes = "bytes", optional, tag = "1")]
    consensus_params: Option<Bytes>,
    #[prost(message, repeated, tag = "2")]
    validators: Vec<abci::ValidatorUpdate>,
    #[prost(bytes = "bytes", tag = "3")]
    app_hash: Bytes,
}

/// spec: `ResponseInsertTx`, which is younger than the published messages.
#[derive(Clone, PartialEq, Message)]
struct WireInsertTx {
    #[prost(uint32, tag = "1")]
    code: u32,
}

/// spec: `ResponseReapTxs`, which is younger than the published messages.
#[derive(Clone, PartialEq, Message)]
struct WireReapTxs {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    txs: Vec<Tx>,
}

/// The bytes of an exception.
pub fn encode_exception(error: &str) -> Vec<u8> {
    abci::ResponseException { error: error.to_owned() }.encode_to_vec()
}

/// Reads an exception.
///
/// # Errors
/// What is wrong with it.
pub fn decode_exception(bytes: Bytes) -> Result<String, DecodeError> {
    decoded::<abci::ResponseException>("exception", bytes).map(|it| it.error)
}

/// The bytes of an answer to Info.
pub fn encode_info(answer: &InfoResponse) -> Vec<u8> {
    abci::ResponseInfo {
        data: answer.data.clone(),
        version: answer.version.clone(),
        app_version: answer.app_version,
        last_block_height: height_option_to_wire(answer.last_block_height),
        last_block_app_hash: answer.last_block_app_hash.0.clone(),
    }
    .encode_to_vec()
}

/// Reads an answer to Info.
///
/// # Errors
/// What is wrong with it.
pub fn decode_info(bytes: Bytes) -> Result<InfoResponse, DecodeError> {
    let wire: abci::ResponseInfo = decoded("info", bytes)?;
    Ok(InfoResponse {
        data: wire.data,
        version: wire.version,
        app_version: wire.app_version,
        last_block_height: height_option("info.last_block_height", wire.last_block_height)?,
        last_block_app_hash: AppHash(wire.last_block_app_hash),
    })
}

/// The bytes of an answer to InitChain.
pub fn encode_init_chain(answer: &InitChainResponse) -> Vec<u8> {
    WireInitChain {
        consensus_params: answer.params.as_ref().map(types::codec::encode_params_update),
        validators: answer.validators.iter().map(update_to_wire).collect(),
        app_hash: answer.app_hash.0.clone(),
    }
    .encode_to_vec()
}

/// Reads an answer to InitChain.
///
/// # Errors
/// What is wrong with it.
pub fn decode_init_chain(bytes: Bytes) -> Result<InitChainResponse, DecodeError> {
    let wire: WireInitChain = decoded("init_chain", bytes)?;
    let params = wire.consensus_params.map(|it| types::codec::decode_params_update(&it));
    Ok(InitChainResponse {
        params: params.transpose()?,
        validators: updates_from_wire("init_chain.validators", wire.validators)?,
        app_hash: AppHash(wire.app_hash),
    })
}

/// The bytes of an answer to InsertTx.
pub fn encode_insert_tx(code: u32) -> Vec<u8> {
    WireInsertTx { code }.encode_to_vec()
}

/// Reads an answer to InsertTx.
///
/// # Errors
/// What is wrong with it.
pub fn decode_insert_tx(bytes: Bytes) -> Result<u32, DecodeError> {
    decoded::<WireInsertTx>("insert_tx", bytes).map(|it| it.code)
}

/// The bytes of an answer to ReapTxs.
pub fn encode_reap_txs(txs: Vec<Tx>) -> Vec<u8> {
    WireReapTxs { txs }.encode_to_vec()
}

/// Reads an answer to ReapTxs.
///
/// # Errors
/// What is wrong with it.
pub fn decode_reap_txs(bytes: Bytes) -> Result<Vec<Tx>, DecodeError> {
    decoded::<WireReapTxs>("reap_txs", bytes).map(|it| it.txs)
}

/// The bytes of an answer to Query.
pub fn encode_query(answer: &QueryResponse) -> Vec<u8> {
    let ops = answer.proof.iter().map(|it| crypto::ProofOp {
        r#type: it.kind.clone(),
        key: it.key.to_vec(),
        data: it.data.to_vec(),
    });
    let ops: Vec<_> = ops.collect();
    abci::ResponseQuery {
        code: answer.code,
        log: answer.log.clone(),
        info: answer.info.clone(),
        index: answer.index,
        key: answer.key.clone(),
        value: answer.value.clone(),
        proof_ops: (!ops.is_empty()).then_some(crypto::ProofOps { ops }),
        height: height_option_to_wire(answer.height),
        codespace: answer.codespace.clone(),
    }
    .encode_to_vec()
}

/// Reads an answer to Query. A height below 1 says nothing: it is shown to clients and no more, so
/// nobody stops because of it.
///
/// # Errors
/// What is wrong with it.
pub fn decode_query(bytes: Bytes) -> Result<QueryResponse, DecodeError> {
    let wire: abci::ResponseQuery = decoded("query", bytes)?;
    let ops = wire.proof_ops.map(|it| it.ops).unwrap_or_default().into_iter();
    let proof = ops.map(|it| ProofOp { kind: it.r#type, key: it.key.into(), data: it.data.into() });
    Ok(QueryResponse {
        code: wire.code,
        log: wire.log,
        info: wire.info,
        index: wire.index,
        key: wire.key,
        value: wire.value,
        proof: proof.collect(),
        height: u64::try_from(wire.height).ok().filter(|&it| 0 < it).map(Height),
        codespace: wire.codespace,
    })
}

/// The bytes of an answer to PrepareProposal.
pub fn encode_prepare_proposal(txs: Vec<Tx>) -> Vec<u8> {
    abci::ResponsePrepareProposal { txs }.encode_to_vec()
}

/// Reads an answer to PrepareProposal.
///
/// # Errors
/// What is wrong with it.
pub fn decode_prepare_proposal(bytes: Bytes) -> Result<Vec<Tx>, DecodeError> {
    decoded::<abci::ResponsePrepareProposal>("prepare_proposal", bytes).map(|it| it.txs)
}

/// The bytes of an answer to ProcessProposal or to VerifyVoteExtension, which have the same field.
pub fn encode_verdict(verdict: Verdict) -> Vec<u8> {
    let status = match verdict {
        Verdict::Accept => ProposalStatus::Accept,
        Verdict::Reject => ProposalStatus::Reject,
    };
    abci::ResponseProcessProposal { status: status.into() }.encode_to_vec()
}

/// Reads an answer to ProcessProposal or to VerifyVoteExtension.
///
/// # Errors
/// If it neither accepts nor rejects.
pub fn decode_verdict(bytes: Bytes) -> Result<Verdict, DecodeError> {
    let wire: abci::ResponseProcessProposal = decoded("verdict", bytes)?;
    match ProposalStatus::try_from(wire.status) {
        Ok(ProposalStatus::Accept) => Ok(Verdict::Accept),
        Ok(ProposalStatus::Reject) => Ok(Verdict::Reject),
        Ok(ProposalStatus::Unknown) | Err(_) => Err(unknown("status", wire.status)),
    }
}

/// The bytes of an answer to ExtendVote.
pub fn encode_extend_vote(vote_extension: Bytes) -> Vec<u8> {
    abci::ResponseExtendVote { vote_extension }.encode_to_vec()
}

/// Reads an answer to ExtendVote.
///
/// # Errors
/// What is wrong with it.
pub fn decode_extend_vote(bytes: Bytes) -> Result<Bytes, DecodeError> {
    decoded::<abci::ResponseExtendVote>("extend_vote", bytes).map(|it| it.vote_extension)
}

/// The bytes of an answer to Commit.
pub fn encode_commit(answer: &CommitResponse) -> Vec<u8> {
    let retain_height = height_option_to_wire(answer.retain_height);
    abci::ResponseCommit { retain_height }.encode_to_vec()
}

/// Reads an answer to Commit.
///
/// # Errors
/// What is wrong with it.
pub fn decode_commit(bytes: Bytes) -> Result<CommitResponse, DecodeError> {
    let wire: abci::ResponseCommit = decoded("commit", bytes)?;
    Ok(CommitResponse { retain_height: height_option("commit.retain_height", wire.retain_height)? })
}

/// The bytes of an answer to ListSnapshots.
pub fn encode_list_snapshots(snapshots: &[Snapshot]) -> Vec<u8> {
    let snapshots = snapshots.iter().map(snapshot_to_wire).collect();
    abci::ResponseListSnapshots { snapshots }.encode_to_vec()
}

/// Reads an answer to ListSnapshots.
///
/// # Errors
/// What is wrong with it.
pub fn decode_list_snapshots(bytes: Bytes) -> Result<Vec<Snapshot>, DecodeError> {
    let wire: abci::ResponseListSnapshots = decoded("list_snapshots", bytes)?;
    wire.snapshots.into_iter().map(snapshot_from_wire).collect()
}

/// The bytes of an answer to OfferSnapshot.
pub fn encode_offer_snapshot(verdict: SnapshotVerdict) -> Vec<u8> {
    let result = match verdict {
        SnapshotVerdict::Accept => WireSnapshotVerdict::Accept,
        SnapshotVerdict::Abort => WireSnapshotVerdict::Abort,
        SnapshotVerdict::Reject => WireSnapshotVerdict::Reject,
        SnapshotVerdict::RejectFormat => WireSnapshotVerdict::RejectFormat,
        SnapshotVerdict::RejectSender => WireSnapshotVerdict::RejectSender,
    };
    abci::ResponseOfferSnapshot { result: result.into() }.encode_to_vec()
}

/// Reads an answer to OfferSnapshot.
///
/// # Errors
/// If it says nothing that is known.
pub fn decode_offer_snapshot(bytes: Bytes) -> Result<SnapshotVerdict, DecodeError> {
    let wire: abci::ResponseOfferSnapshot = decoded("offer_snapshot", bytes)?;
    match WireSnapshotVerdict::try_from(wire.result) {
        Ok(WireSnapshotVerdict::Accept) => Ok(SnapshotVerdict::Accept),
        Ok(WireSnapshotVerdict::Abort) => Ok(SnapshotVerdict::Abort),
        Ok(WireSnapshotVerdict::Reject) => Ok(SnapshotVerdict::Reject),
        Ok(WireSnapshotVerdict::RejectFormat) => Ok(SnapshotVerdict::RejectFormat),
        Ok(WireSnapshotVerdict::RejectSender) => Ok(SnapshotVerdict::RejectSender),
        Ok(WireSnapshotVerdict::Unknown) | Err(_) => {
            Err(unknown("offer_snapshot.result", wire.result))
        }
    }
}

/// The bytes of an answer to LoadSnapshotChunk; empty if there is none.
pub fn encode_load_snapshot_chunk(chunk: Option<Bytes>) -> Vec<u8> {
    abci::ResponseLoadSnapshotChunk { chunk: chunk.unwrap_or_default() }.encode_to_vec()
}

/// Reads an answer to LoadSnapshotChunk.
///
/// # Errors
/// What is wrong with it.
pub fn decode_load_snapshot_chunk(bytes: Bytes) -> Result<Option<Bytes>, DecodeError> {
    let wire: abci::ResponseLoadSnapshotChunk = decoded("load_snapshot_chunk", bytes)?;
    Ok(Some(wire.chunk).filter(|chunk| !chunk.is_empty()))
}

/// The bytes of an answer to ApplySnapshotChunk.
pub fn encode_apply_snapshot_chunk(answer: &ApplySnapshotChunkResponse) -> Vec<u8> {
    let result = match answer.verdict {
        ChunkVerdict::Accept => WireChunkVerdict::Accept,
        ChunkVerdict::Abort => WireChunkVerdict::Abort,
        ChunkVerdict::Retry => WireChunkVerdict::Retry,
        ChunkVerdict::RetrySnapshot => WireChunkVerdict::RetrySnapshot,
        ChunkVerdict::RejectSnapshot => WireChunkVerdict::RejectSnapshot,
    };
    abci::ResponseApplySnapshotChunk {
        result: result.into(),
        refetch_chunks: answer.refetch_chunks.clone(),
        reject_senders: answer.reject_senders.clone(),
    }
    .encode_to_vec()
}

/// Reads an answer to ApplySnapshotChunk.
///
/// # Errors
/// If it says nothing that is known.
pub fn decode_apply_snapshot_chunk(
    bytes: Bytes,
) -> Result<ApplySnapshotChunkResponse, DecodeError> {
    let wire: abci::ResponseApplySnapshotChunk = decoded("apply_snapshot_chunk", bytes)?;
    let verdict = match WireChunkVerdict::try_from(wire.result) {
        Ok(WireChunkVerdict::Accept) => ChunkVerdict::Accept,
        Ok(WireChunkVerdict::Abort) => ChunkVerdict::Abort,
        Ok(WireChunkVerdict::Retry) => ChunkVerdict::Retry,
        Ok(WireChunkVerdict::RetrySnapshot) => ChunkVerdict::RetrySnapshot,
        Ok(WireChunkVerdict::RejectSnapshot) => ChunkVerdict::RejectSnapshot,
        Ok(WireChunkVerdict::Unknown) | Err(_) => {
            return Err(unknown("apply_snapshot_chunk.result", wire.result));
        }
    };
    Ok(ApplySnapshotChunkResponse {
        verdict,
        refetch_chunks: wire.refetch_chunks,
        reject_senders: wire.reject_senders,
    })
}

/// The wire's form of a snapshot.
pub fn snapshot_to_wire(snapshot: &Snapshot) -> abci::Snapshot {
    let number = height_to_wire(snapshot.height);
    abci::Snapshot {
        height: u64::try_from(number).expect("a height is not negative"),
        format: snapshot.format,
        chunks: snapshot.chunks,
        hash: snapshot.hash.clone(),
        metadata: snapshot.metadata.clone(),
    }
}

/// Reads a snapshot.
///
/// # Errors
/// If its height is none.
pub fn snapshot_from_wire(wire: abci::Snapshot) -> Result<Snapshot, DecodeError> {
    Ok(Snapshot {
        height: height("snapshot.height", unsigned_to_wire(wire.height))?,
        format: wire.format,
        chunks: wire.chunks,
        hash: wire.hash,
        metadata: wire.metadata,
    })
}

fn unknown(field: &'static str, given: i32) -> DecodeError {
    let given: &dyn std::fmt::Display = if given == 0 { &"UNKNOWN" } else { &given };
    refused(field, format_args!("is {given}, which is no verdict"))
}
