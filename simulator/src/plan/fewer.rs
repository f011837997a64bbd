//! What is left of a plan without one of its members, for the shrinker; and whom a fault concerns.

use super::{Fault, FaultKind, NetworkPlan, Plan};

impl Plan {
    /// The plan without one member, and without its validator if nobody else has the key. None if
    /// what is left makes no world.
    pub fn without_member(&self, member: usize) -> Option<Self> {
        let mut plan = self.clone();
        let gone = plan.members.remove(member);
        plan.network = self.network.without_member(member);
        let fewer = |fault: &Fault| {
            let kind = fault.kind.without_member(member)?;
            Some(Fault { kind, ..*fault })
        };
        plan.faults = self.faults.iter().filter_map(fewer).collect();
        let key = gone.key.filter(|_| plan.members.iter().all(|other| other.key != gone.key));
        if let Some(key) = key {
            plan.powers.remove(key);
            for other in &mut plan.members {
                other.key = other.key.map(|it| if key < it { it - 1 } else { it });
            }
        }
        plan.check().is_ok().then_some(plan)
    }
}

impl NetworkPlan {
    fn without_member(&self, gone: usize) -> Self {
        let mut network = self.clone();
        if gone < network.distances.places.len() {
            network.distances.places.remove(gone);
        }
        let link = |&(a, b): &(usize, usize)| Some((renumbered(a, gone)?, renumbered(b, gone)?));
        network.links = self.links.as_ref().map(|it| it.iter().filter_map(link).collect());
        network
    }
}

impl FaultKind {
    /// The members that the fault happens to.
    pub fn concerns(&self, count: usize) -> Vec<usize> {
        match self {
            Self::Crash { member, .. }
            | Self::CrashAtPoint { member, .. }
            | Self::CrashAtWrite { member, .. }
            | Self::Kill { member, .. }
            | Self::FailedSync { member }
            | Self::FullDisk { member }
            | Self::SlowDisk { member, .. }
            | Self::Pause { member }
            | Self::ClockJump { member, .. }
            | Self::Wipe { member, .. }
            | Self::Churn { member, .. }
            | Self::Isolation { member, .. }
            | Self::Eclipse { member, .. } => vec![*member],
            Self::Outage { members } => members.clone(),
            Self::SlowLink { from, to, .. } => vec![*from, *to],
            Self::FlappingLink { a, b, .. } => vec![*a, *b],
            Self::Loss { .. }
            | Self::Duplicate { .. }
            | Self::Delay { .. }
            | Self::Narrow { .. }
            | Self::Partition { .. }
            | Self::OneWay { .. }
            | Self::Ring { .. } => (0..count).collect(),
        }
    }

    /// Whether it happens only once the member does something.
    pub fn waits(&self) -> bool {
        match self {
            Self::Crash { after_outputs, .. } | Self::Kill { after_outputs, .. } => {
                after_outputs.is_some()
            }
            Self::CrashAtPoint { .. }
            | Self::CrashAtWrite { .. }
            | Self::FailedSync { .. }
            | Self::FullDisk { .. } => true,
            Self::SlowDisk { .. }
            | Self::Pause { .. }
            | Self::ClockJump { .. }
            | Self::Wipe { .. }
            | Self::Churn { .. }
            | Self::Isolation { .. }
            | Self::Eclipse { .. }
            | Self::Outage { .. }
            | Self::SlowLink { .. }
            | Self::FlappingLink { .. }
            | Self::Loss { .. }
            | Self::Duplicate { .. }
            | Self::Delay { .. }
            | Self::Narrow { .. }
            | Self::Partition { .. }
            | Self::OneWay { .. }
            | Self::Ring { .. } => false,
        }
    }

