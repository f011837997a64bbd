//! Which validators make the set.

use std::collections::BTreeMap;

use types::{PublicKey, ValidatorUpdate, VotingPower};

use super::Staking;
use super::records::{ACTIVE, Active, CANDIDATES, CHANGED, MISSES, RANKING, rules_of};
use crate::framework::{Account, Effects, State, event};

impl Staking {
    /// Chooses the set again if stake has moved since.
    pub(super) fn choose_if_changed(self, state: &mut State, effects: &mut Effects) {
        if CHANGED.get(state).is_some() {
            self.choose(state, effects);
        }
    }

    /// Chooses the validators with the most stake, and tells the chain what has changed. A set
    /// without anybody would stop the chain: the one before stays then.
    pub(super) fn choose(self, state: &mut State, effects: &mut Effects) {
        state.remove(CHANGED.key());
        let rules = rules_of(state);
        let ranked = RANKING.all(state).take(rules.validators_max as usize);
        let ranked: Vec<Account> = ranked.map(|((_, account), _)| account).collect();
        let member = |account: Account| {
            let candidate = CANDIDATES.get(state, &account)?;
            let power = candidate.stake / rules.power_unit;
            (0 < power).then_some((account, Active { key: candidate.key, power }))
        };
        let chosen: BTreeMap<Account, Active> = ranked.into_iter().filter_map(member).collect();
        if chosen.is_empty() {
            state.emit(event("staking.nobody", &[]));
            return;
        }
        let known: BTreeMap<Account, Active> = ACTIVE.all(state).collect();
        // By key, as one account may go while another comes with its key.
        let mut updates = BTreeMap::new();
        for (account, member) in &known {
            if chosen.get(account).is_none_or(|it| it.key != member.key) {
                ACTIVE.remove(state, account);
                MISSES.remove(state, account);
                updates.insert(member.key, 0);
            }
        }
        for (account, member) in &chosen {
            if known.get(account) != Some(member) {
                ACTIVE.set(state, account, member);
                updates.insert(member.key, member.power);
            }
        }
        effects
            .validator_updates
            .extend(updates.into_iter().map(|(key, power)| update(key, power)));
    }
}

fn update(key: [u8; 32], power: u64) -> ValidatorUpdate {
    ValidatorUpdate { public_key: PublicKey(key), power: VotingPower(power) }
}
