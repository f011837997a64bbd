//! Proposals: the signed offer of a block in a round.

use crate::block::BlockId;
use crate::height::{ChainId, Height, Round};
use crate::keys::Signature;
use crate::time::Time;

/// A signed proposal. Wire type 32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// An earlier round in which the block had a polka. Less than `round` if present.
    pub pol_round: Option<Round>,
    /// What is proposed.
    pub block_id: BlockId,
    /// When, by the proposer's clock.
    pub timestamp: Time,
    /// Over [`crate::sign_bytes::proposal`].
    pub signature: Signature,
}

/// A proposal that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedProposal {
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// An earlier round in which the block had a polka.
    pub pol_round: Option<Round>,
    /// What is proposed.
    pub block_id: BlockId,
    /// When, by our clock.
    pub timestamp: Time,
}

impl UnsignedProposal {
    /// What is signed.
    pub fn sign_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        crate::sign_bytes::proposal(chain_id, self)
    }

    /// The proposal with its signature; `timestamp` is the signed one.
    pub fn signed(self, timestamp: Time, signature: Signature) -> Proposal {
        Proposal {
            height: self.height,
            round: self.round,
            pol_round: self.pol_round,
            block_id: self.block_id,
            timestamp,
            signature,
        }
    }
}

impl Proposal {
    /// What was signed.
    pub fn sign_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        self.unsigned().sign_bytes(chain_id)
    }

    fn unsigned(&self) -> UnsignedProposal {
        UnsignedProposal {
            height: self.height,
            round: self.round,
            pol_round: self.pol_round,
            block_id: self.block_id,
            timestamp: self.timestamp,
        }
    }
}
