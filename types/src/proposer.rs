//! The weighted rotation of proposers, bit-exact with the reference.
//! spec: `types/validator_set.go`, `spec/consensus/proposer-selection.md`.
//!
//! Every step adds to each validator's priority its power; the highest then proposes and pays the
//! total for it. So turns are in proportion to power, and the sum of priorities does not change.
//! Before a run of steps the priorities are drawn together and centred around zero, so that they
//! stay small whatever the application does to the set.

use crate::power::VotingPower;
use crate::validator::{Validator, ValidatorIndex};

/// Largest distance between two priorities, in totals. spec: `PriorityWindowSizeFactor`.
const WINDOW_IN_TOTALS: i128 = 2;

/// Runs `times` steps of the rotation, and returns who proposes after them; none if there was no
/// step.
pub(crate) fn advance(
    validators: &mut [Validator],
    total: VotingPower,
    times: u32,
) -> Option<ValidatorIndex> {
    if times == 0 {
        return None;
    }
    rescale(validators, total);
    centre(validators);
    let mut proposer = None;
    for _ in 0..times {
        proposer = step(validators, total);
    }
    proposer
}

/// Draws priorities that lie too far apart together. Quotients lose their fraction, and the ratio
/// is rounded up, as in the reference.
pub(crate) fn rescale(validators: &mut [Validator], total: VotingPower) {
    let window = WINDOW_IN_TOTALS * i128::from(total.0);
    let priorities = || validators.iter().map(|it| i128::from(it.proposer_priority));
    let (Some(least), Some(most)) = (priorities().min(), priorities().max()) else {
        return;
    };
    let spread = most - least;
    if spread <= window {
        return;
    }
    let ratio = (spread + window - 1) / window;
    for validator in validators {
        validator.proposer_priority = narrow(i128::from(validator.proposer_priority) / ratio);
    }
}

/// Moves all priorities so that their mean, rounded down, is zero.
pub(crate) fn centre(validators: &mut [Validator]) {
    let sum: i128 = validators.iter().map(|it| i128::from(it.proposer_priority)).sum();
    let count = i128::try_from(validators.len()).expect("a count of validators fits 128 bits");
    if count == 0 {
        return;
    }
    let mean = sum.div_euclid(count);
    for validator in validators {
        validator.proposer_priority = narrow(i128::from(validator.proposer_priority) - mean);
    }
}

/// Where a validator that joins begins: behind all others, so that leaving and joining again never
/// brings a turn forward. `total` counts the updates, but not yet the removals.
pub(crate) fn late_joiner_priority(total: i128) -> i64 {
    narrow(-(total + (total >> 3)))
}

/// Who is next in line: the highest priority, and of equals the lower address.
pub(crate) fn first_in_line(validators: &[Validator]) -> Option<ValidatorIndex> {
    let (index, _) = validators.iter().enumerate().min_by(|(_, a), (_, b)| {
        b.proposer_priority.cmp(&a.proposer_priority).then_with(|| a.address.cmp(&b.address))
    })?;
    Some(ValidatorIndex(u32::try_from(index).expect("a set has at most VALIDATORS_MAX members")))
}

fn step(validators: &mut [Validator], total: VotingPower) -> Option<ValidatorIndex> {
    for validator in validators.iter_mut() {
        let raised = i128::from(validator.proposer_priority) + i128::from(validator.power.0);
        validator.proposer_priority = narrow(raised);
    }
    let proposer = first_in_line(validators)?;
    let validator = validators.get_mut(usize::try_from(proposer.0).ok()?)?;
    let lowered = i128::from(validator.proposer_priority) - i128::from(total.0);
    validator.proposer_priority = narrow(lowered);
    Some(proposer)
}

/// Clips to 64 bits, as the reference does.
fn narrow(priority: i128) -> i64 {
    let clipped = priority.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(clipped).expect("clipped to 64 bits on the line above")
}
