//! What a block says besides its transactions: when it is, who made it, who voted, who is accused.

use abci::{BlockRequest, Misbehavior, PrepareProposalRequest, VoteSummary};
use types::{Address, Height, Time};

/// A block without its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Of the block.
    pub height: Height,
    /// Of the block.
    pub time: Time,
    /// Who made it.
    pub proposer: Address,
    /// What became of each validator's precommit for the block before.
    pub votes: Vec<VoteSummary>,
    /// Whom the block accuses.
    pub misbehavior: Vec<Misbehavior>,
}

impl Frame {
    /// Of a block that is judged or executed.
    pub fn of(block: &BlockRequest) -> Self {
        Self {
            height: block.height,
            time: block.time,
            proposer: block.proposer_address,
            votes: block.last_commit.votes.clone(),
            misbehavior: block.misbehavior.clone(),
        }
    }

    /// Of the block that is being prepared.
    pub fn of_proposal(request: &PrepareProposalRequest) -> Self {
        Self {
            height: request.height,
            time: request.time,
            proposer: request.proposer_address,
            votes: request.local_last_commit.votes.iter().map(|it| it.vote).collect(),
            misbehavior: request.misbehavior.clone(),
        }
    }

    /// The block's time in seconds since 1970; 0 before.
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.time.unix().0).unwrap_or(0)
    }
}
