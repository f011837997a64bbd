//! Protobuf messages that we derive ourselves: those where the published ones copy transactions
//! and parts instead of sharing the buffer they arrived in, and those that lack a field.

use bytes::Bytes;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::{abci, blocksync, consensus, crypto, types, version};

/// spec: `tendermint.types.Data`, and `tendermint.mempool.Txs`, which has the same form.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Txs {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub txs: Vec<Bytes>,
}

/// spec: `tendermint.types.Block`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Block {
    #[prost(message, optional, tag = "1")]
    pub header: Option<types::Header>,
    #[prost(message, optional, tag = "2")]
    pub data: Option<Txs>,
    #[prost(message, optional, tag = "3")]
    pub evidence: Option<types::EvidenceList>,
    #[prost(message, optional, tag = "4")]
    pub last_commit: Option<types::Commit>,
}

/// spec: `tendermint.types.Part`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Part {
    #[prost(uint32, tag = "1")]
    pub index: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub bytes: Bytes,
    #[prost(message, optional, tag = "3")]
    pub proof: Option<crypto::Proof>,
}

/// spec: `tendermint.consensus.BlockPart`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockPart {
    #[prost(int64, tag = "1")]
    pub height: i64,
    #[prost(int32, tag = "2")]
    pub round: i32,
    #[prost(message, optional, tag = "3")]
    pub part: Option<Part>,
}

/// spec: `tendermint.consensus.Message`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConsensusMessage {
    #[prost(oneof = "ConsensusSum", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub sum: Option<ConsensusSum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ConsensusSum {
    #[prost(message, tag = "1")]
    NewRoundStep(consensus::NewRoundStep),
    #[prost(message, tag = "2")]
    NewValidBlock(consensus::NewValidBlock),
    #[prost(message, tag = "3")]
    Proposal(consensus::Proposal),
    #[prost(message, tag = "4")]
    ProposalPol(consensus::ProposalPol),
    #[prost(message, tag = "5")]
    BlockPart(BlockPart),
    #[prost(message, tag = "6")]
    Vote(consensus::Vote),
    #[prost(message, tag = "7")]
    HasVote(consensus::HasVote),
    #[prost(message, tag = "8")]
    VoteSetMaj23(consensus::VoteSetMaj23),
    #[prost(message, tag = "9")]
    VoteSetBits(consensus::VoteSetBits),
}

/// spec: `tendermint.mempool.Message`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MempoolMessage {
    #[prost(oneof = "MempoolSum", tags = "1")]
    pub sum: Option<MempoolSum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MempoolSum {
    #[prost(message, tag = "1")]
    Txs(Txs),
}

/// spec: `tendermint.blocksync.BlockResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockResponse {
    #[prost(message, optional, tag = "1")]
    pub block: Option<Block>,
    #[prost(message, optional, tag = "2")]
    pub ext_commit: Option<types::ExtendedCommit>,
}

/// spec: `tendermint.blocksync.Message`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockSyncMessage {
    #[prost(oneof = "BlockSyncSum", tags = "1, 2, 3, 4, 5")]
    pub sum: Option<BlockSyncSum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum BlockSyncSum {
    #[prost(message, tag = "1")]
    BlockRequest(blocksync::BlockRequest),
    #[prost(message, tag = "2")]
    NoBlockResponse(blocksync::NoBlockResponse),
    #[prost(message, tag = "3")]
    BlockResponse(BlockResponse),
    #[prost(message, tag = "4")]
    StatusRequest(blocksync::StatusRequest),
    #[prost(message, tag = "5")]
    StatusResponse(blocksync::StatusResponse),
}

/// spec: `tendermint.types.AuthorityParams`, which the published messages lack.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AuthorityParams {
    #[prost(string, tag = "1")]
    pub authority: String,
}

/// spec: `tendermint.types.ConsensusParams`, with the authority.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConsensusParams {
    #[prost(message, optional, tag = "1")]
    pub block: Option<types::BlockParams>,
    #[prost(message, optional, tag = "2")]
    pub evidence: Option<types::EvidenceParams>,
    #[prost(message, optional, tag = "3")]
    pub validator: Option<types::ValidatorParams>,
    #[prost(message, optional, tag = "4")]
    pub version: Option<types::VersionParams>,
    #[prost(message, optional, tag = "5")]
    pub abci: Option<types::AbciParams>,
    #[prost(message, optional, tag = "6")]
    pub authority: Option<AuthorityParams>,
}

/// spec: `tendermint.abci.ResponseFinalizeBlock`, with the authority in its parameters.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BlockOutcome {
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<abci::Event>,
    #[prost(message, repeated, tag = "2")]
    pub tx_results: Vec<abci::ExecTxResult>,
    #[prost(message, repeated, tag = "3")]
    pub validator_updates: Vec<abci::ValidatorUpdate>,
    #[prost(message, optional, tag = "4")]
    pub consensus_param_updates: Option<ConsensusParams>,
    #[prost(bytes = "bytes", tag = "5")]
    pub app_hash: Bytes,
}

/// spec: `tendermint.state.State`, with the authority in its parameters.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChainState {
    #[prost(message, optional, tag = "1")]
    pub version: Option<StateVersion>,
    #[prost(string, tag = "2")]
    pub chain_id: String,
    #[prost(int64, tag = "3")]
    pub last_block_height: i64,
    #[prost(message, optional, tag = "4")]
    pub last_block_id: Option<types::BlockId>,
    #[prost(message, optional, tag = "5")]
    pub last_block_time: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub next_validators: Option<types::ValidatorSet>,
    #[prost(message, optional, tag = "7")]
    pub validators: Option<types::ValidatorSet>,
    #[prost(message, optional, tag = "8")]
    pub last_validators: Option<types::ValidatorSet>,
    #[prost(int64, tag = "9")]
    pub last_height_validators_changed: i64,
    #[prost(message, optional, tag = "10")]
    pub consensus_params: Option<ConsensusParams>,
    #[prost(int64, tag = "11")]
    pub last_height_consensus_params_changed: i64,
    #[prost(bytes = "bytes", tag = "12")]
    pub last_results_hash: Bytes,
    #[prost(bytes = "bytes", tag = "13")]
    pub app_hash: Bytes,
    #[prost(int64, tag = "14")]
    pub initial_height: i64,
}

/// spec: `tendermint.state.Version`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StateVersion {
    #[prost(message, optional, tag = "1")]
    pub consensus: Option<version::Consensus>,
}
