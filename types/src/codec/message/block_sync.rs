//! Messages of the block sync channel.

use std::sync::Arc;

use tendermint_proto::v0_38::blocksync::{
    BlockRequest, NoBlockResponse, StatusRequest, StatusResponse,
};

use crate::codec::DecodeError;
use crate::codec::block::{block_from_wire, block_to_wire};
use crate::codec::scalar::{
    height, height_option, height_option_to_wire, height_to_wire, refused, required,
};
use crate::codec::vote::{extended_commit_from_wire, extended_commit_to_wire};
use crate::codec::wire::{BlockResponse, BlockSyncSum};
use crate::message::Message;

/// None for messages of other channels.
pub fn to_wire(message: &Message) -> Option<BlockSyncSum> {
    Some(match message {
        Message::BlockRequest(height) => {
            BlockSyncSum::BlockRequest(BlockRequest { height: height_to_wire(*height) })
        }
        Message::NoBlock(height) => {
            BlockSyncSum::NoBlockResponse(NoBlockResponse { height: height_to_wire(*height) })
        }
        Message::BlockResponse { block, extended_commit } => {
            BlockSyncSum::BlockResponse(Box::new(BlockResponse {
                block: Some(block_to_wire(block)),
                ext_commit: extended_commit.as_ref().map(extended_commit_to_wire),
            }))
        }
        Message::StatusRequest => BlockSyncSum::StatusRequest(StatusRequest {}),
        Message::StatusResponse { range } => BlockSyncSum::StatusResponse(StatusResponse {
            height: height_option_to_wire(range.map(|(_, last)| last)),
            base: height_option_to_wire(range.map(|(first, _)| first)),
        }),
        Message::NewRoundStep { .. }
        | Message::NewValidBlock { .. }
        | Message::HasVote { .. }
        | Message::VoteSetMaj23 { .. }
        | Message::Proposal(_)
        | Message::ProposalPol { .. }
        | Message::BlockPart { .. }
        | Message::Vote(_)
        | Message::VoteSetBits { .. }
        | Message::Txs(_)
        | Message::Evidence(_) => return None,
    })
}

pub fn from_wire(sum: BlockSyncSum) -> Result<Message, DecodeError> {
    match sum {
        BlockSyncSum::BlockRequest(it) => {
            height("block_request.height", it.height).map(Message::BlockRequest)
        }
        BlockSyncSum::NoBlockResponse(it) => {
            height("no_block_response.height", it.height).map(Message::NoBlock)
        }
        BlockSyncSum::BlockResponse(it) => Ok(Message::BlockResponse {
            block: Arc::new(block_from_wire(required("block_response.block", it.block)?)?),
            extended_commit: it.ext_commit.map(extended_commit_from_wire).transpose()?,
        }),
        BlockSyncSum::StatusRequest(StatusRequest {}) => Ok(Message::StatusRequest),
        BlockSyncSum::StatusResponse(it) => {
            let base = height_option("status_response.base", it.base)?;
            let last = height_option("status_response.height", it.height)?;
            let range = match (base, last) {
                (None, None) => None,
                (Some(base), Some(last)) if base <= last => Some((base, last)),
                (None | Some(_), None | Some(_)) => {
                    return Err(refused("status_response.base", "is no height up to the last"));
                }
            };
            Ok(Message::StatusResponse { range })
        }
    }
}
