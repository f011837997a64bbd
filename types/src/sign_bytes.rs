//! The canonical bytes under a signature: length-delimited protobuf with fixed-width heights, so
//! that hardware signers can find them. spec: `canonical.proto`, `VoteSignBytes`.

use prost::Message as _;
use tendermint_proto::v0_38::types::{
    CanonicalBlockId, CanonicalPartSetHeader, CanonicalProposal, CanonicalVote,
    CanonicalVoteExtension, SignedMsgType,
};

use crate::block::BlockId;
use crate::codec;
use crate::height::{ChainId, Height, Round};
use crate::proposal::UnsignedProposal;
use crate::time::Time;
use crate::vote::VoteKind;

mod read;

pub use read::{Reading, Subject, read};

/// What a voter signs.
pub fn vote(
    chain_id: &ChainId,
    kind: VoteKind,
    height: Height,
    round: Round,
    block_id: Option<&BlockId>,
    timestamp: Time,
) -> Vec<u8> {
    CanonicalVote {
        r#type: codec::kind_to_wire(kind),
        height: codec::height_to_wire(height),
        round: i64::from(round.0),
        block_id: block_id.map(canonical_block_id),
        timestamp: Some(codec::time_to_wire(timestamp)),
        chain_id: chain_id.as_str().to_owned(),
    }
    .encode_length_delimited_to_vec()
}

/// What a proposer signs.
pub fn proposal(chain_id: &ChainId, proposal: &UnsignedProposal) -> Vec<u8> {
    CanonicalProposal {
        r#type: SignedMsgType::Proposal as i32,
        height: codec::height_to_wire(proposal.height),
        round: i64::from(proposal.round.0),
        pol_round: proposal.pol_round.map_or(-1, |round| i64::from(round.0)),
        block_id: Some(canonical_block_id(&proposal.block_id)),
        timestamp: Some(codec::time_to_wire(proposal.timestamp)),
        chain_id: chain_id.as_str().to_owned(),
    }
    .encode_length_delimited_to_vec()
}

/// What a voter signs for its extension.
pub fn extension(chain_id: &ChainId, height: Height, round: Round, bytes: &[u8]) -> Vec<u8> {
    CanonicalVoteExtension {
        extension: bytes.to_vec(),
        height: codec::height_to_wire(height),
        round: i64::from(round.0),
        chain_id: chain_id.as_str().to_owned(),
    }
    .encode_length_delimited_to_vec()
}

fn canonical_block_id(id: &BlockId) -> CanonicalBlockId {
    CanonicalBlockId {
        hash: id.hash.0.to_vec(),
        part_set_header: Some(CanonicalPartSetHeader {
            total: id.parts.total,
            hash: id.parts.hash.0.to_vec(),
        }),
    }
}
