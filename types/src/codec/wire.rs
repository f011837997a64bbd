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
    #[prost(message, boxed, tag = "3")]
    BlockResponse(Box<BlockResponse>),
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

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{BlockSyncMessage, ConsensusMessage, MempoolMessage};

    /// Vectors of the reference's tests, also those with values that we refuse.
    #[test]
    fn our_derives_keep_the_reference_bytes() {
        let hash = hex::encode(b"add_more_exclamation_marks_code-");
        let parts = format!("08011220{hash}");
        let id = format!("0a20{hash}1224{parts}");
        let date = "c0b89fdc05";
        let signer = hex::encode(b"add_more_exclamation");
        let consensus = [
            "0a0a08011001180120012801".to_owned(),
            "0a2608ffffffffffffffff7f10ffffffff0718ffffffff0f20ffffffffffffffff7f28ffffffff07"
                .to_owned(),
            format!("1231080110011a24{parts}22050801120100"),
            format!("1a720a7008201001180120012a48{id}320608{date}3a14{signer}"),
            "2206080110011a00".to_owned(),
            format!("2a36080110011a3008011204746573741a26080110011a20{hash}"),
            format!("32700a6e080210012248{id}2a0608{date}3214{signer}3801"),
            format!("327b0a79080210012248{id}2a0608{date}3214{signer}38014a09657874656e73696f6e"),
            "3a080801100118012001".to_owned(),
            "3a1808ffffffffffffffff7f10ffffffff07180120ffffffff07".to_owned(),
            format!("42500801100118012248{id}"),
            format!("4a570801100118012248{id}2a050801120100"),
        ];
        consensus.iter().for_each(|vector| kept::<ConsensusMessage>(vector));
        let block_sync = [
            "0a020801",
            "12020801",
            "2200",
            "2a0408011002",
            "1a700a6e0a5b0a02080b1803220b088092b8c398feffffff012a0212003a20c4da88e876062aa1543400d5\
             0d0eaa0dac88096057949cfb7bca7f3a48c04bf96a20e3b0c44298fc1c149afbf4c8996fb92427ae41e464\
             9b934ca495991b7852b855120d0a0b48656c6c6f20576f726c641a00",
        ];
        block_sync.iter().for_each(|vector| kept::<BlockSyncMessage>(vector));
        kept::<MempoolMessage>("0a030a017b");
    }

    fn kept<M: Message + Default>(vector: &str) {
        let message = M::decode(&*hex::decode(vector).unwrap()).unwrap();
        assert_eq!(hex::encode(message.encode_to_vec()), vector);
    }
}
