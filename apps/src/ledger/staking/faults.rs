//! What faults cost: stake, and the right to vote.

use types::VotingPower;

use super::bonds::candidate_of;
use super::records::{
    BY_ADDRESS, CANDIDATES, CHANGED, MISSES, Misses, UNBONDINGS, Unbonding, WHOLE, rules_of,
};
use super::{Staking, StakingError};
use crate::framework::{Account, Frame, Refusal, State, event};
use abci::VoteFlag;

/// Jailed until then is jailed for ever.
const FOR_EVER: u64 = u64::MAX;
/// After every withdrawal: only what is bonded now.
const NOW: u64 = u64::MAX;

impl Staking {
    /// Whoever is proven to have voted twice loses a part of the stake that was bonded then, and
    /// never votes again.
    pub(super) fn punish_misbehavior(
        self,
        state: &mut State,
        frame: &Frame,
    ) -> Result<(), Refusal> {
        for misbehavior in &frame.misbehavior {
            let address = Account::from(misbehavior.address);
            let Some(validator) = BY_ADDRESS.get(state, &address) else { continue };
            if candidate_of(state, validator)?.jailed_until == FOR_EVER {
                continue;
            }
            let loss = rules_of(state).equivocation_loss;
            self.slash(state, validator, (loss, misbehavior.height.0), "equivocation")?;
            jail(state, validator, FOR_EVER)?;
        }
        Ok(())
    }

    /// Whoever misses too many blocks of a window loses a little, and votes again only when asked.
    pub(super) fn punish_downtime(self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        let absent = frame.votes.iter().filter(|it| it.flag == VoteFlag::Absent);
        let absent = absent.filter(|it| VotingPower::ZERO < it.power);
        for vote in absent {
            let Some(validator) = BY_ADDRESS.get(state, &Account::from(vote.address)) else {
                continue;
            };
            // Whoever is jailed stays in the set for two more heights.
            if candidate_of(state, validator)?.jailed {
                continue;
            }
            let rules = rules_of(state);
            let window = frame.height.0 / rules.downtime_window;
            let known = MISSES.get(state, &validator).filter(|it| it.window == window);
            let count = known.map_or(0, |it| it.count).saturating_add(1);
            if count <= rules.downtime_misses_max {
                MISSES.set(state, &validator, &Misses { window, count });
                continue;
            }
            MISSES.remove(state, &validator);
            let loss = (rules.downtime_loss, NOW);
            self.slash(state, validator, loss, "downtime")?;
            jail(state, validator, frame.seconds().saturating_add(rules.jail_seconds))?;
        }
        Ok(())
    }

    /// Takes a part of the stake that was bonded at a height, in ten thousandths.
    fn slash(
        self,
        state: &mut State,
        validator: Account,
        (loss, at): (u64, u64),
        reason: &str,
    ) -> Result<(), Refusal> {
        let mut candidate = candidate_of(state, validator)?;
        let mut lost = part_of(candidate.stake, loss);
        candidate.stake = candidate.stake.checked_sub(lost).expect("a part is no more");
        CANDIDATES.set(state, &validator, &candidate);
        // Who withdrew still had power for two heights.
        let was_bonded =
            |it: &Unbonding| it.validator == validator && at <= it.since.saturating_add(1);
        let withdrawn: Vec<_> = if candidate.unbondings == 0 || at == NOW {
            Vec::new()
        } else {
            UNBONDINGS.all(state).filter(|(_, it)| was_bonded(it)).collect()
        };
        for (key, mut unbonding) in withdrawn {
            let part = part_of(unbonding.amount, loss);
            unbonding.amount = unbonding.amount.checked_sub(part).expect("a part is no more");
            UNBONDINGS.set(state, &key, &unbonding);
            lost = lost.checked_add(part).expect("less than the supply");
        }
        self.bank.burn(state, Self::pool(), &rules_of(state).denom, lost)?;
        let facts: [(&str, &dyn std::fmt::Display); 3] =
            [("validator", &validator), ("reason", &reason), ("lost", &lost)];
        state.emit(event("staking.slash", &facts));
        Ok(())
    }

    /// Lets a validator vote again that was jailed for downtime.
    pub(super) fn unjail(
        self,
        state: &mut State,
        frame: &Frame,
        validator: Account,
    ) -> Result<(), Refusal> {
        let mut candidate = candidate_of(state, validator)?;
        let until = candidate.jailed_until;
        if !candidate.jailed {
            return Err(StakingError::NotJailed.into());
        }
        if until == FOR_EVER || frame.seconds() < until {
            return Err(StakingError::Jailed { until }.into());
        }
        candidate.jailed = false;
        CANDIDATES.set(state, &validator, &candidate);
        CHANGED.set(state, &true);
        state.emit(event("staking.unjail", &[("validator", &validator)]));
        super::bonds::forget_if_empty(state, validator, &candidate);
        Ok(())
    }
}

fn jail(state: &mut State, validator: Account, until: u64) -> Result<(), Refusal> {
    let mut candidate = candidate_of(state, validator)?;
    candidate.jailed = true;
    candidate.jailed_until = until;
    CANDIDATES.set(state, &validator, &candidate);
    CHANGED.set(state, &true);
    state.emit(event("staking.jail", &[("validator", &validator), ("until", &until)]));
    Ok(())
}

/// So many ten thousandths of an amount, rounded down.
fn part_of(amount: u64, parts: u64) -> u64 {
    let part = u128::from(amount) * u128::from(parts.min(WHOLE)) / u128::from(WHOLE);
    u64::try_from(part).expect("no more than the whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_never_more_than_the_whole() {
        assert_eq!(part_of(u64::MAX, WHOLE), u64::MAX);
        assert_eq!(part_of(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(part_of(1_000, 500), 50);
        assert_eq!(part_of(19, 500), 0);
    }
}
