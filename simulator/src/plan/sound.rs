//! Whether a plan makes a world: plans also come from files, and from the shrinker.

use types::ChainState;

use super::model::{BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, RATE_MAX, THREADS_MAX, TX_BYTES_MIN};
use super::shape::{HEIGHTS_MAX, VALIDATORS_MAX};
use super::{FaultKind, NetworkPlan, PLAN_VERSION, Plan};
use crate::curves::Curves;

/// Most members of a world.
const MEMBERS_MAX: usize = 2000;
/// Longest time that a plan may name, in milliseconds: a day. No sum of such times is too large.
const MILLIS_MAX: u64 = 86_400_000;
/// The same in microseconds.
const MICROS_MAX: u64 = MILLIS_MAX * 1000;
/// Clocks are wrong by at most a year, in microseconds.
const SKEW_MICROS_MAX: u64 = 365 * MICROS_MAX;
/// A clock is too fast or too slow by at most so much, in millionths.
const DRIFT_PPM_MAX: u64 = 500_000;
/// Most bytes a second.
const BANDWIDTH_MAX: u64 = 1_000_000_000_000;

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
        let count = self.members.len();
        within("the number of members", length(count), 1, length(MEMBERS_MAX))?;
        let validators = length(self.powers.len());
        within("the number of validators", validators, 1, length(VALIDATORS_MAX))?;
        within("the number of heights", self.heights, 1, HEIGHTS_MAX)?;
        // Whole machines can have a key long before they are validators.
        let keys = self.whole_plan().map_or(validators, |_| validators.max(length(count)));
        for member in &self.members {
            within("the key of a member", member.key.map_or(0, length), 0, keys - 1)?;
            within("the skew of a clock", member.skew_micros.unsigned_abs(), 0, SKEW_MICROS_MAX)?;
            within("the drift of a clock", member.drift_ppm.unsigned_abs(), 0, DRIFT_PPM_MAX)?;
        }
        self.network.check(count)?;
        let machine = &self.machine;
        for micros in [machine.sync_micros, machine.sign_micros, machine.answer_micros] {
            within("a time of the machine", micros, 0, MICROS_MAX)?;
        }
        within("a share of a thousand", machine.rejects_permille, 0, 1000)?;
        within("a number of heights", machine.updates_every.unwrap_or(1), 1, HEIGHTS_MAX)?;
        let waits = &self.waits;
        for millis in [waits.propose, waits.prevote, waits.precommit, waits.delta, waits.commit] {
            within("a wait", millis, 0, MILLIS_MAX)?;
        }
        for millis in [waits.gossip, waits.relay, waits.catch_up] {
            within("a wait", millis, 1, MILLIS_MAX)?;
        }
        for fault in &self.faults {
            within("when a fault begins", fault.at_ms, 0, MILLIS_MAX)?;
            within("how long a fault lasts", fault.lasts_ms, 0, MILLIS_MAX)?;
            fault.kind.check(count)?;
        }
        self.check_model()?;
        // Stand-ins for keys make the same sets, and cost nothing.
        let genesis = crate::world::genesis(self, &Curves::new(self.keys_count(), false));
        let state = ChainState::genesis(&genesis);
        state.map_err(|error| PlanError::Validators(error.to_string()))?;
        Ok(())
    }
}

impl Plan {
    /// Nothing goes wrong among modelled members, and all is within its limits.
    fn check_model(&self) -> Result<(), PlanError> {
        let Some(model) = self.model() else { return Ok(()) };
        let liars = self.members.iter().filter(|member| !member.vices.is_empty()).count();
        within("the number of liars in a model", length(liars), 0, 0)?;
        within("the number of faults in a model", length(self.faults.len()), 0, 0)?;
        for threads in [model.verifiers, model.carriers] {
            within("the threads of a model", length(threads), 1, length(THREADS_MAX))?;
        }
        within("the transactions a second", model.rate, 0, RATE_MAX)?;
        within("the bytes of a block", model.block_bytes, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX)?;
        within("the bytes of a transaction", model.tx_bytes, TX_BYTES_MIN, model.block_bytes)?;
        within("the heights of a warm-up", model.warm_up, 1, self.heights.saturating_sub(1))?;
        model.costs.check().map_err(|error| PlanError::Unreadable(error.to_string()))
    }
}

impl NetworkPlan {
    fn check(&self, count: usize) -> Result<(), PlanError> {
        within("a delay of the network", self.delay_micros, 0, MICROS_MAX)?;
        within("a delay of the network", self.jitter_micros, 0, MICROS_MAX)?;
        within("a time in milliseconds", self.silence_ms, 0, MILLIS_MAX)?;
        for &(a, b) in self.links.iter().flatten() {
            members([a, b], count)?;
            within("the first end of a link", length(a), 0, length(b).saturating_sub(1))?;
        }
        if let Some(bandwidth) = &self.bandwidth {
            for bytes in [bandwidth.uplink, bandwidth.downlink, bandwidth.link] {
                within("a bandwidth", bytes, 1, BANDWIDTH_MAX)?;
            }
            within("the bytes that wait", bandwidth.waiting_max, 0, BANDWIDTH_MAX)?;
        }
        let (places, rows) = (&self.distances.places, &self.distances.micros);
        if places.is_empty() {
            return Ok(());
        }
        as_many("the number of members in places", places.len(), count)?;
        within("the number of places", length(rows.len()), 1, length(MEMBERS_MAX))?;
        for &place in places {
            within("the place of a member", length(place), 0, length(rows.len()) - 1)?;
        }
        for row in rows {
            as_many("the number of distances", row.len(), rows.len())?;
            for &micros in row {
                within("a distance", micros, 0, MICROS_MAX)?;
            }
        }
        Ok(())
    }
}

