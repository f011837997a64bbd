//! Schedules of a whole world that random ones rarely meet: each is a story of one rule of
//! Algorithm 1, which a node without that rule would tell otherwise. They are deterministic; the
//! mutants' tests run them, too.
//!
//! Member 0 proposes in round 0 of height 1, member 1 in round 1, and so on. Nothing is relayed and
//! nothing repeated while a story lasts, so what is withheld stays unknown; then all is told.

#[path = "support/stories.rs"]
mod stories;

use simulator::plan::{Fault, FaultKind, MessageKind, Rule, Vice};

use stories::{
    OUTAGE_MS, Story, any, doubled_votes, false_polka, hidden_decision, lock_by_precommit_alone,
    lost, old_polka, power_lost_on_a_lock, power_lost_on_a_polka, slow, two_thirds, wiped_voter,
};

/// L26: whoever is locked prevotes nil for another block, as that proves nothing.
#[test]
fn locked_validators_prevote_nil_for_another_block() {
    let told = hidden_decision().told();
    let x = told.decided(0);
    told.has("n0 decides 1/0");
    assert_ne!(told.proposed(1, "1/1"), x);
    told.has("n2 signs prevote 1/1 nil");
    told.has("n3 signs prevote 1/1 nil");
    for member in 1..4 {
        assert_eq!(told.decided(member), x);
    }
}

/// L49: a quorum of precommits decides whatever round it is of.
#[test]
fn a_past_round_decides() {
    let mut story = Story::new();
    let rules = [MessageKind::Proposal, MessageKind::Part, MessageKind::Prevote]
        .map(|kind| lost(kind, 0, 0, 1))
        .to_vec();
    story.withhold(0, 1000, rules);
    for to in 1..4 {
        story.plan.faults.push(slow(0, to, (2, 20), 250));
    }
    let told = story.told();
    told.has("n0 decides 1/0");
    told.has("n2 step 1/1 ");
    told.has("n3 step 1/1 ");
    told.has("n2 decides 1/0");
    told.has("n3 decides 1/0");
}

/// The lock is in the records, and they are durable before anybody sees the vote that they imply:
/// whoever is locked and loses its power is locked when it comes back.
#[test]
fn a_lock_survives_the_loss_of_power() {
    for seed in 0..8 {
        for at_ms in [3, 4, 5] {
            let told = power_lost_on_a_lock(seed, at_ms).told();
            let x = told.decided(0);
            for member in 1..4 {
                assert_eq!(told.decided(member), x, "seed {seed}");
            }
        }
    }
}

/// The same where nothing but the own precommit shows the lock: the prevote was nil.
#[test]
fn a_lock_survives_that_only_the_own_precommit_shows() {
    let told = lock_by_precommit_alone(0).told();
    told.has("n2 signs prevote 1/0 nil");
    told.has("n2 signs prevote 1/1 nil");
    for member in 0..3 {
        assert_eq!(told.decided(member), told.proposed(0, "1/0"));
    }
}

/// L28: a proposal that names a polka counts only with that polka. The proposer of round 1 lies.
#[test]
fn a_polka_that_nobody_saw_unlocks_nobody() {
    let mut lies = 0;
    for seed in 0..16 {
        let told = false_polka(seed).told();
        let x = told.decided(0);
        for member in [2, 3] {
            assert_eq!(told.decided(member), x, "seed {seed}");
        }
        let lie = |line: &str| {
            line.contains("n2 <- n1 proposal 1/1") && line.contains("with the polka of round 0")
        };
        lies += usize::from(told.lines.iter().any(|line| lie(line)));
    }
    assert!(0 < lies, "the proposer never lies where it matters");
}

/// L29, L32: a polka that is older than the lock does not unlock.
#[test]
fn an_old_polka_does_not_unlock() {
    let told = old_polka().told();
    let x = told.decided(3);
    told.has("n3 decides 1/1");
    told.has("n2 signs proposal 1/2");
    let again = told.line("n2 signs proposal 1/2");
    assert!(again.ends_with("with the polka of round 0"), "{again}");
    told.has("n0 signs prevote 1/2 nil");
    told.has("n1 signs prevote 1/2 nil");
    for member in 0..3 {
        assert_eq!(told.decided(member), x);
    }
}

