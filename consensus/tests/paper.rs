//! One test for each rule of Algorithm 1 (arXiv:1807.04938), named by its lines. We are one of
//! four validators of equal power; validator `n` proposes in round `n`.

#[path = "support/solo.rs"]
mod solo;

use std::time::Duration;

use consensus::Config;
use solo::Solo;
use types::ConsensusParams;

/// The replica of validator `me`, at the beginning of round 0.
fn validator(me: u32) -> Solo {
    let config = Config { commit: Duration::ZERO, ..Config::default() };
    Solo::new(me, config, ConsensusParams::default())
}

/// Validator 3, which does not propose before round 3.
fn follower() -> Solo {
    let mut solo = validator(3);
    solo.obey("start");
    solo
}

/// Obeys all commands, and returns what the replica did after the last.
fn after(solo: &mut Solo, commands: &[&str]) -> Vec<String> {
    let mut last = String::new();
    for command in commands {
        last = solo.obey(command);
    }
    last.lines().map(|line| line.trim().to_owned()).collect()
}

/// A follower that is locked on A since round 0, at the beginning of round 1.
fn locked_on_a() -> Solo {
    let mut solo = follower();
    let commands = ["propose 0 A", "prevote 0 A 0 1", "precommit 0 nil 0 1", "timeout precommit 0"];
    assert_eq!(after(&mut solo, &commands), ["round 1", "wait propose 1"]);
    solo
}

#[test]
fn l11_l19_the_proposer_builds_a_block_and_proposes_it() {
    let mut solo = validator(0);
    let did = after(&mut solo, &["start"]);
    assert_eq!(did[..3], ["round 0", "wait propose 0", "build 0"]);
    assert!(did.contains(&"propose 0 O".to_owned()));
}

#[test]
fn l15_l16_the_proposer_proposes_the_valid_block_again_with_its_round() {
    let mut solo = validator(1);
    let did = after(
        &mut solo,
        &["start", "propose 0 A", "prevote 0 A 0 2", "precommit 0 nil 0 2", "timeout precommit 0"],
    );
    assert_eq!(did, ["round 1", "wait propose 1", "propose 1 A pol 0", "prevote 1 A"]);
}

#[test]
fn l21_everybody_else_waits_for_the_proposal() {
    assert_eq!(after(&mut validator(3), &["start"]), ["round 0", "wait propose 0"]);
}

#[test]
fn l22_l24_a_fresh_acceptable_block_is_prevoted() {
    assert_eq!(after(&mut follower(), &["propose 0 A"]), ["prevote 0 A"]);
}

#[test]
fn l22_l26_a_block_that_is_not_acceptable_gets_nil() {
    assert_eq!(after(&mut follower(), &["reject A", "propose 0 A"]), ["prevote 0 nil"]);
}

#[test]
fn l23_l26_a_lock_on_another_block_gets_a_fresh_one_nil() {
    assert_eq!(after(&mut locked_on_a(), &["propose 1 B"]), ["prevote 1 nil"]);
}

#[test]
fn l23_l24_the_locked_block_is_prevoted_even_when_proposed_as_fresh() {
    assert_eq!(after(&mut locked_on_a(), &["propose 1 A"]), ["prevote 1 A"]);
}

#[test]
fn l28_a_block_with_a_polka_waits_for_that_polka() {
    let mut solo = follower();
    let commands = ["precommit 1 nil 0 1", "propose 1 B pol 0"];
    assert_eq!(after(&mut solo, &commands), Vec::<String>::new());
    assert_eq!(after(&mut solo, &["prevote 0 B 0 1 2"]), ["prevote 1 B"]);
}

#[test]
fn l29_l30_a_polka_not_older_than_the_lock_outweighs_it() {
    let mut solo = locked_on_a();
    let commands = ["prevote 1 B 0 1 2", "precommit 1 nil 0 1 2", "timeout precommit 1"];
    after(&mut solo, &commands);
    assert_eq!(after(&mut solo, &["propose 2 B pol 1"]), ["prevote 2 B"]);
}

#[test]
fn l29_l32_a_polka_older_than_the_lock_does_not_outweigh_it() {
    let mut solo = follower();
    let commands = ["precommit 1 nil 0 1", "propose 1 A", "prevote 1 A 0 1"];
    assert_eq!(
        after(&mut solo, &commands),
        ["lock 1 A", "valid 1 A", "wait precommit 1", "precommit 1 A"]
    );
    let commands = ["precommit 4 nil 0 1", "prevote 0 B 0 1 2", "propose 4 B pol 0"];
    assert_eq!(after(&mut solo, &commands), ["prevote 4 nil"]);
}

#[test]
fn l28_l32_a_block_that_is_not_acceptable_gets_nil_despite_its_polka() {
    let mut solo = follower();
    let commands = ["reject B", "precommit 1 nil 0 1", "prevote 0 B 0 1 2", "propose 1 B pol 0"];
    assert_eq!(after(&mut solo, &commands), ["prevote 1 nil"]);
}

#[test]
fn l34_l35_a_quorum_of_any_prevotes_sets_the_alarm_once() {
    let mut solo = follower();
    let commands = ["propose 0 A", "prevote 0 A 0", "prevote 0 nil 1"];
    assert_eq!(after(&mut solo, &commands), ["wait prevote 0"]);
    assert_eq!(after(&mut solo, &["prevote 0 B 2"]), Vec::<String>::new());
}

