//! Validator sets: the order of updates, and powers at the ends of their range.

use proptest::collection::vec;
use proptest::prelude::*;
use types::commit::{Demand, TrustLevel};
use types::power::TOTAL_POWER_MAX;
use types::{
    Commit, CommitSig, Height, PublicKey, Quorum, Round, Validator, ValidatorSet, ValidatorUpdate,
    VotingPower, codec,
};

use crate::network::{chain_id, other_id};

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

fn update((number, power): (u8, u64)) -> ValidatorUpdate {
    ValidatorUpdate { public_key: key(number), power: VotingPower(power) }
}

/// Powers of very different sizes, so that priorities are rescaled too.
fn power() -> impl Strategy<Value = u64> {
    prop_oneof![1_u64..10, 1_u64..1_000_000_000, Just(TOTAL_POWER_MAX / 32)]
}

/// A set some steps into its rotation, and changes to some of its members and some strangers.
fn set_and_changes() -> impl Strategy<Value = (ValidatorSet, Vec<ValidatorUpdate>)> {
    (vec(power(), 1..8), 0_u32..40, vec(any::<bool>(), 12), vec(power(), 12)).prop_map(
        |(before, steps, chosen, powers)| {
            let members = (1..).zip(&before).map(|(n, &it)| (key(n), VotingPower(it)));
            let members: Vec<_> = members.collect();
            let set = ValidatorSet::new(&members).unwrap().advanced(steps);
            let named = (1_u8..).zip(chosen).zip(powers).filter(|((_, chosen), _)| *chosen);
            let changes = named.map(|((number, _), power)| {
                // Every third member that is named leaves.
                let leaves = usize::from(number) <= before.len() && number.is_multiple_of(3);
                update((number, if leaves { 0 } else { power }))
            });
            (set, changes.collect())
        },
    )
}

proptest! {
    #![proptest_config(crate::cases(2_000))]

    #[test]
    fn advisory_01_the_order_of_validator_updates_changes_nothing(
        (set, changes) in set_and_changes(), seed in any::<u64>(),
    ) {
        let mut numbers = seed | 1;
        let mut shuffled = changes.clone();
        for at in (1..shuffled.len()).rev() {
            numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, usize::try_from(numbers >> 33).unwrap() % (at + 1));
        }
        let (one, other) = (set.updated(&changes), set.updated(&shuffled));
        prop_assert_eq!(&one, &other);
        if let (Ok(one), Ok(other)) = (one, other) {
            // Equal with their priorities, so the same validators propose from here on.
            let proposers = |set: &ValidatorSet| -> Vec<_> {
                (0..20).map(|times| set.advanced(times).proposer().address).collect()
            };
            prop_assert_eq!(proposers(&one), proposers(&other));
        }
    }

    #[test]
    fn advisory_36_no_powers_make_a_total_beyond_the_limit_or_a_quorum_of_nothing(
        powers in vec(extreme(), 0..6),
    ) {
        let members: Vec<_> =
            (1..).zip(&powers).map(|(n, &it)| (key(n), VotingPower(it))).collect();
        let honest = powers.iter().map(|&it| u128::from(it)).sum::<u128>();
        let fits = !powers.is_empty() && !powers.contains(&0)
            && honest <= u128::from(TOTAL_POWER_MAX);
        let made = ValidatorSet::new(&members);
        prop_assert_eq!(made.is_ok(), fits);
        let updates: Vec<_> = (101..).zip(&powers).map(|(n, &it)| update((n, it))).collect();
        let small = ValidatorSet::new(&[(key(1), VotingPower(1))]).unwrap();
        if let Ok(updated) = small.updated(&updates) {
            prop_assert_eq!(u128::from(updated.total_power().0), honest + 1);
        }
        let Ok(set) = made else { return Ok(()) };
        prop_assert_eq!(u128::from(set.total_power().0), honest);
        prop_assert!(!set.quorum().reached_by(VotingPower::ZERO));
        prop_assert!(!set.quorum().honest_in(VotingPower::ZERO));
        nothing_is_never_enough(&set)?;
        // What is read back is the same, so no power wraps on its way.
        let read = codec::decode_validator_set(&codec::encode_validator_set(&set));
        prop_assert_eq!(read, Ok(set));
    }
}

