//! What may be asked of a plan before chance fills in the rest, and what cannot be.

use std::collections::BTreeSet;

use super::fault::FaultClass;
use super::network::LatencyTable;
use super::{MachinePlan, Vice};

/// Most validators in a plan.
pub const VALIDATORS_MAX: usize = 1000;
/// Most heights in a plan.
pub const HEIGHTS_MAX: u64 = 1_000_000;
/// Most full nodes in a plan.
pub const FULL_NODES_MAX: usize = 100;

/// What is asked of a plan. Whatever is none or any is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many validators; else 4, 5, 7 or 10.
    pub validators: Option<usize>,
    /// How much power they have.
    pub powers: Powers,
    /// How many nodes without a validator key; else now and then one or two.
    pub full_nodes: Option<usize>,
    /// How many validators are Byzantine; else as chance has it, below a third of the power.
    pub byzantine: Option<usize>,
    /// Byzantine validators may have a third of the power and more.
    pub beyond_a_third: bool,
    /// What Byzantine validators may do.
    pub vices: BTreeSet<Vice>,
    /// The heights to reach; else 20 to 50.
    pub heights: Option<u64>,
    /// What may go wrong.
    pub faults: BTreeSet<FaultClass>,
    /// How messages travel.
    pub network: Terrain,
    /// Whether signatures are real.
    pub signatures: Signatures,
    /// The machine, if it is not drawn.
    pub machine: Option<MachinePlan>,
    /// Whether nodes are whole: with real stores, mempools, kvstores and clients.
    pub whole: bool,
}

/// How much power validators have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Powers {
    /// One of the others.
    #[default]
    Any,
    /// All the same.
    Equal,
    /// As chance has it.
    Unequal,
    /// One has a third of the power; the whole total is one unit above, at, or below three times
    /// that.
    Third(Third),
    /// These.
    Given(Vec<u64>),
}

/// How far the greatest validator is from a third of the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Third {
    /// It has the greatest power that is below a third.
    Below,
    /// It has a third.
    Exactly,
    /// It has the least power that is above a third.
    Above,
}

/// How messages travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Terrain {
    /// One of the others.
    #[default]
    Any,
    /// In one place.
    Lan,
    /// Between regions of a cloud, all over the world.
    Wan,
    /// As a table says, members round robin in its places.
    Table(LatencyTable),
}

/// Which plans have real signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// None.
    StandIns,
    /// One of a hundred.
    #[default]
    OneIn100,
    /// All.
    Real,
}

/// A shape that no plan has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Nobody could vote, or too many would.
    #[error("{count} validators; there must be 1 to {VALIDATORS_MAX}")]
    Validators {
        /// How many were asked for.
        count: usize,
    },
    /// The list of powers is not as long as there are validators.
    #[error("{powers} powers for {validators} validators")]
    PowersCount {
        /// How many powers were given.
        powers: usize,
        /// How many validators there are.
        validators: usize,
    },
    /// A power is zero, or the total beyond the limit of the protocol.
    #[error("powers must be above 0, and their total within the protocol's limit")]
    PowersRange,
    /// A third of the power needs others.
    #[error("one validator of {validators} cannot have a third of the power; at least 3 can")]
    NoThird {
        /// How many validators there are.
        validators: usize,
    },
    /// More full nodes than a plan may have.
    #[error("{count} full nodes; there may be at most {FULL_NODES_MAX}")]
    FullNodes {
        /// How many were asked for.
        count: usize,
    },
    /// More Byzantine validators than validators.
    #[error("{byzantine} Byzantine validators of {validators}")]
    Byzantine {
        /// How many were asked for.
        byzantine: usize,
        /// How many validators there are.
        validators: usize,
    },
    /// No so many validators have less than a third of the power together.
    #[error(
        "any {byzantine} of these validators have a third of the power or more; going beyond a \
         third must be asked for"
    )]
    BeyondAThird {
        /// How many were asked for.
        byzantine: usize,
    },
    /// Going beyond a third with too few.
    #[error("{byzantine} of these validators never have a third of the power")]
    BelowAThird {
        /// How many were asked for.
        byzantine: usize,
    },
    /// Byzantine validators that may do nothing Byzantine.
    #[error("Byzantine validators are asked for, and no vices")]
    NoVices,
    /// Too few or too many heights.
    #[error("{heights} heights; there must be 1 to {HEIGHTS_MAX}")]
    Heights {
        /// How many were asked for.
        heights: u64,
    },
    /// Amnesia is Byzantine.
    #[error("amnesia makes a validator Byzantine, and none may be")]
    HonestAmnesia,
    /// Not a table of latencies.
    #[error("the latency table cannot be used: {fault}")]
    Table {
        /// Why.
        fault: &'static str,
    },
}

impl Default for Shape {
    /// Anything at all that keeps Byzantine power below a third.
    fn default() -> Self {
        Self {
            validators: None,
            powers: Powers::Any,
            full_nodes: None,
            byzantine: None,
            beyond_a_third: false,
            vices: Vice::ALL.into_iter().collect(),
            heights: None,
            faults: FaultClass::all().collect(),
            network: Terrain::Any,
            signatures: Signatures::default(),
            machine: None,
            whole: false,
        }
    }
}

impl Shape {
    /// Refuses what is impossible whatever chance says.
    pub(super) fn check(&self) -> Result<(), ShapeError> {
        if let Some(count) = self.validators
            && !(1..=VALIDATORS_MAX).contains(&count)
        {
            return Err(ShapeError::Validators { count });
        }
        if let Some(count) = self.full_nodes.filter(|&count| FULL_NODES_MAX < count) {
            return Err(ShapeError::FullNodes { count });
        }
        if let Some(heights) = self.heights
            && !(1..=HEIGHTS_MAX).contains(&heights)
        {
            return Err(ShapeError::Heights { heights });
        }
        let byzantine = self.byzantine.map_or(self.beyond_a_third, |count| 0 < count);
        if byzantine && self.vices.is_empty() {
            return Err(ShapeError::NoVices);
        }
        let only_amnesia = self.faults.len() == 1 && self.faults.contains(&FaultClass::Amnesia);
        if self.byzantine == Some(0) && only_amnesia {
            return Err(ShapeError::HonestAmnesia);
        }
        if let Terrain::Table(table) = &self.network
            && let Some(fault) = table.fault()
        {
            return Err(ShapeError::Table { fault });
        }
        self.check_powers()
    }

    fn check_powers(&self) -> Result<(), ShapeError> {
        let Powers::Given(powers) = &self.powers else { return Ok(()) };
        let validators = self.validators.unwrap_or(powers.len());
        if powers.len() != validators {
            return Err(ShapeError::PowersCount { powers: powers.len(), validators });
        }
        if !(1..=VALIDATORS_MAX).contains(&validators) {
            return Err(ShapeError::Validators { count: validators });
        }
        let total = powers.iter().fold(0_u64, |sum, &it| sum.saturating_add(it));
        // A total that grows by updates must stay within the limit, too.
        let limit = types::power::TOTAL_POWER_MAX - VALIDATORS_MAX as u64;
        if powers.contains(&0) || limit < total {
            return Err(ShapeError::PowersRange);
        }
        Ok(())
    }
}
