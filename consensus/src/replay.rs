//! Records: what the replica was told and what it said at the current height, so that after a
//! crash it knows again what it knew. Replay feeds them back without acting on them
//! (`height/receiving.rs`).
//!
//! A record is one byte for its kind, then the message as peers would send it; a timeout is
//! height, round and wait in big-endian.

use std::sync::Arc;

use bytes::Bytes;
use types::{Channel, DecodeError, Height, Message, Part, Proposal, Round, Vote};

use crate::input::{Timeout, Wait};

const PROPOSAL: u8 = 1;
const PART: u8 = 2;
const VOTE: u8 = 3;
const TIMEOUT: u8 = 4;

/// One thing that changed our state at the current height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A proposal, a peer's or ours.
    Proposal(Arc<Proposal>),
    /// A part of a block, a peer's or ours.
    Part {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// The part.
        part: Part,
    },
    /// A vote, a peer's or ours.
    Vote(Arc<Vote>),
    /// A timeout that had an effect.
    Timeout(Timeout),
}

impl Record {
    /// The height it belongs to: records of decided heights are deleted.
    pub fn height(&self) -> Height {
        match self {
            Record::Proposal(proposal) => proposal.height,
            Record::Part { height, .. } => *height,
            Record::Vote(vote) => vote.height,
            Record::Timeout(timeout) => timeout.height,
        }
    }

    /// The record's bytes, for the store.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, message) = match self {
            Record::Proposal(proposal) => (PROPOSAL, Message::Proposal(Arc::clone(proposal))),
            Record::Part { height, round, part } => {
                let (height, round, part) = (*height, *round, part.clone());
                (PART, Message::BlockPart { height, round, part })
            }
            Record::Vote(vote) => (VOTE, Message::Vote(Arc::clone(vote))),
            Record::Timeout(timeout) => return encode_timeout(timeout),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&message.encode());
        bytes
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&kind, rest) = bytes.split_first().ok_or_else(|| wrong("record", "is empty"))?;
        let message = |channel| Message::decode(channel, Bytes::copy_from_slice(rest));
        let message = match kind {
            PROPOSAL | PART => message(Channel::Data)?,
            VOTE => message(Channel::Vote)?,
            TIMEOUT => return decode_timeout(rest).map(Record::Timeout),
            _ => return Err(wrong("record.kind", "is unknown")),
        };
        match (kind, message) {
            (PROPOSAL, Message::Proposal(proposal)) => Ok(Record::Proposal(proposal)),
            (PART, Message::BlockPart { height, round, part }) => {
                Ok(Record::Part { height, round, part })
            }
            (VOTE, Message::Vote(vote)) => Ok(Record::Vote(vote)),
            _ => Err(wrong("record.kind", "does not match its message")),
        }
    }
}

fn encode_timeout(timeout: &Timeout) -> Vec<u8> {
    let mut bytes = vec![TIMEOUT];
    bytes.extend_from_slice(&timeout.height.0.to_be_bytes());
    bytes.extend_from_slice(&timeout.round.0.to_be_bytes());
    bytes.push(wait_number(timeout.wait));
    bytes
}

fn decode_timeout(bytes: &[u8]) -> Result<Timeout, DecodeError> {
    let short = || wrong("record.timeout", "is not 13 bytes long");
    let (height, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let (round, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let [number] = *rest else { return Err(short()) };
    let wait = WAITS.into_iter().find(|&wait| wait_number(wait) == number);
    Ok(Timeout {
        height: Height(u64::from_be_bytes(*height)),
        round: Round(u32::from_be_bytes(*round)),
        wait: wait.ok_or_else(|| wrong("record.timeout.wait", "is unknown"))?,
    })
}

const WAITS: [Wait; 7] = [
    Wait::Commit,
    Wait::EmptyBlock,
    Wait::Propose,
    Wait::Prevote,
    Wait::Precommit,
    Wait::Gossip,
    Wait::CatchUp,
];

/// A wait as it is stored. Never renumbered.
fn wait_number(wait: Wait) -> u8 {
    match wait {
        Wait::Commit => 0,
        Wait::EmptyBlock => 1,
        Wait::Propose => 2,
        Wait::Prevote => 3,
        Wait::Precommit => 4,
        Wait::Gossip => 5,
        Wait::CatchUp => 6,
    }
}

fn wrong(field: &'static str, problem: &str) -> DecodeError {
    DecodeError::Field { field, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timeout_survives_its_encoding() {
        for wait in WAITS {
            let record = Record::Timeout(Timeout { height: Height(7), round: Round(3), wait });
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn bytes_that_are_no_record_are_refused() {
        for bytes in [&[][..], &[9], &[TIMEOUT, 1], &[TIMEOUT; 15], &[VOTE, 255, 255]] {
            assert!(Record::decode(bytes).is_err());
        }
    }
}
