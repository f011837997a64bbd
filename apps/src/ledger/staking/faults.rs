//! What faults cost: stake, and the right to vote.

use types::VotingPower;

use super::bonds::candidate_of;
use super::records::{
    BY_ADDRESS, CHANGED, Candidate, Fault, MISSES, Misses, WHOLE, keep, rules_of,
};
use super::{Staking, StakingError};
use crate::framework::{Account, Frame, Refusal, State, event};
use abci::VoteFlag;

/// Jailed until then is jailed for ever.
const FOR_EVER: u64 = u64::MAX;

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
            self.slash(state, validator, loss, "equivocation")?;
            let fault = Fault { at: misbehavior.height.0, proven: frame.height.0 };
            let candidate = Candidate { fault, ..candidate_of(state, validator)? };
            jail(state, (validator, candidate), FOR_EVER);
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
            // Only what is bonded now.
            self.slash(state, validator, rules.downtime_loss, "downtime")?;
            let until = frame.seconds().saturating_add(rules.jail_seconds);
            jail(state, (validator, candidate_of(state, validator)?), until);
        }
        Ok(())
    }

    /// Takes a part of what is bonded to a validator, in ten thousandths.
    fn slash(
        self,
        state: &mut State,
        validator: Account,
        loss: u64,
        reason: &str,
    ) -> Result<(), Refusal> {
        let mut candidate = candidate_of(state, validator)?;
        let lost = part_of(candidate.stake, loss);
        candidate.stake = candidate.stake.checked_sub(lost).expect("a part is no more");
        keep(state, validator, &candidate);
        self.take_for_fault(state, validator, lost, reason)
    }

    /// Destroys what a fault costs, if it costs anything.
    pub(super) fn take_for_fault(
        self,
        state: &mut State,
        validator: Account,
        lost: u64,
        reason: &str,
    ) -> Result<(), Refusal> {
        if lost == 0 {
            return Ok(());
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
        keep(state, validator, &candidate);
        CHANGED.set(state, &true);
        state.emit(event("staking.unjail", &[("validator", &validator)]));
        super::bonds::forget_if_empty(state, validator, &candidate);
        Ok(())
    }
}

fn jail(state: &mut State, (validator, candidate): (Account, Candidate), until: u64) {
    keep(state, validator, &Candidate { jailed: true, jailed_until: until, ..candidate });
    CHANGED.set(state, &true);
    state.emit(event("staking.jail", &[("validator", &validator), ("until", &until)]));
}

/// So many ten thousandths of an amount, rounded down.
pub(super) fn part_of(amount: u64, parts: u64) -> u64 {
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
