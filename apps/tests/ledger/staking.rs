//! Validators come and go, and faults cost.

use std::time::Duration;

use apps::ledger::staking::{Candidate, StakingMessage};
use types::BlockOutcome;

use super::{FUNDS, Story, UNIT, account, address, public};

fn register(number: u8, amount: u64) -> StakingMessage {
    StakingMessage::Register { key: public(number).0, amount }
}

fn delegate(validator: u8, amount: u64) -> StakingMessage {
    StakingMessage::Delegate { validator: account(validator), amount }
}

fn undelegate(validator: u8, amount: u64) -> StakingMessage {
    StakingMessage::Undelegate { validator: account(validator), amount }
}

fn candidate(story: &Story, number: u8) -> Option<Candidate> {
    let answer = story.query("/staking/validator", &account(number));
    (!answer.value.is_empty()).then(|| borsh::from_slice(&answer.value).unwrap())
}

fn has_event(outcome: &BlockOutcome, kind: &str) -> bool {
    outcome.events.iter().any(|it| it.kind == kind)
}

#[test]
fn a_validator_that_bonds_and_unbonds_changes_the_set_two_heights_later() {
    let mut story = Story::begin();
    story.act(10, "staking", &register(10, 20 * UNIT));
    // Executed at height 1: the sets of 1 and 2 are fixed.
    assert_eq!(story.power(10), 0);
    story.block(vec![]);
    assert_eq!(story.chain().state().next_height().0, 3);
    assert_eq!(story.power(10), 20);
    // Others add to it, and are paid out after the delay.
    story.act(11, "staking", &delegate(10, 5 * UNIT));
    story.block(vec![]);
    assert_eq!(story.power(10), 25);
    story.act(10, "staking", &undelegate(10, 20 * UNIT));
    story.act(11, "staking", &undelegate(10, 5 * UNIT));
    assert_eq!(story.power(10), 5);
    story.block(vec![]);
    assert_eq!(story.power(10), 0);
    let before = story.balance(11);
    story.block(vec![]);
    assert_eq!(story.balance(11), before, "it is on its way");
    assert!(candidate(&story, 10).is_some(), "it can still be slashed");
    story.chain().advance(Duration::from_secs(100));
    assert!(has_event(&story.block(vec![]), "staking.release"));
    assert_eq!(story.balance(11), before + 5 * UNIT);
    assert_eq!(candidate(&story, 10), None, "nothing of it is left");
    // It may come back.
    story.act(10, "staking", &register(10, 20 * UNIT));
}

#[test]
fn a_validator_that_votes_twice_is_slashed_and_jailed_for_ever() {
    let mut story = Story::begin();
    story.act(11, "staking", &delegate(2, 10 * UNIT));
    story.act(11, "staking", &delegate(1, 10 * UNIT));
    story.block(vec![]);
    story.act(11, "staking", &undelegate(2, 4 * UNIT));
    assert_eq!(story.power(2), 20);
    let supply = super::Bank.supply(&story.state(), "stake");
    story.chain().misbehave(&address(2));
    let outcome = story.block(vec![]);
    assert!(has_event(&outcome, "staking.slash") && has_event(&outcome, "staking.jail"));
    // Five hundredths of what is bonded.
    let known = candidate(&story, 2).unwrap();
    assert_eq!((known.stake, known.jailed), (16 * UNIT * 95 / 100, true));
    assert_eq!(super::Bank.supply(&story.state(), "stake"), supply - 16 * UNIT * 5 / 100);
    story.block(vec![]);
    assert_eq!((story.power(2), story.power(1)), (0, 20));
    story.chain().advance(Duration::from_secs(1_000_000));
    story.block(vec![]);
    let forever = story.fail(2, "staking", &StakingMessage::Unjail);
    assert_eq!(forever, ("staking".to_owned(), 6));
    // The withdrawal arrived, less what it lost: it was bonded when it happened.
    assert_eq!(story.balance(11), FUNDS - 3 - 20 * UNIT + 4 * UNIT * 95 / 100);
    assert_eq!(super::Bank.supply(&story.state(), "stake"), supply - 20 * UNIT * 5 / 100);
    // Who delegated takes out what is left.
    let worth = 6 * UNIT * 95 / 100;
    let refused = story.fail(11, "staking", &undelegate(2, worth + 1));
    assert_eq!(refused, ("staking".to_owned(), 3));
    // What is withdrawn now has paid already.
    story.act(11, "staking", &undelegate(2, worth));
    let before = story.balance(11);
    story.chain().advance(Duration::from_secs(1_000_000));
    story.block(vec![]);
    assert_eq!(story.balance(11), before + worth);
}

