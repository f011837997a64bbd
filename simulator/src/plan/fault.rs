//! What goes wrong for a while: with the network, and with the processes, disks and clocks of
//! members.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

/// What goes wrong. Members that stop are started again at the end of the fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The power of a member is cut: what was written and not synced is lost from some point on.
    Crash {
        /// Who.
        member: usize,
        /// It happens after so many further outputs rather than at once.
        after_outputs: Option<u64>,
    },
    /// The process of a member is killed: its operating system keeps what was written.
    Kill {
        /// Who.
        member: usize,
        /// It happens after so many further outputs rather than at once.
        after_outputs: Option<u64>,
    },
    /// A whole machine's node ends at a point of the durability contract.
    CrashAtPoint {
        /// Who.
        member: usize,
        /// Which point, by its name.
        #[serde(with = "super::whole::point_name")]
        point: execution::Point,
        /// When it passes there for the so-manieth time; the first is 1.
        passes: u64,
        /// The power is cut, too.
        power: bool,
    },
    /// The power of a whole machine is cut when it writes.
    CrashAtWrite {
        /// Who.
        member: usize,
        /// After so many further writes.
        after_writes: u64,
        /// Whether that write is on the disk.
        written: bool,
    },
    /// The power of several members is cut at once.
    Outage {
        /// Who.
        members: Vec<usize>,
    },
    /// A member's disk fails to sync. The node stops; of what was not synced, any first part may
    /// be on the disk.
    FailedSync {
        /// Whose.
        member: usize,
    },
    /// A member's disk takes no more writes. The node stops.
    FullDisk {
        /// Whose.
        member: usize,
    },
    /// Synced writes of a member take longer.
    SlowDisk {
        /// Whose.
        member: usize,
        /// By so much, in milliseconds.
        sync_ms: u64,
    },
    /// A member's process does not run, and then goes on with all that has come meanwhile.
    Pause {
        /// Whose.
        member: usize,
    },
    /// A member's clock jumps, and jumps back at the end.
    ClockJump {
        /// Whose.
        member: usize,
        /// By so much, in milliseconds; backwards if below zero.
        millis: i64,
    },
    /// A member stops, its data folder is wiped, and it starts with an empty one.
    Wipe {
        /// Whose.
        member: usize,
        /// What becomes of the signer's state.
        signer: SignerFate,
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
    /// Links carry less. Nothing where the plan has no bandwidth.
    Narrow {
        /// What is left of the bandwidth, of a thousand.
        permille: u64,
    },
    /// Messages from one member to another take longer, in order.
    SlowLink {
        /// From whom.
        from: usize,
        /// To whom.
        to: usize,
        /// By so much, in milliseconds.
        millis: u64,
    },
    /// A connection breaks and comes back, again and again.
    FlappingLink {
        /// One end.
        a: usize,
        /// The other end.
        b: usize,
        /// How long it is broken, and how long it is not, in milliseconds.
        every_ms: u64,
    },
    /// All connections of a member break and come back, again and again.
    Churn {
        /// Whose.
        member: usize,
        /// How long they are broken, and how long they are not, in milliseconds.
        every_ms: u64,
    },
    /// The members are split into groups that cannot hear each other.
    Partition {
        /// The group of each member.
        groups: Vec<u8>,
        /// Whether the connections break, or the messages are lost in silence.
        told: bool,
    },
    /// Who is in a lower group is not heard by those in a higher one. Nobody is told.
    OneWay {
        /// The group of each member.
        groups: Vec<u8>,
    },
    /// Each member hears only its two neighbours in a ring.
    Ring {
        /// All members, in the order of the ring.
        order: Vec<usize>,
        /// Whether the other connections break, or the messages are lost in silence.
        told: bool,
    },
    /// Nobody hears one member, and it hears nobody.
    Isolation {
        /// Who.
        member: usize,
        /// Whether its connections break, or the messages are lost in silence.
        told: bool,
    },
    /// A member is connected only with certain others.
    Eclipse {
        /// Who.
        member: usize,
        /// With whom.
        by: Vec<usize>,
    },
}

/// What becomes of a signer's state when a data folder is wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignerFate {
    /// It is kept elsewhere. The node refuses to vote from a store that is behind it, so its
    /// operator runs it as a full node until the chain is where it last signed.
    Kept,
    /// It is lost, and the operator runs a full node until the chain is past all that it signed.
    LostWithCare,
    /// It is lost, and the validator votes at once. That is amnesia: it counts as Byzantine.
    Lost,
}

