//! A commit proves what is demanded of it, or says what is wrong.

use types::commit::{CommitError, Demand, TrustLevel};
use types::verified::Remembered;
use types::{
    BlockId, ChainId, Commit, CommitSig, ExtendedCommit, ExtendedCommitSig, Hash, Height, Round,
    Time, ValidatorIndex, ValidatorSet, VotingPower,
};

use crate::network::{Network, chain_id, key, other_id, public_key, seconds};

const HEIGHT: Height = Height(5);
const ROUND: Round = Round(2);

/// Four validators of power 10, and their commit for [`id`].
struct Case {
    network: Network,
    set: ValidatorSet,
    commit: Commit,
}

fn id() -> BlockId {
    other_id(1)
}

fn case() -> Case {
    let network = Network::new(&[10, 10, 10, 10]);
    let set = (*network.state.validators).clone();
    let commit = network.commit(&set, (HEIGHT, ROUND), id());
    Case { network, set, commit }
}

/// All demands on the very set that signed.
const OWN: [Demand; 3] = [Demand::Full, Demand::Light, Demand::LightEvery];
const THIRD: Demand = Demand::Trusting(TrustLevel::ONE_THIRD);
const EVERY_THIRD: Demand = Demand::TrustingEvery(TrustLevel::ONE_THIRD);

impl Case {
    fn verify(&self, demand: Demand) -> Result<(), CommitError> {
        self.commit.verify(&chain_id(), &self.set, HEIGHT, &id(), demand)
    }

    /// Replaces an entry by the validator's vote for nil.
    fn vote_nil(&mut self, index: usize) {
        let kind = types::VoteKind::Precommit;
        let number = u32::try_from(index).unwrap();
        let vote = self.network.vote(&self.set, number, kind, (HEIGHT, ROUND), None);
        self.commit.signatures[index] = vote.commit_sig(&id());
        assert!(matches!(self.commit.signatures[index], CommitSig::Nil { .. }));
    }

    fn spoil(&mut self, index: usize) {
        match &mut self.commit.signatures[index] {
            CommitSig::Commit { signature, .. } | CommitSig::Nil { signature, .. } => {
                signature.0[0] ^= 1;
            }
            CommitSig::Absent => panic!("nothing to spoil"),
        }
    }

    fn wrong(&self, index: usize) -> Result<(), CommitError> {
        let address = self.set.validators()[index].address;
        Err(CommitError::Signature { index, address })
    }

    fn not_enough(signed: u64) -> Result<(), CommitError> {
        let (signed, total) = (VotingPower(signed), VotingPower(40));
        Err(CommitError::NotEnough { signed, total })
    }
}

#[test]
fn everybodys_commit_satisfies_every_demand() {
    for demand in OWN.into_iter().chain([THIRD, EVERY_THIRD]) {
        assert_eq!(case().verify(demand), Ok(()), "{demand:?}");
    }
}

#[test]
fn three_of_four_are_enough_and_two_are_not() {
    for demand in OWN {
        let mut case = case();
        case.commit.signatures[1] = CommitSig::Absent;
        assert_eq!(case.verify(demand), Ok(()), "{demand:?}");
        case.vote_nil(3);
        assert_eq!(case.verify(demand), Case::not_enough(20), "{demand:?}");
    }
    // Exactly two thirds are not more than two thirds.
    let network = Network::new(&[10, 10, 10]);
    let set = (*network.state.validators).clone();
    let mut commit = network.commit(&set, (HEIGHT, ROUND), id());
    commit.signatures[0] = CommitSig::Absent;
    let (signed, total) = (VotingPower(20), VotingPower(30));
    let result = commit.verify(&chain_id(), &set, HEIGHT, &id(), Demand::Full);
    assert_eq!(result, Err(CommitError::NotEnough { signed, total }));
}

