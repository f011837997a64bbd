//! What goes wrong with the world: each fault of the plan, how it begins and how it ends.
//!
//! Weather and troubles follow from all faults that are under way: they are made anew whenever one
//! begins or ends. A member that was stopped by several faults starts when the last is over.

use std::sync::Arc;

use crate::disk::Cut;
use crate::member::trouble::{Doom, Ending, Place, PlaceDoom, Stop, Trouble};
use crate::network::weather::Weather;
use crate::outside::{Happening, Note};
use crate::plan::{FaultKind, SignerFate};
use crate::trace::words;
use crate::world::{World, pairs};

/// What a fault of the plan does just now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// It has begun and is not over.
    active: bool,
    /// It comes and goes, and is gone just now.
    gone: bool,
    /// Whom it has stopped.
    stopped: Vec<usize>,
}

impl World {
    /// A fault begins.
    pub(crate) fn begin(&mut self, index: usize) {
        let fault = self.outside.plan.faults[index].clone();
        let end = self.outside.now.after_nanos(fault.lasts_ms.saturating_mul(1_000_000));
        self.outside.queue.push(end, Happening::End(index));
        self.under_way[index].active = true;
        self.note_begin(&fault.kind);
        let class = fault.kind.class();
        let power_cut = Stop { ending: Ending::PowerCut, fault: index };
        let killed = Stop { ending: Ending::Killed, fault: index };
        match fault.kind {
            FaultKind::Crash { member, after_outputs } => {
                self.stop(member, power_cut, after_outputs);
            }
            FaultKind::Kill { member, after_outputs } => self.stop(member, killed, after_outputs),
            FaultKind::CrashAtPoint { member, point, passes, power } => {
                let ending = if power { Ending::PowerCut } else { Ending::Killed };
                let place = Place::Point { point, passes };
                self.members[member].doom_at(PlaceDoom { place, ending, fault: index });
            }
            FaultKind::CrashAtWrite { member, after_writes, written } => {
                let place = Place::Write(Cut { after_writes, written });
                let ending = Ending::PowerCut;
                self.members[member].doom_at(PlaceDoom { place, ending, fault: index });
            }
            FaultKind::Outage { members } => {
                for member in members {
                    self.stop(member, power_cut, None);
                }
            }
            FaultKind::Wipe { member, signer } => {
                self.stop(member, killed, None);
                self.wipe(member, signer);
            }
            FaultKind::Pause { member } if self.members[member].is_awake() => {
                self.members[member].pause();
                self.outside.counts.hit(class, 1);
                self.notice_later(member);
            }
            FaultKind::Pause { .. } => {}
            FaultKind::FlappingLink { every_ms, .. } | FaultKind::Churn { every_ms, .. } => {
                self.toggle_later(index, every_ms);
            }
            FaultKind::SlowDisk { .. } | FaultKind::ClockJump { .. } => {
                self.outside.counts.hit(class, 1);
            }
            _ => {}
        }
        self.refresh();
    }

    /// A fault is over.
    pub(crate) fn end(&mut self, index: usize) {
        self.under_way[index].active = false;
        let ended = self.outside.plan.faults[index].kind.clone();
        self.outside.tell(|| format!("fault ends: {}", words::fault(&ended)));
        let stopped = std::mem::take(&mut self.under_way[index].stopped);
        for member in &mut self.members {
            member.spare(index);
        }
        self.refresh();
        if let FaultKind::Pause { member } = ended {
            let pauses = |other: usize| {
                self.under_way[other].active
                    && self.outside.plan.faults[other].kind == FaultKind::Pause { member }
            };
            if !(0..self.under_way.len()).any(pauses) {
                self.members[member].resume(&mut self.outside);
                self.connect_all();
            }
        }
        for member in stopped {
            self.power_on(member);
        }
        self.faults_left -= 1;
        self.set_goal();
    }

    /// Counts a fault, and where it meets those whom it concerns.
    fn note_begin(&mut self, fault: &FaultKind) {
        let class = fault.class();
        self.outside.counts.began(class);
        self.outside.tell(|| format!("fault begins: {}", words::fault(fault)));
        // Those that wait for something have not met anybody yet: see the member's driver.
        if !fault.waits() {
            for member in fault.concerns(self.members.len()) {
                self.outside.counts.met(class, self.members[member].stage());
            }
        }
    }

