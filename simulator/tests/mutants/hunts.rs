//! Where planted bugs are looked for: in drawn plans of some kinds, or in the schedules of
//! `support/stories.rs`, for bugs that chance rarely meets.

use std::collections::BTreeSet;

use execution::Point;
use simulator::Plan;
use simulator::plan::{Fault, FaultClass, FaultKind, MemberPlan, Shape, Vice, WholePlan};

use super::stories;

/// Schedules by name, each with variants.
const STORIES: [(&str, fn(u64) -> Plan); 13] = [
    ("hidden decision", |seed| stories::hidden_decision().seeded(seed).plan),
    ("lock by precommit alone", |seed| stories::lock_by_precommit_alone(seed).plan),
    ("false polka", |seed| stories::false_polka(seed).plan),
    ("old polka", |seed| stories::old_polka().seeded(seed).plan),
    ("old polka before a third", old_polka_before_a_third),
    ("two thirds", |seed| stories::two_thirds().seeded(seed).plan),
    ("doubled votes", |seed| stories::doubled_votes().seeded(seed).plan),
    ("wiped voter", |seed| stories::wiped_voter(seed).plan),
    ("open equivocator", open_equivocator),
    ("outcome read back", outcome_read_back),
    ("one crash", one_crash),
    ("forged blocks", forged_blocks),
    ("slow chain", slow_chain),
];

/// The plan of a hunt's seed.
pub fn plan(hunt: &str, seed: u64) -> Plan {
    let drawn = match hunt {
        "drawn" => Plan::draw(seed, &Shape::default()),
        "crashes" => Plan::draw(seed, &crashes()),
        "nil voters" => Plan::draw(seed, &nil_voters()),
        "whole" => Plan::draw(seed, &Shape { whole: true, ..Shape::default() }),
        "whole crashes" => Plan::draw(seed, &Shape { whole: true, ..crashes() }),
        story => {
            let found = STORIES.iter().find(|(name, _)| *name == story);
            let (_, tell) = found.unwrap_or_else(|| panic!("there is no hunt {story}"));
            return tell(seed);
        }
    };
    drawn.expect("the shape can be drawn")
}

/// Much that stops and comes back.
fn crashes() -> Shape {
    let stops =
        |class: &FaultClass| class.name().contains("crash") || class.name().contains("kill");
    let faults = FaultClass::all().filter(stops).chain([FaultClass::Outage, FaultClass::Withhold]);
    Shape { faults: faults.collect(), validators: Some(4), ..Shape::default() }
}

/// One of four validators votes nil, in fair weather.
fn nil_voters() -> Shape {
    let (vices, faults) = (BTreeSet::from([Vice::ForceNil]), BTreeSet::new());
    Shape { validators: Some(4), byzantine: Some(1), vices, faults, ..Shape::default() }
}

/// One of four votes twice before everybody, and there is time for evidence to travel.
fn open_equivocator(seed: u64) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 10);
    plan.members[3].vices = vec![Vice::DoubleVoteOpenly];
    (plan.waits.relay, plan.waits.gossip, plan.waits.commit) = (20, 100, 1000);
    plan
}

/// An old polka is proposed, and half of the power counts as Byzantine: it serves no blocks, that
/// is all.
fn old_polka_before_a_third(seed: u64) -> Plan {
    let mut plan = stories::old_polka().seeded(seed).plan;
    for member in [1, 2] {
        plan.members[member].vices = vec![Vice::NoAnswers];
    }
    plan
}

/// The application changes its parameters at every height, and a node ends between keeping what
/// came of a block and taking it in.
fn outcome_read_back(seed: u64) -> Plan {
    let mut whole = WholePlan::default();
    whole.application.params_every = Some(1);
    let mut plan = Plan::fair(seed, &[10; 4], 10).whole(whole);
    plan.machine.sync_micros = 500;
    let point = [Point::AfterOutcome, Point::AfterCommit][usize::from(seed % 2 == 1)];
    let kind = FaultKind::CrashAtPoint { member: 1, point, passes: 2, power: true };
    plan.faults = vec![Fault { at_ms: 20, lasts_ms: 200, kind }];
    plan
}

/// A full node that comes late knows only two others, and they serve bad blocks. A quarter of the
/// power belongs to nobody, and another counts as Byzantine, so that nobody must get on.
fn forged_blocks(seed: u64) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 20);
    plan.members.truncate(3);
    plan.members[2].vices = vec![Vice::BadBlocks];
    let node = |vices| MemberPlan { key: None, skew_micros: 0, drift_ppm: 0, vices };
    plan.members.extend([node(vec![]), node(vec![Vice::BadBlocks])]);
    plan.network.links =
        Some(vec![(0, 1), (0, 2), (1, 2), (0, 4), (1, 4), (2, 3), (2, 4), (3, 4)]);
    plan.waits.commit = 100;
    let kind = FaultKind::Kill { member: 3, after_outputs: None };
    plan.faults = vec![Fault { at_ms: 0, lasts_ms: 1000, kind }];
    plan
}

/// Whoever gossips without end has the time for it.
fn slow_chain(seed: u64) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 10);
    plan.waits.commit = 4000;
    plan
}

/// One of four loses its power, and the others go on.
fn one_crash(seed: u64) -> Plan {
    let mut plan = Plan::fair(seed, &[10; 4], 20);
    plan.machine.sync_micros = 300;
    let kind = FaultKind::Crash { member: 0, after_outputs: Some(20 + seed % 40) };
    plan.faults = vec![Fault { at_ms: 10, lasts_ms: 100, kind }];
    plan
}