    /// The fault in a world that lacks this member; none if nothing is left of it.
    fn without_member(&self, gone: usize) -> Option<Self> {
        let mut kind = self.clone();
        match &mut kind {
            Self::Crash { member, .. }
            | Self::CrashAtPoint { member, .. }
            | Self::CrashAtWrite { member, .. }
            | Self::Kill { member, .. }
            | Self::FailedSync { member }
            | Self::FullDisk { member }
            | Self::SlowDisk { member, .. }
            | Self::Pause { member }
            | Self::ClockJump { member, .. }
            | Self::Wipe { member, .. }
            | Self::Churn { member, .. }
            | Self::Isolation { member, .. } => *member = renumbered(*member, gone)?,
            Self::Eclipse { member, by } => {
                *member = renumbered(*member, gone)?;
                *by = by.iter().filter_map(|&it| renumbered(it, gone)).collect();
            }
            Self::Outage { members } => {
                *members = members.iter().filter_map(|&it| renumbered(it, gone)).collect();
            }
            Self::SlowLink { from, to, .. } => {
                (*from, *to) = (renumbered(*from, gone)?, renumbered(*to, gone)?);
            }
            Self::FlappingLink { a, b, .. } => {
                (*a, *b) = (renumbered(*a, gone)?, renumbered(*b, gone)?);
            }
            Self::Partition { groups, .. } | Self::OneWay { groups } => {
                groups.remove(gone);
            }
            Self::Ring { order, .. } => {
                *order = order.iter().filter_map(|&it| renumbered(it, gone)).collect();
            }
            Self::Loss { .. }
            | Self::Duplicate { .. }
            | Self::Delay { .. }
            | Self::Narrow { .. } => {}
        }
        Some(kind)
    }
}

/// A member's number once another is gone; none if it is the one.
fn renumbered(member: usize, gone: usize) -> Option<usize> {
    match member.cmp(&gone) {
        std::cmp::Ordering::Less => Some(member),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(member - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Shape;

    fn plan() -> Plan {
        let crash = |member| FaultKind::Crash { member, after_outputs: None };
        let kinds = [
            crash(0),
            crash(2),
            crash(3),
            FaultKind::Partition { groups: vec![0, 1, 2, 3], told: true },
            FaultKind::Ring { order: vec![3, 2, 0, 1], told: true },
            FaultKind::SlowLink { from: 3, to: 2, millis: 1 },
        ];
        let mut plan = Plan::fair(1, &[1, 2, 3, 4], 5);
        plan.network.links = Some(vec![(0, 1), (1, 2), (1, 3)]);
        plan.faults = kinds.map(|kind| Fault { at_ms: 1, lasts_ms: 2, kind }).to_vec();
        plan
    }

    #[test]
    fn without_a_member_the_others_keep_their_keys_links_and_faults() {
        let less = plan().without_member(2).unwrap();
        assert_eq!(less.powers, [1, 2, 4]);
        let keys: Vec<_> = less.members.iter().map(|member| member.key).collect();
        assert_eq!(keys, [Some(0), Some(1), Some(2)]);
        assert_eq!(less.network.links, Some(vec![(0, 1), (1, 2)]));
        let kinds: Vec<_> = less.faults.iter().map(|fault| fault.kind.clone()).collect();
        let crash = |member| FaultKind::Crash { member, after_outputs: None };
        let split = FaultKind::Partition { groups: vec![0, 1, 3], told: true };
        let ring = FaultKind::Ring { order: vec![2, 0, 1], told: true };
        assert_eq!(kinds, [crash(0), crash(2), split, ring]);
        assert_eq!(Plan::fair(1, &[1], 1).without_member(0), None);
    }

    #[test]
    fn a_twin_leaves_the_validator_to_its_other() {
        let mut twins = plan();
        twins.members[3].key = Some(0);
        assert_eq!(twins.without_member(0).unwrap().powers, [1, 2, 3, 4]);
    }

    #[test]
    fn whatever_was_drawn_can_lose_any_member() {
        for seed in 0..200 {
            let plan = Plan::draw(seed, &Shape::default()).unwrap();
            assert_eq!(plan.check(), Ok(()), "seed {seed}");
            for member in 0..plan.members.len() {
                let less = plan.without_member(member);
                assert!(less.is_some(), "seed {seed} without {member}");
            }
        }
    }
}
