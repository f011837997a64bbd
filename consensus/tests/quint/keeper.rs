//! The vote keeper: every vote that the specification's counts, ours counts too, and crosses the
//! same thresholds at the same vote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consensus::{Added, Tally, Votes};
use types::{
    BlockId, PublicKey, Round, Time, ValidatorIndex, ValidatorSet, Vote, VoteKind, VotingPower,
};

use crate::names::{self, SIGNATURE, bare_choice, some_round};
use crate::trace::{
    Ballot, Bookkeeper, Choice, KeeperOutput, KeeperState, VoteCount, WeightedVote, Weights,
};

/// Follows a whole trace of a vote keeper; returns how many votes it had.
pub fn replay(states: &[KeeperState]) -> usize {
    let first = &states[0].bookkeeper;
    let members = Members::new(&first.validator_set);
    let mut votes = Votes::new(names::height(first.height), Arc::clone(&members.set));
    let mut steps = 0;
    for pair in states.windows(2) {
        // Each vote is followed by a step that only looks.
        if pair[0] == pair[1] {
            continue;
        }
        let WeightedVote::Vote((ballot, weight, current)) = &pair[1].weighted_vote else {
            panic!("a step without a vote: {:?}", pair[1]);
        };
        let vote = members.vote(ballot);
        assert_eq!(members.set.get(vote.validator_index).map(|it| it.power.0), Some(*weight));
        votes.enter(some_round(*current));
        let said = said(&votes, ballot);
        assert_eq!(votes.add(vote), Added::New);
        let output = output(&votes, ballot, some_round(*current), &said);
        assert_eq!(output, pair[1].last_emitted, "{ballot:?}");
        compare(&votes, &pair[1].bookkeeper, bare_choice);
        steps += 1;
    }
    steps
}

/// Validators of all weights, with their places in our order.
struct Members {
    set: Arc<ValidatorSet>,
    places: BTreeMap<String, ValidatorIndex>,
}

impl Members {
    fn new(weights: &Weights) -> Self {
        let key = |number: usize| PublicKey([u8::try_from(number + 1).expect("few"); 32]);
        let named = weights.0.iter().enumerate();
        let members = named.clone().map(|(number, (_, power))| (key(number), VotingPower(*power)));
        let members: Vec<(PublicKey, VotingPower)> = members.collect();
        let set = Arc::new(ValidatorSet::new(&members).expect("a few validators"));
        let place = |number| set.find(&key(number).address()).expect("a member").0;
        let places = named.map(|(number, (name, _))| (name.clone(), place(number))).collect();
        Self { set, places }
    }

    fn vote(&self, ballot: &Ballot) -> Vote {
        let validator_index = self.places[&ballot.src_address];
        Vote {
            kind: names::kind(ballot.vote_type),
            height: names::height(ballot.height),
            round: some_round(ballot.round),
            block_id: bare_choice(&ballot.value_id),
            timestamp: Time::EPOCH,
            validator_address: self.set.get(validator_index).expect("a member").address,
            validator_index,
            signature: SIGNATURE,
            extension: None,
        }
    }
}

/// The thresholds that a vote's round and kind have crossed.
fn said(votes: &Votes, ballot: &Ballot) -> BTreeSet<KeeperOutput> {
    let (round, kind) = (some_round(ballot.round), names::kind(ballot.vote_type));
    let Some(tally) = votes.tally(round, kind) else { return BTreeSet::new() };
    let mut said = BTreeSet::new();
    let block = |id: BlockId| match &ballot.value_id {
        Choice::Block(name) if names::bare_id(name) == id => name.clone(),
        other => panic!("{other:?} completes a quorum for another block"),
    };
    match (kind, tally.polka()) {
        (VoteKind::Prevote, Some(Some(id))) => {
            said.insert(KeeperOutput::PolkaValueVKOutput((ballot.round, block(id))));
        }
        (VoteKind::Precommit, Some(Some(id))) => {
            said.insert(KeeperOutput::PrecommitValueVKOutput((ballot.round, block(id))));
        }
        (VoteKind::Prevote, Some(None)) => {
            said.insert(KeeperOutput::PolkaNilVKOutput(ballot.round));
        }
        // A quorum of precommits for nil is one of any to the specification.
        (VoteKind::Precommit, Some(None)) | (_, None) => {}
    }
    if tally.any_quorum() {
        said.insert(match kind {
            VoteKind::Prevote => KeeperOutput::PolkaAnyVKOutput(ballot.round),
            VoteKind::Precommit => KeeperOutput::PrecommitAnyVKOutput(ballot.round),
        });
    }
    said
}

/// What a vote has brought about: a skip, else the strongest threshold that is new.
fn output(
    votes: &Votes,
    ballot: &Ballot,
    current: Round,
    before: &BTreeSet<KeeperOutput>,
) -> KeeperOutput {
    if let Some(round) = votes.skip_round(current) {
        return KeeperOutput::SkipVKOutput(i64::from(round.0));
    }
    let after = said(votes, ballot);
    let mut new: Vec<&KeeperOutput> = after.difference(before).collect();
    let weak = |it: &&KeeperOutput| {
        matches!(it, KeeperOutput::PolkaAnyVKOutput(_) | KeeperOutput::PrecommitAnyVKOutput(_))
    };
    new.sort_by_key(weak);
    new.first().map_or(KeeperOutput::NoVKOutput, |it| (*it).clone())
}

/// Everything that the specification counts is counted by us.
pub fn compare(
    votes: &Votes,
    theirs: &Bookkeeper,
    mut id_of: impl FnMut(&Choice) -> Option<BlockId>,
) {
    assert_eq!(votes.height(), names::height(theirs.height));
    for (round, kept) in &theirs.rounds.0 {
        let kinds = [(VoteKind::Prevote, &kept.prevotes), (VoteKind::Precommit, &kept.precommits)];
        for (kind, kept) in kinds {
            match votes.tally(some_round(*round), kind) {
                Some(tally) => compare_tally(tally, kept, &theirs.validator_set, &mut id_of),
                None => assert!(kept.received_votes.is_empty(), "{kept:?} is not counted"),
            }
        }
    }
}

fn compare_tally(
    tally: &Tally,
    theirs: &VoteCount,
    weights: &Weights,
    id_of: &mut impl FnMut(&Choice) -> Option<BlockId>,
) {
    let total = tally.validators().total_power();
    assert_eq!(total.0, theirs.total_weight);
    let voted = theirs.votes_addresses.iter().map(|name| weights.0[name]).sum::<u64>();
    assert_eq!(tally.power().0, voted, "{theirs:?}");
    for (choice, weight) in &theirs.values_weights.0 {
        assert_eq!(tally.power_for(id_of(choice).as_ref()).0, *weight, "{choice:?} of {theirs:?}");
    }
}