    /// A fault that comes and goes does so.
    pub(crate) fn toggle(&mut self, index: usize) {
        if !self.under_way[index].active {
            return;
        }
        self.under_way[index].gone = !self.under_way[index].gone;
        if let FaultKind::FlappingLink { every_ms, .. } | FaultKind::Churn { every_ms, .. } =
            self.outside.plan.faults[index].kind
        {
            self.toggle_later(index, every_ms);
        }
        self.refresh();
    }

    /// Does what members want done.
    pub(crate) fn heed_notes(&mut self) {
        while let Some(note) = self.outside.notes.pop() {
            match note {
                Note::Stopped { member, fault } => {
                    if let Some(fault) = fault {
                        self.under_way[fault].stopped.push(member);
                        let class = self.outside.plan.faults[fault].kind.class();
                        self.outside.counts.hit(class, 1);
                    }
                    self.notice_later(member);
                }
                Note::MayVote { member } => self.restart(member),
            }
        }
    }

    /// Peers find out that a member has gone, or does not answer.
    pub(crate) fn notice(&mut self, member: usize, life: u32) {
        if self.members[member].life() == life && !self.members[member].is_awake() {
            self.disconnect_all(member);
        }
    }

    fn stop(&mut self, member: usize, stop: Stop, after_outputs: Option<u64>) {
        if let Some(left) = after_outputs {
            return self.members[member].doom(Doom { left, stop });
        }
        if self.members[member].is_running() {
            self.members[member].stop(&mut self.outside, stop);
            self.heed_notes();
        } else {
            self.under_way[stop.fault].stopped.push(member);
        }
    }

    fn wipe(&mut self, member: usize, signer: SignerFate) {
        let state = Arc::clone(&self.genesis);
        self.members[member].wipe(&mut self.outside, state, signer);
    }

    /// Starts a member that does not run, unless another fault has stopped it, too.
    fn power_on(&mut self, member: usize) {
        let is_held = self.under_way.iter().any(|it| it.stopped.contains(&member));
        if is_held || self.members[member].is_running() {
            return;
        }
        self.disconnect_all(member);
        self.members[member].start(&mut self.outside);
        self.heed_notes();
        self.connect_all();
    }

    /// The operator restarts a node, to let it vote.
    fn restart(&mut self, member: usize) {
        if self.members[member].is_running() {
            self.members[member].leave(&mut self.outside);
            self.power_on(member);
        }
    }

    fn notice_later(&mut self, member: usize) {
        let silence_ms = self.outside.plan.network.silence_ms;
        if silence_ms == 0 {
            return self.disconnect_all(member);
        }
        let at = self.outside.now.after_nanos(silence_ms * 1_000_000);
        let life = self.members[member].life();
        self.outside.queue.push(at, Happening::Notice { member, life });
    }

    fn toggle_later(&mut self, index: usize, every_ms: u64) {
        let at = self.outside.now.after_nanos(every_ms.max(1) * 1_000_000);
        self.outside.queue.push(at, Happening::Toggle(index));
    }

    /// Makes weather and troubles anew from all faults under way.
    fn refresh(&mut self) {
        let mut weather = Weather::fair(self.members.len());
        let mut troubles = vec![Trouble::default(); self.members.len()];
        for (index, course) in self.under_way.iter().enumerate() {
            if !course.active || course.gone {
                continue;
            }
            let kind = &self.outside.plan.faults[index].kind;
            weather.add(kind);
            match kind {
                FaultKind::FailedSync { member } => troubles[*member].sync_fails = Some(index),
                FaultKind::FullDisk { member } => troubles[*member].full = Some(index),
                FaultKind::SlowDisk { member, sync_ms } => {
                    troubles[*member].sync_micros += sync_ms * 1000;
                }
                FaultKind::ClockJump { member, millis } => {
                    troubles[*member].clock_nanos += millis * 1_000_000;
                }
                _ => {}
            }
        }
        self.outside.network.set_weather(weather);
        for (member, trouble) in self.members.iter_mut().zip(troubles) {
            member.set_trouble(trouble);
        }
        self.part();
        self.connect_all();
    }

    /// Breaks the connections that the weather forbids.
    fn part(&mut self) {
        for (a, b) in pairs(self.members.len()) {
            let network = &mut self.outside.network;
            if network.connection(a, b).is_some()
                && let Some(class) = network.broken_by(a, b)
            {
                network.hit(class);
                self.disconnect(a, b);
            }
        }
    }

    fn disconnect_all(&mut self, member: usize) {
        for peer in self.outside.network.peers(member).to_vec() {
            self.disconnect(member, peer);
        }
    }
}