#[test]
fn other_heights_blocks_chains_and_counts_are_refused() {
    for demand in OWN.into_iter().chain([THIRD, EVERY_THIRD]) {
        let Case { set, commit, .. } = case();
        let later = HEIGHT.next();
        let height = CommitError::Height { expected: later, actual: HEIGHT };
        assert_eq!(commit.verify(&chain_id(), &set, later, &id(), demand), Err(height));
        let verdict = commit.verify(&chain_id(), &set, HEIGHT, &other_id(2), demand);
        assert_eq!(verdict, Err(CommitError::Block));
        let mut same_hash = id();
        same_hash.parts.total = 2;
        let verdict = commit.verify(&chain_id(), &set, HEIGHT, &same_hash, demand);
        assert_eq!(verdict, Err(CommitError::Block));
        let stranger = ChainId::new("stranger").unwrap();
        let verdict = commit.verify(&stranger, &set, HEIGHT, &id(), demand);
        assert!(matches!(verdict, Err(CommitError::Signature { index: 0, .. })), "{verdict:?}");
    }
    for demand in OWN {
        let mut short = case();
        short.commit.signatures.pop();
        let count = CommitError::Count { expected: 4, actual: 3 };
        assert_eq!(short.verify(demand), Err(count));
        let mut long = case();
        long.commit.signatures.push(CommitSig::Absent);
        let count = CommitError::Count { expected: 4, actual: 5 };
        assert_eq!(long.verify(demand), Err(count));
    }
}

#[test]
fn wrong_signatures_are_found_where_they_are_looked_for() {
    for index in 0..4 {
        let mut case = case();
        case.spoil(index);
        for demand in [Demand::Full, Demand::LightEvery, EVERY_THIRD] {
            assert_eq!(case.verify(demand), case.wrong(index), "{demand:?}");
        }
        // Three suffice, so the fourth is not looked at; nor the third, where a third suffices.
        for (demand, looked_at) in [(Demand::Light, 3), (THIRD, 2)] {
            let expected = if index < looked_at { case.wrong(index) } else { Ok(()) };
            assert_eq!(case.verify(demand), expected, "{demand:?}");
        }
    }
    // A vote for nil counts for nothing, but under `Full` it must be right.
    let mut case = case();
    case.vote_nil(0);
    for demand in OWN.into_iter().chain([THIRD, EVERY_THIRD]) {
        assert_eq!(case.verify(demand), Ok(()), "{demand:?}");
    }
    case.spoil(0);
    assert_eq!(case.verify(Demand::Full), case.wrong(0));
    for demand in [Demand::Light, Demand::LightEvery, THIRD, EVERY_THIRD] {
        assert_eq!(case.verify(demand), Ok(()), "{demand:?}");
    }
}

/// The address is not signed; an entry that names another validator could move the block's time or
/// another's rewards. spec: GHSA-c32p-wcqj-j677.
#[test]
fn entry_must_name_the_validator_at_its_index() {
    for demand in OWN {
        let mut case = case();
        let (expected, actual) =
            (case.set.validators()[0].address, case.set.validators()[1].address);
        if let CommitSig::Commit { validator_address, .. } = &mut case.commit.signatures[0] {
            *validator_address = actual;
        }
        let error = CommitError::Address { index: 0, expected, actual };
        assert_eq!(case.verify(demand), Err(error), "{demand:?}");
        assert_eq!(case.commit.median_time(&case.set), None);
    }
}

#[test]
fn trusting_counts_members_once_and_passes_over_strangers() {
    let Case { network, set, commit } = case();
    let verify = |set: &ValidatorSet, commit: &Commit, demand| {
        commit.verify(&chain_id(), set, HEIGHT, &id(), demand)
    };
    // Two of the four are members of a set of five: exactly two fifths.
    let (known, others) = (&set.validators()[..2], [11, 12, 13]);
    let mut members: Vec<_> = known.iter().map(|it| (it.public_key, it.power)).collect();
    members.extend(others.map(|number| (public_key(number), VotingPower(10))));
    let other_set = ValidatorSet::new(&members).unwrap();
    assert_eq!(verify(&other_set, &commit, THIRD), Ok(()));
    let (numerator, denominator) = (2, 5);
    let fifths = Demand::TrustingEvery(TrustLevel { numerator, denominator });
    let (signed, total) = (VotingPower(20), VotingPower(50));
    let not_enough = Err(CommitError::NotEnough { signed, total });
    assert_eq!(verify(&other_set, &commit, fifths), not_enough);

    // One vote, twice in the commit: must not count double.
    let mut twice = network.commit(&set, (HEIGHT, ROUND), id());
    twice.signatures[1] = twice.signatures[0].clone();
    let address = set.validators()[0].address;
    let duplicate = Err(CommitError::Duplicate { address });
    assert_eq!(verify(&other_set, &twice, THIRD), duplicate);
    assert_eq!(verify(&other_set, &twice, EVERY_THIRD), duplicate);

    let nothing = Demand::Trusting(TrustLevel { numerator: 1, denominator: 0 });
    assert!(verify(&set, &commit, nothing).is_err());
}

