//! Tallies: nobody is counted twice or in another's place, and what they add up to is a commit that
//! every honest validator takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consensus::{Added, Tally, Votes};
use proptest::collection::vec;
use proptest::prelude::*;
use types::commit::{CommitError, Demand};
use types::verified::Remembered;
use types::{
    Address, BlockId, ChainId, CommitSig, Hash, Height, PartSetHeader, PeerId, PrivateKey,
    PublicKey, Round, Signature, Time, UnsignedVote, ValidatorIndex, ValidatorSet, Vote, VoteKind,
    VotingPower,
};

const HEIGHT: Height = Height(5);
const KINDS: [VoteKind; 2] = [VoteKind::Prevote, VoteKind::Precommit];

fn chain_id() -> ChainId {
    ChainId::new("counting").expect("a short name")
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&zeroize::Zeroizing::new([number; 32]))
}

fn block(letter: u8) -> BlockId {
    let hash = Hash([letter; 32]);
    BlockId { hash, parts: PartSetHeader { total: 1, hash } }
}

/// Nil for 0, else a block.
fn voted(letter: u8) -> Option<BlockId> {
    (letter != 0).then(|| block(letter))
}

fn set_of(members: &[(PublicKey, VotingPower)]) -> Arc<ValidatorSet> {
    Arc::new(ValidatorSet::new(members).expect("few validators"))
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

/// What a peer can do to a tally.
#[derive(Clone, Debug)]
enum Step {
    Vote { index: u32, letter: u8 },
    Claim { peer: u64, letter: u8 },
    Gone { peer: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let index = prop_oneof![0_u32..7, Just(9_999), Just(u32::MAX)];
    prop_oneof![
        6 => (index, 0_u8..4).prop_map(|(index, letter)| Step::Vote { index, letter }),
        2 => (0_u64..3, 0_u8..4).prop_map(|(peer, letter)| Step::Claim { peer, letter }),
        1 => (0_u64..3).prop_map(|peer| Step::Gone { peer }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// A validator's power was added twice. Here whatever is repeated, claimed and forgotten, no
    /// sum is above the power of those who voted for it, and none above the total.
    #[test]
    fn advisory_35_no_vote_counts_twice(
        powers in vec(1_u64..50, 1..7), steps in vec(step(), 0..60),
    ) {
        let members: Vec<_> =
            (1..).zip(&powers).map(|(n, &it)| (PublicKey([n; 32]), VotingPower(it))).collect();
        let set = set_of(&members);
        let mut tally = Tally::new(HEIGHT, Round::FIRST, VoteKind::Precommit, Arc::clone(&set));
        let mut said: BTreeMap<Option<BlockId>, BTreeSet<u32>> = BTreeMap::new();
        let mut polka = None;
        for step in steps {
            match step {
                Step::Vote { index, letter } => {
                    let added = tally.add(vote(index, 0, VoteKind::Precommit, voted(letter)));
                    let known = usize::try_from(index).is_ok_and(|it| it < set.count());
                    prop_assert_eq!(added == Added::Foreign, !known);
                    if known {
                        said.entry(voted(letter)).or_default().insert(index);
                    }
                }
                Step::Claim { peer, letter } => {
                    let _ = tally.claim(PeerId(peer), voted(letter));
                }
                Step::Gone { peer } => tally.forget(PeerId(peer)),
            }
            let power = |of: &BTreeSet<u32>| {
                let members = of.iter().filter_map(|&it| set.get(ValidatorIndex(it)));
                members.fold(VotingPower::ZERO, |sum, it| sum.plus(it.power))
            };
            let everybody: BTreeSet<u32> = said.values().flatten().copied().collect();
            prop_assert_eq!(tally.power(), power(&everybody));
            prop_assert!(tally.power() <= set.total_power());
            for (block_id, voters) in &said {
                let counted = tally.power_for(block_id.as_ref());
                prop_assert!(counted <= power(voters), "{counted} of {}", power(voters));
                let have = tally.have_for(block_id.as_ref());
                let of_have = have.ones().map(|it| u32::try_from(it).unwrap_or(u32::MAX)).collect();
                prop_assert_eq!(counted, power(&of_have));
            }
            if let Some(decided) = tally.polka() {
                let voters = said.get(&decided).cloned().unwrap_or_default();
                prop_assert!(set.quorum().reached_by(power(&voters)));
                prop_assert!(polka.is_none_or(|before| before == decided), "a polka is for good");
            }
            polka = tally.polka();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// A proposer put precommits for another block into its commit, and no proposal was valid any
    /// more: one small validator could halt the chain. Here whatever others vote for, and in
    /// whatever order, what comes of a quorum proves the block, to the last signature.
    #[test]
    fn advisory_11_the_commit_of_a_quorum_proves_the_block_whatever_others_voted(
        powers in vec(1_u64..20, 4..6), order in vec((0_u8..6, 0_u8..3), 0..16), claim in 0_u8..3,
    ) {
        let keys: Vec<PrivateKey> = (1..).take(powers.len()).map(key).collect();
        let members: Vec<_> = keys.iter().map(PrivateKey::public_key)
            .zip(powers.iter().map(|&it| VotingPower(it))).collect();
        let set = set_of(&members);
        let mut tally = Tally::new(HEIGHT, Round(1), VoteKind::Precommit, Arc::clone(&set));
        let _ = tally.claim(PeerId(1), voted(claim));
        let mut last = None;
        // At last everybody votes for block 1, so that there is always a quorum to be had.
        let honest = (0..6).map(|index| (index, 1));
        for (index, letter) in order.into_iter().chain(honest) {
            let index = u32::from(index);
            let Some(validator) = set.get(ValidatorIndex(index)) else { continue };
            let signer = keys.iter().find(|it| it.public_key() == validator.public_key);
            let unsigned = UnsignedVote {
                kind: VoteKind::Precommit,
                height: HEIGHT,
                round: Round(1),
                block_id: voted(letter),
                timestamp: Time::EPOCH,
                validator_address: validator.address,
                validator_index: ValidatorIndex(index),
                extension: None,
            };
            let signature = signer.expect("one of ours").sign(&unsigned.sign_bytes(&chain_id()));
            tally.add(unsigned.signed(Time::EPOCH, signature, None));
            let Some(extended) = tally.extended_commit() else { continue };
            if last.replace(extended.clone()).as_ref() == Some(&extended) {
                continue;
            }
            let (commit, id) = (extended.commit(), extended.block_id);
            let verdict = commit.verify(&chain_id(), &set, HEIGHT, &id, Demand::Full);
            prop_assert_eq!(verdict, Ok(()));
            prop_assert!(commit.median_time(&set).is_some());
            let (at, memory) = ((HEIGHT, &id), &mut Remembered::default());
            let served = extended.verify(&chain_id(), &set, at, false, memory);
            prop_assert_eq!(served, Ok(()));
        }
    }
}

/// ASA-2024-011: an index out of range was looked up.
#[test]
fn advisory_22_a_vote_of_nobody_is_counted_nowhere() {
    let members: Vec<_> = (1..=4).map(|n| (PublicKey([n; 32]), VotingPower(10))).collect();
    let set = set_of(&members);
    let mut votes = Votes::new(HEIGHT, Arc::clone(&set));
    for index in [4, 5, 9_999, 10_000, u32::MAX] {
        for round in [0, 1, 2, 1_000, i32::MAX as u32] {
            for kind in KINDS {
                assert_eq!(votes.add(vote(index, round, kind, None)), Added::Foreign);
            }
        }
        let mut tally = Tally::new(HEIGHT, Round(0), VoteKind::Precommit, Arc::clone(&set));
        assert_eq!(tally.add(vote(index, 0, VoteKind::Precommit, None)), Added::Foreign);
        assert_eq!(tally.vote(ValidatorIndex(index)), None);
        assert_eq!(tally.vote_for(ValidatorIndex(index), None), None);
    }
    assert_eq!((votes.rounds().count(), votes.skip_round(Round(0))), (0, None));
}

/// What a proposer offers as last commit is exactly what the next validators demand.
#[test]
fn advisory_11_votes_for_another_block_stand_as_absent() {
    let members: Vec<_> = (1..=4).map(|n| (PublicKey([n; 32]), VotingPower(10))).collect();
    let set = set_of(&members);
    let mut tally = Tally::new(HEIGHT, Round(0), VoteKind::Precommit, Arc::clone(&set));
    for (index, letter) in [(0, 2), (1, 1), (2, 1), (3, 1)] {
        tally.add(vote(index, 0, VoteKind::Precommit, voted(letter)));
    }
    let commit = tally.extended_commit().expect("three of four").commit();
    assert_eq!(commit.signatures[0], CommitSig::Absent);
    assert_eq!(commit.block_id, block(1));
    let short = commit.verify(&chain_id(), &set, HEIGHT, &block(2), Demand::Full);
    assert_eq!(short, Err(CommitError::Block));
}
