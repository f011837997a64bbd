//! Commits: what is verified is all that is used, and nobody counts twice or for another.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use types::commit::{CommitError, Demand, TrustLevel};
use types::verified::Remembered;
use types::vote::Extension;
use types::{
    BlockId, Commit, CommitSig, ExtendedCommit, ExtendedCommitSig, Height, Round, Signature, Time,
    ValidatorIndex, ValidatorSet, VoteKind, VotingPower, sign_bytes,
};

use crate::network::{Network, chain_id, key, other_id, public_key, seconds};

const AT: (Height, Round) = (Height(5), Round(2));
const THIRD: TrustLevel = TrustLevel::ONE_THIRD;
/// All demands that look at every signature for the block.
const EVERY: [Demand; 3] = [Demand::Full, Demand::LightEvery, Demand::TrustingEvery(THIRD)];
const ALL: [Demand; 5] = [
    Demand::Full,
    Demand::Light,
    Demand::LightEvery,
    Demand::Trusting(THIRD),
    Demand::TrustingEvery(THIRD),
];

fn id() -> BlockId {
    other_id(1)
}

/// Validators of these powers, and a commit by all of them.
fn case(powers: &[u64]) -> (Network, ValidatorSet, Commit) {
    let network = Network::new(powers);
    let set = (*network.state.validators).clone();
    let commit = network.commit(&set, AT, id());
    (network, set, commit)
}

fn verify(commit: &Commit, set: &ValidatorSet, demand: Demand) -> Result<(), CommitError> {
    commit.verify(&chain_id(), set, AT.0, &id(), demand)
}

fn verify_extended(
    commit: &ExtendedCommit,
    set: &ValidatorSet,
    extensions_enabled: bool,
) -> Result<(), CommitError> {
    let memory = &mut Remembered::default();
    commit.verify(&chain_id(), set, (AT.0, &id()), extensions_enabled, memory)
}

fn nil(network: &Network, set: &ValidatorSet, index: usize) -> CommitSig {
    let index = u32::try_from(index).unwrap();
    network.vote(set, index, VoteKind::Precommit, AT, None).commit_sig(&id())
}

fn signature_of(entry: &mut CommitSig) -> &mut Signature {
    match entry {
        CommitSig::Commit { signature, .. } | CommitSig::Nil { signature, .. } => signature,
        CommitSig::Absent => panic!("nobody is absent here"),
    }
}

/// The set's power of those whose entry is for the block, and names them, at their own place.
fn honest_power(commit: &Commit, set: &ValidatorSet) -> VotingPower {
    let entries = commit.signatures.iter().zip(set.validators());
    let good = entries.filter(|(entry, validator)| {
        matches!(entry, CommitSig::Commit { .. })
            && entry.validator_address() == Some(&validator.address)
    });
    good.fold(VotingPower::ZERO, |sum, (_, validator)| sum.plus(validator.power))
}

/// False Witness: verification stopped at two thirds, and the rest could be anything.
#[test]
fn advisory_12_one_wrong_bit_in_any_signature_spoils_the_commit() {
    for count in 1..=7 {
        let (_, set, commit) = case(&vec![10; count]);
        for index in 0..count {
            for bit in [0, 7, 255, 256, 300, 511] {
                let mut spoilt = commit.clone();
                let signature = signature_of(&mut spoilt.signatures[index]);
                signature.0[bit / 8] ^= 1 << (bit % 8);
                let address = set.validators()[index].address;
                let expected = Err(CommitError::Signature { index, address });
                for demand in EVERY {
                    assert_eq!(verify(&spoilt, &set, demand), expected, "{bit} {demand:?}");
                }
            }
        }
    }
}

#[test]
fn advisory_12_a_wrong_vote_for_nil_spoils_the_commit_too() {
    let (network, set, commit) = case(&[10; 5]);
    for index in 0..5 {
        let mut mixed = commit.clone();
        mixed.signatures[index] = nil(&network, &set, index);
        assert_eq!(verify(&mixed, &set, Demand::Full), Ok(()));
        signature_of(&mut mixed.signatures[index]).0[9] ^= 2;
        let address = set.validators()[index].address;
        let expected = Err(CommitError::Signature { index, address });
        assert_eq!(verify(&mixed, &set, Demand::Full), expected);
    }
}

