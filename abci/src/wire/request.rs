//! Requests to and from bytes.
//!
//! What a caller leaves out of a block is zero: a node leaves nothing out, but the reference's
//! `abci-cli` sends transactions and no more.

use bytes::Bytes;
use prost::Message;
use tendermint_proto::v0_38::abci;
use tendermint_proto::v0_38::crypto::PublicKey as WireKey;
use tendermint_proto::v0_38::crypto::public_key::Sum;
use types::codec::DecodeError;
use types::codec::scalar::{
    address, chain_id, hash, height, height_option, height_to_wire, power, refused, required,
    round, round_to_wire, signature, time, time_to_wire, unsigned, unsigned_to_wire,
};
use types::hash::{ADDRESS_BYTES, HASH_BYTES};
use types::{Address, AppHash, Hash, Height, PublicKey, Tx, ValidatorUpdate};

use super::decoded;
use super::response::{snapshot_from_wire, snapshot_to_wire};
use crate::request::{
    ApplySnapshotChunkRequest, BlockRequest, CheckTxKind, CheckTxRequest, CommitInfo,
    ExtendedCommitInfo, ExtendedVoteSummary, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, Misbehavior, MisbehaviorKind, OfferSnapshotRequest,
    PrepareProposalRequest, QueryRequest, ReapTxsRequest, VerifyVoteExtensionRequest, VoteFlag,
    VoteSummary,
};

/// spec: `RequestInitChain`; its parameters are read elsewhere, with the fields that the published
/// message lacks.
#[derive(Clone, PartialEq, Message)]
struct WireInitChain {
    #[prost(message, optional, tag = "1")]
    time: Option<tendermint_proto::google::protobuf::Timestamp>,
    #[prost(string, tag = "2")]
    chain_id: String,
    #[prost(bytes = "bytes", optional, tag = "3")]
    consensus_params: Option<Bytes>,
    #[prost(message, repeated, tag = "4")]
    validators: Vec<abci::ValidatorUpdate>,
    #[prost(bytes = "bytes", tag = "5")]
    app_state_bytes: Bytes,
    #[prost(int64, tag = "6")]
    initial_height: i64,
}

/// spec: `RequestInsertTx`, which is younger than the published messages.
#[derive(Clone, PartialEq, Message)]
struct WireInsertTx {
    #[prost(bytes = "bytes", tag = "1")]
    tx: Bytes,
}

/// spec: `RequestReapTxs`, which is younger than the published messages.
#[derive(Clone, PartialEq, Message)]
struct WireReapTxs {
    #[prost(uint64, tag = "1")]
    max_bytes: u64,
    #[prost(uint64, tag = "2")]
    max_gas: u64,
}

/// The bytes of an Info.
pub fn encode_info(request: &InfoRequest) -> Vec<u8> {
    abci::RequestInfo {
        version: request.version.clone(),
        block_version: request.block_version,
        p2p_version: request.p2p_version,
        abci_version: request.abci_version.clone(),
    }
    .encode_to_vec()
}

/// Reads an Info.
///
/// # Errors
/// What is wrong with it.
pub fn decode_info(bytes: Bytes) -> Result<InfoRequest, DecodeError> {
    let wire: abci::RequestInfo = decoded("info", bytes)?;
    Ok(InfoRequest {
        version: wire.version,
        block_version: wire.block_version,
        p2p_version: wire.p2p_version,
        abci_version: wire.abci_version,
    })
}

/// The bytes of an InitChain.
pub fn encode_init_chain(request: &InitChainRequest) -> Vec<u8> {
    WireInitChain {
        time: Some(time_to_wire(request.time)),
        chain_id: request.chain_id.as_str().to_owned(),
        consensus_params: Some(types::codec::encode_params(&request.params)),
        validators: request.validators.iter().map(update_to_wire).collect(),
        app_state_bytes: request.app_state.clone(),
        initial_height: height_to_wire(request.initial_height),
    }
    .encode_to_vec()
}