#[test]
fn a_set_is_chosen_by_stake_whatever_became_of_it() {
    let mut story = Story::begin();
    story.act(10, "staking", &register(10, 20 * UNIT));
    // Between the others: down by a withdrawal, up by a delegation, and gone.
    story.act(10, "staking", &undelegate(10, 15 * UNIT));
    story.block(vec![]);
    story.block(vec![]);
    assert_eq!(story.power(10), 5);
    story.act(11, "staking", &delegate(10, 30 * UNIT));
    story.block(vec![]);
    story.block(vec![]);
    assert_eq!(story.power(10), 35);
    story.act(11, "staking", &undelegate(10, 30 * UNIT));
    story.act(10, "staking", &undelegate(10, 5 * UNIT));
    story.block(vec![]);
    story.block(vec![]);
    assert_eq!(story.power(10), 0);
}

#[test]
fn a_validator_that_is_silent_for_too_long_is_jailed_until_it_asks() {
    let mut story = Story::begin();
    story.chain().fail_validator(address(3));
    let mut blocks = 0;
    while !has_event(&story.block(vec![]), "staking.jail") {
        blocks += 1;
        assert!(blocks < 20, "a silent validator is jailed within two windows");
    }
    let known = candidate(&story, 3).unwrap();
    assert_eq!((known.stake, known.jailed), (10 * UNIT * 99 / 100, true));
    story.block(vec![]);
    assert_eq!(story.power(3), 0);
    story.chain().recover_validator(&address(3));
    let early = story.fail(3, "staking", &StakingMessage::Unjail);
    assert_eq!(early, ("staking".to_owned(), 6));
    story.chain().advance(Duration::from_secs(60));
    story.block(vec![]);
    story.act(3, "staking", &StakingMessage::Unjail);
    story.block(vec![]);
    assert_eq!(story.power(3), 9, "it lost a part of the tenth");
    assert_eq!(story.fail(3, "staking", &StakingMessage::Unjail).1, 5);
}

#[test]
fn only_those_with_the_most_stake_are_in_the_set() {
    let mut story = Story::begin();
    story.act(10, "staking", &register(10, 20 * UNIT));
    story.act(11, "staking", &register(11, 30 * UNIT));
    story.block(vec![]);
    let powers: Vec<u64> = [0, 1, 2, 3, 10, 11].map(|number| story.power(number)).to_vec();
    assert_eq!(powers.iter().sum::<u64>(), 80, "five of six: {powers:?}");
    assert_eq!(powers[4..], [20, 30]);
}

#[test]
fn the_last_validator_stays_whatever_it_does() {
    let mut genesis = super::genesis();
    genesis.validators.truncate(1);
    let mut story = Story::begin_with(&genesis, 1);
    let outcome = story.act(0, "staking", &undelegate(0, 10 * UNIT));
    assert!(has_event(&outcome, "staking.nobody"));
    story.block(vec![]);
    story.block(vec![]);
    assert_eq!(story.power(0), 10);
}

/// Its account is forgotten once its stake has arrived, but it is in the set still.
#[test]
fn another_account_takes_over_the_key_of_the_last_validator() {
    let mut genesis = super::genesis();
    genesis.validators.truncate(1);
    let mut story = Story::begin_with(&genesis, 1);
    story.act(0, "staking", &undelegate(0, 10 * UNIT));
    story.chain().advance(Duration::from_secs(100));
    story.block(vec![]);
    story.act(10, "staking", &register(0, 7 * UNIT));
    story.block(vec![]);
    story.block(vec![]);
    assert_eq!(story.power(0), 7);
}

#[test]
fn stake_is_refused_by_name() {
    let mut story = Story::begin();
    let mut code = |number, message| story.fail(number, "staking", &message);
    let staking = |code| ("staking".to_owned(), code);
    assert_eq!(code(10, delegate(10, UNIT)), staking(1));
    assert_eq!(code(0, register(10, UNIT)), staking(2));
    assert_eq!(code(10, register(0, UNIT)), staking(2), "the key is another's");
    assert_eq!(code(10, undelegate(0, UNIT)), staking(3));
    assert_eq!(code(10, register(10, UNIT - 1)), staking(4));
    assert_eq!(code(10, register(10, 2 * FUNDS)), ("bank".to_owned(), 1));
    assert_eq!(code(10, StakingMessage::Unjail), staking(1));
}
