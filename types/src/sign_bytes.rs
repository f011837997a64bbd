//! The canonical bytes under a signature: length-delimited protobuf with fixed-width heights, so
//! that hardware signers can find them. spec: `canonical.proto`, `VoteSignBytes`.

use crate::block::BlockId;
use crate::height::{ChainId, Height, Round};
use crate::proposal::UnsignedProposal;
use crate::time::Time;
use crate::vote::VoteKind;

/// What a voter signs.
pub fn vote(
    chain_id: &ChainId,
    kind: VoteKind,
    height: Height,
    round: Round,
    block_id: Option<&BlockId>,
    timestamp: Time,
) -> Vec<u8> {
    let _ = (chain_id, kind, height, round, block_id, timestamp);
    unimplemented!()
}

/// What a proposer signs.
pub fn proposal(chain_id: &ChainId, proposal: &UnsignedProposal) -> Vec<u8> {
    let _ = (chain_id, proposal);
    unimplemented!()
}

/// What a voter signs for its extension.
pub fn extension(chain_id: &ChainId, height: Height, round: Round, bytes: &[u8]) -> Vec<u8> {
    let _ = (chain_id, height, round, bytes);
    unimplemented!()
}
