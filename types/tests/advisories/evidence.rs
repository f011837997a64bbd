//! Evidence: it blames whoever signed two things, and can never blame anybody else.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use types::chain_state::BlockError;
use types::evidence::EvidenceContext;
use types::verified::Remembered;
use types::{
    Address, AppHash, BlockId, Commit, CommitSig, DuplicateVoteEvidence, Evidence, EvidenceError,
    Header, Height, LightBlock, LightClientAttackEvidence, Round, SignedHeader, Time, Validator,
    ValidatorSet, Vote, VoteKind, VotingPower, codec,
};

use crate::network::{Network, chain_id, other_id, public_key, seconds, update};

/// A chain of six blocks, with one validator joining on the way.
fn network(powers: &[u64]) -> Network {
    let mut network = Network::new(powers);
    for height in 1..=6 {
        let changes = if height == 2 { vec![update(9, 5)] } else { vec![] };
        network.grow(&["a=1"], &changes);
    }
    network
}

fn at(network: &Network, height: u64) -> &LightBlock {
    &network.light_blocks[usize::try_from(height).unwrap() - 1]
}

/// The verdict of a node whose last block is `trusted` or later.
fn verify(network: &Network, evidence: &Evidence, trusted: u64) -> Result<(), EvidenceError> {
    let block = network.light_blocks.get(usize::try_from(evidence.height().0).unwrap() - 1);
    let Some(block) = block else { return Err(EvidenceError::Invalid { reason: "unknown" }) };
    let context = EvidenceContext {
        chain_id: &chain_id(),
        validators: &block.validators,
        block_time: block.signed_header.header.time,
        trusted: Some(&at(network, trusted).signed_header),
    };
    evidence.verify(&context, &mut Remembered::default())
}

/// What stands in the commit of a lie for one validator.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// Nothing, or what the validator really signed if it is guilty.
    Honest,
    /// What it signed for the true block.
    Stolen,
    /// A vote for nil of the same place.
    Nil,
    /// Bytes.
    Garbage,
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        6 => Just(Entry::Honest), 1 => Just(Entry::Stolen), 1 => Just(Entry::Nil),
        1 => Just(Entry::Garbage),
    ]
}

/// A lie at a height, signed by the guilty; of the others stands there what `entries` says.
fn lie(
    network: &Network,
    height: u64,
    change: impl Fn(&mut Header),
    guilty: &BTreeSet<usize>,
    entries: &[Entry],
) -> LightBlock {
    let LightBlock { signed_header, validators } = at(network, height).clone();
    let mut header = signed_header.header;
    change(&mut header);
    let id = BlockId { hash: header.hash(), ..other_id(7) };
    let place = (header.height, signed_header.commit.round);
    let mut commit: Commit = network.commit(&validators, place, id);
    for (index, entry) in commit.signatures.iter_mut().enumerate() {
        let truth = signed_header.commit.signatures[index].clone();
        let address = validators.validators()[index].address;
        match entries.get(index).copied().unwrap_or(Entry::Honest) {
            Entry::Honest if guilty.contains(&index) => {}
            Entry::Honest => *entry = CommitSig::Absent,
            Entry::Stolen => *entry = truth,
            Entry::Nil => {
                let kind = VoteKind::Precommit;
                let index = u32::try_from(index).unwrap();
                let vote = network.vote(&validators, index, kind, place, None);
                *entry = vote.commit_sig(&id);
            }
            Entry::Garbage => {
                *entry = CommitSig::Commit {
                    validator_address: address,
                    timestamp: seconds(9),
                    signature: types::Signature([5; 64]),
                };
            }
        }
    }
    LightBlock { signed_header: SignedHeader { header, commit }, validators }
}

fn accuse(
    network: &Network,
    conflicting_block: LightBlock,
    agreed: u64,
    named: &[Validator],
) -> Evidence {
    let block = at(network, agreed);
    Evidence::LightClientAttack(Box::new(LightClientAttackEvidence {
        conflicting_block,
        common_height: Height(agreed),
        byzantine_validators: named.to_vec(),
        total_power: block.validators.total_power(),
        timestamp: block.signed_header.header.time,
    }))
}

fn by_power(mut validators: Vec<Validator>) -> Vec<Validator> {
    validators.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.address.cmp(&b.address)));
    validators
}

