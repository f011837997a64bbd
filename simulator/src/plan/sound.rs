//! Whether a plan makes a world: plans also come from files, and from the shrinker. Whom its faults
//! concern, and what is left of it without one of the members.

use types::ChainState;

use super::{FaultKind, PLAN_VERSION, Plan};
use crate::curves::Curves;

/// Most members of a world.
const MEMBERS_MAX: usize = 1000;
/// Most heights of a run.
const HEIGHTS_MAX: u64 = 10_000_000;
/// A clock is wrong by at most so much, in microseconds: a year.
const SKEW_MICROS_MAX: u64 = 31_536_000_000_000;
/// A clock is too fast or too slow by at most so much, in millionths.
const DRIFT_PPM_MAX: u64 = 500_000;

/// Why a plan makes no world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is of another version.
    #[error("the plan is of version {actual}, and this is version {expected}")]
    Version {
        /// Whose it is.
        actual: u32,
        /// Ours.
        expected: u32,
    },
    /// It cannot be read.
    #[error("the plan cannot be read: {0}")]
    Unreadable(String),
    /// Its validators make no set.
    #[error("the validators make no set: {0}")]
    Validators(String),
    /// A number is out of its limits.
    #[error("{what} is {actual}, and may be {least} to {most}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The number.
        actual: u64,
        /// The least that it may be.
        least: u64,
        /// The most.
        most: u64,
    },
}

impl Plan {
    /// Reads a plan. Lines before it that begin with `#` say what it is for.
    ///
    /// # Errors
    /// If it is of another version, cannot be read, or makes no world.
    pub fn read(text: &str) -> Result<Self, PlanError> {
        /// What the plans of all versions have.
        #[derive(serde::Deserialize)]
        struct Version {
            version: u32,
        }
        let unreadable = |error: serde_json::Error| PlanError::Unreadable(error.to_string());
        let lines = text.lines().skip_while(|line| line.starts_with('#'));
        let text = lines.collect::<Vec<_>>().join("\n");
        let Version { version } = serde_json::from_str(&text).map_err(unreadable)?;
        if version != PLAN_VERSION {
            return Err(PlanError::Version { actual: version, expected: PLAN_VERSION });
        }
        let plan: Self = serde_json::from_str(&text).map_err(unreadable)?;
        plan.check()?;
        Ok(plan)
    }

