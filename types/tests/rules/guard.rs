//! The double-sign guard: what may be signed after what.

use types::guard::{LastSigned, Permission, Position, Refusal, Step};
use types::{
    BlockId, Height, Round, Signature, UnsignedProposal, UnsignedVote, ValidatorIndex, VoteKind,
};

use crate::network::{chain_id, other_id, public_key, seconds};

const SIGNATURE: Signature = Signature([7; 64]);

fn vote(height: u64, round: u32, kind: VoteKind, block_id: Option<BlockId>) -> UnsignedVote {
    UnsignedVote {
        kind,
        height: Height(height),
        round: Round(round),
        block_id,
        timestamp: seconds(10),
        validator_address: public_key(1).address(),
        validator_index: ValidatorIndex(0),
        extension: None,
    }
}

fn proposal(height: u64, round: u32) -> UnsignedProposal {
    UnsignedProposal {
        height: Height(height),
        round: Round(round),
        pol_round: None,
        block_id: other_id(1),
        timestamp: seconds(10),
    }
}

/// What is kept after a vote was signed.
fn after(vote: &UnsignedVote) -> LastSigned {
    match LastSigned::default().permit_vote(&chain_id(), vote) {
        Ok(Permission::Fresh { position, bytes, .. }) => LastSigned::at(position, SIGNATURE, bytes),
        other => panic!("{other:?}"),
    }
}

fn is_fresh(permission: &Result<Permission, Refusal>) -> bool {
    matches!(permission, Ok(Permission::Fresh { .. }))
}

#[test]
fn the_guard_only_goes_forward() {
    let block = Some(other_id(1));
    let last = after(&vote(5, 2, VoteKind::Prevote, block));
    let at = Position { height: Height(5), round: Round(2), step: Step::Prevote };
    assert_eq!(last.position, Some(at));
    for (height, round, kind) in [(5, 2, VoteKind::Precommit), (5, 3, VoteKind::Prevote)] {
        assert!(is_fresh(&last.permit_vote(&chain_id(), &vote(height, round, kind, None))));
    }
    assert!(is_fresh(&last.permit_proposal(&chain_id(), &proposal(5, 3))));
    assert!(is_fresh(&last.permit_proposal(&chain_id(), &proposal(6, 0))));
    for (height, round) in [(5, 2), (5, 1), (4, 9)] {
        let asked = Position { height: Height(height), round: Round(round), step: Step::Propose };
        let refused = last.permit_proposal(&chain_id(), &proposal(height, round));
        let refusal = Refusal::Regression { asked, last: at };
        assert_eq!(refused, Err(refusal));
        let reached = (at.height == asked.height).then_some(at.round);
        assert_eq!(refusal.reached(asked.height), reached);
    }
}

#[test]
fn what_was_signed_is_said_again_with_its_first_timestamp() {
    let first = vote(5, 2, VoteKind::Precommit, Some(other_id(1)));
    let last = after(&first);
    let later = UnsignedVote { timestamp: seconds(11), ..first.clone() };
    let again = Ok(Permission::Again { timestamp: seconds(10), signature: SIGNATURE });
    assert_eq!(last.permit_vote(&chain_id(), &first), again);
    assert_eq!(last.permit_vote(&chain_id(), &later), again);
}

#[test]
fn instead_of_a_second_vote_at_a_position_the_first_is_said() {
    let asked = Position { height: Height(5), round: Round(2), step: Step::Precommit };
    for first_id in [None, Some(other_id(1)), Some(other_id(3))] {
        let first = vote(5, 2, VoteKind::Precommit, first_id);
        let mut last = after(&first);
        let other = UnsignedVote { block_id: Some(other_id(2)), ..first.clone() };
        let (block_id, timestamp) = (first_id, seconds(10));
        let instead = Permission::Instead { block_id, timestamp, signature: SIGNATURE };
        let later = UnsignedVote { timestamp: seconds(11), ..other };
        assert_eq!(last.permit_vote(&chain_id(), &later), Ok(instead));
        // Signed on another chain: nobody here may see it.
        let elsewhere = types::ChainId::new("elsewhere").unwrap();
        let conflict = Err(Refusal::Conflict { asked });
        assert_eq!(last.permit_vote(&elsewhere, &later), conflict);
        // Moved on by hand: nobody knows what was signed there, so nothing may be.
        last.signed = None;
        assert_eq!(last.permit_vote(&chain_id(), &first), conflict);
    }
}

#[test]
fn a_second_proposal_in_a_round_is_refused() {
    let first = proposal(5, 2);
    let last = match LastSigned::default().permit_proposal(&chain_id(), &first) {
        Ok(Permission::Fresh { position, bytes, .. }) => LastSigned::at(position, SIGNATURE, bytes),
        other => panic!("{other:?}"),
    };
    let asked = Position { height: Height(5), round: Round(2), step: Step::Propose };
    let other = UnsignedProposal { block_id: other_id(2), ..first };
    assert_eq!(last.permit_proposal(&chain_id(), &other), Err(Refusal::Conflict { asked }));
}
