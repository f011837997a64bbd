//! Voting power, and the only two-thirds in the project.

use std::fmt;

/// Upper limit of the total power of a validator set. spec: `MaxTotalVotingPower`, 2^63 / 8.
pub const TOTAL_POWER_MAX: u64 = i64::MAX as u64 / 8;

/// Weight of a validator, or of several together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VotingPower(pub u64);

impl VotingPower {
    /// No weight at all.
    pub const ZERO: VotingPower = VotingPower(0);

    /// The sum, stopping at the largest number (which is above every total).
    pub fn plus(self, other: VotingPower) -> VotingPower {
        VotingPower(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for VotingPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much of `total` is enough to decide, and how much cannot be all faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    total: VotingPower,
}

impl Quorum {
    /// The thresholds of a set with this total power.
    pub fn of(total: VotingPower) -> Self {
        Self { total }
    }

    /// The total it is a share of.
    pub fn total(self) -> VotingPower {
        self.total
    }

    /// More than two thirds: two such groups share an honest validator (`2f + 1`).
    pub fn reached_by(self, power: VotingPower) -> bool {
        u128::from(self.total.0) * 2 < u128::from(power.0) * 3
    }

    /// More than one third: such a group has an honest validator in it (`f + 1`).
    pub fn honest_in(self, power: VotingPower) -> bool {
        u128::from(self.total.0) < u128::from(power.0) * 3
    }
}