#[test]
fn votes_of_a_commit_are_those_it_was_made_of() {
    let mut case = case();
    case.vote_nil(2);
    case.commit.signatures[1] = CommitSig::Absent;
    for index in [0, 2, 3] {
        let vote = case.commit.vote(ValidatorIndex(index)).unwrap();
        let block_id = if index == 2 { None } else { Some(id()) };
        let kind = types::VoteKind::Precommit;
        let original = case.network.vote(&case.set, index, kind, (HEIGHT, ROUND), block_id);
        assert_eq!(vote, original);
    }
    assert_eq!(case.commit.vote(ValidatorIndex(1)), None);
    assert_eq!(case.commit.vote(ValidatorIndex(4)), None);
}

/// spec: `WeightedMedian`, and v0.40's rule that only votes for the block have a say.
#[test]
fn median_time_is_weighted_and_ignores_nil() {
    let network = Network::new(&[1, 2, 3, 4]);
    let set = (*network.state.validators).clone();
    // Powers 4, 3, 2, 1 in the set's order.
    let median = |times: [Option<i64>; 4], nil: Option<usize>| {
        let mut commit = network.commit(&set, (HEIGHT, ROUND), id());
        for (index, time) in times.into_iter().enumerate() {
            let address = set.validators()[index].address;
            let signature = types::Signature([0; 64]);
            commit.signatures[index] = match time {
                None => CommitSig::Absent,
                Some(time) if nil == Some(index) => CommitSig::Nil {
                    validator_address: address,
                    timestamp: seconds(time),
                    signature,
                },
                Some(time) => CommitSig::Commit {
                    validator_address: address,
                    timestamp: seconds(time),
                    signature,
                },
            };
        }
        commit.median_time(&set)
    };
    let at = |time| Some(seconds(time));
    assert_eq!(median([Some(10), Some(20), Some(30), Some(40)], None), at(20));
    assert_eq!(median([Some(40), Some(30), Some(20), Some(10)], None), at(30));
    assert_eq!(median([Some(10), Some(5), Some(5), None], None), at(5));
    assert_eq!(median([None, Some(20), Some(30), Some(40)], None), at(20));
    // The strongest vote is far off: while it counts it decides, as nil it has no say.
    assert_eq!(median([Some(90), Some(20), Some(90), Some(40)], None), at(90));
    assert_eq!(median([Some(90), Some(20), Some(30), Some(40)], Some(0)), at(20));
    assert_eq!(median([None, None, None, None], None), None);
}

/// Adds right extensions to all votes for the block.
fn extended(case: &Case) -> ExtendedCommit {
    let entry = |(index, sig): (usize, &CommitSig)| {
        let address = case.set.validators()[index].address;
        let signer = (1..=4).map(key).find(|it| it.public_key().address() == address).unwrap();
        let bytes: Vec<u8> = vec![u8::try_from(index).unwrap(); index];
        let signed = types::sign_bytes::extension(&chain_id(), HEIGHT, ROUND, &bytes);
        let signature = signer.sign(&signed);
        let extension = matches!(sig, CommitSig::Commit { .. })
            .then(|| types::vote::Extension { bytes: bytes.into(), signature });
        ExtendedCommitSig { sig: sig.clone(), extension }
    };
    ExtendedCommit {
        height: HEIGHT,
        round: ROUND,
        block_id: id(),
        signatures: case.commit.signatures.iter().enumerate().map(entry).collect(),
    }
}

