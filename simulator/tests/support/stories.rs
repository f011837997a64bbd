//! What a directed schedule is made of, and what is read from its history.

use simulator::plan::{Fault, FaultKind, MessageKind, Rule, SignerFate, Vice};
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

    /// The same with other chance.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
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

/// Member 0 decides X in round 0, and nobody knows but it; 2 and 3 are locked on X; 1 has never
/// heard of X, and proposes Y in round 1.
pub fn hidden_decision() -> Story {
    let rules = vec![
        lost(MessageKind::Proposal, 0, 0, 1),
        lost(MessageKind::Part, 0, 0, 1),
        lost(MessageKind::Prevote, 0, 0, 1),
        lost(MessageKind::Precommit, 0, 0, 1),
        lost(MessageKind::Precommit, 0, 0, 2),
        lost(MessageKind::Precommit, 0, 0, 3),
    ];
    let mut story = Story::new();
    story.withhold(0, 1000, rules);
    story
}

/// The same; 2 and 3 lose their power when they are locked, or just before.
pub fn power_lost_on_a_lock(seed: u64, at_ms: u64) -> Story {
    let mut story = hidden_decision().seeded(seed);
    story.plan.machine.sync_micros = 300;
    for member in [2, 3] {
        let kind = FaultKind::Crash { member, after_outputs: None };
        story.plan.faults.push(Fault { at_ms, lasts_ms: 20, kind });
    }
    story
}

/// 2 prevotes nil in round 0 and then locks X, because the block comes late; 0 decides X unseen; 1
/// has heard of no polka, and proposes Y in round 1; 3 votes for it whatever it is locked on. Then
/// 2 loses its power when all that it has of its lock is its own precommit.
pub fn lock_by_precommit_alone(seed: u64) -> Story {
    let rules = vec![
        lost(MessageKind::Prevote, 0, 3, 1),
        lost(MessageKind::Precommit, 0, 0, 1),
        lost(MessageKind::Precommit, 0, 0, 2),
        lost(MessageKind::Precommit, 0, 0, 3),
    ];
    let mut story = Story::new().seeded(seed);
    story.withhold(0, 1000, rules);
    story.plan.faults.push(slow(0, 2, (0, 20), 120));
    story.plan.members[3].vices = vec![Vice::Amnesia];
    let kind = FaultKind::Crash { member: 2, after_outputs: None };
    story.plan.faults.push(Fault { at_ms: 130, lasts_ms: 20, kind });
    story
}

/// The same; 1, who proposes in round 1, likes to name polkas that nobody saw.
pub fn false_polka(seed: u64) -> Story {
    let mut story = hidden_decision().seeded(seed);
    story.plan.members[1].vices = vec![Vice::FalsePolRound];
    story
}

/// 2 alone sees a polka for Y in round 0; 0, 1 and 3 lock X in round 1, and 3 decides it unseen;
/// then 2 proposes Y again, with its polka, which all can see by now.
pub fn old_polka() -> Story {
    let mut story = Story::new();
    let rules = vec![
        lost(MessageKind::Proposal, 0, 0, 3),
        lost(MessageKind::Part, 0, 0, 3),
        lost(MessageKind::Prevote, 1, 0, 2),
        lost(MessageKind::Precommit, 1, 3, 0),
        lost(MessageKind::Precommit, 1, 3, 1),
        lost(MessageKind::Precommit, 1, 3, 2),
    ];
    story.withhold(0, 1000, rules);
    for to in [0, 1, 3] {
        story.plan.faults.push(slow(2, to, (0, 20), 240));
    }
    story
}

/// When the power fails in [`power_lost_on_a_polka`], in milliseconds.
pub const OUTAGE_MS: u64 = 130;

/// 0, 1 and 3 lock a block that 2 has not heard of; it prevotes nil. 0, 1 and 2 lose their power.
/// Only with the vote of 3 can 0 and 1 show 2 why they are locked.
pub fn power_lost_on_a_polka() -> Story {
    let mut story = Story::new();
    (story.plan.waits.relay, story.plan.waits.gossip) = (20, 100);
    let to_2 = |kind| Rule { to: Some(2), ..any(kind) };
    let unheard = [MessageKind::Proposal, MessageKind::Part, MessageKind::Prevote].map(to_2);
    let mut rules = vec![any(MessageKind::Precommit)];
    rules.extend(unheard);
    story.withhold(0, OUTAGE_MS, rules);
    for member in 0..3 {
        let kind = FaultKind::Crash { member, after_outputs: None };
        story.plan.faults.push(Fault { at_ms: OUTAGE_MS, lasts_ms: 10, kind });
    }
    story
}

/// The same, and 3 loses its data folder with its signer's state: it does not vote again before
/// height 2.
pub fn wiped_voter(seed: u64) -> Story {
    let mut story = power_lost_on_a_polka().seeded(seed);
    let kind = FaultKind::Wipe { member: 3, signer: SignerFate::LostWithCare };
    story.plan.faults.push(Fault { at_ms: OUTAGE_MS, lasts_ms: 10, kind });
    story
}

/// Four of six cannot hear the other two for a while.
pub fn two_thirds() -> Story {
    let mut story = Story::of(6);
    let groups = vec![0, 0, 0, 0, 1, 1];
    let kind = FaultKind::Partition { groups, told: false };
    story.plan.faults.push(Fault { at_ms: 0, lasts_ms: 20_000, kind });
    story
}

/// Two of four cannot hear the other two for a while, and all messages come twice.
pub fn doubled_votes() -> Story {
    let mut story = Story::new();
    let kind = FaultKind::Partition { groups: vec![0, 0, 1, 1], told: false };
    story.plan.faults.push(Fault { at_ms: 0, lasts_ms: 20_000, kind });
    let kind = FaultKind::Duplicate { permille: 1000 };
    story.plan.faults.push(Fault { at_ms: 0, lasts_ms: 20_000, kind });
    story
}

/// A kind of message, from anybody to anybody.
pub fn any(kind: MessageKind) -> Rule {
    Rule { kind: Some(kind), ..Rule::default() }
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
