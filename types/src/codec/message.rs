//! What peers say to each other, by channel.

mod block_sync;
mod consensus;

use bytes::Bytes;
use prost::Message as _;

use super::scalar::{at_most, refused, required};
use super::wire::{BlockSyncMessage, ConsensusMessage, MempoolMessage, MempoolSum, Txs};
use super::{DecodeError, decoded, evidence, limit};
use crate::message::{Channel, Message};

/// The message as its channel's protobuf.
pub fn encode_message(message: &Message) -> Bytes {
    let bytes = match message {
        Message::NewRoundStep { .. }
        | Message::NewValidBlock { .. }
        | Message::HasVote { .. }
        | Message::VoteSetMaj23 { .. }
        | Message::Proposal(_)
        | Message::ProposalPol { .. }
        | Message::BlockPart { .. }
        | Message::Vote(_)
        | Message::VoteSetBits { .. } => {
            ConsensusMessage { sum: consensus::to_wire(message) }.encode_to_vec()
        }
        Message::Txs(txs) => {
            let txs = Txs { txs: txs.clone() };
            MempoolMessage { sum: Some(MempoolSum::Txs(txs)) }.encode_to_vec()
        }
        Message::Evidence(list) => evidence::list_to_wire(list).encode_to_vec(),
        Message::BlockRequest(_)
        | Message::NoBlock(_)
        | Message::BlockResponse { .. }
        | Message::StatusRequest
        | Message::StatusResponse { .. } => {
            BlockSyncMessage { sum: block_sync::to_wire(message) }.encode_to_vec()
        }
    };
    bytes.into()
}

/// Reads a message of a channel. Transactions and parts in it are slices of `bytes`.
///
/// # Errors
/// What is wrong with it.
pub fn decode_message(channel: Channel, bytes: Bytes) -> Result<Message, DecodeError> {
    at_most("message.bytes", bytes.len(), channel.message_bytes_max())?;
    let message = match channel {
        Channel::State | Channel::Data | Channel::Vote | Channel::VoteSetBits => {
            limit::consensus_message(&bytes)?;
            let wire: ConsensusMessage = decoded("consensus message", bytes)?;
            consensus::from_wire(required("message.sum", wire.sum)?)?
        }
        Channel::Mempool => {
            limit::mempool_message(&bytes)?;
            let wire: MempoolMessage = decoded("mempool message", bytes)?;
            let MempoolSum::Txs(Txs { txs }) = required("message.sum", wire.sum)?;
            if txs.is_empty() {
                return Err(refused("txs", "are missing"));
            }
            Message::Txs(txs)
        }
        Channel::Evidence => {
            limit::evidence_list(&bytes)?;
            Message::Evidence(evidence::list_from_wire(decoded("evidence message", bytes)?)?)
        }
        Channel::BlockSync => {
            limit::block_sync_message(&bytes)?;
            let wire: BlockSyncMessage = decoded("block sync message", bytes)?;
            block_sync::from_wire(required("message.sum", wire.sum)?)?
        }
        Channel::Snapshot | Channel::Chunk => {
            return Err(refused("message", "is of a channel that this version does not speak"));
        }
    };
    if message.channel() != channel {
        return Err(refused("message.sum", "is a message of another channel"));
    }
    Ok(message)
}