/// Reads an InitChain.
///
/// # Errors
/// What is wrong with it.
pub fn decode_init_chain(bytes: Bytes) -> Result<InitChainRequest, DecodeError> {
    let wire: WireInitChain = decoded("init_chain", bytes)?;
    let params = required("init_chain.consensus_params", wire.consensus_params)?;
    Ok(InitChainRequest {
        time: time("init_chain.time", wire.time.as_ref())?,
        chain_id: chain_id("init_chain.chain_id", wire.chain_id)?,
        params: types::codec::decode_params(&params)?,
        validators: updates_from_wire("init_chain.validators", wire.validators)?,
        app_state: wire.app_state_bytes,
        initial_height: height("init_chain.initial_height", wire.initial_height)?,
    })
}

/// The bytes of a CheckTx.
pub fn encode_check_tx(request: &CheckTxRequest) -> Vec<u8> {
    let kind = match request.kind {
        CheckTxKind::New => abci::CheckTxType::New,
        CheckTxKind::Recheck => abci::CheckTxType::Recheck,
    };
    abci::RequestCheckTx { tx: request.tx.clone(), r#type: kind.into() }.encode_to_vec()
}

/// Reads a CheckTx.
///
/// # Errors
/// What is wrong with it.
pub fn decode_check_tx(bytes: Bytes) -> Result<CheckTxRequest, DecodeError> {
    let wire: abci::RequestCheckTx = decoded("check_tx", bytes)?;
    let kind = match abci::CheckTxType::try_from(wire.r#type) {
        Ok(abci::CheckTxType::New) => CheckTxKind::New,
        Ok(abci::CheckTxType::Recheck) => CheckTxKind::Recheck,
        Err(error) => return Err(refused("check_tx.type", error)),
    };
    Ok(CheckTxRequest { tx: wire.tx, kind })
}

/// The bytes of an InsertTx.
pub fn encode_insert_tx(tx: &Tx) -> Vec<u8> {
    WireInsertTx { tx: tx.clone() }.encode_to_vec()
}

/// Reads an InsertTx.
///
/// # Errors
/// What is wrong with it.
pub fn decode_insert_tx(bytes: Bytes) -> Result<Tx, DecodeError> {
    decoded::<WireInsertTx>("insert_tx", bytes).map(|it| it.tx)
}

/// The bytes of a ReapTxs.
pub fn encode_reap_txs(request: &ReapTxsRequest) -> Vec<u8> {
    let ReapTxsRequest { bytes_max, gas_max } = *request;
    WireReapTxs { max_bytes: bytes_max, max_gas: gas_max }.encode_to_vec()
}

/// Reads a ReapTxs.
///
/// # Errors
/// What is wrong with it.
pub fn decode_reap_txs(bytes: Bytes) -> Result<ReapTxsRequest, DecodeError> {
    let WireReapTxs { max_bytes, max_gas } = decoded("reap_txs", bytes)?;
    Ok(ReapTxsRequest { bytes_max: max_bytes, gas_max: max_gas })
}

/// The bytes of a Query.
pub fn encode_query(request: &QueryRequest) -> Vec<u8> {
    abci::RequestQuery {
        data: request.data.clone(),
        path: request.path.clone(),
        height: request.height.map_or(0, height_to_wire),
        prove: request.prove,
    }
    .encode_to_vec()
}

/// Reads a Query.
///
/// # Errors
/// What is wrong with it.
pub fn decode_query(bytes: Bytes) -> Result<QueryRequest, DecodeError> {
    let wire: abci::RequestQuery = decoded("query", bytes)?;
    Ok(QueryRequest {
        data: wire.data,
        path: wire.path,
        height: height_option("query.height", wire.height)?,
        prove: wire.prove,
    })
}

/// The bytes of a PrepareProposal.
pub fn encode_prepare_proposal(request: &PrepareProposalRequest) -> Vec<u8> {
    abci::RequestPrepareProposal {
        max_tx_bytes: unsigned_to_wire(request.txs_bytes_max),
        txs: request.txs.clone(),
        local_last_commit: Some(extended_commit_to_wire(&request.local_last_commit)),
        misbehavior: request.misbehavior.iter().map(misbehavior_to_wire).collect(),
        height: height_to_wire(request.height),
        time: Some(time_to_wire(request.time)),
        next_validators_hash: Bytes::copy_from_slice(&request.next_validators_hash.0),
        proposer_address: Bytes::copy_from_slice(&request.proposer_address.0),
    }
    .encode_to_vec()
}

/// Reads a PrepareProposal.
///
/// # Errors
/// What is wrong with it.
pub fn decode_prepare_proposal(bytes: Bytes) -> Result<PrepareProposalRequest, DecodeError> {
    let wire: abci::RequestPrepareProposal = decoded("prepare_proposal", bytes)?;
    let commit = wire.local_last_commit.map(extended_commit_from_wire).transpose()?;
    Ok(PrepareProposalRequest {
        txs_bytes_max: unsigned("prepare_proposal.max_tx_bytes", wire.max_tx_bytes)?,
        txs: wire.txs,
        local_last_commit: commit.unwrap_or_default(),
        misbehavior: misbehavior_from_wire(wire.misbehavior)?,
        height: unsigned("prepare_proposal.height", wire.height).map(Height)?,
        time: time("prepare_proposal.time", wire.time.as_ref())?,
        next_validators_hash: hash_or_zero(
            "prepare_proposal.next_validators_hash",
            &wire.next_validators_hash,
        )?,
        proposer_address: address_or_zero(
            "prepare_proposal.proposer_address",
            &wire.proposer_address,
        )?,
    })
}

/// The bytes of a ProcessProposal or a FinalizeBlock, which have the same fields.
pub fn encode_block(request: &BlockRequest) -> Vec<u8> {
    abci::RequestFinalizeBlock {
        txs: request.txs.clone(),
        decided_last_commit: Some(commit_to_wire(&request.last_commit)),
        misbehavior: request.misbehavior.iter().map(misbehavior_to_wire).collect(),
        hash: Bytes::copy_from_slice(&request.hash.0),
        height: height_to_wire(request.height),
        time: Some(time_to_wire(request.time)),
        next_validators_hash: Bytes::copy_from_slice(&request.next_validators_hash.0),
        proposer_address: Bytes::copy_from_slice(&request.proposer_address.0),
    }
    .encode_to_vec()
}

/// Reads a ProcessProposal or a FinalizeBlock.
///
/// # Errors
/// What is wrong with it.
pub fn decode_block(bytes: Bytes) -> Result<BlockRequest, DecodeError> {
    block_from_wire(decoded("block", bytes)?)
}

fn block_from_wire(wire: abci::RequestFinalizeBlock) -> Result<BlockRequest, DecodeError> {
    let commit = wire.decided_last_commit.map(commit_from_wire).transpose()?;
    Ok(BlockRequest {
        hash: hash_or_zero("block.hash", &wire.hash)?,
        height: unsigned("block.height", wire.height).map(Height)?,
        time: time("block.time", wire.time.as_ref())?,
        txs: wire.txs,
        last_commit: commit.unwrap_or_default(),
        misbehavior: misbehavior_from_wire(wire.misbehavior)?,
        next_validators_hash: hash_or_zero(
            "block.next_validators_hash",
            &wire.next_validators_hash,
        )?,
        proposer_address: address_or_zero("block.proposer_address", &wire.proposer_address)?,
    })
}

fn hash_or_zero(field: &'static str, bytes: &[u8]) -> Result<Hash, DecodeError> {
    if bytes.is_empty() { Ok(Hash([0; HASH_BYTES])) } else { hash(field, bytes) }
}

fn address_or_zero(field: &'static str, bytes: &[u8]) -> Result<Address, DecodeError> {
    if bytes.is_empty() { Ok(Address([0; ADDRESS_BYTES])) } else { address(field, bytes) }
}

/// The bytes of an ExtendVote.
pub fn encode_extend_vote(request: &BlockRequest) -> Vec<u8> {
    abci::RequestExtendVote {
        hash: Bytes::copy_from_slice(&request.hash.0),
        height: height_to_wire(request.height),
        time: Some(time_to_wire(request.time)),
        txs: request.txs.clone(),
        proposed_last_commit: Some(commit_to_wire(&request.last_commit)),
        misbehavior: request.misbehavior.iter().map(misbehavior_to_wire).collect(),
        next_validators_hash: Bytes::copy_from_slice(&request.next_validators_hash.0),
        proposer_address: Bytes::copy_from_slice(&request.proposer_address.0),
    }
    .encode_to_vec()
}

/// Reads an ExtendVote.
///
/// # Errors
/// What is wrong with it.
pub fn decode_extend_vote(bytes: Bytes) -> Result<BlockRequest, DecodeError> {
    let wire: abci::RequestExtendVote = decoded("extend_vote", bytes)?;
    block_from_wire(abci::RequestFinalizeBlock {
        txs: wire.txs,
        decided_last_commit: wire.proposed_last_commit,
        misbehavior: wire.misbehavior,
        hash: wire.hash,
        height: wire.height,
        time: wire.time,
        next_validators_hash: wire.next_validators_hash,
        proposer_address: wire.proposer_address,
    })
}

/// The bytes of a VerifyVoteExtension.
pub fn encode_verify_vote_extension(request: &VerifyVoteExtensionRequest) -> Vec<u8> {
    abci::RequestVerifyVoteExtension {
        hash: Bytes::copy_from_slice(&request.hash.0),
        validator_address: Bytes::copy_from_slice(&request.validator_address.0),
        height: height_to_wire(request.height),
        vote_extension: request.extension.clone(),
    }
    .encode_to_vec()
}

/// Reads a VerifyVoteExtension.
///
/// # Errors
/// What is wrong with it.
pub fn decode_verify_vote_extension(
    bytes: Bytes,
) -> Result<VerifyVoteExtensionRequest, DecodeError> {
    let wire: abci::RequestVerifyVoteExtension = decoded("verify_vote_extension", bytes)?;
    let signer = address("verify_vote_extension.validator_address", &wire.validator_address)?;
    Ok(VerifyVoteExtensionRequest {
        hash: hash("verify_vote_extension.hash", &wire.hash)?,
        validator_address: signer,
        height: height("verify_vote_extension.height", wire.height)?,
        extension: wire.vote_extension,
    })
}

/// The bytes of an OfferSnapshot.
pub fn encode_offer_snapshot(request: &OfferSnapshotRequest) -> Vec<u8> {
    abci::RequestOfferSnapshot {
        snapshot: Some(snapshot_to_wire(&request.snapshot)),
        app_hash: request.app_hash.0.clone(),
    }
    .encode_to_vec()
}

/// Reads an OfferSnapshot.
///
/// # Errors
/// What is wrong with it.
pub fn decode_offer_snapshot(bytes: Bytes) -> Result<OfferSnapshotRequest, DecodeError> {
    let wire: abci::RequestOfferSnapshot = decoded("offer_snapshot", bytes)?;
    Ok(OfferSnapshotRequest {
        snapshot: snapshot_from_wire(required("offer_snapshot.snapshot", wire.snapshot)?)?,
        app_hash: AppHash(wire.app_hash),
    })
}

/// The bytes of a LoadSnapshotChunk.
pub fn encode_load_snapshot_chunk(request: &LoadSnapshotChunkRequest) -> Vec<u8> {
    abci::RequestLoadSnapshotChunk {
        height: request.height.0,
        format: request.format,
        chunk: request.chunk,
    }
    .encode_to_vec()
}

/// Reads a LoadSnapshotChunk.
///
/// # Errors
/// What is wrong with it.
pub fn decode_load_snapshot_chunk(bytes: Bytes) -> Result<LoadSnapshotChunkRequest, DecodeError> {
    let wire: abci::RequestLoadSnapshotChunk = decoded("load_snapshot_chunk", bytes)?;
    Ok(LoadSnapshotChunkRequest {
        height: height("load_snapshot_chunk.height", unsigned_to_wire(wire.height))?,
        format: wire.format,
        chunk: wire.chunk,
    })
}

/// The bytes of an ApplySnapshotChunk.
pub fn encode_apply_snapshot_chunk(request: &ApplySnapshotChunkRequest) -> Vec<u8> {
    abci::RequestApplySnapshotChunk {
        index: request.index,
        chunk: request.chunk.clone(),
        sender: request.sender.clone(),
    }
    .encode_to_vec()
}

/// Reads an ApplySnapshotChunk.
///
/// # Errors
/// What is wrong with it.
pub fn decode_apply_snapshot_chunk(bytes: Bytes) -> Result<ApplySnapshotChunkRequest, DecodeError> {
    let wire: abci::RequestApplySnapshotChunk = decoded("apply_snapshot_chunk", bytes)?;
    Ok(ApplySnapshotChunkRequest { index: wire.index, chunk: wire.chunk, sender: wire.sender })
}

/// The wire's form of a change of a validator's power.
pub fn update_to_wire(update: &ValidatorUpdate) -> abci::ValidatorUpdate {
    let key = WireKey { sum: Some(Sum::Ed25519(update.public_key.0.to_vec())) };
    abci::ValidatorUpdate { pub_key: Some(key), power: unsigned_to_wire(update.power.0) }
}

/// Reads changes of validators' powers.
///
/// # Errors
/// If one's key is of another type, or its power negative.
pub fn updates_from_wire(
    field: &'static str,
    wire: Vec<abci::ValidatorUpdate>,
) -> Result<Vec<ValidatorUpdate>, DecodeError> {
    let update = |wire: abci::ValidatorUpdate| {
        let Some(Sum::Ed25519(bytes)) = wire.pub_key.and_then(|key| key.sum) else {
            return Err(refused(field, "has a key that is not ed25519"));
        };
        let key = bytes.try_into().map_err(|_| refused(field, "has a key that is not 32 bytes"))?;
        Ok(ValidatorUpdate { public_key: PublicKey(key), power: power(field, wire.power)? })
    };
    wire.into_iter().map(update).collect()
}

fn commit_to_wire(commit: &CommitInfo) -> abci::CommitInfo {
    let votes = commit.votes.iter().map(|vote| abci::VoteInfo {
        validator: Some(validator_to_wire(vote)),
        block_id_flag: flag_to_wire(vote.flag),
    });
    abci::CommitInfo { round: round_to_wire(commit.round), votes: votes.collect() }
}

fn commit_from_wire(wire: abci::CommitInfo) -> Result<CommitInfo, DecodeError> {
    let votes = wire.votes.into_iter().map(|it| vote_from_wire(it.validator, it.block_id_flag));
    Ok(CommitInfo {
        round: round("last_commit.round", wire.round)?,
        votes: votes.collect::<Result<_, _>>()?,
    })
}

fn extended_commit_to_wire(commit: &ExtendedCommitInfo) -> abci::ExtendedCommitInfo {
    let votes = commit.votes.iter().map(|it| {
        let signed = it.extension_signature.as_ref();
        abci::ExtendedVoteInfo {
            validator: Some(validator_to_wire(&it.vote)),
            vote_extension: it.extension.clone(),
            extension_signature: signed
                .map_or_else(Bytes::new, |signature| Bytes::copy_from_slice(&signature.0)),
            block_id_flag: flag_to_wire(it.vote.flag),
        }
    });
    abci::ExtendedCommitInfo { round: round_to_wire(commit.round), votes: votes.collect() }
}

fn extended_commit_from_wire(
    wire: abci::ExtendedCommitInfo,
) -> Result<ExtendedCommitInfo, DecodeError> {
    let vote = |it: abci::ExtendedVoteInfo| {
        let bytes = it.extension_signature;
        let signed = (!bytes.is_empty())
            .then(|| signature("last_commit.votes.extension_signature", &bytes))
            .transpose()?;
        Ok(ExtendedVoteSummary {
            vote: vote_from_wire(it.validator, it.block_id_flag)?,
            extension: it.vote_extension,
            extension_signature: signed,
        })
    };
    Ok(ExtendedCommitInfo {
        round: round("last_commit.round", wire.round)?,
        votes: wire.votes.into_iter().map(vote).collect::<Result<_, _>>()?,
    })
}

fn validator_to_wire(vote: &VoteSummary) -> abci::Validator {
    abci::Validator {
        address: Bytes::copy_from_slice(&vote.address.0),
        power: unsigned_to_wire(vote.power.0),
    }
}

fn flag_to_wire(flag: VoteFlag) -> i32 {
    match flag {
        VoteFlag::Absent => 1,
        VoteFlag::Commit => 2,
        VoteFlag::Nil => 3,
    }
}

fn vote_from_wire(
    validator: Option<abci::Validator>,
    flag: i32,
) -> Result<VoteSummary, DecodeError> {
    let validator = required("last_commit.votes.validator", validator)?;
    let flag = match flag {
        1 => VoteFlag::Absent,
        2 => VoteFlag::Commit,
        3 => VoteFlag::Nil,
        other => return Err(refused("last_commit.votes.block_id_flag", other)),
    };
    Ok(VoteSummary {
        address: address("last_commit.votes.validator.address", &validator.address)?,
        power: power("last_commit.votes.validator.power", validator.power)?,
        flag,
    })
}

fn misbehavior_to_wire(misbehavior: &Misbehavior) -> abci::Misbehavior {
    let kind = match misbehavior.kind {
        MisbehaviorKind::DuplicateVote => abci::MisbehaviorType::DuplicateVote,
        MisbehaviorKind::LightClientAttack => abci::MisbehaviorType::LightClientAttack,
    };
    abci::Misbehavior {
        r#type: kind.into(),
        validator: Some(abci::Validator {
            address: Bytes::copy_from_slice(&misbehavior.address.0),
            power: unsigned_to_wire(misbehavior.power.0),
        }),
        height: height_to_wire(misbehavior.height),
        time: Some(time_to_wire(misbehavior.time)),
        total_voting_power: unsigned_to_wire(misbehavior.total_power.0),
    }
}

fn misbehavior_from_wire(wire: Vec<abci::Misbehavior>) -> Result<Vec<Misbehavior>, DecodeError> {
    let one = |wire: abci::Misbehavior| {
        let kind = match abci::MisbehaviorType::try_from(wire.r#type) {
            Ok(abci::MisbehaviorType::DuplicateVote) => MisbehaviorKind::DuplicateVote,
            Ok(abci::MisbehaviorType::LightClientAttack) => MisbehaviorKind::LightClientAttack,
            Ok(abci::MisbehaviorType::Unknown) | Err(_) => {
                return Err(refused("misbehavior.type", wire.r#type));
            }
        };
        let accused = required("misbehavior.validator", wire.validator)?;
        Ok(Misbehavior {
            kind,
            address: address("misbehavior.validator.address", &accused.address)?,
            power: power("misbehavior.validator.power", accused.power)?,
            height: height("misbehavior.height", wire.height)?,
            time: time("misbehavior.time", wire.time.as_ref())?,
            total_power: power("misbehavior.total_voting_power", wire.total_voting_power)?,
        })
    };
    wire.into_iter().map(one).collect()
}
