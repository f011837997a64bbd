//! How many bytes a message takes on the wire, near enough for bandwidth: encoding it would cost
//! more than all the rest of the simulation.

use types::{BitArray, Message};

/// Kind, height, round, lengths: what every message has.
const FRAME: u64 = 24;
/// A vote with its block id, address, times and signature.
const VOTE: u64 = 200;
/// An entry of a commit.
const COMMIT_SIG: u64 = 112;
/// A header with all its hashes, and the lengths around it.
const HEADER: u64 = 700;
/// A piece of evidence: two votes and what surrounds them.
const EVIDENCE: u64 = 500;

/// Bytes of a message, estimated.
pub fn of(message: &Message) -> u64 {
    FRAME
        + match message {
            Message::NewRoundStep { .. } | Message::HasVote { .. } => 0,
            Message::NewValidBlock { have, .. } => 40 + bits(have),
            Message::VoteSetMaj23 { .. } => 80,
            Message::VoteSetBits { have, .. } => 80 + bits(have),
            Message::ProposalPol { have, .. } => bits(have),
            Message::Proposal(_) => VOTE,
            Message::BlockPart { part, .. } => {
                length(part.bytes.len()) + 64 + 32 * length(part.proof.aunts.len())
            }
            Message::Vote(vote) => {
                let extension = vote.extension.as_ref();
                VOTE + extension.map_or(0, |it| 80 + length(it.bytes.len()))
            }
            Message::Txs(txs) => txs.iter().map(|tx| 4 + length(tx.len())).sum(),
            Message::Evidence(list) => EVIDENCE * length(list.len()),
            Message::BlockRequest(_) | Message::NoBlock(_) => 0,
            Message::BlockResponse { block, .. } => {
                let txs: u64 = block.txs.iter().map(|tx| 4 + length(tx.len())).sum();
                let commit = block.last_commit.as_ref();
                let commit = commit.map_or(0, |it| length(it.signatures.len()));
                HEADER + txs + COMMIT_SIG * commit + EVIDENCE * length(block.evidence.len())
            }
            Message::StatusRequest | Message::StatusResponse { .. } => 0,
        }
}

fn bits(bits: &BitArray) -> u64 {
    length(bits.count()).div_ceil(8)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("lengths fit 64 bits")
}