/// The ends of every range that a power passes through.
fn extreme() -> impl Strategy<Value = u64> {
    let signed = i64::MAX as u64;
    prop_oneof![
        Just(0),
        Just(1),
        Just(2),
        Just(TOTAL_POWER_MAX - 1),
        Just(TOTAL_POWER_MAX),
        Just(TOTAL_POWER_MAX + 1),
        Just(signed - 1),
        Just(signed),
        Just(signed + 1),
        Just(u64::MAX - 1),
        Just(u64::MAX),
        any::<u64>(),
        1_u64..100,
    ]
}

/// A commit without a vote for the block proves nothing, whatever is demanded of it.
fn nothing_is_never_enough(set: &ValidatorSet) -> Result<(), TestCaseError> {
    let nobody = vec![CommitSig::Absent; set.count()];
    let third = TrustLevel::ONE_THIRD;
    let demands = [
        Demand::Full,
        Demand::Light,
        Demand::LightEvery,
        Demand::Trusting(third),
        Demand::TrustingEvery(third),
        Demand::Trusting(TrustLevel { numerator: 0, denominator: 1 }),
    ];
    for signatures in [vec![], nobody] {
        let block_id = other_id(1);
        let commit = Commit { height: Height(5), round: Round(0), block_id, signatures };
        for demand in demands {
            let verdict = commit.verify(&chain_id(), set, Height(5), &block_id, demand);
            prop_assert!(verdict.is_err(), "{demand:?}");
        }
        prop_assert_eq!(commit.median_time(set), None);
    }
    Ok(())
}

#[test]
fn advisory_36_a_power_below_zero_is_refused_where_it_is_read() {
    use prost::Message as _;
    use tendermint_proto::v0_38::types as wire;

    let set = ValidatorSet::new(&[(key(1), VotingPower(5)), (key(2), VotingPower(7))]).unwrap();
    let bytes = codec::encode_validator_set(&set);
    for power in [-1, i64::MIN, i64::MIN + 1, 0, i64::MAX] {
        let mut read = wire::ValidatorSet::decode(&bytes[..]).unwrap();
        read.validators[1].voting_power = power;
        let verdict = codec::decode_validator_set(&read.encode_to_vec());
        assert!(verdict.is_err(), "{power}");
    }
    assert!(!Quorum::of(VotingPower::ZERO).reached_by(VotingPower::ZERO));
    let biggest = Quorum::of(VotingPower(u64::MAX));
    assert!(biggest.reached_by(VotingPower(u64::MAX)));
    assert!(!biggest.reached_by(VotingPower(u64::MAX / 3 * 2)));
}

#[test]
fn advisory_36_a_stored_set_is_checked_like_a_new_one() {
    let member = |number, power, proposer_priority| {
        let public_key = key(number);
        let (address, power) = (public_key.address(), VotingPower(power));
        Validator { address, public_key, power, proposer_priority }
    };
    for (first, second) in [(0, 1), (TOTAL_POWER_MAX, 1), (u64::MAX, u64::MAX), (1, u64::MAX)] {
        let members = vec![member(1, first, 0), member(2, second, 0)];
        assert!(ValidatorSet::from_parts(members, None).is_err(), "{first} {second}");
    }
    // Priorities come from a disk or a peer: the rotation must survive any of them.
    for (first, second) in [(i64::MAX, i64::MIN), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)] {
        let members = vec![member(1, TOTAL_POWER_MAX - 1, first), member(2, 1, second)];
        let set = ValidatorSet::from_parts(members, None).unwrap();
        assert_eq!(set.advanced(100).count(), 2);
    }
}