#[test]
fn extensions_are_there_where_they_are_enabled_and_rightly_signed() {
    let mut case = case();
    case.vote_nil(0);
    let verify = |commit: &ExtendedCommit, enabled| {
        commit.verify(&chain_id(), &case.set, (HEIGHT, &id()), enabled, &mut Remembered::default())
    };
    let right = extended(&case);
    assert_eq!(verify(&right, true), Ok(()));
    assert_eq!(right.commit(), case.commit);
    assert_eq!(verify(&right, false), Err(CommitError::Extension { index: 1 }));

    let mut bare = right.clone();
    bare.signatures.iter_mut().for_each(|entry| entry.extension = None);
    assert_eq!(verify(&bare, false), Ok(()));
    assert_eq!(verify(&bare, true), Err(CommitError::Extension { index: 1 }));

    let mut on_nil = right.clone();
    on_nil.signatures[0].extension = on_nil.signatures[1].extension.clone();
    assert_eq!(verify(&on_nil, true), Err(CommitError::Extension { index: 0 }));

    let mut swapped = right.clone();
    swapped.signatures[2].extension = swapped.signatures[3].extension.clone();
    assert_eq!(verify(&swapped, true), case.wrong(2));

    let mut forged = right;
    if let CommitSig::Commit { timestamp, .. } = &mut forged.signatures[3].sig {
        *timestamp = Time::EPOCH;
    }
    assert_eq!(verify(&forged, true), case.wrong(3));
}

#[test]
fn block_ids_differ_in_every_field() {
    let Case { set, commit, .. } = case();
    let mut hash = id();
    hash.hash = Hash([9; 32]);
    let mut total = id();
    total.parts.total = 9;
    let mut parts = id();
    parts.parts.hash = Hash([9; 32]);
    for id in [hash, total, parts] {
        // Moved into the commit itself, every signature is over another id.
        let moved = Commit { block_id: id, ..commit.clone() };
        let verdict = moved.verify(&chain_id(), &set, HEIGHT, &id, Demand::Full);
        assert!(matches!(verdict, Err(CommitError::Signature { index: 0, .. })), "{verdict:?}");
    }
    let moved = Commit { round: ROUND.next(), ..commit };
    let verdict = moved.verify(&chain_id(), &set, HEIGHT, &id(), Demand::Full);
    assert!(matches!(verdict, Err(CommitError::Signature { index: 0, .. })), "{verdict:?}");
}

#[test]
fn what_is_remembered_changes_no_verdict() {
    let mut remembered = Remembered::default();
    let mut case = case();
    let at = (HEIGHT, &id(), Demand::Full);
    for _ in 0..2 {
        let known = case.commit.verify_remembering(&chain_id(), &case.set, at, &mut remembered);
        assert_eq!(known, Ok(()));
    }
    // Its right signature is remembered; the wrong one in its place is not.
    case.spoil(2);
    for _ in 0..2 {
        let known = case.commit.verify_remembering(&chain_id(), &case.set, at, &mut remembered);
        assert_eq!(known, case.wrong(2));
        assert_eq!(known, case.verify(Demand::Full));
    }
}

#[test]
fn mocked_signatures_are_judged_by_whose_they_are() {
    let mut case = case();
    let mut mocked = Remembered::mocked(|key, signature| signature.0[..32] == key.0);
    let at = (HEIGHT, &id(), Demand::Full);
    let real = case.commit.verify_remembering(&chain_id(), &case.set, at, &mut mocked);
    assert_eq!(real, case.wrong(0), "a real signature is no mock");
    for (validator, entry) in case.set.validators().iter().zip(&mut case.commit.signatures) {
        let CommitSig::Commit { signature, .. } = entry else { panic!("all voted for the block") };
        signature.0[..32].copy_from_slice(&validator.public_key.0);
    }
    let mock = case.commit.verify_remembering(&chain_id(), &case.set, at, &mut mocked);
    assert_eq!(mock, Ok(()));
    case.spoil(2);
    let spoiled = case.commit.verify_remembering(&chain_id(), &case.set, at, &mut mocked);
    assert_eq!(spoiled, case.wrong(2));
    assert_eq!(case.verify(Demand::Full), case.wrong(0), "the curve is not fooled");
}