/// What a fault is called in options and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is a kind of fault, described there")]
pub enum FaultClass {
    Crash,
    CrashAtOutput,
    Kill,
    KillAtOutput,
    Outage,
    FailedSync,
    FullDisk,
    SlowDisk,
    Pause,
    ClockJump,
    ClockDrift,
    Wipe,
    WipedSigner,
    Amnesia,
    Loss,
    Duplicate,
    Delay,
    Narrow,
    SlowLink,
    FlappingLink,
    Churn,
    Partition,
    SilentPartition,
    OneWay,
    Ring,
    Isolation,
    Eclipse,
}

impl FaultClass {
    /// How many there are.
    pub const COUNT: usize = 27;

    /// All classes, with their names.
    pub const ALL: [(FaultClass, &'static str); Self::COUNT] = [
        (Self::Crash, "crash"),
        (Self::CrashAtOutput, "crash-at-output"),
        (Self::Kill, "kill"),
        (Self::KillAtOutput, "kill-at-output"),
        (Self::Outage, "outage"),
        (Self::FailedSync, "failed-sync"),
        (Self::FullDisk, "full-disk"),
        (Self::SlowDisk, "slow-disk"),
        (Self::Pause, "pause"),
        (Self::ClockJump, "clock-jump"),
        (Self::ClockDrift, "clock-drift"),
        (Self::Wipe, "wipe"),
        (Self::WipedSigner, "wiped-signer"),
        (Self::Amnesia, "amnesia"),
        (Self::Loss, "loss"),
        (Self::Duplicate, "duplicate"),
        (Self::Delay, "delay"),
        (Self::Narrow, "narrow"),
        (Self::SlowLink, "slow-link"),
        (Self::FlappingLink, "flapping-link"),
        (Self::Churn, "churn"),
        (Self::Partition, "partition"),
        (Self::SilentPartition, "silent-partition"),
        (Self::OneWay, "one-way"),
        (Self::Ring, "ring"),
        (Self::Isolation, "isolation"),
        (Self::Eclipse, "eclipse"),
    ];

    /// All classes.
    pub fn all() -> impl Iterator<Item = FaultClass> {
        Self::ALL.into_iter().map(|(class, _)| class)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl fmt::Display for FaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No class of faults is called so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no class of faults is called {name}")]
pub struct UnknownFault {
    /// What was asked for.
    pub name: String,
}

impl FromStr for FaultClass {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.into_iter().find(|&(_, known)| known == name);
        found.map(|(class, _)| class).ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

impl FaultKind {
    /// Its class.
    pub fn class(&self) -> FaultClass {
        match self {
            Self::Crash { after_outputs: None, .. } => FaultClass::Crash,
            Self::Crash { after_outputs: Some(_), .. }
            | Self::CrashAtPoint { .. }
            | Self::CrashAtWrite { .. } => FaultClass::CrashAtOutput,
            Self::Kill { after_outputs: None, .. } => FaultClass::Kill,
            Self::Kill { after_outputs: Some(_), .. } => FaultClass::KillAtOutput,
            Self::Outage { .. } => FaultClass::Outage,
            Self::FailedSync { .. } => FaultClass::FailedSync,
            Self::FullDisk { .. } => FaultClass::FullDisk,
            Self::SlowDisk { .. } => FaultClass::SlowDisk,
            Self::Pause { .. } => FaultClass::Pause,
            Self::ClockJump { .. } => FaultClass::ClockJump,
            Self::Wipe { signer: SignerFate::Kept, .. } => FaultClass::Wipe,
            Self::Wipe { signer: SignerFate::LostWithCare, .. } => FaultClass::WipedSigner,
            Self::Wipe { signer: SignerFate::Lost, .. } => FaultClass::Amnesia,
            Self::Loss { .. } => FaultClass::Loss,
            Self::Duplicate { .. } => FaultClass::Duplicate,
            Self::Delay { .. } => FaultClass::Delay,
            Self::Narrow { .. } => FaultClass::Narrow,
            Self::SlowLink { .. } => FaultClass::SlowLink,
            Self::FlappingLink { .. } => FaultClass::FlappingLink,
            Self::Churn { .. } => FaultClass::Churn,
            Self::Partition { told: true, .. } => FaultClass::Partition,
            Self::Partition { told: false, .. } => FaultClass::SilentPartition,
            Self::OneWay { .. } => FaultClass::OneWay,
            Self::Ring { .. } => FaultClass::Ring,
            Self::Isolation { .. } => FaultClass::Isolation,
            Self::Eclipse { .. } => FaultClass::Eclipse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_where_its_number_says() {
        for (number, (class, name)) in FaultClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, number);
            assert_eq!(name.parse(), Ok(class));
        }
        assert!("flood".parse::<FaultClass>().is_err());
    }
}