fn blamed(evidence: &Evidence) -> Vec<Address> {
    match evidence {
        Evidence::DuplicateVote(it) => vec![it.vote_a.validator_address],
        Evidence::LightClientAttack(it) => {
            let named = it.byzantine_validators.iter();
            named.flat_map(|it| [it.address, it.public_key.address()]).collect()
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(300))]

    /// The list of culprits and the signed header were not validated: here no list, no set of
    /// guilty signers and no forged entry ever gets anybody blamed who did not sign the lie.
    #[test]
    fn advisory_28_no_evidence_of_an_attack_blames_who_did_not_sign_it(
        powers in vec(1_u64..50, 3..6), guilty in vec(any::<bool>(), 6), lunatic in any::<bool>(),
        entries in vec(entry(), 6), named in vec(any::<bool>(), 6), agreed in 1_u64..6,
        honest_list in any::<bool>(),
    ) {
        let network = network(&powers);
        let guilty: BTreeSet<usize> = (0..6).filter(|&it| guilty[it]).collect();
        let change = |header: &mut Header| {
            if lunatic {
                header.app_hash = AppHash((&b"lie"[..]).into());
            } else {
                header.data_hash = Some(types::Hash([9; 32]));
            }
        };
        let block = lie(&network, 5, change, &guilty, &entries);
        let members = block.validators.validators();
        let (before, own) = (&at(&network, agreed).validators, &block.validators);
        let named: Vec<Validator> = if honest_list {
            let all = guilty.iter().filter_map(|&it| members.get(it)).filter(|it| {
                !lunatic || before.find(&it.address).is_some()
            });
            by_power(all.cloned().collect())
        } else {
            own.validators().iter().zip(named).filter(|it| it.1).map(|it| it.0.clone()).collect()
        };
        let evidence = accuse(&network, block.clone(), agreed, &named);
        let verdict = verify(&network, &evidence, 5);
        let signers: Vec<Address> = guilty.iter().filter_map(|&it| members.get(it))
            .map(|it| it.address).collect();
        if verdict.is_ok() {
            for address in blamed(&evidence) {
                prop_assert!(signers.contains(&address), "{} is blamed", address);
            }
        }
        // An honest reporter of a lie that fooled somebody is believed.
        let plain = entries.iter().all(|it| matches!(it, Entry::Honest));
        let weight = |set: &ValidatorSet| signers.iter().filter_map(|it| set.find(it))
            .fold(VotingPower::ZERO, |sum, (_, it)| sum.plus(it.power));
        let enough = own.quorum().reached_by(weight(own))
            && (agreed == 5 || before.quorum().honest_in(weight(before)));
        if honest_list && plain && enough && !(lunatic && agreed == 5) {
            prop_assert_eq!(verdict, Ok(()));
        }
        // What a peer sends is read back as it was, or not at all.
        let read = codec::decode_evidence(&codec::encode_evidence(&evidence));
        prop_assert_eq!(read, Ok(evidence));
    }

    /// Two votes that one honest validator signed never make evidence, whatever is changed in what
    /// is not signed, nor do those of two validators.
    #[test]
    fn advisory_28_no_two_votes_blame_who_kept_to_the_rules(
        first in any::<Index>(), second in any::<Index>(),
        edits in vec((0_u8..7, any::<u8>()), 0..4),
    ) {
        let network = network(&[10, 20, 30, 40]);
        let votes = honest_votes(&network);
        let (mut a, mut b) = (first.get(&votes).clone(), second.get(&votes).clone());
        for (edit, byte) in edits {
            let vote = if byte & 1 == 0 { &mut a } else { &mut b };
            match edit {
                0 => vote.validator_address = at(&network, 3).validators.validators()[0].address,
                1 => vote.validator_index.0 ^= u32::from(byte),
                2 => vote.round = Round(u32::from(byte % 3)),
                3 => vote.height = Height(u64::from(byte % 4) + 2),
                4 => vote.kind = VoteKind::Precommit,
                5 => vote.block_id = Some(other_id(byte)),
                _ => vote.signature.0[0] ^= byte,
            }
        }
        let block = at(&network, a.height.0.min(6));
        let time = block.signed_header.header.time;
        let Ok(evidence) = DuplicateVoteEvidence::new(a, b, &block.validators, time) else {
            return Ok(());
        };
        let evidence = Evidence::DuplicateVote(Box::new(evidence));
        prop_assert!(verify(&network, &evidence, 6).is_err());
    }
}

/// Votes as an honest validator may sign them: one of each kind in each round of each height.
fn honest_votes(network: &Network) -> Vec<Vote> {
    let mut votes = Vec::new();
    for height in 2..=5 {
        let set = &at(network, height).validators;
        for (round, index) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for kind in [VoteKind::Prevote, VoteKind::Precommit] {
                let id = if round == 0 { None } else { Some(other_id(3)) };
                votes.push(network.vote(set, index, kind, (Height(height), Round(round)), id));
            }
        }
    }
    votes
}

