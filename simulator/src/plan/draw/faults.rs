//! Draws what goes wrong and when: a few faults of each class that is present, within the time
//! that the chain needs for its heights in fair weather.

use super::{Lost, Profile, signed, stream};
use crate::chance::Chance;
use crate::plan::fault::{Fault, FaultClass, FaultKind, SignerFate};
use crate::plan::{MessageKind, Plan, Rule};

/// Most faults of one class.
const FAULTS_MAX: u64 = 4;

/// The faults of a plan that has none yet.
pub(super) fn draw(plan: &Plan, profile: &Profile, lost: &Lost) -> Vec<Fault> {
    let mut faults = vec![];
    for &class in &profile.present {
        let stream = stream::CLASSES + class as u64;
        let chance = Chance::of(plan.seed, stream);
        let mut drawer = Drawer { plan, lost, chance };
        let count = if is_rare(class) { 1 } else { drawer.chance.log_between(1, FAULTS_MAX) };
        for _ in 0..count {
            faults.extend(drawer.fault(class));
        }
    }
    if profile.poor_gossip && profile.has(FaultClass::Loss) {
        let mut chance = Chance::of(plan.seed, stream::PROFILE + 1000);
        let lasts_ms = plan.pace_ms() * plan.heights;
        let kind = FaultKind::Loss { permille: chance.between(50, 250) };
        faults.push(Fault { at_ms: 0, lasts_ms, kind });
    }
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

/// What leaves little to do to the others while it lasts.
fn is_rare(class: FaultClass) -> bool {
    matches!(class, FaultClass::Wipe | FaultClass::WipedSigner | FaultClass::Amnesia)
}

struct Drawer<'a> {
    plan: &'a Plan,
    lost: &'a Lost,
    chance: Chance,
}

