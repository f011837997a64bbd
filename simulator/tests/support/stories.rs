//! What a directed schedule is made of, and what is read from its history.

use simulator::plan::{Fault, FaultKind, MessageKind, Rule};
use simulator::{Plan, Report, twins, world};

/// Lines of a history, more than any story has.
const LINES_MAX: usize = 100_000;
/// Longer than any round of a story, in milliseconds: nothing is relayed or repeated before.
const QUIET_MS: u64 = 600;

/// A world with a plot.
pub struct Story {
    pub plan: Plan,
}

/// What came of it.
pub struct Told {
    pub report: Report,
    pub lines: Vec<String>,
}

impl Story {
    /// Four validators in the order in which they propose.
    pub fn new() -> Self {
        Self::of(4)
    }

    /// So many.
    pub fn of(validators: usize) -> Self {
        let mut plan = Plan::fair(1, &vec![1; validators], 2);
        for (member, key) in plan.members.iter_mut().zip(twins::rotation(validators)) {
            member.key = Some(key);
        }
        plan.network.delay_micros = 1000;
        plan.network.ordered = false;
        let waits = &mut plan.waits;
        (waits.propose, waits.prevote, waits.precommit, waits.delta) = (100, 50, 50, 20);
        (waits.gossip, waits.relay, waits.catch_up) = (QUIET_MS, QUIET_MS, 5 * QUIET_MS);
        Self { plan }
    }

    /// Messages are lost from one moment on, for so many milliseconds.
    pub fn withhold(&mut self, at_ms: u64, lasts_ms: u64, rules: Vec<Rule>) {
        let kind = FaultKind::Withhold { rules };
        self.plan.faults.push(Fault { at_ms, lasts_ms, kind });
    }

    /// Lets it happen; no judge may object.
    pub fn told(&self) -> Told {
        let (report, trace) = world::run_traced(&self.plan, LINES_MAX);
        let lines: Vec<String> = trace.lines().map(str::to_owned).collect();
        let told = Told { report, lines };
        assert_eq!(told.report.failure, None, "{:?}\n{}", self.plan, told.lines.join("\n"));
        told
    }
}

impl Told {
    /// The first line that has this in it.
    pub fn line(&self, part: &str) -> &str {
        let found = self.lines.iter().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no line has {part:?} in:\n{}", self.lines.join("\n")))
    }

    /// There is a line with this in it.
    pub fn has(&self, part: &str) {
        self.line(part);
    }

    /// The block that a member decides at height 1.
    pub fn decided(&self, member: usize) -> String {
        self.word_after(&format!("n{member} decides 1/"))
    }

    /// When a member decides height 1, in milliseconds.
    pub fn decided_at_ms(&self, member: usize) -> u64 {
        let line = self.line(&format!("n{member} decides 1/"));
        let seconds = line.split('.').next().expect("a line begins with a moment");
        seconds.parse::<u64>().expect("whole seconds") * 1000
    }

    /// The block that a member proposes at a place.
    pub fn proposed(&self, member: usize, place: &str) -> String {
        self.word_after(&format!("n{member} signs proposal {place}"))
    }

    /// The word after the place that these words end with, or have after them.
    fn word_after(&self, part: &str) -> String {
        let line = self.line(part);
        let rest = &line[line.find(part).expect("it is in the line")..];
        let place = rest.find('/').expect("a place has a slash");
        let words = rest[place..].split(' ').nth(1);
        words.expect("a block follows the place").to_owned()
    }
}

/// A kind of message of height 1 and this round, from one member to another.
pub fn lost(kind: MessageKind, round: u32, from: usize, to: usize) -> Rule {
    let (kind, height, round) = (Some(kind), Some(1), Some(round));
    Rule { kind, height, round, from: Some(from), to: Some(to) }
}

/// What one member sends to another in a span of milliseconds takes so much longer.
pub fn slow(from: usize, to: usize, (at_ms, lasts_ms): (u64, u64), millis: u64) -> Fault {
    Fault { at_ms, lasts_ms, kind: FaultKind::SlowLink { from, to, millis } }
}