/// An attack at a height that the chain has not reached: no evidence was formed, and a lie could
/// not be told from what may yet come true. It proves a lie once the chain's time has passed it.
#[test]
fn advisory_17_a_lie_about_the_future_is_proven_once_its_time_has_passed() {
    let network = network(&[10, 20, 30, 40]);
    let guilty: BTreeSet<usize> = (0..5).collect();
    let ahead = |time: Time| {
        let change = move |header: &mut Header| {
            header.app_hash = AppHash((&b"lie"[..]).into());
            header.height = Height(50);
            header.time = time;
        };
        let block = lie(&network, 6, change, &guilty, &[]);
        let signers = block.validators.validators();
        let known = |it: &&Validator| at(&network, 2).validators.find(&it.address).is_some();
        let named = by_power(signers.iter().filter(known).cloned().collect());
        accuse(&network, block, 2, &named)
    };
    let time_of = |height| at(&network, height).signed_header.header.time;
    let early = ahead(time_of(4));
    assert_eq!(verify(&network, &early, 6), Ok(()));
    assert_eq!(verify(&network, &early, 5), Ok(()));
    assert_eq!(verify(&network, &early, 4), Ok(()), "at that very time nothing else can come");
    let early = verify(&network, &early, 3);
    assert!(matches!(early, Err(EvidenceError::Invalid { .. })), "{early:?}");
}

/// Evidence about a height in flight made receivers panic. A block must speak of earlier ones.
#[test]
fn advisory_13_a_block_holds_evidence_of_decided_heights_only() {
    let network = network(&[10, 20, 30, 40]);
    let set = at(&network, 6).validators.clone();
    for height in [1, 6, 7, 8, i64::MAX as u64] {
        let place = (Height(height), Round(0));
        let vote = |number| Vote {
            height: Height(height),
            ..network.vote(&set, 0, VoteKind::Prevote, (Height(6), place.1), Some(other_id(number)))
        };
        let time = seconds(1);
        let evidence = DuplicateVoteEvidence::new(vote(1), vote(2), &set, time).unwrap();
        let evidence = vec![Evidence::DuplicateVote(Box::new(evidence))];
        let (state, proposer) = (&network.state, network.state.validators.proposer().address);
        let commit = network.last_commit.clone();
        let block = state.make_block(vec![], commit, evidence, proposer);
        let verdict = state.check_block(&block);
        if height <= 6 {
            assert_eq!(verdict, Ok(()), "{height}");
        } else {
            let reason = "it is not about an earlier height";
            assert_eq!(verdict, Err(BlockError::Evidence { reason }), "{height}");
        }
    }
    // Before the first block there is no earlier height at all.
    let first = Network::new(&[10]);
    let set = (*first.state.validators).clone();
    let vote = |number| {
        first.vote(&set, 0, VoteKind::Prevote, (Height(1), Round(0)), Some(other_id(number)))
    };
    let evidence = DuplicateVoteEvidence::new(vote(1), vote(2), &set, seconds(0)).unwrap();
    let evidence = vec![Evidence::DuplicateVote(Box::new(evidence))];
    let block = first.state.make_block(vec![], None, evidence, public_key(1).address());
    assert!(first.state.check_block(&block).is_err());
}

/// The same evidence twice in one block was taken; over several blocks it is the store that knows.
#[test]
fn advisory_02_a_block_holds_the_same_evidence_once() {
    let network = network(&[10, 20, 30, 40]);
    let block = at(&network, 3);
    let vote = |number| {
        let at = (Height(3), Round(0));
        network.vote(&block.validators, 0, VoteKind::Prevote, at, Some(other_id(number)))
    };
    let time = block.signed_header.header.time;
    let make = |a, b| {
        let evidence = DuplicateVoteEvidence::new(a, b, &block.validators, time).unwrap();
        Evidence::DuplicateVote(Box::new(evidence))
    };
    let (one, same) = (make(vote(1), vote(2)), make(vote(2), vote(1)));
    assert_eq!(one, same, "whoever reports it first");
    let (state, proposer) = (&network.state, network.state.validators.proposer().address);
    let commit = network.last_commit.clone();
    let check = |evidence: Vec<Evidence>| {
        state.check_block(&state.make_block(vec![], commit.clone(), evidence, proposer))
    };
    assert_eq!(check(vec![one.clone()]), Ok(()));
    let twice = Err(BlockError::Evidence { reason: "the same is there twice" });
    assert_eq!(check(vec![one, same]), twice);
}