    /// The plan as JSON in one line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a plan has only plain values")
    }

    /// Whether it makes a world.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check(&self) -> Result<(), PlanError> {
        let count = length(self.members.len());
        let last = count.saturating_sub(1);
        within("the number of members", count, 1, length(MEMBERS_MAX))?;
        within("the number of validators", length(self.powers.len()), 1, length(MEMBERS_MAX))?;
        within("the number of heights", self.heights, 1, HEIGHTS_MAX)?;
        let key_max = length(self.powers.len()) - 1;
        for member in &self.members {
            let key = member.key.map_or(0, length);
            within("the key of a member", key, 0, key_max)?;
            within("the skew of a clock", member.skew_micros.unsigned_abs(), 0, SKEW_MICROS_MAX)?;
            within("the drift of a clock", member.drift_ppm.unsigned_abs(), 0, DRIFT_PPM_MAX)?;
        }
        for fault in &self.faults {
            match &fault.kind {
                FaultKind::Crash { member, .. } => {
                    within("the member of a fault", length(*member), 0, last)?;
                }
                FaultKind::Loss { permille } | FaultKind::Duplicate { permille } => {
                    within("a share of a thousand", *permille, 0, 1000)?;
                }
                FaultKind::Delay { .. } => {}
                FaultKind::Partition { groups, .. } => {
                    let groups = length(groups.len());
                    within("the number of members in groups", groups, count, count)?;
                }
            }
        }
        // Stand-ins for keys make the same sets, and cost nothing.
        let genesis = crate::world::genesis(self, &Curves::new(self.powers.len(), false));
        let state = ChainState::genesis(&genesis);
        state.map_err(|error| PlanError::Validators(error.to_string()))?;
        Ok(())
    }

    /// The plan without one member, and without its validator if nobody else has the key. None if
    /// nobody would be left.
    pub fn without_member(&self, member: usize) -> Option<Self> {
        let mut plan = self.clone();
        let gone = plan.members.remove(member);
        plan.faults = Vec::new();
        for fault in &self.faults {
            if let Some(kind) = fault.kind.without_member(member) {
                plan.faults.push(super::Fault { kind, ..*fault });
            }
        }
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

impl FaultKind {
    /// The members that a fault happens to.
    pub fn concerns(&self, count: usize) -> Vec<usize> {
        match self {
            FaultKind::Crash { member, .. } => vec![*member],
            FaultKind::Loss { .. }
            | FaultKind::Duplicate { .. }
            | FaultKind::Delay { .. }
            | FaultKind::Partition { .. } => (0..count).collect(),
        }
    }

    /// The fault in a world that lacks this member; none if it happened to that one alone.
    fn without_member(&self, gone: usize) -> Option<Self> {
        let mut kind = self.clone();
        match &mut kind {
            FaultKind::Crash { member, .. } => *member = renumbered(*member, gone)?,
            FaultKind::Partition { groups, .. } => {
                groups.remove(gone);
            }
            FaultKind::Loss { .. } | FaultKind::Duplicate { .. } | FaultKind::Delay { .. } => {}
        }
        Some(kind)
    }
}

/// A member's number once another is gone.
fn renumbered(member: usize, gone: usize) -> Option<usize> {
    match member.cmp(&gone) {
        std::cmp::Ordering::Less => Some(member),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(member - 1),
    }
}

fn within(what: &'static str, actual: u64, least: u64, most: u64) -> Result<(), PlanError> {
    if least <= actual && actual <= most {
        return Ok(());
    }
    Err(PlanError::Limit { what, actual, least, most })
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Fault;

    fn plan() -> Plan {
        let crash = |member| Fault {
            at_ms: 1,
            lasts_ms: 2,
            kind: FaultKind::Crash { member, after_outputs: None },
        };
        let split = FaultKind::Partition { groups: vec![0, 1, 2, 3], told: true };
        let split = Fault { at_ms: 3, lasts_ms: 4, kind: split };
        let mut plan = Plan::fair(1, &[1, 2, 3, 4], 5);
        plan.faults = vec![crash(0), crash(2), crash(3), split];
        plan
    }

    #[test]
    fn a_plan_is_read_as_it_was_written_below_its_heads() {
        let text = format!("# What it is.\n# And more.\n{}\n", plan().line());
        assert_eq!(Plan::read(&text), Ok(plan()));
    }

    #[test]
    fn plans_of_other_versions_are_refused_whatever_they_have() {
        let error = Plan::read(r#"{"version":99,"weather":"fine"}"#).unwrap_err();
        assert_eq!(error, PlanError::Version { actual: 99, expected: PLAN_VERSION });
        assert!(matches!(Plan::read("{"), Err(PlanError::Unreadable(_))));
    }

    #[test]
    fn plans_that_make_no_world_are_refused() {
        let changes: [(&str, fn(&mut Plan)); 7] = [
            ("number of members", |plan| plan.members.clear()),
            ("number of validators", |plan| plan.powers.clear()),
            ("number of heights", |plan| plan.heights = 0),
            ("key of a member", |plan| plan.members[0].key = Some(4)),
            ("member of a fault", |plan| {
                plan.faults[0].kind = FaultKind::Crash { member: 4, after_outputs: None };
            }),
            ("in groups", |plan| {
                plan.faults[0].kind = FaultKind::Partition { groups: vec![0], told: false };
            }),
            ("make no set", |plan| plan.powers[0] = u64::MAX / 2),
        ];
        for (says, change) in changes {
            let mut changed = plan();
            change(&mut changed);
            let error = changed.check().unwrap_err().to_string();
            assert!(error.contains(says), "{says:?} is not in {error:?}");
        }
        assert_eq!(plan().check(), Ok(()));
    }

    #[test]
    fn without_a_member_the_others_keep_their_keys_and_faults() {
        let less = plan().without_member(2).unwrap();
        assert_eq!(less.powers, [1, 2, 4]);
        let keys: Vec<_> = less.members.iter().map(|member| member.key).collect();
        assert_eq!(keys, [Some(0), Some(1), Some(2)]);
        let kinds: Vec<_> = less.faults.iter().map(|fault| fault.kind.clone()).collect();
        let crash = |member| FaultKind::Crash { member, after_outputs: None };
        let split = FaultKind::Partition { groups: vec![0, 1, 3], told: true };
        assert_eq!(kinds, [crash(0), crash(2), split]);
        assert_eq!(Plan::fair(1, &[1], 1).without_member(0), None);
    }

    #[test]
    fn a_twin_leaves_the_validator_to_its_other() {
        let mut twins = plan();
        twins.members[3].key = Some(0);
        assert_eq!(twins.without_member(0).unwrap().powers, [1, 2, 3, 4]);
    }
}