/// Two ways through the code that disagree about a commit were behind five published fixes. Here
/// the way with extensions and the one without must agree about everything but extensions.
#[test]
fn advisory_44_a_served_commit_must_prove_all_that_consensus_asks_for() {
    let (network, set, commit) = case(&[10; 4]);
    let spoil = |index: usize, commit: &mut Commit| {
        signature_of(&mut commit.signatures[index]).0[1] ^= 1;
    };
    let mut cases = vec![commit.clone()];
    for index in 0..4 {
        let mut wrong = commit.clone();
        spoil(index, &mut wrong);
        let mut wrong_nil = commit.clone();
        wrong_nil.signatures[index] = nil(&network, &set, index);
        let mut right_nil = wrong_nil.clone();
        spoil(index, &mut wrong_nil);
        let mut absent = commit.clone();
        absent.signatures[index] = CommitSig::Absent;
        absent.signatures[(index + 1) % 4] = CommitSig::Absent;
        right_nil.signatures[(index + 1) % 4] = CommitSig::Absent;
        let mut swapped = commit.clone();
        swapped.signatures.swap(index, (index + 1) % 4);
        let mut short = commit.clone();
        short.signatures.truncate(index);
        cases.extend([wrong, wrong_nil, right_nil, absent, swapped, short]);
    }
    for commit in cases {
        let full = verify(&commit, &set, Demand::Full);
        let extended = ExtendedCommit::plain(commit);
        let served = verify_extended(&extended, &set, false);
        assert_eq!(served, full);
    }
    // Where extensions are required, the votes must be right all the same.
    for index in 0..4 {
        let mut extended = extend(&network, &set, &commit);
        assert_eq!(verify_extended(&extended, &set, true), Ok(()));
        assert!(verify_extended(&extended, &set, false).is_err());
        signature_of(&mut extended.signatures[index].sig).0[1] ^= 1;
        assert!(verify_extended(&extended, &set, true).is_err());
    }
}

/// The commit with an extension for each vote.
fn extend(network: &Network, set: &ValidatorSet, commit: &Commit) -> ExtendedCommit {
    assert_eq!(network.state.validators.count(), set.count());
    let signatures = commit.signatures.iter().map(|sig| {
        let address = sig.validator_address().unwrap();
        let signer = (1..20).map(key).find(|it| it.public_key().address() == *address).unwrap();
        let bytes = bytes::Bytes::from_static(b"extension");
        let signature = signer.sign(&sign_bytes::extension(&chain_id(), AT.0, AT.1, &bytes));
        ExtendedCommitSig { sig: sig.clone(), extension: Some(Extension { bytes, signature }) }
    });
    let (height, round, block_id) = (commit.height, commit.round, commit.block_id);
    ExtendedCommit { height, round, block_id, signatures: signatures.collect() }
}

/// What is done to a commit: entries moved, copied, named otherwise, dropped, turned to nil.
#[derive(Clone, Debug)]
enum Edit {
    Swap(Index, Index),
    Copy(Index, Index),
    Name(Index, Index),
    Stranger(Index),
    Drop(Index),
    Nil(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        (at(), at()).prop_map(|(a, b)| Edit::Swap(a, b)),
        (at(), at()).prop_map(|(a, b)| Edit::Copy(a, b)),
        (at(), at()).prop_map(|(a, b)| Edit::Name(a, b)),
        at().prop_map(Edit::Stranger),
        at().prop_map(Edit::Drop),
        at().prop_map(Edit::Nil),
    ]
}

fn apply(edit: &Edit, network: &Network, set: &ValidatorSet, commit: &mut Commit) {
    let entries = &mut commit.signatures;
    let count = entries.len();
    let rename = |entry: &mut CommitSig, to| {
        if let CommitSig::Commit { validator_address, .. }
        | CommitSig::Nil { validator_address, .. } = entry
        {
            *validator_address = to;
        }
    };
    match *edit {
        Edit::Swap(a, b) => entries.swap(a.index(count), b.index(count)),
        Edit::Copy(a, b) => entries[b.index(count)] = entries[a.index(count)].clone(),
        Edit::Name(a, b) => {
            rename(&mut entries[a.index(count)], set.validators()[b.index(count)].address);
        }
        Edit::Stranger(a) => rename(&mut entries[a.index(count)], public_key(19).address()),
        Edit::Drop(a) => entries[a.index(count)] = CommitSig::Absent,
        Edit::Nil(a) => entries[a.index(count)] = nil(network, set, a.index(count)),
    }
}

