//! Who can be held to the protocol, by the plan: members without vices that hold their key alone
//! and never lose what their signer has promised.

use std::collections::BTreeSet;

use types::Address;

use crate::curves::Curves;
use crate::plan::Plan;

/// Who follows the protocol, and how much weight does not.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Of each member.
    honest: Vec<bool>,
    /// The address of each member's key.
    addresses: Vec<Option<Address>>,
    /// Keys that honest members hold, or nobody.
    honest_keys: BTreeSet<Address>,
    safe: bool,
    live: bool,
}

/// What a validator key is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// One honest member.
    Honest,
    /// Nobody: it never signs.
    Nobody,
    /// A member with vices, twins, or a member that forgets what it signed.
    Byzantine,
}

impl Standing {
    /// By a plan.
    pub fn new(plan: &Plan) -> Self {
        let curves = Curves::new(plan.keys_count(), plan.real_signatures);
        let address = |key: usize| curves.public(key).address();
        let honest: Vec<bool> = (0..plan.members.len()).map(|it| plan.is_honest(it)).collect();
        let holder = |key: usize| {
            let mut holders = (0..honest.len()).filter(|&it| plan.members[it].key == Some(key));
            match holders.next() {
                None => Holder::Nobody,
                Some(member) if honest[member] => Holder::Honest,
                Some(_) => Holder::Byzantine,
            }
        };
        let keys: Vec<Holder> = (0..plan.keys_count()).map(holder).collect();
        let power = |of: Holder, more: u64| -> u64 {
            let powers = plan.powers.iter().zip(&keys).filter(|&(_, &it)| it == of);
            powers.map(|(power, _)| power + more).sum()
        };
        // The application may raise each power by one, in any order.
        let more = u64::from(plan.machine.updates_every.is_some());
        let faulty = power(Holder::Byzantine, more) + power(Holder::Nobody, more);
        let addresses = plan.members.iter().map(|it| it.key.map(address)).collect();
        let honest_keys = (0..keys.len()).filter(|&key| keys[key] != Holder::Byzantine);
        Self {
            addresses,
            honest_keys: honest_keys.map(address).collect(),
            safe: plan.is_safe(),
            live: faulty * 3 < faulty + power(Holder::Honest, 0),
            honest,
        }
    }

    /// Whether a member follows the protocol.
    pub fn is_honest(&self, member: usize) -> bool {
        self.honest[member]
    }

    /// All members that follow the protocol.
    pub fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.honest.len()).filter(|&it| self.honest[it])
    }

    /// How many members there are.
    pub fn count(&self) -> usize {
        self.honest.len()
    }

    /// Whether nothing may ever be signed with this key that the protocol does not allow.
    pub fn is_honest_key(&self, address: &Address) -> bool {
        self.honest_keys.contains(address)
    }

    /// The address of a member's key.
    pub fn address(&self, member: usize) -> Option<Address> {
        self.addresses[member]
    }

    /// Whether less than a third of the power is Byzantine at all times: no fork is excused.
    pub fn is_safe(&self) -> bool {
        self.safe
    }

    /// Whether more than two thirds of the power are honest and present at all times: once the
    /// world is healed, no standstill is excused.
    pub fn is_live(&self) -> bool {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Vice;

    fn standing(plan: &Plan) -> Standing {
        Standing::new(plan)
    }

    #[test]
    fn a_third_of_the_power_is_too_much() {
        for (power, safe) in [(9, true), (10, false), (11, false)] {
            let mut plan = Plan::fair(1, &[power, 10, 10], 1);
            plan.members[0].vices = vec![Vice::Silent];
            let standing = standing(&plan);
            assert_eq!((standing.is_safe(), standing.is_live()), (safe, safe), "power {power}");
            assert!(!standing.is_honest(0) && standing.is_honest(1));
        }
    }

    #[test]
    fn updates_of_power_may_reach_the_third_later() {
        let mut plan = Plan::fair(1, &[9, 10, 10], 1);
        plan.members[0].vices = vec![Vice::Silent];
        plan.machine.updates_every = Some(3);
        assert!(!standing(&plan).is_safe());
    }

    #[test]
    fn twins_are_byzantine_and_an_unheld_key_is_only_absent() {
        let mut plan = Plan::fair(1, &[10; 4], 1);
        plan.members[1].key = Some(0);
        let standing = standing(&plan);
        let honest: Vec<usize> = standing.honest().collect();
        assert_eq!(honest, [2, 3]);
        assert!(standing.is_safe(), "10 of 40 are Byzantine");
        assert!(!standing.is_live(), "and 10 of 40 are not there");
    }
}
