//! A picture of a replica for RPC (`consensus_state`, `dump_consensus_state`): values only.

use std::sync::Arc;

use types::message::WireStep;
use types::{
    Address, BitArray, BlockId, Height, PeerId, Proposal, Round, Time, ValidatorSet, Vote,
};

/// One replica at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// Where.
    pub step: WireStep,
    /// When this height began here.
    pub start_time: Time,
    /// When the last height was decided here.
    pub commit_time: Option<Time>,
    /// Who votes.
    pub validators: Arc<ValidatorSet>,
    /// Who voted on the last block; none before the first.
    pub last_validators: Option<Arc<ValidatorSet>>,
    /// Whose turn it is.
    pub proposer: Address,
    /// The current proposal.
    pub proposal: Option<Proposal>,
    /// The current proposal's block, if complete.
    pub proposal_block: Option<BlockId>,
    /// Which parts of it are here.
    pub proposal_parts: Option<BitArray>,
    /// What we are locked on.
    pub locked: Option<(Round, BlockId)>,
    /// The latest block with a polka.
    pub valid: Option<(Round, BlockId)>,
    /// Votes by round.
    pub votes: Vec<RoundVotes>,
    /// Precommits for the last block, as far as seen.
    pub last_commit: Vec<Option<Arc<Vote>>>,
    /// Whether blocks are being fetched from peers who are ahead.
    pub catching_up: bool,
    /// What is known of each peer.
    pub peers: Vec<PeerSnapshot>,
}

/// The votes of one round, by validator index.
#[derive(Clone, Debug)]
pub struct RoundVotes {
    /// Which round.
    pub round: Round,
    /// First votes.
    pub prevotes: Vec<Option<Arc<Vote>>>,
    /// Second votes.
    pub precommits: Vec<Option<Arc<Vote>>>,
}

/// What is known of a peer.
#[derive(Clone, Debug)]
pub struct PeerSnapshot {
    /// Which.
    pub peer: PeerId,
    /// Where it is.
    pub height: Height,
    /// Where it is.
    pub round: Round,
    /// Where it is.
    pub step: WireStep,
    /// Which parts of the proposal it has.
    pub proposal_parts: Option<BitArray>,
    /// Which prevotes of its round it has.
    pub prevotes: Option<BitArray>,
    /// Which precommits of its round it has.
    pub precommits: Option<BitArray>,
    /// Its first and last stored block, as it claims.
    pub stored: Option<(Height, Height)>,
}
