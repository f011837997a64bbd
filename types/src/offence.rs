//! What a peer did wrong, when it cannot be proven to others: its score falls, and it may be cut.

use std::fmt;

/// A connected peer, numbered by this node when it connected. Never the same for two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer-{}", self.0)
    }
}

/// Misconduct of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// Bytes that are no message of their channel.
    Malformed,
    /// More bytes than the channel allows.
    Oversized,
    /// A signature that is not the claimed validator's.
    BadSignature,
    /// A part that does not belong to the block it was sent for.
    BadPart,
    /// A block, commit or evidence that is not what it claims to be.
    BadBlock,
    /// A claim that contradicts what the peer said or what cannot be (bit arrays, rounds, heights).
    Lie,
    /// Asked for or sent far more than the protocol gives cause for.
    Flood,
    /// Did not answer what it had offered to answer.
    Silent,
}

impl Offence {
    /// Points off the peer's score: 100 in all and it is cut and banned for a while. Points fade,
    /// one in six seconds.
    ///
    /// Silence costs next to nothing: a saturated line makes an honest peer answer too late for as
    /// long as it lasts, and who asked has passed it over already.
    pub fn weight(self) -> u32 {
        match self {
            Offence::Malformed | Offence::Oversized | Offence::BadSignature => 50,
            Offence::BadPart | Offence::BadBlock | Offence::Lie => 34,
            Offence::Flood => 20,
            Offence::Silent => 1,
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Offence::Malformed => "malformed message",
            Offence::Oversized => "oversized message",
            Offence::BadSignature => "bad signature",
            Offence::BadPart => "bad block part",
            Offence::BadBlock => "bad block",
            Offence::Lie => "contradicting claims",
            Offence::Flood => "flooding",
            Offence::Silent => "no answer",
        })
    }
}
