//! What peers say to each other, by channel. Bytes to and from messages, with every limit checked.

use std::sync::Arc;

use bytes::Bytes;

use crate::bits::BitArray;
use crate::block::{Block, BlockId, PartSetHeader};
use crate::codec::{self, DecodeError};
use crate::commit::ExtendedCommit;
use crate::evidence::Evidence;
use crate::height::{Height, Round};
use crate::part_set::Part;
use crate::proposal::Proposal;
use crate::tx::Tx;
use crate::validator::ValidatorIndex;
use crate::vote::{Vote, VoteKind};

/// A channel between peers: what it carries and how much at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// 0x20: where a peer is in consensus.
    State,
    /// 0x21: proposals and block parts.
    Data,
    /// 0x22: votes.
    Vote,
    /// 0x23: which votes a peer has.
    VoteSetBits,
    /// 0x30: transactions.
    Mempool,
    /// 0x38: evidence.
    Evidence,
    /// 0x40: decided blocks.
    BlockSync,
    /// 0x60: application snapshots.
    Snapshot,
    /// 0x61: chunks of them.
    Chunk,
}

impl Channel {
    /// All channels, by number.
    pub const ALL: [Channel; 9] = [
        Channel::State,
        Channel::Data,
        Channel::Vote,
        Channel::VoteSetBits,
        Channel::Mempool,
        Channel::Evidence,
        Channel::BlockSync,
        Channel::Snapshot,
        Channel::Chunk,
    ];

    /// The channel's number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Channel::State => 0x20,
            Channel::Data => 0x21,
            Channel::Vote => 0x22,
            Channel::VoteSetBits => 0x23,
            Channel::Mempool => 0x30,
            Channel::Evidence => 0x38,
            Channel::BlockSync => 0x40,
            Channel::Snapshot => 0x60,
            Channel::Chunk => 0x61,
        }
    }

    /// Largest message in bytes.
    pub fn message_bytes_max(self) -> usize {
        match self {
            Channel::State | Channel::Data | Channel::Vote | Channel::VoteSetBits => 1024 * 1024,
            Channel::Evidence => 1024 * 1024,
            Channel::Mempool => 8 * 1024 * 1024,
            Channel::BlockSync => crate::block::BLOCK_BYTES_MAX + 8 * 1024 * 1024,
            Channel::Snapshot => 4 * 1024 * 1024,
            Channel::Chunk => 16 * 1024 * 1024,
        }
    }
}

/// The step that [`Message::NewRoundStep`] announces. spec: `RoundStepType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WireStep {
    /// 1: waits before the first round.
    NewHeight,
    /// 2: a round begins.
    NewRound,
    /// 3: waits for a proposal.
    Propose,
    /// 4: has prevoted.
    Prevote,
    /// 5: saw two thirds of prevotes.
    PrevoteWait,
    /// 6: has precommitted.
    Precommit,
    /// 7: saw two thirds of precommits.
    PrecommitWait,
    /// 8: knows the decision.
    Commit,
}

/// Messages are moved from hand to hand: what is larger is shared.
const _: () = assert!(size_of::<Message>() <= 128);

/// What a peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Where I am. (State)
    NewRoundStep {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Where.
        step: WireStep,
        /// Since my height began.
        seconds_since_start: i64,
        /// Round of the last height's commit; none at the first height.
        last_commit_round: Option<Round>,
    },
    /// I know a valid (or decided) block and have these parts. (State)
    NewValidBlock {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which block.
        parts: PartSetHeader,
        /// Which parts of it.
        have: BitArray,
        /// That it is decided.
        is_commit: bool,
    },
    /// I have this vote. (State)
    HasVote {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which vote.
        kind: VoteKind,
        /// Whose.
        index: ValidatorIndex,
    },
    /// I have seen two thirds for this. (State)
    VoteSetMaj23 {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which votes.
        kind: VoteKind,
        /// For what; none is nil.
        block_id: Option<BlockId>,
    },
    /// A proposal. (Data)
    Proposal(Arc<Proposal>),
    /// Which prevotes I have of the proposal's proof-of-lock round. (Data)
    ProposalPol {
        /// Where.
        height: Height,
        /// Of the polka.
        pol_round: Round,
        /// Which prevotes.
        have: BitArray,
    },
    /// A part of the proposed or decided block. (Data)
    BlockPart {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// The part.
        part: Part,
    },
    /// A vote. (Vote)
    Vote(Arc<Vote>),
    /// Which votes for this I have. (VoteSetBits)
    VoteSetBits {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which votes.
        kind: VoteKind,
        /// For what; none is nil.
        block_id: Option<BlockId>,
        /// Whose.
        have: BitArray,
    },
    /// Pending transactions. (Mempool)
    Txs(Vec<Tx>),
    /// Proven misbehaviour. (Evidence)
    Evidence(Vec<Evidence>),
    /// Send me this block. (BlockSync)
    BlockRequest(Height),
    /// I do not have it. (BlockSync)
    NoBlock(Height),
    /// A decided block; with the extended commit where extensions are enabled. (BlockSync)
    BlockResponse {
        /// The block.
        block: Arc<Block>,
        /// What decided it, with extensions.
        extended_commit: Option<ExtendedCommit>,
    },
    /// What blocks do you have? (BlockSync)
    StatusRequest,
    /// I have blocks from `base` to `height`; none if I have no block. (BlockSync)
    StatusResponse {
        /// First and last.
        range: Option<(Height, Height)>,
    },
}

impl Message {
    /// The channel it travels on.
    pub fn channel(&self) -> Channel {
        match self {
            Message::NewRoundStep { .. }
            | Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. } => Channel::State,
            Message::Proposal(_) | Message::ProposalPol { .. } | Message::BlockPart { .. } => {
                Channel::Data
            }
            Message::Vote(_) => Channel::Vote,
            Message::VoteSetBits { .. } => Channel::VoteSetBits,
            Message::Txs(_) => Channel::Mempool,
            Message::Evidence(_) => Channel::Evidence,
            Message::BlockRequest(_)
            | Message::NoBlock(_)
            | Message::BlockResponse { .. }
            | Message::StatusRequest
            | Message::StatusResponse { .. } => Channel::BlockSync,
        }
    }

    /// The message as its channel's protobuf.
    pub fn encode(&self) -> Bytes {
        codec::encode_message(self)
    }

    /// Reads a message of a channel; every limit is checked before memory is taken.
    /// Transactions and parts in it are slices of `bytes`.
    ///
    /// # Errors
    /// What is wrong, with the field and the limit.
    pub fn decode(channel: Channel, bytes: Bytes) -> Result<Message, DecodeError> {
        codec::decode_message(channel, bytes)
    }
}
