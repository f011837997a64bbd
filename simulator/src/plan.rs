//! A seed as a plan: everything about a run that chance decides before it begins, as plain values
//! that can be printed, stored, shrunk and run again.

pub mod bounds;
pub mod draw;
pub mod fault;
pub mod model;
pub mod network;
pub mod rule;
pub mod shape;
mod vice;
pub mod whole;

mod fewer;
mod sound;

use serde::{Deserialize, Serialize};

pub use fault::{Fault, FaultClass, FaultKind, SignerFate};
pub use model::ModelPlan;
pub use network::{Bandwidth, Distances, LatencyTable, NetworkPlan};
pub use rule::{MessageKind, Rule};
pub use shape::{Shape, ShapeError};
pub use sound::PlanError;
pub use vice::Vice;
pub use whole::WholePlan;

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
    /// What it is.
    #[serde(default)]
    pub kind: MachineKind,
}

/// What a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineKind {
    /// A disk and an application that are plain values.
    #[default]
    Light,
    /// The stores, the mempool and the kvstore of a node.
    Whole(Box<WholePlan>),
    /// The light one, and what its work costs.
    Modelled(Box<ModelPlan>),
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
    /// Not so long, once all have precommitted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_commit: bool,
    /// Until what may have been lost is offered again.
    pub gossip: u64,
    /// Until what others made is relayed.
    pub relay: u64,
    /// Until a block that was asked for is asked of another peer.
    pub catch_up: u64,
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
            network: NetworkPlan {
                delay_micros: 500,
                jitter_micros: 0,
                ordered: true,
                distances: Distances::default(),
                bandwidth: None,
                links: None,
                silence_ms: 0,
            },
            faults: vec![],
            machine: MachinePlan {
                sync_micros: 0,
                sign_micros: 0,
                answer_micros: 0,
                rejects_permille: 0,
                extensions_from: None,
                updates_every: None,
                kind: MachineKind::Light,
            },
            waits: WaitsPlan {
                propose: 3000,
                prevote: 1000,
                precommit: 1000,
                delta: 500,
                commit: 0,
                skip_commit: false,
                gossip: 500,
                relay: 50,
                catch_up: 5000,
            },
            real_signatures: false,
        }
    }

    /// The same with whole machines.
    #[must_use]
    pub fn whole(mut self, whole: WholePlan) -> Self {
        self.machine.kind = MachineKind::Whole(Box::new(whole));
        self
    }

    /// What the plan says of whole machines, if it has them.
    pub fn whole_plan(&self) -> Option<&WholePlan> {
        match &self.machine.kind {
            MachineKind::Light | MachineKind::Modelled(_) => None,
            MachineKind::Whole(whole) => Some(whole),
        }
    }

    /// What the plan says of modelled machines, if it has them.
    pub fn model(&self) -> Option<&ModelPlan> {
        match &self.machine.kind {
            MachineKind::Light | MachineKind::Whole(_) => None,
            MachineKind::Modelled(model) => Some(model),
        }
    }

    /// How many validator keys there are: those of the genesis file, and those of full nodes that
    /// may become validators.
    pub fn keys_count(&self) -> usize {
        let held = self.members.iter().filter_map(|member| member.key).max();
        self.powers.len().max(held.map_or(0, |key| key + 1))
    }

    /// Whether the application of a member is wrong.
    pub fn is_wrong(&self, member: usize) -> bool {
        let wrong = self.whole_plan().and_then(|whole| whole.wrong);
        wrong.is_some_and(|wrong| wrong.member == member)
    }

    /// When the last fault is over, in milliseconds of the world.
    pub fn heals_at_ms(&self) -> u64 {
        self.faults.iter().map(|it| it.at_ms.saturating_add(it.lasts_ms)).max().unwrap_or(0)
    }

    /// Whether a member follows the protocol all the time. One that forgets what it has signed
    /// does not, and neither do two that sign with one key.
    pub fn is_honest(&self, member: usize) -> bool {
        let forgets = |fault: &Fault| {
            let lost = FaultKind::Wipe { member, signer: SignerFate::Lost };
            fault.kind == lost
        };
        if self.is_wrong(member) {
            return false;
        }
        let own = &self.members[member];
        let twins = self.members.iter().filter(|it| it.key.is_some() && it.key == own.key);
        twins.count() < 2 && own.vices.is_empty() && !self.faults.iter().any(forgets)
    }

    /// Whether Byzantine members have less than a third of the power at every height: then no two
    /// honest members may decide differently, and all get on once the faults are over. Otherwise
    /// judges can only hold the guilty to account.
    pub fn is_safe(&self) -> bool {
        let byzantine = |key: usize| {
            let holds = |&member: &usize| self.members[member].key == Some(key);
            let mut holders = (0..self.members.len()).filter(holds);
            holders.clone().nth(1).is_some() || holders.any(|member| !self.is_honest(member))
        };
        // Updates make a power greater by at most one.
        let grows = u64::from(self.machine.updates_every.is_some());
        let (mut bad, mut good) = (0_u64, 0_u64);
        for (key, &power) in self.powers.iter().enumerate() {
            if byzantine(key) {
                bad = bad.saturating_add(power + grows);
            } else {
                good = good.saturating_add(power);
            }
        }
        u128::from(bad) * 3 < u128::from(bad) + u128::from(good)
    }
}
