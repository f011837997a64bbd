//! Bonding and unbonding.

use types::PublicKey;

use super::faults::part_of;
use super::records::{
    BY_ADDRESS, CANDIDATES, CHANGED, Candidate, DELEGATIONS, Delegation, NEXT_UNBONDING,
    UNBONDINGS, Unbonding, keep, rules_of,
};
use super::{Staking, StakingError};
use crate::framework::{Account, Frame, Refusal, State, event};

/// Withdrawals that arrive in one block, at most; the rest come in the next.
const RELEASED_MAX: usize = 1_000;

impl Staking {
    /// Makes an account a validator that votes with this key, with stake of its own.
    pub(super) fn register(
        self,
        state: &mut State,
        (account, key): (Account, PublicKey),
        amount: u64,
    ) -> Result<(), Refusal> {
        let address = Account::from(key.address());
        let known = CANDIDATES.get(state, &account).is_some();
        if known || BY_ADDRESS.get(state, &address).is_some() {
            return Err(StakingError::Registered.into());
        }
        keep(state, account, &Candidate::new(key.0));
        BY_ADDRESS.set(state, &address, &account);
        self.delegate(state, (account, account), amount)?;
        state.emit(event("staking.register", &[("validator", &account), ("address", &address)]));
        Ok(())
    }

    /// Bonds coins of the first account to the validator of the second.
    pub(super) fn delegate(
        self,
        state: &mut State,
        (owner, validator): (Account, Account),
        amount: u64,
    ) -> Result<(), Refusal> {
        let rules = rules_of(state);
        if amount < rules.power_unit {
            return Err(StakingError::Least { least: rules.power_unit }.into());
        }
        let mut candidate = candidate_of(state, validator)?;
        // The first shares are worth one each; later ones what the others are worth by now.
        let shares = if candidate.shares == 0 {
            u128::from(amount)
        } else if candidate.stake == 0 {
            return Err(StakingError::Worthless.into());
        } else {
            let product = u128::from(amount).checked_mul(candidate.shares);
            product.ok_or(StakingError::Worthless)? / u128::from(candidate.stake)
        };
        self.bank.transfer(state, (owner, Self::pool()), &rules.denom, amount)?;
        candidate.stake = candidate.stake.checked_add(amount).expect("less than the supply");
        candidate.shares = candidate.shares.checked_add(shares).ok_or(StakingError::Worthless)?;
        keep(state, validator, &candidate);
        let key = (validator, owner);
        let owned = DELEGATIONS.get(state, &key).map_or(0, |it| it.shares);
        let owned = owned.checked_add(shares).expect("less than all shares");
        DELEGATIONS.set(state, &key, &Delegation { shares: owned });
        CHANGED.set(state, &true);
        let facts: [(&str, &dyn std::fmt::Display); 3] =
            [("validator", &validator), ("owner", &owner), ("amount", &amount)];
        state.emit(event("staking.delegate", &facts));
        Ok(())
    }

    /// Sends stake of the first account from the validator of the second on its way back.
    pub(super) fn undelegate(
        self,
        state: &mut State,
        frame: &Frame,
        (owner, validator): (Account, Account),
        amount: u64,
    ) -> Result<(), Refusal> {
        let rules = rules_of(state);
        let mut candidate = candidate_of(state, validator)?;
        let key = (validator, owner);
        let owned = DELEGATIONS.get(state, &key).map_or(0, |it| it.shares);
        let worth = worth_of(owned, &candidate);
        if worth < amount || owned == 0 {
            return Err(StakingError::TooLittle { actual: worth, wanted: amount }.into());
        }
        if amount < rules.power_unit && amount < worth {
            return Err(StakingError::Least { least: rules.power_unit }.into());
        }
        let shares = shares_for(amount, owned, worth);
        candidate.shares = candidate.shares.checked_sub(shares).expect("no less than its parts");
        // Who takes the last shares takes what rounding has left.
        let amount = if candidate.shares == 0 { candidate.stake } else { amount };
        candidate.stake = candidate.stake.checked_sub(amount).expect("no less than its parts");
        candidate.unbondings =
            candidate.unbondings.checked_add(1).expect("fewer than transactions");
        keep(state, validator, &candidate);
        match owned.checked_sub(shares).expect("no more than there are") {
            0 => DELEGATIONS.remove(state, &key),
            left => DELEGATIONS.set(state, &key, &Delegation { shares: left }),
        }
        let number = NEXT_UNBONDING.get(state).unwrap_or(0);
        NEXT_UNBONDING.set(state, &number.saturating_add(1));
        let arrives = frame.seconds().saturating_add(rules.unbonding_seconds);
        let unbonding = Unbonding { validator, owner, amount, since: frame.height.0 };
        UNBONDINGS.set(state, &(arrives, number), &unbonding);
        CHANGED.set(state, &true);
        let facts: [(&str, &dyn std::fmt::Display); 4] = [
            ("validator", &validator),
            ("owner", &owner),
            ("amount", &amount),
            ("arrives", &arrives),
        ];
        state.emit(event("staking.undelegate", &facts));
        Ok(())
    }