proptest! {
    #![proptest_config(crate::cases(400))]

    /// Tachyon: one place looked a signer up by index and another by address, and whoever made
    /// them differ could move the block's time. The time counts only votes that were verified.
    #[test]
    fn advisory_26_what_moves_time_has_been_verified(
        powers in vec(1_u64..100, 1..6), edits in vec(edit(), 1..4),
    ) {
        let (network, set, mut commit) = case(&powers);
        edits.iter().for_each(|edit| apply(edit, &network, &set, &mut commit));
        let honest = honest_power(&commit, &set);
        let named: Vec<_> = commit.signatures.iter().zip(set.validators()).collect();
        let misnamed = named.iter().any(|(entry, validator)| {
            entry.validator_address().is_some_and(|it| *it != validator.address)
        });
        let lie = named.iter().any(|(entry, validator)| {
            matches!(entry, CommitSig::Commit { .. })
                && entry.validator_address() != Some(&validator.address)
        });
        for demand in [Demand::Full, Demand::Light, Demand::LightEvery] {
            if verify(&commit, &set, demand).is_ok() {
                prop_assert!(set.quorum().reached_by(honest), "{:?}", demand);
                prop_assert!(demand == Demand::Light || !lie);
                prop_assert!(demand != Demand::Full || !misnamed);
            }
        }
        if verify(&commit, &set, Demand::Full).is_ok() {
            prop_assert!(commit.median_time(&set).is_some());
        }
    }

    /// Row i signed, row i named: an entry with another's address, or with a signature that was
    /// made by another, is refused.
    #[test]
    fn advisory_34_nobody_votes_in_the_name_of_another(
        powers in vec(1_u64..100, 2..6), edits in vec(edit(), 1..4),
    ) {
        let (network, set, mut commit) = case(&powers);
        edits.iter().for_each(|edit| apply(edit, &network, &set, &mut commit));
        if verify(&commit, &set, Demand::Full).is_err() {
            return Ok(());
        }
        for (index, validator) in (0_u32..).zip(set.validators()) {
            let Some(vote) = commit.vote(ValidatorIndex(index)) else { continue };
            prop_assert_eq!(vote.validator_address, validator.address);
            let bytes = vote.sign_bytes(&chain_id());
            prop_assert!(validator.public_key.verifies(&bytes, &vote.signature));
        }
    }

    /// However a commit repeats its entries, what is counted is at most what signed.
    #[test]
    fn advisory_35_a_repeated_signer_counts_once(
        powers in vec(1_u64..100, 1..6), edits in vec(edit(), 1..6), strangers in 0_u8..4,
    ) {
        let (network, set, mut commit) = case(&powers);
        edits.iter().for_each(|edit| apply(edit, &network, &set, &mut commit));
        // A set of another height, in which some of the signers are members.
        let mut members: Vec<_> = set.validators().iter().map(|it| (it.public_key, it.power))
            .collect();
        members.truncate(members.len().div_ceil(2));
        members.extend((0..strangers).map(|it| (public_key(11 + it), VotingPower(50))));
        let other = ValidatorSet::new(&members).unwrap();
        let mut signed = VotingPower::ZERO;
        for member in other.validators() {
            let mut entries = commit.signatures.iter();
            let votes = entries.any(|entry| matches!(entry, CommitSig::Commit { .. })
                && entry.validator_address() == Some(&member.address));
            signed = signed.plus(if votes { member.power } else { VotingPower::ZERO });
        }
        for demand in [Demand::Trusting(THIRD), Demand::TrustingEvery(THIRD)] {
            match verify(&commit, &other, demand) {
                Ok(()) => prop_assert!(THIRD.exceeded_by(signed, other.total_power())),
                Err(CommitError::NotEnough { signed: counted, total }) => {
                    prop_assert!(counted <= signed && counted <= total);
                }
                Err(_) => {}
            }
        }
    }

    /// The time is the weighted median of exactly the votes that make the quorum: nil has no say.
    #[test]
    fn advisory_27_time_is_the_median_of_the_votes_that_decide(
        members in vec((1_u64..1000, any::<i64>(), 0_u8..4), 1..8),
    ) {
        let powers: Vec<u64> = members.iter().map(|it| it.0).collect();
        let (_, set, mut commit) = case(&powers);
        let mut voted = Vec::new();
        for (place, &(_, at, kind)) in members.iter().enumerate() {
            let validator = &set.validators()[place];
            let timestamp = seconds(at.rem_euclid(1_000_000));
            let (validator_address, signature) = (validator.address, Signature([0; 64]));
            commit.signatures[place] = match kind {
                0 => CommitSig::Absent,
                1 => CommitSig::Nil { validator_address, timestamp, signature },
                _ => {
                    voted.push((timestamp, validator.power.0));
                    CommitSig::Commit { validator_address, timestamp, signature }
                }
            };
        }
        prop_assert_eq!(commit.median_time(&set), median(voted));
    }
}

/// The median as one would write it down: the first time by which half of the power has voted.
fn median(mut votes: Vec<(Time, u64)>) -> Option<Time> {
    votes.sort_unstable();
    let total: u64 = votes.iter().map(|it| it.1).sum();
    let reached =
        |time: Time| -> u64 { votes.iter().filter(|it| it.0 <= time).map(|it| it.1).sum() };
    votes.iter().map(|it| it.0).find(|&time| total / 2 <= reached(time))
}

#[test]
fn advisory_34_a_signature_moved_to_another_entry_is_found() {
    let (_, set, commit) = case(&[10; 4]);
    for (from, to) in [(0, 1), (3, 0), (2, 1)] {
        let mut moved = commit.clone();
        let stolen = *signature_of(&mut moved.signatures[from]);
        *signature_of(&mut moved.signatures[to]) = stolen;
        let address = set.validators()[to].address;
        let expected = Err(CommitError::Signature { index: to, address });
        for demand in EVERY {
            assert_eq!(verify(&moved, &set, demand), expected, "{demand:?}");
        }
    }
    for demand in ALL {
        let mut copied = commit.clone();
        copied.signatures[1] = copied.signatures[0].clone();
        let trusting = matches!(demand, Demand::Trusting(_) | Demand::TrustingEvery(_));
        let address = set.validators()[0].address;
        let expected = match (trusting, verify(&copied, &set, demand)) {
            (true, Err(CommitError::Duplicate { address: named })) => named == address,
            (false, Err(CommitError::Address { index: 1, .. })) => true,
            _ => false,
        };
        assert!(expected, "{demand:?}");
    }
}
