//! All that can happen to a replica.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use types::{
    Block, BlockOutcome, Evidence, ExtendedCommit, Hash, Header, Height, Message, PartSet, PeerId,
    Proposal, Round, Verified, Vote,
};

/// Which wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// The pause after a decision, in which late precommits are collected.
    Commit,
    /// Blocks without transactions are wanted after this long.
    EmptyBlock,
    /// For a proposal. L57.
    Propose,
    /// For more prevotes, after a quorum of any. L61.
    Prevote,
    /// For more precommits, after a quorum of any. L65.
    Precommit,
    /// Until what may have been lost is offered again, and silent peers are asked.
    Gossip,
    /// Until an unanswered request for a decided block goes to another peer.
    CatchUp,
}

/// An alarm that was asked for. One that is no longer wanted is ignored when it rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeout {
    /// For which height.
    pub height: Height,
    /// For which round.
    pub round: Round,
    /// What was waited for.
    pub wait: Wait,
}

/// A timeout and how long to wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What will be said when it rings.
    pub timeout: Timeout,
    /// From now.
    pub after: Duration,
}

/// The application's word on a proposed block, after the block's own signatures were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// May be voted for.
    Accept,
    /// The application rejects it: prevote nil.
    Reject,
    /// A signature in it is wrong, or its evidence proves nothing: its proposer's fault.
    Invalid,
}

/// A decided block as the store has it, for peers who are behind.
#[derive(Clone, Debug)]
pub struct StoredBlock {
    /// Its parts.
    pub parts: Arc<PartSet>,
    /// What decided it, with vote extensions where enabled.
    pub commit: ExtendedCommit,
}

/// Inputs are moved from queue to queue: what is larger is shared.
const _: () = assert!(size_of::<Input>() <= 136);

/// All that can happen to a replica.
#[derive(Clone, Debug)]
pub enum Input {
    /// A peer has connected.
    PeerUp(PeerId),
    /// A peer is gone.
    PeerDown(PeerId),
    /// A peer says something.
    Received {
        /// Who.
        peer: PeerId,
        /// What, with its signatures checked.
        message: Verified<Message>,
    },
    /// An alarm rings.
    Timeout(Timeout),
    /// The mempool has transactions for the next block (asked with `Output::AwaitTxs`).
    TxsAvailable {
        /// For which height.
        height: Height,
    },
    /// Evidence that arrived otherwise (by RPC), checked. A peer's [`Message::Evidence`] must have
    /// been checked against the store, too: the replica knows too little of the past.
    Evidence(Verified<Evidence>),

    /// Answer to `Question::Build`.
    Built {
        /// For which height.
        height: Height,
        /// For which round.
        round: Round,
        /// The block and its parts; none if the application failed to prepare one.
        built: Option<(Arc<Block>, Arc<PartSet>)>,
    },
    /// Answer to `Question::Judge`.
    Judged {
        /// Of which height.
        height: Height,
        /// Which block.
        block: Hash,
        /// The word on it.
        judgement: Judgement,
    },
    /// Answer to `Question::Extend`.
    Extended {
        /// Of which height.
        height: Height,
        /// Of which round.
        round: Round,
        /// The application's data.
        extension: Bytes,
    },
    /// Answer to `Question::VerifyExtension`.
    ExtensionVerified {
        /// The vote that carries it.
        vote: Arc<Vote>,
        /// Whether the application accepts it.
        accept: bool,
    },
    /// Answer to `Output::Sign` for a vote. Durable at the signer.
    SignedVote(Arc<Vote>),
    /// Answer to `Output::Sign` for a proposal. Durable at the signer.
    SignedProposal(Arc<Proposal>),
    /// The signer refused (double-sign guard) or failed; nothing was signed.
    SignRefused {
        /// Of which height.
        height: Height,
        /// Of which round.
        round: Round,
        /// Why, for the log.
        reason: String,
        /// The round of this height in which the key has signed since, if it has.
        reached: Option<Round>,
    },
    /// Answer to `Question::VerifyCommit`.
    CommitVerified {
        /// Of which height.
        height: Height,
        /// Which block.
        block: Hash,
        /// Whether the commit proves it.
        valid: bool,
    },
    /// Answer to `Question::Execute`: the application has executed the block and is durable at it.
    Executed {
        /// Which height.
        height: Height,
        /// What came of it.
        outcome: Arc<BlockOutcome>,
    },
    /// Answer to `Output::Load`.
    Loaded {
        /// Which height.
        height: Height,
        /// The block; none if the store no longer has it.
        stored: Option<StoredBlock>,
    },
}

/// What a replica begins with, from the store.
#[derive(Clone, Debug)]
pub struct Start {
    /// The state after the last executed block.
    pub state: Arc<types::ChainState>,
    /// What decided the last block, with extensions where enabled; none before the first block.
    pub last_commit: Option<ExtendedCommit>,
    /// The last block's header; none before the first block.
    pub last_header: Option<Header>,
    /// First and last block in the store.
    pub stored: Option<(Height, Height)>,
    /// Evidence that is pending, from the store.
    pub evidence: Vec<Evidence>,
}