    /// Gives back what has been on its way for long enough, less what the validator's fault takes
    /// of it: that is taken only now, so that a fault costs no look at every withdrawal.
    pub(super) fn release_matured(self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        let now = frame.seconds();
        let matured = UNBONDINGS.all(state).take_while(|((arrives, _), _)| *arrives <= now);
        let matured: Vec<_> = matured.take(RELEASED_MAX).collect();
        if matured.is_empty() {
            return Ok(());
        }
        let rules = rules_of(state);
        for (key, unbonding) in matured {
            UNBONDINGS.remove(state, &key);
            let Unbonding { validator, owner, amount, since } = unbonding;
            let mut candidate = candidate_of(state, validator)?;
            let is_due = candidate.fault.reaches(since);
            let lost = if is_due { part_of(amount, rules.equivocation_loss) } else { 0 };
            let amount = amount.checked_sub(lost).expect("a part is no more");
            self.take_for_fault(state, validator, lost, "equivocation")?;
            self.bank.transfer(state, (Self::pool(), owner), &rules.denom, amount)?;
            candidate.unbondings =
                candidate.unbondings.checked_sub(1).expect("this one was counted");
            keep(state, validator, &candidate);
            forget_if_empty(state, validator, &candidate);
            state.emit(event("staking.release", &[("owner", &owner), ("amount", &amount)]));
        }
        Ok(())
    }
}

/// Forgets a validator of which nothing is left that a fault could take.
pub(super) fn forget_if_empty(state: &mut State, validator: Account, candidate: &Candidate) {
    if candidate.shares == 0 && candidate.unbondings == 0 && !candidate.jailed {
        // Without stake it has no place in the ranking.
        CANDIDATES.remove(state, &validator);
        BY_ADDRESS.remove(state, &PublicKey(candidate.key).address().into());
        CHANGED.set(state, &true);
    }
}

/// The validator of an account.
pub(super) fn candidate_of(state: &State, validator: Account) -> Result<Candidate, StakingError> {
    CANDIDATES.get(state, &validator).ok_or(StakingError::NoValidator { validator })
}

/// What shares are worth, rounded down.
fn worth_of(shares: u128, candidate: &Candidate) -> u64 {
    if candidate.shares == 0 {
        return 0;
    }
    // Without overflow: whole stakes first, then the rest.
    let stake = u128::from(candidate.stake);
    let (per_share, rest) = (stake / candidate.shares, stake % candidate.shares);
    let of_rest = match shares.checked_mul(rest) {
        Some(product) => product / candidate.shares,
        // So many shares that a share is worth next to nothing.
        None => shares / (candidate.shares / rest).saturating_add(1),
    };
    let worth = per_share.saturating_mul(shares).saturating_add(of_rest);
    u64::try_from(worth.min(stake)).expect("no more than the stake")
}

/// How many of the owned shares pay for an amount, rounded up; all of them for all they are worth.
fn shares_for(amount: u64, owned: u128, worth: u64) -> u128 {
    if amount == worth {
        return owned;
    }
    match owned.checked_mul(u128::from(amount)) {
        Some(product) => product.div_ceil(u128::from(worth)),
        None => owned.div_ceil(u128::from(worth)).saturating_mul(u128::from(amount)),
    }
    .min(owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_worth_more_than_the_stake() {
        let candidate = |stake, shares| Candidate { stake, shares, ..Candidate::new([0; 32]) };
        assert_eq!(worth_of(50, &candidate(95, 100)), 47);
        assert_eq!(worth_of(100, &candidate(95, 100)), 95);
        assert_eq!(worth_of(1, &candidate(0, 100)), 0);
        assert_eq!(worth_of(0, &candidate(0, 0)), 0);
        let all = u128::from(u64::MAX);
        assert_eq!(worth_of(all, &candidate(u64::MAX, all)), u64::MAX);
        let many = u128::MAX / 2;
        assert!(worth_of(many, &candidate(1_000, many)) <= 1_000);
        assert_eq!(shares_for(47, 50, 47), 50);
        assert_eq!(shares_for(10, 50, 47), 11);
    }
}
