//! What canonical bytes say about themselves: the double-sign guard asks it of what it signed last.

use prost::Message;
use tendermint_proto::google::protobuf::Timestamp;

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
struct VoteTime {
    #[prost(message, required, tag = "5")]
    timestamp: Timestamp,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProposalTime {
    #[prost(message, required, tag = "6")]
    timestamp: Timestamp,
}

/// Reads what [`super::vote`] or [`super::proposal`] wrote. None if it is neither.
pub fn read(bytes: &[u8]) -> Option<Reading> {
    let place = Place::decode_length_delimited(bytes).ok()?;
    let (subject, timestamp) = match place.kind {
        1 | 2 => {
            let kind = if place.kind == 1 { VoteKind::Prevote } else { VoteKind::Precommit };
            let time = VoteTime::decode_length_delimited(bytes).ok()?;
            (Subject::Vote(kind), time.timestamp)
        }
        32 => {
            let time = ProposalTime::decode_length_delimited(bytes).ok()?;
            (Subject::Proposal, time.timestamp)
        }
        _ => return None,
    };
    Some(Reading {
        subject,
        height: Height(u64::try_from(place.height).ok()?),
        round: Round(u32::try_from(place.round).ok()?),
        timestamp: Time::from_unix(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)?,
    })
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