impl FaultKind {
    fn check(&self, count: usize) -> Result<(), PlanError> {
        let share = |permille| within("a share of a thousand", permille, 0, 1000);
        let time = |millis| within("a time in milliseconds", millis, 0, MILLIS_MAX);
        match self {
            Self::Crash { .. }
            | Self::CrashAtPoint { .. }
            | Self::CrashAtWrite { .. }
            | Self::Kill { .. }
            | Self::FailedSync { .. }
            | Self::FullDisk { .. }
            | Self::Pause { .. }
            | Self::Wipe { .. }
            | Self::Isolation { .. }
            | Self::Outage { .. } => {}
            Self::SlowDisk { sync_ms, .. } => time(*sync_ms)?,
            Self::ClockJump { millis, .. } => time(millis.unsigned_abs())?,
            Self::Loss { permille } | Self::Duplicate { permille } | Self::Narrow { permille } => {
                share(*permille)?;
            }
            Self::Delay { millis } | Self::SlowLink { millis, .. } => time(*millis)?,
            Self::FlappingLink { every_ms, .. } | Self::Churn { every_ms, .. } => {
                within("a time in milliseconds", *every_ms, 1, MILLIS_MAX)?;
            }
            Self::Partition { groups, .. } | Self::OneWay { groups } => {
                as_many("the number of members in groups", groups.len(), count)?;
            }
            Self::Ring { order, .. } => {
                as_many("the number of members in a ring", order.len(), count)?;
                let mut sorted = order.clone();
                sorted.sort_unstable();
                sorted.dedup();
                as_many("the number of members in a ring", sorted.len(), count)?;
                members(sorted, count)?;
            }
            Self::Eclipse { by, .. } => members(by.iter().copied(), count)?,
            Self::ByRound { groups, .. } => {
                for groups in groups {
                    as_many("the number of members in groups", groups.len(), count)?;
                }
            }
            Self::Withhold { rules } => {
                let ends = rules.iter().flat_map(|rule| [rule.from, rule.to]);
                members(ends.flatten(), count)?;
            }
        }
        members(self.concerns(count), count)
    }
}

/// These are numbers of members.
fn members(numbers: impl IntoIterator<Item = usize>, count: usize) -> Result<(), PlanError> {
    let last = length(count).saturating_sub(1);
    let mut numbers = numbers.into_iter();
    numbers.try_for_each(|it| within("the number of a member", length(it), 0, last))
}

fn as_many(what: &'static str, actual: usize, count: usize) -> Result<(), PlanError> {
    within(what, length(actual), length(count), length(count))
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
    use crate::plan::{Fault, Shape};

    #[test]
    fn a_plan_is_read_as_it_was_written_below_its_heads() {
        for seed in 0..20 {
            let plan = Plan::draw(seed, &Shape::default()).unwrap();
            let text = format!("# What it is.\n# And more.\n{}\n", plan.line());
            assert_eq!(Plan::read(&text), Ok(plan), "seed {seed}");
        }
    }

    #[test]
    fn plans_of_other_versions_are_refused_whatever_they_have() {
        let error = Plan::read(r#"{"version":99,"weather":"fine"}"#).unwrap_err();
        assert_eq!(error, PlanError::Version { actual: 99, expected: PLAN_VERSION });
        assert!(matches!(Plan::read("{"), Err(PlanError::Unreadable(_))));
    }

    #[test]
    fn plans_that_make_no_world_are_refused() {
        type Change = fn(&mut Plan);
        fn fault(plan: &mut Plan, kind: FaultKind) {
            plan.faults = vec![Fault { at_ms: 0, lasts_ms: 0, kind }];
        }
        let changes: [(&str, Change); 10] = [
            ("number of members", |plan| plan.members.clear()),
            ("number of validators", |plan| plan.powers.clear()),
            ("number of heights", |plan| plan.heights = 0),
            ("key of a member", |plan| plan.members[0].key = Some(4)),
            ("first end of a link", |plan| plan.network.links = Some(vec![(2, 1)])),
            ("number of places", |plan| plan.network.distances.places = vec![0; 4]),
            ("number of a member", |plan| fault(plan, FaultKind::Pause { member: 4 })),
            ("in groups", |plan| fault(plan, FaultKind::OneWay { groups: vec![0] })),
            ("in a ring", |plan| {
                fault(plan, FaultKind::Ring { order: vec![0, 1, 1, 2], told: true });
            }),
            ("make no set", |plan| plan.powers[0] = u64::MAX / 2),
        ];
        let plan = Plan::fair(1, &[1, 2, 3, 4], 5);
        for (says, change) in changes {
            let mut changed = plan.clone();
            change(&mut changed);
            let error = changed.check().unwrap_err().to_string();
            assert!(error.contains(says), "{says:?} is not in {error:?}");
        }
        assert_eq!(plan.check(), Ok(()));
    }
}