/// L28, L42: a polka that comes too late to precommit makes the block valid, and the next proposer
/// proposes it again, with that polka; all who see it prevote it at once.
#[test]
fn a_late_polka_makes_the_next_proposal() {
    let mut story = Story::new();
    story.plan.network.delay_micros = 20_000;
    let rules = vec![lost(MessageKind::Proposal, 0, 0, 3), lost(MessageKind::Part, 0, 0, 3)];
    story.withhold(0, 1000, rules);
    for to in [0, 1, 3] {
        story.plan.faults.push(slow(2, to, (0, 60), 120));
    }
    let told = story.told();
    told.has("n0 signs precommit 1/0 nil");
    told.has("n1 signs precommit 1/0 nil");
    told.has("n1 valid block 1/0");
    let again = told.line("n1 signs proposal 1/1");
    assert!(again.ends_with("with the polka of round 0"), "{again}");
    let x = told.proposed(0, "1/0");
    assert_eq!(told.proposed(1, "1/1"), x);
    told.has("n0 decides 1/1");
    assert_eq!(told.decided(0), x);
}

/// Rounds without a proposal end in silence, and the first that has one decides.
#[test]
fn six_rounds_are_as_good_as_one() {
    let mut story = Story::new();
    let silent = |round| Rule { round: Some(round), ..any(MessageKind::Proposal) };
    story.withhold(0, 4000, (0..5).map(silent).collect());
    let told = story.told();
    told.has("n0 decides 1/5");
}

/// A quorum is more than two thirds: four of six wait for a fifth.
#[test]
fn exactly_two_thirds_decide_nothing() {
    let told = two_thirds().told();
    for member in 0..6 {
        assert!(20_000 < told.decided_at_ms(member), "{member} decides without a quorum");
    }
}

/// Each validator counts once, however often its vote comes.
#[test]
fn a_vote_that_comes_twice_counts_once() {
    let told = doubled_votes().told();
    for member in 0..4 {
        assert!(20_000 < told.decided_at_ms(member), "{member} decides with half of the power");
    }
}

/// The records hold the peers' votes: a polka that all but one have seen is known after an outage,
/// though a voter of it is gone.
#[test]
fn votes_of_those_who_are_gone_are_still_known_after_an_outage() {
    let mut story = power_lost_on_a_polka();
    let away_ms = 3000;
    let kind = FaultKind::Crash { member: 3, after_outputs: None };
    story.plan.faults.push(Fault { at_ms: OUTAGE_MS, lasts_ms: away_ms, kind });
    let told = story.told();
    told.has("n0 locks 1/0");
    told.has("n1 locks 1/0");
    for member in 0..3 {
        assert!(told.decided_at_ms(member) < away_ms, "{member} waits for who is away");
    }
    let told = wiped_voter(1).told();
    told.has("n0 locks 1/0");
    told.has("n1 locks 1/0");
    for member in 0..4 {
        assert_eq!(told.decided(member), told.proposed(0, "1/0"));
    }
}

/// A block is executed once, wherever the power fails.
#[test]
fn a_crash_at_any_output_of_three_heights_breaks_nothing() {
    for outputs in 0..120 {
        let mut story = Story::new();
        story.plan.heights = 4;
        story.plan.machine.sync_micros = 100;
        let kind = FaultKind::Crash { member: 1, after_outputs: Some(outputs) };
        story.plan.faults.push(Fault { at_ms: 0, lasts_ms: 200, kind });
        story.told();
    }
}

/// Only whose turn it is may propose: others are not believed, and banned.
#[test]
fn proposals_out_of_turn_are_refused() {
    let mut bans = 0;
    for seed in 0..8 {
        let mut story = Story::new();
        story.plan.seed = seed;
        story.plan.heights = 10;
        story.plan.members[3].vices = vec![Vice::OutOfTurn];
        let silent = |round| Rule { round: Some(round), from: None, ..any(MessageKind::Part) };
        // Nobody else's blocks come in time, so a false proposal has the field to itself.
        let rules = (0..2)
            .flat_map(|round| (0..3).map(move |from| Rule { from: Some(from), ..silent(round) }));
        story.withhold(0, 2000, rules.collect());
        bans += story.told().report.counts.bans;
    }
    assert!(0 < bans, "nobody is banned for it");
}

/// An honest validator is accused of nothing, though it signs again what it signed before a crash.
#[test]
fn who_signs_again_after_a_crash_is_not_accused() {
    for outputs in 0..40 {
        let mut story = Story::new();
        story.plan.heights = 6;
        for member in 0..4 {
            let kind = FaultKind::Crash { member, after_outputs: Some(outputs + member as u64) };
            story.plan.faults.push(Fault { at_ms: 5, lasts_ms: 30, kind });
        }
        let told = story.told();
        assert!(!told.lines.iter().any(|line| line.contains("catches an equivocation")));
    }
}
