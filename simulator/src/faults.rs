//! What goes wrong with the world: each fault of the plan, how it begins and how it ends.

use crate::outside::Happening;
use crate::plan::FaultKind;
use crate::trace::words;
use crate::world::{World, pairs};

/// What a crash in the midst of carrying out outputs is called in tables.
pub(crate) const CRASH_AT_AN_OUTPUT: &str = "crash at an output";

impl World {
    /// A fault begins.
    pub(crate) fn begin(&mut self, index: usize) {
        let fault = self.outside.plan.faults[index].clone();
        let end = self.outside.now.after_nanos(fault.lasts_ms.saturating_mul(1_000_000));
        self.outside.queue.push(end, Happening::End(index));
        self.note_fault(&fault.kind);
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
        self.outside.note(|| format!("fault ends: {}", words::fault(&fault.kind)));
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

    /// Counts a fault, and where it meets those whom it concerns.
    fn note_fault(&mut self, fault: &FaultKind) {
        let kind = kind(fault);
        self.outside.counts.began(kind);
        self.outside.note(|| format!("fault begins: {}", words::fault(fault)));
        // This one has not met anybody yet: the member's driver counts it when it does.
        if kind != CRASH_AT_AN_OUTPUT {
            for member in fault.concerns(self.members.len()) {
                self.outside.counts.met(kind, self.members[member].stage());
            }
        }
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
        FaultKind::Crash { after_outputs: Some(_), .. } => CRASH_AT_AN_OUTPUT,
        FaultKind::Loss { .. } => "loss",
        FaultKind::Duplicate { .. } => "duplicate",
        FaultKind::Delay { .. } => "delay",
        FaultKind::Partition { .. } => "partition",
    }
}
