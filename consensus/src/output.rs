//! All that a replica can ask of the world. Outputs are carried out in order.

use std::sync::Arc;

use types::{
    Block, BlockId, ChainState, Evidence, ExtendedCommit, Hash, Height, Keyring, Message, Offence,
    PartSet, PeerId, Round, UnsignedProposal, UnsignedVote, ValidatorSet, Vote,
};

use crate::input::Alarm;
use crate::replay::Record;

/// To whom a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// One peer.
    One(PeerId),
    /// All connected peers; encoded once.
    All,
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignRequest {
    /// A vote (and its extension, if it has one).
    Vote(UnsignedVote),
    /// A proposal.
    Proposal(UnsignedProposal),
}

/// A block that was decided, with all that the store keeps of it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The block.
    pub block: Arc<Block>,
    /// Its id.
    pub id: BlockId,
    /// Its parts.
    pub parts: Arc<PartSet>,
    /// What decided it (extensions are absent where they are not enabled).
    pub commit: ExtendedCommit,
}

/// Something that happened, for RPC, metrics, events and logs. Never changes what is decided.
#[derive(Clone, Debug)]
pub enum Announcement {
    /// A step was entered.
    Step {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which step.
        step: types::message::WireStep,
        /// Whose turn it is.
        proposer: types::Address,
    },
    /// A proposal's block is complete.
    CompleteProposal {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which block.
        block_id: BlockId,
    },
    /// A polka was seen.
    Polka {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// For what.
        block_id: Option<BlockId>,
    },
    /// We locked a block.
    Lock {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which block.
        block_id: BlockId,
    },
    /// A block became the valid one.
    ValidBlock {
        /// Where.
        height: Height,
        /// Where.
        round: Round,
        /// Which block.
        block_id: BlockId,
    },
    /// A timeout rang and had an effect.
    TimedOut(crate::input::Timeout),
    /// A vote was counted.
    Vote(Arc<Vote>),
    /// The replica decided a block; by votes, or by a commit that a peer served.
    Decided {
        /// Where.
        height: Height,
        /// In which round.
        round: Round,
        /// Which block.
        block_id: BlockId,
        /// Fetched from a peer rather than voted on here.
        caught_up: bool,
    },
    /// The replica has peers who are ahead and fetches blocks, or stopped doing so.
    CatchingUp {
        /// Whether it does now.
        active: bool,
        /// The greatest height that a peer claims.
        best: Height,
    },
    /// A validator was caught equivocating.
    Equivocation(Evidence),
}

/// What the application is asked, or somebody who can check signatures. Answered by an input, one
/// after the other.
#[derive(Clone, Debug)]
pub enum Question {
    /// Make a block to propose. Answer: `Built`.
    Build {
        /// For which height.
        height: Height,
        /// For which round.
        round: Round,
        /// The state it follows.
        state: Arc<ChainState>,
        /// What decided the last block.
        last_commit: Option<ExtendedCommit>,
        /// To be included.
        evidence: Vec<Evidence>,
    },
    /// Check the signatures inside a block that passed `ChainState::check_block`, then ask the
    /// application. Answer: `Judged`.
    Judge {
        /// In which round it was proposed.
        round: Round,
        /// The state it follows.
        state: Arc<ChainState>,
        /// The block.
        block: Arc<Block>,
        /// Its id.
        id: BlockId,
    },
    /// Ask the application for a vote extension. Answer: `Extended`.
    Extend {
        /// In which round.
        round: Round,
        /// The state it follows.
        state: Arc<ChainState>,
        /// The block we are about to precommit.
        block: Arc<Block>,
    },
    /// Ask the application about a peer's vote extension. Answer: `ExtensionVerified`.
    VerifyExtension {
        /// The block that the vote is for.
        block: Hash,
        /// The vote.
        vote: Arc<Vote>,
    },
    /// Check a served block's commit. Answer: `CommitVerified`.
    VerifyCommit {
        /// Of which height.
        height: Height,
        /// What it must prove.
        block_id: BlockId,
        /// The commit; its extensions are checked where `extensions_enabled`.
        commit: Box<ExtendedCommit>,
        /// The validators of that height.
        validators: Arc<ValidatorSet>,
        /// Whether every vote for the block must carry an extension.
        extensions_enabled: bool,
    },
    /// Have the application execute the decided block. Answer: `Executed`, or the node stops.
    Execute {
        /// The state it follows.
        state: Arc<ChainState>,
        /// The block.
        block: Arc<Block>,
        /// Its id.
        id: BlockId,
    },
}

/// Outputs are moved from list to list: what is larger is shared, or in a box.
const _: () = assert!(size_of::<Output>() <= 192);

/// All that a replica can ask of the world.
#[derive(Clone, Debug)]
pub enum Output {
    /// Keep this with the next synced write.
    Record(Record),
    /// Keep pending evidence, with the next synced write.
    KeepEvidence(Evidence),
    /// Forget pending evidence by hash (decided or expired), with the next write.
    DropEvidence(Hash),
    /// Everything above must be durable before anything below is carried out.
    Persist,
    /// Say this.
    Send {
        /// To whom.
        to: Recipients,
        /// What.
        message: Message,
    },
    /// Answer a peer's request for a decided block from the store (off the replica's thread);
    /// `Message::NoBlock` if the store has it no more.
    Serve {
        /// To whom.
        peer: PeerId,
        /// Which block.
        height: Height,
    },
    /// Ring later. A later alarm with an equal timeout replaces the earlier.
    Schedule(Alarm),
    /// Sign this. Answer: `SignedVote`, `SignedProposal` or `SignRefused`. If another vote of the
    /// same height, round and kind was signed before, that one is the answer.
    Sign(SignRequest),
    /// Say when the mempool has transactions for this height. Answer: `TxsAvailable`, once.
    AwaitTxs {
        /// For which height.
        height: Height,
    },
    /// Ask this; the answer is an input.
    Ask(Question),
    /// Keep a decided block. Durable, with all records above, before `Execute`.
    Decide(Box<Decided>),
    /// Keep the state after an executed block. Needs no sync of its own: the handshake makes it
    /// anew.
    KeepState(Arc<ChainState>),
    /// From now on messages are checked with these keys.
    Rekey(Box<Keyring>),
    /// Read a decided block, for a peer who is behind. Answer: `Loaded`.
    Load {
        /// Which.
        height: Height,
    },
    /// A peer misbehaved.
    Penalise {
        /// Who.
        peer: PeerId,
        /// How.
        offence: Offence,
        /// In words, for the log.
        reason: &'static str,
    },
    /// Nothing can be done any more: the application's outcome cannot be taken, or a quorum decided
    /// an invalid block. The node stops with this reason; the replica ignores all further inputs.
    Halt {
        /// One line for the operator.
        reason: String,
    },
    /// Something happened.
    Announce(Announcement),
}
