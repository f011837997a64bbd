//! A seed as a plan: everything about a run that chance decides before it begins, as plain values
//! that can be printed, stored, shrunk and run again.

mod sound;

use serde::{Deserialize, Serialize};

pub use sound::PlanError;

/// The version of plans and traces. Another version's histories cannot be repeated.
pub const PLAN_VERSION: u32 = 1;

/// All that makes a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// See [`PLAN_VERSION`].
    pub version: u32,
    /// Of all chance during the run.
    pub seed: u64,
    /// Voting power of each validator key of the genesis file, by number.
    pub powers: Vec<u64>,
    /// The nodes.
    pub members: Vec<MemberPlan>,
    /// The run ends when every honest member has executed this height, and all faults are over.
    pub heights: u64,
    /// How messages travel in fair weather.
    pub network: NetworkPlan,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// How long disks, signers and applications take, and what the application wants.
    pub machine: MachinePlan,
    /// The waits of the consensus, in milliseconds.
    pub waits: WaitsPlan,
    /// Real Ed25519 signatures rather than quick stand-ins.
    pub real_signatures: bool,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberPlan {
    /// Which validator key it holds; none is a full node. Two with one key are twins.
    pub key: Option<usize>,
    /// How far its clock is ahead, in microseconds.
    #[serde(default)]
    pub skew_micros: i64,
    /// How much too fast its clock runs, in millionths.
    #[serde(default)]
    pub drift_ppm: i64,
    /// What it does that honest nodes do not. Empty is honest.
    #[serde(default)]
    pub vices: Vec<Vice>,
}

/// A way to be Byzantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vice {
    /// Says nothing at all.
    Silent,
}

impl Vice {
    /// All vices.
    pub const ALL: [Vice; 1] = [Vice::Silent];
}

/// How messages travel while nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlan {
    /// What every message takes at least, in microseconds.
    pub delay_micros: u64,
    /// At most so much is added, by chance.
    pub jitter_micros: u64,
    /// Messages of one link arrive in the order in which they were sent.
    pub ordered: bool,
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it begins, in milliseconds of the world.
    pub at_ms: u64,
    /// How long it lasts.
    pub lasts_ms: u64,
    /// What it is.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The power of a member is cut, and comes back at the end of the fault.
    Crash {
        /// Who.
        member: usize,
        /// It happens after so many further outputs rather than at once.
        after_outputs: Option<u64>,
    },
    /// Messages are lost.
    Loss {
        /// Of a thousand.
        permille: u64,
    },
    /// Messages arrive twice.
    Duplicate {
        /// Of a thousand.
        permille: u64,
    },
    /// Messages take longer by up to so much, so that they overtake each other.
    Delay {
        /// In milliseconds.
        millis: u64,
    },
    /// The members are split into groups that cannot hear each other.
    Partition {
        /// The group of each member.
        groups: Vec<u8>,
        /// Whether the connections break, or the messages are lost in silence.
        told: bool,
    },
}

/// How long the machine takes, and what the application wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachinePlan {
    /// A synced write, in microseconds.
    pub sync_micros: u64,
    /// A signature, in microseconds.
    pub sign_micros: u64,
    /// The application takes up to so much for an answer, in microseconds.
    pub answer_micros: u64,
    /// Proposed blocks that the application rejects, of a thousand.
    pub rejects_permille: u64,
    /// From this height on precommits carry extensions; none is never.
    pub extensions_from: Option<u64>,
    /// Every so many heights the application changes a validator's power; none is never.
    pub updates_every: Option<u64>,
}

/// The waits of the consensus, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitsPlan {
    /// For a proposal.
    pub propose: u64,
    /// After any quorum of prevotes.
    pub prevote: u64,
    /// After any quorum of precommits.
    pub precommit: u64,
    /// More of each in each later round.
    pub delta: u64,
    /// After a decision.
    pub commit: u64,
    /// Until what may have been lost is offered again.
    pub gossip: u64,
}

impl Plan {
    /// Fair weather for validators of these powers.
    pub fn fair(seed: u64, powers: &[u64], heights: u64) -> Self {
        let honest =
            |key| MemberPlan { key: Some(key), skew_micros: 0, drift_ppm: 0, vices: vec![] };
        Self {
            version: PLAN_VERSION,
            seed,
            powers: powers.to_vec(),
            members: (0..powers.len()).map(honest).collect(),
            heights,
            network: NetworkPlan { delay_micros: 500, jitter_micros: 0, ordered: true },
            faults: vec![],
            machine: MachinePlan {
                sync_micros: 0,
                sign_micros: 0,
                answer_micros: 0,
                rejects_permille: 0,
                extensions_from: None,
                updates_every: None,
            },
            waits: WaitsPlan {
                propose: 3000,
                prevote: 1000,
                precommit: 1000,
                delta: 500,
                commit: 0,
                gossip: 500,
            },
            real_signatures: false,
        }
    }

    /// When the last fault is over, in milliseconds of the world.
    pub fn heals_at_ms(&self) -> u64 {
        self.faults.iter().map(|it| it.at_ms.saturating_add(it.lasts_ms)).max().unwrap_or(0)
    }
}