impl Drawer<'_> {
    /// A fault of a class, unless there is nobody whom it could happen to.
    fn fault(&mut self, class: FaultClass) -> Option<Fault> {
        let pace = self.plan.pace_ms();
        let window = pace * self.plan.heights;
        let at_ms = self.chance.below(window);
        let lasts_ms = self.chance.log_between(pace.div_ceil(2), window.div_ceil(2));
        let kind = match class {
            FaultClass::ClockDrift => None,
            FaultClass::Crash
            | FaultClass::CrashAtOutput
            | FaultClass::Kill
            | FaultClass::KillAtOutput
            | FaultClass::Outage
            | FaultClass::FailedSync
            | FaultClass::FullDisk
            | FaultClass::SlowDisk
            | FaultClass::Pause
            | FaultClass::ClockJump
            | FaultClass::Wipe
            | FaultClass::WipedSigner
            | FaultClass::Amnesia => self.inside(class),
            FaultClass::Loss
            | FaultClass::Duplicate
            | FaultClass::Delay
            | FaultClass::Narrow
            | FaultClass::SlowLink
            | FaultClass::FlappingLink
            | FaultClass::Churn => Some(self.weather(class)),
            FaultClass::Partition
            | FaultClass::SilentPartition
            | FaultClass::OneWay
            | FaultClass::Ring
            | FaultClass::Isolation
            | FaultClass::Eclipse
            | FaultClass::ByRound => Some(self.division(class)),
            FaultClass::Withhold => Some(self.withhold()),
        };
        kind.map(|kind| Fault { at_ms, lasts_ms, kind })
    }

    /// What happens to a process, its disk or its clock.
    fn inside(&mut self, class: FaultClass) -> Option<FaultKind> {
        let (count, pace) = (self.plan.members.len(), self.plan.pace_ms());
        let member = self.chance.index(count);
        let after_outputs = Some(self.chance.log_between(1, 300));
        Some(match class {
            FaultClass::Crash => FaultKind::Crash { member, after_outputs: None },
            FaultClass::CrashAtOutput => FaultKind::Crash { member, after_outputs },
            FaultClass::Kill => FaultKind::Kill { member, after_outputs: None },
            FaultClass::KillAtOutput => FaultKind::Kill { member, after_outputs },
            FaultClass::Outage => FaultKind::Outage { members: self.several() },
            FaultClass::FailedSync => FaultKind::FailedSync { member },
            FaultClass::FullDisk => FaultKind::FullDisk { member },
            FaultClass::SlowDisk => {
                FaultKind::SlowDisk { member, sync_ms: self.chance.log_between(1, pace * 8) }
            }
            FaultClass::Pause => FaultKind::Pause { member },
            FaultClass::ClockJump => {
                let millis = signed(&mut self.chance, 3_600_000);
                FaultKind::ClockJump { member, millis, stays: self.chance.coin() }
            }
            FaultClass::Wipe | FaultClass::WipedSigner if self.lost.wiped.is_empty() => {
                return None;
            }
            FaultClass::Wipe => {
                let member = self.chance.pick(&self.lost.wiped);
                FaultKind::Wipe { member, signer: SignerFate::Kept }
            }
            FaultClass::WipedSigner => {
                let member = self.chance.pick(&self.lost.wiped);
                FaultKind::Wipe { member, signer: SignerFate::LostWithCare }
            }
            FaultClass::Amnesia => {
                FaultKind::Wipe { member: self.lost.amnesiac?, signer: SignerFate::Lost }
            }
            _ => unreachable!("not inside of a member: {class}"),
        })
    }

    /// What happens to messages and connections.
    fn weather(&mut self, class: FaultClass) -> FaultKind {
        let (count, pace) = (self.plan.members.len(), self.plan.pace_ms());
        let (a, b) = self.two();
        match class {
            FaultClass::Loss => FaultKind::Loss { permille: self.chance.log_between(5, 400) },
            FaultClass::Duplicate => {
                FaultKind::Duplicate { permille: self.chance.log_between(5, 500) }
            }
            FaultClass::Delay => FaultKind::Delay { millis: self.chance.log_between(1, pace * 8) },
            FaultClass::Narrow => FaultKind::Narrow { permille: self.chance.log_between(5, 500) },
            FaultClass::SlowLink => {
                let millis = self.chance.log_between(1, pace * 8);
                FaultKind::SlowLink { from: a, to: b, millis }
            }
            FaultClass::FlappingLink => FaultKind::FlappingLink { a, b, every_ms: self.every_ms() },
            FaultClass::Churn => {
                FaultKind::Churn { member: self.chance.index(count), every_ms: self.every_ms() }
            }
            _ => unreachable!("no weather: {class}"),
        }
    }

    /// What divides the members.
    fn division(&mut self, class: FaultClass) -> FaultKind {
        let count = self.plan.members.len();
        let greatest = self.chance.between(1, 2);
        let mut group = || u8::try_from(self.chance.between(0, greatest)).expect("up to two");
        let groups: Vec<u8> = (0..count).map(|_| group()).collect();
        match class {
            FaultClass::Partition => FaultKind::Partition { groups, told: true },
            FaultClass::SilentPartition => FaultKind::Partition { groups, told: false },
            FaultClass::OneWay => FaultKind::OneWay { groups },
            FaultClass::Ring => {
                let mut order: Vec<usize> = (0..count).collect();
                self.chance.shuffle(&mut order);
                FaultKind::Ring { order, told: self.chance.coin() }
            }
            FaultClass::Isolation => {
                let member = self.chance.index(count);
                FaultKind::Isolation { member, told: self.chance.coin() }
            }
            FaultClass::Eclipse => {
                let member = self.chance.index(count);
                FaultKind::Eclipse { member, by: self.several() }
            }
            FaultClass::ByRound => {
                let slots = self.chance.between(1, self.plan.heights.min(50));
                let first = self.chance.between(1, self.plan.heights);
                let mut split = || (0..count).map(|_| u8::from(self.chance.coin())).collect();
                FaultKind::ByRound { first, groups: (0..slots).map(|_| split()).collect() }
            }
            _ => unreachable!("no division: {class}"),
        }
    }

    /// Some messages of some kinds, between some members.
    fn withhold(&mut self) -> FaultKind {
        let count = self.plan.members.len();
        let rule = |chance: &mut Chance| {
            let kind = Some(chance.pick(&MessageKind::ALL)).filter(|_| chance.permille(900));
            let round = chance.below(3);
            let round = u32::try_from(round).ok().filter(|_| chance.coin());
            let from = Some(chance.index(count)).filter(|_| chance.coin());
            let to = Some(chance.index(count)).filter(|_| chance.coin());
            Rule { kind, height: None, round, from, to }
        };
        let rules = self.chance.between(1, 4);
        FaultKind::Withhold { rules: (0..rules).map(|_| rule(&mut self.chance)).collect() }
    }

    fn every_ms(&mut self) -> u64 {
        let pace = self.plan.pace_ms();
        self.chance.log_between(pace.div_ceil(2), pace * 8)
    }

    /// One or more members.
    fn several(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.plan.members.len()).collect();
        self.chance.shuffle(&mut all);
        let count = self.chance.between(1, all.len().try_into().expect("few members"));
        all.truncate(usize::try_from(count).expect("few members"));
        all.sort_unstable();
        all
    }

    /// Two members that are not the same, if there are two.
    fn two(&mut self) -> (usize, usize) {
        let count = self.plan.members.len();
        let a = self.chance.index(count);
        let b = self.chance.index(count.saturating_sub(1));
        (a, if b < a { b } else { (b + 1).min(count - 1) })
    }
}
