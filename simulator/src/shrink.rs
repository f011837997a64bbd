//! A failing plan made smaller, while the same judge objects: fewer faults, vices, heights and
//! members, shorter faults, a simpler machine and network. Whoever reads the trace of what is left
//! sees little that does not matter.
//!
//! The faults are thinned as in delta debugging (Zeller and Hildebrandt, 2002): larger chunks
//! first. Nothing is drawn: the same plan always shrinks to the same.

use std::fmt;

use serde::Serialize;

use crate::plan::Plan;
use crate::report::Report;

/// What a shrinker may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// It tries at most so many plans.
    pub runs: u32,
    /// Once so much has happened in all of them, it tries no more.
    pub events: u64,
}

/// A fault is halved at most so often in one pass.
const HALVINGS_MAX: u32 = 12;

/// How large a plan is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// How many faults there are.
    pub faults: usize,
    /// How long they last together, in milliseconds.
    pub faults_ms: u64,
    /// How many vices members have.
    pub vices: usize,
    /// How many members there are.
    pub members: usize,
    /// How many heights are wanted.
    pub heights: u64,
}

impl Size {
    /// Of a plan.
    pub fn of(plan: &Plan) -> Self {
        let lasts = |sum: u64, fault: &crate::plan::Fault| sum.saturating_add(fault.lasts_ms);
        Self {
            faults: plan.faults.len(),
            faults_ms: plan.faults.iter().fold(0, lasts),
            vices: plan.members.iter().map(|member| member.vices.len()).sum(),
            members: plan.members.len(),
            heights: plan.heights,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { faults, faults_ms, vices, members, heights } = self;
        write!(
            f,
            "faults: {faults} ({faults_ms} ms), vices: {vices}, members: {members}, \
             heights: {heights}"
        )
    }
}

/// What a failing plan shrank to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The small plan. It fails before the same judge.
    pub plan: Plan,
    /// How large it was.
    pub before: Size,
    /// How large it is.
    pub after: Size,
    /// How many runs that took.
    pub runs: u32,
}

/// Makes a plan that failed like this smaller, within a budget. None if it did not fail.
pub fn shrink(
    plan: &Plan,
    report: &Report,
    budget: Budget,
    run: &mut dyn FnMut(&Plan) -> Report,
) -> Option<Shrunk> {
    let judge = report.failure.as_ref()?.judge;
    let mut shrinker = Shrinker { best: plan.clone(), judge, runs: 0, left: budget, run };
    loop {
        let before = shrinker.best.clone();
        shrinker.fewer_heights();
        shrinker.fewer_faults();
        shrinker.fewer_vices();
        shrinker.simpler_parts();
        shrinker.shorter_faults();
        shrinker.fewer_members();
        if shrinker.best == before || shrinker.is_spent() {
            break;
        }
    }
    let (before, after) = (Size::of(plan), Size::of(&shrinker.best));
    Some(Shrunk { plan: shrinker.best, before, after, runs: shrinker.runs })
}

struct Shrinker<'a> {
    /// The smallest plan so far that fails as the first did.
    best: Plan,
    judge: &'static str,
    runs: u32,
    left: Budget,
    run: &'a mut dyn FnMut(&Plan) -> Report,
}