#[test]
fn l36_l41_a_polka_locks_the_block_and_is_precommitted() {
    let did = after(&mut follower(), &["propose 0 A", "prevote 0 A 0 1"]);
    assert_eq!(did, ["lock 0 A", "valid 0 A", "precommit 0 A"]);
}

#[test]
fn l36_a_polka_counts_only_once_the_block_is_here_and_acceptable() {
    let mut solo = follower();
    let commands = ["timeout propose 0", "withhold A", "prevote 0 A 0 1 2"];
    assert_eq!(after(&mut solo, &commands), ["wait prevote 0"]);
    assert_eq!(after(&mut solo, &["parts 0 A"]), Vec::<String>::new());
    assert_eq!(after(&mut solo, &["judge A"]), ["lock 0 A", "valid 0 A", "precommit 0 A"]);
}

#[test]
fn l42_l43_a_polka_after_our_precommit_makes_the_block_valid_but_not_locked() {
    let mut solo = follower();
    let commands = ["propose 0 A", "prevote 0 A 0", "prevote 0 nil 1", "timeout prevote 0"];
    assert_eq!(after(&mut solo, &commands), ["precommit 0 nil"]);
    assert_eq!(after(&mut solo, &["prevote 0 A 2"]), ["valid 0 A"]);
}

#[test]
fn l44_l46_a_polka_for_nil_gets_a_nil_precommit() {
    let did = after(&mut follower(), &["propose 0 A", "prevote 0 nil 0 1 2"]);
    assert_eq!(did, ["wait prevote 0", "precommit 0 nil"]);
}

#[test]
fn l47_l48_a_quorum_of_any_precommits_sets_the_alarm_once() {
    let mut solo = follower();
    let commands = ["precommit 0 nil 0", "precommit 0 A 1", "precommit 0 nil 2"];
    assert_eq!(after(&mut solo, &commands), ["wait precommit 0"]);
    assert_eq!(after(&mut solo, &["timeout propose 0"]), ["prevote 0 nil"]);
}

#[test]
fn l49_l54_a_quorum_of_precommits_decides_and_the_next_height_begins() {
    let mut solo = follower();
    let commands = ["propose 0 A", "prevote 0 A 0 1", "precommit 0 A 0 1"];
    assert_eq!(after(&mut solo, &commands), ["decide 0 A"]);
    assert_eq!(after(&mut solo, &["execute"]), ["round 0", "wait propose 0"]);
}

#[test]
fn l49_a_quorum_of_an_earlier_round_decides() {
    let mut solo = follower();
    let commands = ["propose 0 A", "prevote 3 nil 0 1", "precommit 0 A 0 1 2"];
    assert_eq!(after(&mut solo, &commands), ["decide 0 A"]);
}

#[test]
fn l55_l56_a_third_in_a_later_round_takes_us_there() {
    let mut solo = follower();
    assert_eq!(after(&mut solo, &["prevote 2 nil 0"]), Vec::<String>::new());
    assert_eq!(after(&mut solo, &["precommit 2 A 1"]), ["round 2", "wait propose 2"]);
}

#[test]
fn l57_l60_no_proposal_in_time_gets_nil() {
    assert_eq!(after(&mut follower(), &["timeout propose 0"]), ["prevote 0 nil"]);
}

#[test]
fn l61_l64_no_polka_in_time_gets_a_nil_precommit() {
    let mut solo = follower();
    let commands = ["propose 0 A", "prevote 0 A 0", "prevote 0 nil 1", "timeout prevote 0"];
    assert_eq!(after(&mut solo, &commands), ["precommit 0 nil"]);
}

#[test]
fn l65_l67_no_decision_in_time_begins_the_next_round() {
    let mut solo = follower();
    let commands = ["precommit 0 nil 0 1", "precommit 0 A 2", "timeout precommit 0"];
    assert_eq!(after(&mut solo, &commands), ["round 1", "wait propose 1"]);
}

/// A deviation: docs/decisions/0005.
#[test]
fn l65_a_quorum_of_nil_precommits_begins_the_next_round_at_once() {
    let mut solo = follower();
    assert_eq!(after(&mut solo, &["precommit 0 nil 0 1"]), Vec::<String>::new());
    assert_eq!(after(&mut solo, &["precommit 0 nil 2"]), ["round 1", "wait propose 1"]);
}

/// The deviation is for the first rounds of a height only.
#[test]
fn l47_a_quorum_of_nil_precommits_of_a_late_round_is_waited_for() {
    let mut solo = follower();
    let commands = ["precommit 4 nil 0 1", "precommit 4 nil 2"];
    assert!(after(&mut solo, &commands).contains(&"wait precommit 4".to_owned()));
    let commands = ["timeout precommit 4"];
    assert_eq!(after(&mut solo, &commands), ["round 5", "wait propose 5"]);
}

#[test]
fn timeouts_grow_with_the_round() {
    use consensus::Wait;
    use types::Round;
    let config = Config::default();
    for wait in [Wait::Propose, Wait::Prevote, Wait::Precommit] {
        let rounds = (0..50).map(|round| config.after(wait, Round(round)));
        assert!(rounds.is_sorted_by(|a, b| a < b));
    }
}
