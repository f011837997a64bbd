//! What an application may do to a validator set, and what it may not.

use types::power::TOTAL_POWER_MAX;
use types::validator::{VALIDATORS_MAX, ValidatorSetError};
use types::{Address, PublicKey, Validator, ValidatorSet, ValidatorUpdate, VotingPower};

use crate::network::{public_key, update};

fn set(members: &[(u8, u64)]) -> ValidatorSet {
    let members: Vec<_> =
        members.iter().map(|&(number, power)| (public_key(number), VotingPower(power))).collect();
    ValidatorSet::new(&members).unwrap()
}

fn updates(changes: &[(u8, u64)]) -> Vec<ValidatorUpdate> {
    changes.iter().map(|&(number, power)| update(number, power)).collect()
}

fn address(number: u8) -> Address {
    public_key(number).address()
}

/// Members as (number, power), by number.
fn members(set: &ValidatorSet) -> Vec<(u8, u64)> {
    (1..=20).filter_map(|number| Some((number, set.find(&address(number))?.1.power.0))).collect()
}

/// spec: `TestValSetUpdatePriorityOrderTests`, `TestValSetUpdateOverflowRelated`.
#[test]
fn updates_give_the_references_sets() {
    let most = TOTAL_POWER_MAX;
    let quarter = most / 4;
    type Members<'a> = &'a [(u8, u64)];
    let cases: [(Members<'_>, Members<'_>, Members<'_>); 8] = [
        (&[(1, 1), (2, 1), (3, 1_000)], &[(3, 0)], &[(1, 1), (2, 1)]),
        (&[(1, 1), (2, 10), (3, 1_000)], &[(3, 0)], &[(1, 1), (2, 10)]),
        (
            &[(1, 1), (2, 2), (3, 1_000)],
            &[(3, 0), (2, 1), (5, 50), (4, 40)],
            &[(1, 1), (2, 1), (4, 40), (5, 50)],
        ),
        // The total is looked at after all changes, in whatever order they come.
        (&[(1, 1), (2, most - 1)], &[(1, most - 1), (2, 1)], &[(1, most - 1), (2, 1)]),
        (
            &[(1, 1), (2, most - 1)],
            &[(1, most / 2 - 1), (2, most / 2)],
            &[(1, most / 2 - 1), (2, most / 2)],
        ),
        (
            &[(1, most - 2), (2, 1), (3, 1)],
            &[(4, most - 2), (1, 0)],
            &[(2, 1), (3, 1), (4, most - 2)],
        ),
        (
            &[(1, quarter), (2, quarter), (3, quarter), (4, quarter)],
            &[(5, 3), (1, most / 2 - 2), (3, most / 2 - 3), (4, 2), (2, 0)],
            &[(1, most / 2 - 2), (3, most / 2 - 3), (4, 2), (5, 3)],
        ),
        (&[(1, 10), (2, 10)], &[], &[(1, 10), (2, 10)]),
    ];
    for (before, changes, after) in cases {
        let updated = set(before).advanced(31).updated(&updates(changes)).unwrap();
        assert_eq!(members(&updated), after);
        let mut reversed = updates(changes);
        reversed.reverse();
        assert_eq!(set(before).advanced(31).updated(&reversed).unwrap(), updated);
        let total: u64 = after.iter().map(|it| it.1).sum();
        assert_eq!(updated.total_power(), VotingPower(total));
    }
}

#[test]
fn members_are_ordered_by_power_and_then_address() {
    let set = set(&[(1, 5), (2, 7), (3, 5), (4, 7), (5, 1)]);
    let keys: Vec<_> =
        set.validators().iter().map(|it| (u64::MAX - it.power.0, it.address)).collect();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(keys, sorted);
    for (index, validator) in (0..).zip(set.validators()) {
        assert_eq!(set.find(&validator.address).unwrap().0.0, index);
    }
}

#[test]
fn impossible_updates_are_refused_and_change_nothing() {
    let before = set(&[(1, 10), (2, 10)]);
    let limit = TOTAL_POWER_MAX;
    let cases = [
        (vec![(1, 0), (2, 0)], ValidatorSetError::Empty),
        (vec![(3, 0)], ValidatorSetError::Unknown { address: address(3) }),
        (vec![(1, 1), (1, 2)], ValidatorSetError::Duplicate { address: address(1) }),
        (vec![(1, 1), (1, 0)], ValidatorSetError::Duplicate { address: address(1) }),
        (vec![(3, limit)], ValidatorSetError::PowerOverflow { limit }),
        (vec![(3, u64::MAX)], ValidatorSetError::PowerOverflow { limit }),
        (vec![(1, limit), (2, limit)], ValidatorSetError::PowerOverflow { limit }),
    ];
    for (changes, error) in cases {
        assert_eq!(before.updated(&updates(&changes)), Err(error), "{changes:?}");
    }
    assert_eq!(members(&before), [(1, 10), (2, 10)]);
}

#[test]
fn impossible_sets_are_refused() {
    let make = |members: &[(u8, u64)]| {
        let members: Vec<_> = members
            .iter()
            .map(|&(number, power)| (public_key(number), VotingPower(power)))
            .collect();
        ValidatorSet::new(&members)
    };
    assert_eq!(make(&[]), Err(ValidatorSetError::Empty));
    let duplicate = ValidatorSetError::Duplicate { address: address(1) };
    assert_eq!(make(&[(1, 1), (1, 1)]), Err(duplicate));
    assert_eq!(make(&[(1, 1), (2, 0)]), Err(ValidatorSetError::NoPower { address: address(2) }));
    let limit = TOTAL_POWER_MAX;
    assert_eq!(make(&[(1, limit), (2, 1)]), Err(ValidatorSetError::PowerOverflow { limit }));
    assert!(make(&[(1, limit - 1), (2, 1)]).is_ok());

    let crowd: Vec<_> = (0..=u32::try_from(VALIDATORS_MAX).unwrap())
        .map(|number| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            (PublicKey(bytes), VotingPower(1))
        })
        .collect();
    let too_many = ValidatorSetError::TooMany { actual: VALIDATORS_MAX + 1, limit: VALIDATORS_MAX };
    assert_eq!(ValidatorSet::new(&crowd), Err(too_many));
    assert!(ValidatorSet::new(&crowd[1..]).is_ok());
}

#[test]
fn stored_sets_come_back_as_they_were() {
    let set = set(&[(1, 5), (2, 7), (3, 1)]).advanced(5);
    let mut validators: Vec<Validator> = set.validators().to_vec();
    let proposer = set.proposer().address;
    validators.reverse();
    assert_eq!(ValidatorSet::from_parts(validators.clone(), Some(proposer)), Ok(set));

    let stranger = address(9);
    let unknown = ValidatorSetError::UnknownProposer { address: stranger };
    assert_eq!(ValidatorSet::from_parts(validators.clone(), Some(stranger)), Err(unknown));
    validators[0].address = stranger;
    let swapped = ValidatorSetError::Address { address: stranger };
    assert_eq!(ValidatorSet::from_parts(validators, Some(proposer)), Err(swapped));
}
