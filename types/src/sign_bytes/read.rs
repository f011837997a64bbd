//! What canonical bytes say about themselves: the double-sign guard asks it of what it signed last.

use prost::Message;
use tendermint_proto::google::protobuf::Timestamp;

use crate::block::{BlockId, PartSetHeader};
use crate::hash::Hash;
use crate::height::{Height, Round};

use crate::time::Time;
use crate::vote::VoteKind;

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A proposal.
    Proposal,
    /// A vote.
    Vote(VoteKind),
}

/// Where, when and about what something was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// About what.
    pub subject: Subject,
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// When, by the signer's clock.
    pub timestamp: Time,
    /// For which block; none is nil, and what proposals are for is not read.
    pub block_id: Option<BlockId>,
}

/// The fields that votes and proposals have in common.
#[derive(Clone, PartialEq, prost::Message)]
struct Place {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(sfixed64, tag = "2")]
    height: i64,
    #[prost(sfixed64, tag = "3")]
    round: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VoteBody {
    #[prost(message, required, tag = "5")]
    timestamp: Timestamp,
    #[prost(message, optional, tag = "4")]
    block_id: Option<WireId>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireId {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(message, required, tag = "2")]
    parts: WireParts,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireParts {
    #[prost(uint32, tag = "1")]
    total: u32,
    #[prost(bytes = "vec", tag = "2")]
    hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProposalTime {
    #[prost(message, required, tag = "6")]
    timestamp: Timestamp,
}

/// Reads what [`super::vote`] or [`super::proposal`] wrote. None if it is neither.
pub fn read(bytes: &[u8]) -> Option<Reading> {
    let place = Place::decode_length_delimited(bytes).ok()?;
    let (subject, timestamp, block_id) = match place.kind {
        1 | 2 => {
            let kind = if place.kind == 1 { VoteKind::Prevote } else { VoteKind::Precommit };
            let vote = VoteBody::decode_length_delimited(bytes).ok()?;
            let block_id = match vote.block_id {
                Some(id) => Some(id.read()?),
                None => None,
            };
            (Subject::Vote(kind), vote.timestamp, block_id)
        }
        32 => {
            let time = ProposalTime::decode_length_delimited(bytes).ok()?;
            (Subject::Proposal, time.timestamp, None)
        }
        _ => return None,
    };
    Some(Reading {
        subject,
        height: Height(u64::try_from(place.height).ok()?),
        round: Round(u32::try_from(place.round).ok()?),
        timestamp: Time::from_unix(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)?,
        block_id,
    })
}

impl WireId {
    fn read(self) -> Option<BlockId> {
        let hash = |bytes: Vec<u8>| bytes.try_into().ok().map(Hash);
        let parts = PartSetHeader { total: self.parts.total, hash: hash(self.parts.hash)? };
        Some(BlockId { hash: hash(self.hash)?, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_reference_vote_and_refuses_what_is_none() {
        // Vector of the reference's `TestVoteSignBytesTestVectors`: a precommit at height 1.
        let bytes = [
            0x21, 0x8, 0x2, 0x11, 0x1, 0, 0, 0, 0, 0, 0, 0, 0x19, 0x1, 0, 0, 0, 0, 0, 0, 0, 0x2a,
            0xb, 0x8, 0x80, 0x92, 0xb8, 0xc3, 0x98, 0xfe, 0xff, 0xff, 0xff, 0x1,
        ];
        let reading = read(&bytes).expect("the reference wrote it");
        assert_eq!(reading.subject, Subject::Vote(VoteKind::Precommit));
        assert_eq!((reading.height, reading.round), (Height(1), Round(1)));
        assert_eq!(reading.timestamp, Time::ZERO);

        assert_eq!(read(&[]), None);
        assert_eq!(read(&bytes[1..]), None);
        assert_eq!(read(&bytes[..20]), None);
    }
}