impl Shrinker<'_> {
    fn is_spent(&self) -> bool {
        self.left.runs == 0 || self.left.events == 0
    }

    /// Takes a smaller plan, if it fails in the same way.
    fn accept(&mut self, smaller: Plan) -> bool {
        if smaller == self.best || self.is_spent() || smaller.check().is_err() {
            return false;
        }
        let report = (self.run)(&smaller);
        self.runs += 1;
        self.left.runs -= 1;
        self.left.events = self.left.events.saturating_sub(report.counts.events);
        let fails = report.failure.is_some_and(|failure| failure.judge == self.judge);
        if fails {
            self.best = smaller;
        }
        fails
    }

    /// Takes the best plan with a change, if it fails in the same way.
    fn accept_with(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut smaller = self.best.clone();
        change(&mut smaller);
        self.accept(smaller)
    }

    fn fewer_heights(&mut self) {
        while 1 < self.best.heights {
            let heights = self.best.heights;
            let fewer = [1, heights / 2, heights - 1];
            let fewer = fewer.into_iter().filter(|&it| 0 < it);
            if !fewer.into_iter().any(|it| self.accept_with(|plan| plan.heights = it)) {
                break;
            }
        }
    }

    /// Leaves out chunks of faults: all of them, halves, quarters, and so on, down to single ones.
    fn fewer_faults(&mut self) {
        let mut chunk = self.best.faults.len();
        while 0 < chunk {
            let mut from = 0;
            while from < self.best.faults.len() {
                let to = (from + chunk).min(self.best.faults.len());
                if !self.accept_with(|plan| drop(plan.faults.drain(from..to))) {
                    from = to;
                }
            }
            chunk /= 2;
        }
    }

    fn fewer_vices(&mut self) {
        for member in 0..self.best.members.len() {
            if self.accept_with(|plan| plan.members[member].vices.clear()) {
                continue;
            }
            for vice in (0..self.best.members[member].vices.len()).rev() {
                self.accept_with(|plan| {
                    plan.members[member].vices.remove(vice);
                });
            }
        }
    }

    /// Everything about members, network, machine and waits that may be odd is made plain.
    fn simpler_parts(&mut self) {
        let fair = Plan::fair(self.best.seed, &self.best.powers, self.best.heights);
        for member in 0..self.best.members.len() {
            self.accept_with(|plan| plan.members[member].skew_micros = 0);
            self.accept_with(|plan| plan.members[member].drift_ppm = 0);
        }
        self.accept_with(|plan| plan.real_signatures = false);
        self.accept_with(|plan| plan.network = fair.network.clone());
        self.accept_with(|plan| plan.machine = fair.machine.clone());
        self.accept_with(|plan| plan.waits = fair.waits.clone());
        let parts: [fn(&mut Plan, &Plan); 6] = [
            |plan, fair| plan.machine.sync_micros = fair.machine.sync_micros,
            |plan, fair| plan.machine.sign_micros = fair.machine.sign_micros,
            |plan, fair| plan.machine.answer_micros = fair.machine.answer_micros,
            |plan, fair| plan.machine.rejects_permille = fair.machine.rejects_permille,
            |plan, fair| plan.machine.extensions_from = fair.machine.extensions_from,
            |plan, fair| plan.machine.updates_every = fair.machine.updates_every,
        ];
        for simpler in parts {
            self.accept_with(|plan| simpler(plan, &fair));
        }
    }

    /// Faults that begin at once and end soon.
    fn shorter_faults(&mut self) {
        for fault in 0..self.best.faults.len() {
            for _ in 0..HALVINGS_MAX {
                if !self.accept_with(|plan| plan.faults[fault].lasts_ms /= 2) {
                    break;
                }
            }
            self.accept_with(|plan| plan.faults[fault].at_ms = 0);
            for _ in 0..HALVINGS_MAX {
                if !self.accept_with(|plan| plan.faults[fault].at_ms /= 2) {
                    break;
                }
            }
        }
    }

    fn fewer_members(&mut self) {
        for member in (0..self.best.members.len()).rev() {
            if let Some(smaller) = self.best.without_member(member) {
                self.accept(smaller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use crate::plan::{Fault, FaultKind, Vice};
    use crate::report::{Counts, Failure};

    fn fault(at_ms: u64, kind: FaultKind) -> Fault {
        Fault { at_ms, lasts_ms: 9000, kind }
    }

    /// A plan with many things of which only two matter.
    fn large() -> Plan {
        let mut plan = Plan::fair(1, &[1, 2, 3, 4, 5], 40);
        for at_ms in (0..20).map(|step| step * 1000) {
            plan.faults.push(fault(at_ms, FaultKind::Delay { millis: 5 }));
        }
        plan.faults.insert(7, fault(7000, FaultKind::Loss { permille: 300 }));
        let crash = FaultKind::Crash { member: 3, after_outputs: None };
        plan.faults.insert(15, fault(15_000, crash));
        plan.members[1].vices.push(Vice::Silent);
        plan.members[2].skew_micros = 77;
        plan.machine.sync_micros = 100;
        plan.machine.answer_micros = 100;
        plan.network.jitter_micros = 99;
        plan
    }

    const AMPLE: Budget = Budget { runs: 1000, events: u64::MAX };

    /// A stand-in for the world, with a failure that has two causes: who holds the key of power 4
    /// crashes, for long enough, and messages are lost; and disks are slow; and three heights.
    fn planted(plan: &Plan) -> Report {
        let crashes = plan.faults.iter().any(|fault| match fault.kind {
            FaultKind::Crash { member, .. } => {
                let key = plan.members[member].key;
                1000 <= fault.lasts_ms && key.is_some_and(|key| plan.powers[key] == 4)
            }
            _ => false,
        });
        let loses = |fault: &Fault| matches!(fault.kind, FaultKind::Loss { .. });
        let slow = 0 < plan.machine.sync_micros && 3 <= plan.heights;
        let judge =
            if crashes && slow && plan.faults.iter().any(loses) { "planted" } else { "other" };
        let failure = Failure { judge, at: Moment::START, what: String::new() };
        let (digest, counts, lasted) = ([0; 32], Counts::default(), Moment::START);
        Report { failure: Some(failure), digest, counts, lasted }
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        let plan = large();
        let shrunk = shrink(&plan, &planted(&plan), AMPLE, &mut planted).unwrap();
        let left = &shrunk.plan;
        assert_eq!(left.powers, [4]);
        assert_eq!(left.heights, 3);
        let crash = FaultKind::Crash { member: 0, after_outputs: None };
        let kinds: Vec<_> = left.faults.iter().map(|fault| fault.kind.clone()).collect();
        assert_eq!(kinds, [FaultKind::Loss { permille: 300 }, crash]);
        assert!((1000..2000).contains(&left.faults[1].lasts_ms));
        assert!(left.faults.iter().all(|fault| fault.at_ms == 0));
        assert!(left.members.iter().all(|it| it.vices.is_empty() && it.skew_micros == 0));
        assert_eq!((left.machine.sync_micros, left.machine.answer_micros), (100, 0));
        assert_eq!(left.network.jitter_micros, 0);
        assert_eq!((shrunk.before.faults, shrunk.after.faults), (22, 2));
    }

    #[test]
    fn runs_are_bounded_and_what_was_reached_by_then_still_fails() {
        let plan = large();
        let mut runs = 0;
        let mut counted = |plan: &Plan| {
            runs += 1;
            planted(plan)
        };
        let budget = Budget { runs: 9, ..AMPLE };
        let shrunk = shrink(&plan, &planted(&plan), budget, &mut counted).unwrap();
        assert_eq!((shrunk.runs, runs), (9, 9));
        assert_eq!(planted(&shrunk.plan).failure.unwrap().judge, "planted");
        assert_ne!(shrunk.plan, plan);
    }

    #[test]
    fn what_happens_is_bounded_too() {
        let plan = large();
        let mut long = |plan: &Plan| {
            let mut report = planted(plan);
            report.counts.events = 400;
            report
        };
        let budget = Budget { runs: 1000, events: 1000 };
        assert_eq!(shrink(&plan, &planted(&plan), budget, &mut long).unwrap().runs, 3);
    }

    #[test]
    fn what_does_not_fail_is_not_shrunk() {
        let plan = Plan::fair(1, &[1], 1);
        let report = Report { failure: None, ..planted(&plan) };
        assert!(shrink(&plan, &report, AMPLE, &mut planted).is_none());
    }
}
