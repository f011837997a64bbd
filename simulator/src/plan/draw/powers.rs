//! Who has how much power, and who may be lost to the others.

use super::{Lost, Profile, stream};
use crate::chance::Chance;
use crate::plan::MachinePlan;
use crate::plan::fault::FaultClass;
use crate::plan::shape::{Powers, Shape, ShapeError, Third};

/// How many validators there are when nobody says. Most networks are small: what a run costs grows
/// with the square of its validators, and hardly any fault needs more than five.
const VALIDATORS: [usize; 10] = [4, 4, 4, 4, 5, 5, 5, 7, 7, 10];

/// The power of each validator.
pub(super) fn draw(chance: &mut Chance, shape: &Shape) -> Result<Vec<u64>, ShapeError> {
    let drawn = chance.pick(&VALIDATORS);
    let kind = chance.below(6);
    let third = chance.pick(&[Third::Below, Third::Exactly, Third::Above]);
    let count = shape.validators.unwrap_or(drawn);
    match &shape.powers {
        Powers::Given(powers) => Ok(powers.clone()),
        Powers::Equal => Ok(vec![10; count]),
        Powers::Unequal => Ok(unequal(chance, count)),
        Powers::Third(third) => with_a_third(chance, count, *third),
        Powers::Any if kind < 2 => Ok(vec![10; count]),
        Powers::Any if kind < 5 || count < 3 => Ok(unequal(chance, count)),
        Powers::Any => with_a_third(chance, count, third),
    }
}

/// Nobody has a third alone, if there are enough for that: such seeds have one below.
fn unequal(chance: &mut Chance, count: usize) -> Vec<u64> {
    (0..count).map(|_| chance.log_between(10, 80)).collect()
}

fn with_a_third(chance: &mut Chance, count: usize, third: Third) -> Result<Vec<u64>, ShapeError> {
    if count < 3 {
        return Err(ShapeError::NoThird { validators: count });
    }
    let mut powers: Vec<u64> = (1..count).map(|_| chance.between(10, 20)).collect();
    let others: u64 = powers.iter().sum();
    if !others.is_multiple_of(2) {
        powers[0] += 1;
    }
    // With half of what the others have together it has a third of all.
    let half = others.div_ceil(2);
    let greatest = match third {
        Third::Below => half - 1,
        Third::Exactly => half,
        Third::Above => half + 1,
    };
    let place = chance.index(count);
    powers.insert(place, greatest);
    Ok(powers)
}

/// Draws who is Byzantine, and whose folder is wiped.
pub(super) fn lost(
    seed: u64,
    shape: &Shape,
    powers: &[u64],
    machine: &MachinePlan,
    profile: &Profile,
) -> Result<Lost, ShapeError> {
    let mut chance = Chance::of(seed, stream::BYZANTINE);
    // Updates make a power greater by at most one.
    let grows = u64::from(machine.updates_every.is_some());
    let share = Share { powers, grows };
    let mut order: Vec<usize> = (0..powers.len()).collect();
    chance.shuffle(&mut order);
    let most = u64::try_from(powers.len().saturating_sub(1) / 3).expect("few validators");
    let drawn = usize::try_from(chance.between(0, most)).expect("few validators");
    let mut guilty = if shape.beyond_a_third {
        beyond(shape.byzantine, share, order.clone())?
    } else {
        below(shape.byzantine, drawn, share, order.clone())?
    };
    let mut lost = Lost::default();
    if profile.has(FaultClass::Amnesia) && shape.byzantine != Some(0) {
        let more = order.iter().copied().find(|&it| share.stays_below(&guilty, it));
        lost.amnesiac = guilty.pop().or(more);
    }
    lost.vicious = if shape.vices.is_empty() { vec![] } else { guilty };
    let mut absent = lost.vicious.clone();
    absent.extend(lost.amnesiac);
    for member in order {
        if !absent.contains(&member) && share.stays_below(&absent, member) {
            absent.push(member);
            lost.wiped.push(member);
        }
    }
    Ok(lost)
}

/// Powers, and how much each may grow.
#[derive(Clone, Copy)]
struct Share<'a> {
    powers: &'a [u64],
    grows: u64,
}

impl Share<'_> {
    fn is_below(self, members: &[usize]) -> bool {
        let bad: u64 = members.iter().map(|&it| self.powers[it]).sum();
        let all: u64 = self.powers.iter().sum();
        let growth = self.grows * u64::try_from(members.len()).expect("few members");
        u128::from(bad + growth) * 3 < u128::from(all + growth)
    }

    fn stays_below(self, members: &[usize], more: usize) -> bool {
        let mut members = members.to_vec();
        if !members.contains(&more) {
            members.push(more);
        }
        self.is_below(&members)
    }
}

fn below(
    asked: Option<usize>,
    drawn: usize,
    share: Share<'_>,
    mut order: Vec<usize>,
) -> Result<Vec<usize>, ShapeError> {
    let validators = order.len();
    let count = asked.unwrap_or(drawn);
    if 0 < count && validators <= count {
        return Err(ShapeError::Byzantine { byzantine: count, validators });
    }
    let mut guilty = vec![];
    for &member in &order {
        if guilty.len() < count && share.stays_below(&guilty, member) {
            guilty.push(member);
        }
    }
    if asked.is_some() && guilty.len() < count {
        order.sort_by_key(|&it| share.powers[it]);
        guilty = order[..count].to_vec();
        if !share.is_below(&guilty) {
            return Err(ShapeError::BeyondAThird { byzantine: count });
        }
    }
    Ok(guilty)
}

fn beyond(
    asked: Option<usize>,
    share: Share<'_>,
    mut order: Vec<usize>,
) -> Result<Vec<usize>, ShapeError> {
    let validators = order.len();
    let needed = (1..=validators).find(|&count| !share.is_below(&order[..count]));
    let needed = needed.unwrap_or(validators);
    let count = asked.unwrap_or(needed);
    if validators <= count {
        return Err(ShapeError::Byzantine { byzantine: count, validators });
    }
    if share.is_below(&order[..count]) {
        order.sort_by_key(|&it| std::cmp::Reverse(share.powers[it]));
        if share.is_below(&order[..count]) {
            return Err(ShapeError::BelowAThird { byzantine: count });
        }
    }
    order.truncate(count);
    Ok(order)
}
