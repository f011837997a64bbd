//! What goes wrong with the world: each fault of the plan, how it begins and how it ends.

use crate::outside::Happening;
use crate::plan::FaultKind;
use crate::world::{World, pairs};

impl World {
    /// A fault begins.
    pub(crate) fn begin(&mut self, index: usize) {
        let fault = self.outside.plan.faults[index].clone();
        let end = self.outside.now.after_nanos(fault.lasts_ms.saturating_mul(1_000_000));
        self.outside.queue.push(end, Happening::End(index));
        *self.outside.counts.faults.entry(kind(&fault.kind)).or_default() += 1;
        let weather = &mut self.outside.network.weather;
        match fault.kind {
            FaultKind::Crash { member, after_outputs: None } => {
                self.members[member].crash(&mut self.outside);
            }
            FaultKind::Crash { member, after_outputs: Some(outputs) } => {
                self.members[member].doom(outputs);
            }
            FaultKind::Loss { permille } => weather.loss_permille = permille,
            FaultKind::Duplicate { permille } => weather.duplicate_permille = permille,
            FaultKind::Delay { millis } => weather.delay_ms = millis,
            FaultKind::Partition { groups, told } => {
                weather.groups = groups;
                if told {
                    self.part();
                }
            }
        }
    }

    /// A fault is over.
    pub(crate) fn end(&mut self, index: usize) {
        let fault = self.outside.plan.faults[index].clone();
        let weather = &mut self.outside.network.weather;
        match fault.kind {
            FaultKind::Crash { member, .. } => {
                // A doomed member that has not met its end meanwhile lives on.
                self.members[member].doom(u64::MAX);
                self.power_on(member);
            }
            FaultKind::Loss { .. } => weather.loss_permille = 0,
            FaultKind::Duplicate { .. } => weather.duplicate_permille = 0,
            FaultKind::Delay { .. } => weather.delay_ms = 0,
            FaultKind::Partition { .. } => {
                weather.groups.clear();
                self.connect_all();
            }
        }
        self.faults_left -= 1;
        self.set_goal();
    }

    /// Starts a member that does not run, and connects it.
    pub(crate) fn power_on(&mut self, number: usize) {
        if !self.members[number].is_running() {
            self.members[number].start(&mut self.outside);
            self.connect_all();
        }
    }

    /// A member that is down has no connections; its peers find out at once.
    pub(crate) fn notice_crashes(&mut self) {
        for number in 0..self.members.len() {
            if self.members[number].is_running() {
                continue;
            }
            for peer in self.outside.network.peers(number) {
                self.disconnect(number, peer);
            }
        }
    }

    fn part(&mut self) {
        let count = self.members.len();
        for (a, b) in pairs(count) {
            if !self.outside.network.hears(a, b) {
                self.disconnect(a, b);
            }
        }
    }
}

/// What a fault is called in tables.
fn kind(fault: &FaultKind) -> &'static str {
    match fault {
        FaultKind::Crash { after_outputs: None, .. } => "crash",
        FaultKind::Crash { after_outputs: Some(_), .. } => "crash at an output",
        FaultKind::Loss { .. } => "loss",
        FaultKind::Duplicate { .. } => "duplicate",
        FaultKind::Delay { .. } => "delay",
        FaultKind::Partition { .. } => "partition",
    }
}
