//! The ways in which a member may be Byzantine.

use serde::{Deserialize, Serialize};

/// A way to be Byzantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vice {
    /// Says nothing at all.
    Silent,

    /// Proposes one block to some peers and another to the rest.
    TwoBlocks,
    /// Proposes three.
    ThreeBlocks,
    /// Shows its block to exactly as many that one of them must be honest, and nothing to the rest.
    RevealToFew,
    /// Makes a proposal and shows it to nobody, or not to all.
    WithholdProposal,
    /// Proposes a block of many parts and withholds one, or gives each peer others.
    WithholdParts,
    /// Proposes a block that does not follow: a wrong header, commit, time, or other parts.
    InvalidBlock,
    /// Proposes a block that is larger than the parameters allow, or claims more parts.
    OversizedBlock,
    /// Names a proof-of-lock round that is not one.
    FalsePolRound,
    /// Sends parts with other bytes, indices or proofs.
    BadParts,
    /// Proposes when it is not its turn.
    OutOfTurn,

    /// Votes differently to different peers.
    DoubleVote,
    /// Sends two votes to the same peer.
    DoubleVoteOpenly,
    /// Votes to each peer what that peer has voted.
    Echo,
    /// Votes for what is proposed, whatever it is locked on.
    Amnesia,
    /// After a restart it knows nothing of what it said before.
    ForgetOnRestart,
    /// Sends its votes to nobody, or not to all.
    WithholdVotes,
    /// Votes nil.
    ForceNil,
    /// Votes in rounds far ahead.
    FarVotes,
    /// Votes in the names of others.
    ForgeVotes,

    /// Lies about its height, round and step.
    FalseSteps,
    /// Lies about which votes and parts it has.
    FalseBits,
    /// Claims quorums that it has not seen, also two in one round.
    FalseQuorums,
    /// Says again what was said long ago.
    Replay,
    /// Says everything many times.
    Flood,
    /// Changes messages a little: the round or height by one, an earlier value, one receiver less.
    SmallScope,
    /// Accuses with proof that proves nothing, or is known, or too old.
    BadEvidence,

    /// Lies about the blocks that it has.
    FalseHeights,
    /// Serves blocks that are wrong, have a false commit, are old, or were not asked for.
    BadBlocks,
    /// Does not serve the blocks that it has.
    NoAnswers,
    /// Serves blocks as late as it can.
    SlowAnswers,
}

impl Vice {
    /// All vices.
    pub const ALL: [Vice; 31] = [
        Vice::Silent,
        Vice::TwoBlocks,
        Vice::ThreeBlocks,
        Vice::RevealToFew,
        Vice::WithholdProposal,
        Vice::WithholdParts,
        Vice::InvalidBlock,
        Vice::OversizedBlock,
        Vice::FalsePolRound,
        Vice::BadParts,
        Vice::OutOfTurn,
        Vice::DoubleVote,
        Vice::DoubleVoteOpenly,
        Vice::Echo,
        Vice::Amnesia,
        Vice::ForgetOnRestart,
        Vice::WithholdVotes,
        Vice::ForceNil,
        Vice::FarVotes,
        Vice::ForgeVotes,
        Vice::FalseSteps,
        Vice::FalseBits,
        Vice::FalseQuorums,
        Vice::Replay,
        Vice::Flood,
        Vice::SmallScope,
        Vice::BadEvidence,
        Vice::FalseHeights,
        Vice::BadBlocks,
        Vice::NoAnswers,
        Vice::SlowAnswers,
    ];

    /// Those that a node without a key can have: the lying peer.
    pub const LIES: [Vice; 12] = [
        Vice::Silent,
        Vice::BadParts,
        Vice::ForgeVotes,
        Vice::FalseSteps,
        Vice::FalseBits,
        Vice::FalseQuorums,
        Vice::Replay,
        Vice::BadEvidence,
        Vice::FalseHeights,
        Vice::BadBlocks,
        Vice::NoAnswers,
        Vice::SlowAnswers,
    ];
}
