//! Tallies and what bounds them: quorums, conflicting votes, claims, and rounds far ahead.

use std::sync::Arc;

use consensus::{Added, Tally, Votes};
use types::{
    Address, BlockId, CommitSig, Hash, Height, Offence, PartSetHeader, PeerId, PublicKey, Round,
    Signature, Time, ValidatorIndex, ValidatorSet, Vote, VoteKind, VotingPower,
};

const HEIGHT: Height = Height(5);

fn validators(powers: &[u64]) -> Arc<ValidatorSet> {
    let members: Vec<(PublicKey, VotingPower)> = (1..)
        .zip(powers)
        .map(|(number, &power)| (PublicKey([number; 32]), VotingPower(power)))
        .collect();
    Arc::new(ValidatorSet::new(&members).expect("few validators"))
}

fn block(letter: u8) -> Option<BlockId> {
    let parts = PartSetHeader { total: 1, hash: Hash([letter; 32]) };
    Some(BlockId { hash: Hash([letter; 32]), parts })
}

fn vote(index: u32, round: u32, kind: VoteKind, block_id: Option<BlockId>) -> Vote {
    Vote {
        kind,
        height: HEIGHT,
        round: Round(round),
        block_id,
        timestamp: Time::EPOCH,
        validator_address: Address([0; 20]),
        validator_index: ValidatorIndex(index),
        signature: Signature([0; 64]),
        extension: None,
    }
}

fn prevote(index: u32, block_id: Option<BlockId>) -> Vote {
    vote(index, 0, VoteKind::Prevote, block_id)
}

fn tally(powers: &[u64], kind: VoteKind) -> Tally {
    Tally::new(HEIGHT, Round::FIRST, kind, validators(powers))
}

#[test]
fn a_polka_takes_more_than_two_thirds_for_one_thing() {
    let mut tally = tally(&[10; 4], VoteKind::Prevote);
    assert_eq!(tally.add(prevote(0, block(1))), Added::New);
    assert_eq!(tally.add(prevote(0, block(1))), Added::Known);
    tally.add(prevote(1, block(1)));
    assert!(!tally.any_quorum());
    tally.add(prevote(2, None));
    assert!(tally.any_quorum());
    assert_eq!(tally.polka(), None);
    tally.add(prevote(3, block(1)));
    assert_eq!(tally.polka(), Some(block(1)));
    assert_eq!(tally.power_for(None), VotingPower(10));
    assert!(tally.is_full());
}

#[test]
fn votes_of_strangers_and_other_places_are_foreign() {
    let mut tally = tally(&[10; 4], VoteKind::Prevote);
    assert_eq!(tally.add(prevote(4, block(1))), Added::Foreign);
    assert_eq!(tally.add(vote(0, 1, VoteKind::Prevote, block(1))), Added::Foreign);
    assert_eq!(tally.add(vote(0, 0, VoteKind::Precommit, block(1))), Added::Foreign);
    assert_eq!(tally.power(), VotingPower::ZERO);
}

#[test]
fn a_conflicting_vote_counts_only_for_a_claimed_block() {
    let mut tally = tally(&[10; 4], VoteKind::Precommit);
    let precommit = |index, id| vote(index, 0, VoteKind::Precommit, id);
    tally.add(precommit(0, block(2)));
    let first = Arc::new(precommit(0, block(2)));
    let refused = Added::Conflict { first: first.clone(), counted: false };
    assert_eq!(tally.add(precommit(0, block(1))), refused);
    tally.claim(PeerId(1), block(1)).expect("its first claim");
    assert_eq!(tally.claim(PeerId(1), block(2)), Err(Offence::Lie));
    assert_eq!(tally.add(precommit(0, block(1))), Added::Conflict { first, counted: true });
    tally.add(precommit(1, block(1)));
    tally.add(precommit(2, block(1)));
    assert_eq!(tally.polka(), Some(block(1)));
    let commit = tally.extended_commit().expect("a quorum precommitted a block");
    let is_for_it = |sig: &CommitSig| matches!(sig, CommitSig::Commit { .. });
    assert_eq!(commit.signatures.iter().filter(|it| is_for_it(&it.sig)).count(), 3);
    assert_eq!(
        tally.vote_for(ValidatorIndex(0), block(2).as_ref()).map(|it| it.round),
        Some(Round(0))
    );
}

#[test]
fn what_counted_by_the_claim_of_a_peer_goes_with_the_peer() {
    let mut tally = tally(&[10; 4], VoteKind::Prevote);
    tally.add(prevote(0, block(2)));
    tally.claim(PeerId(1), block(1)).expect("its first claim");
    tally.add(prevote(0, block(1)));
    tally.add(prevote(1, block(1)));
    assert_eq!(tally.power_for(block(1).as_ref()), VotingPower(20));
    tally.forget(PeerId(1));
    assert_eq!(tally.power_for(block(1).as_ref()), VotingPower(10));
    assert_eq!(tally.have_for(block(1).as_ref()).ones().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_polka_for_nil_commits_nothing() {
    let mut tally = tally(&[10; 4], VoteKind::Precommit);
    (0..3)
        .for_each(|index| assert!(tally.add(vote(index, 0, VoteKind::Precommit, None)).counted()));
    assert_eq!(tally.polka(), Some(None));
    assert_eq!(tally.extended_commit(), None);
}

#[test]
fn votes_far_ahead_are_remembered_one_round_a_validator_and_count_when_it_comes() {
    let mut votes = Votes::new(HEIGHT, validators(&[10; 4]));
    for round in 2..1_000 {
        assert_eq!(votes.add(vote(0, round, VoteKind::Prevote, None)), Added::Ahead);
    }
    assert_eq!(votes.rounds().count(), 0);
    assert_eq!(votes.skip_round(Round::FIRST), None, "one validator of four proves nothing");
    votes.add(vote(1, 7, VoteKind::Precommit, block(1)));
    assert_eq!(votes.skip_round(Round::FIRST), Some(Round(7)));
    let counted = votes.enter(Round(7));
    assert_eq!(counted, [Arc::new(vote(1, 7, VoteKind::Precommit, block(1)))]);
    let precommits = votes.tally(Round(7), VoteKind::Precommit).expect("it has a vote");
    assert_eq!(precommits.power(), VotingPower(10));
    assert_eq!(votes.skip_round(Round(7)), None);
    assert_eq!(votes.enter(Round(998)).len(), 1);
}

#[test]
fn the_next_round_is_counted_in_full() {
    let mut votes = Votes::new(HEIGHT, validators(&[10; 4]));
    assert_eq!(votes.add(vote(0, 1, VoteKind::Prevote, None)), Added::New);
    assert_eq!(votes.add(vote(0, 0, VoteKind::Prevote, block(1))), Added::New);
    assert_eq!(votes.skip_round(Round::FIRST), None);
    votes.add(vote(1, 1, VoteKind::Prevote, None));
    assert_eq!(votes.skip_round(Round::FIRST), Some(Round(1)));
}
