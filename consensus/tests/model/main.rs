//! A bounded model check of the real consensus code: four validators of equal power, one of them
//! Byzantine, two rounds, two blocks. Every order of messages, every loss, every alarm at any time.
//!
//! The honest validators are real `height::Deliberation`s. The Byzantine one can send any vote to
//! anybody, also several that contradict each other (all of them count, as peers claim a quorum for
//! everything), and, when it is its turn, any proposal, also with a polka that never was.
//!
//! How so much fits into a minute, without leaving anything out:
//!
//! - What was said can reach anybody at any time or never; there are no queues, only sets.
//! - Letters arrive in the smallest batches that make a rule apply (`machine.rs`).
//! - Alarms may ring in their step without having been set. So what only sets alarms (L34, L47), or
//!   takes to a later round those who could get there by alarms (L55), needs no batches of its own.
//! - A validator is known to others by what it said. So what is visited is not where everybody is,
//!   but where everybody may be after the same history: sets of states, and all combinations of
//!   them at once. That is exact, as validators have nothing shared but that history.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod letters;
mod machine;
mod network;
mod recovery;
mod rules;
mod validator;
mod walks;
mod world;

use std::collections::BTreeSet;

use letters::Name;
use network::{
    AGREEMENT, DECIDES_A, DECIDES_B, Effort, LOCK_HOLDS, LOCK_IS_FOUNDED, NO_DOUBLE_VOTE, Network,
    RECOVERY, VALIDITY,
};
use stateright::{Checker, HasDiscoveries, Model};
use world::{Plant, World};

/// What must hold everywhere.
const ALWAYS: [&str; 6] =
    [AGREEMENT, VALIDITY, NO_DOUBLE_VOTE, LOCK_HOLDS, LOCK_IS_FOUNDED, RECOVERY];

/// How many runs are held against the model.
const RUNS: u64 = 4_000;

/// Visits everything there is, and returns what of [`DECIDES_A`] and [`DECIDES_B`] can happen.
fn check(world: World, states_min: usize) -> [bool; 2] {
    let checked = format!("validator {} is Byzantine", world.byzantine);
    let checker = Network::new(world).checker().spawn_bfs().join();
    let Effort { validator_states, runs, recoveries } = checker.model().effort();
    println!(
        "{checked}: {} states at a depth of up to {}, {} steps between them; {validator_states} \
         states of validators by {runs} runs; recovery from {recoveries} situations",
        checker.unique_state_count(),
        checker.max_depth(),
        checker.state_count(),
    );
    for property in ALWAYS {
        checker.assert_no_discovery(property);
    }
    assert!(states_min < checker.unique_state_count(), "a small model says little");
    [DECIDES_A, DECIDES_B].map(|property| checker.discovery(property).is_some())
}

/// Finds a way to what must not be.
fn assert_found(world: World, property: &'static str) {
    let until = HasDiscoveries::AnyOf([property].into());
    let checker = Network::new(world).checker().finish_when(until).spawn_bfs().join();
    let path = checker.assert_any_discovery(property).into_actions();
    println!("not so that {property}: {path:#?}");
}

#[test]
fn nobody_disagrees_whoever_is_byzantine() {
    // Validator 0 proposes in round 0 and validator 1 in round 1; 2 is as good as 3.
    for (byzantine, states_min) in [(0, 500_000), (1, 500_000), (3, 100_000)] {
        let decides = check(World::new(byzantine, Plant::Nothing), states_min);
        assert_eq!(decides, [true; 2]);
    }
}

/// The reductions leave nothing out: neither do runs without them find anything that is not here.
#[test]
fn random_runs_say_nothing_that_the_model_does_not_know() {
    let network = Network::new(World::new(3, Plant::Nothing));
    let histories = walks::histories(&network);
    let world = World::new(3, Plant::Nothing);
    let mut different = BTreeSet::new();
    for seed in 1..=RUNS {
        for said in walks::walk(&world, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            assert!(histories.contains(&said), "seed {seed}: {said:#?}");
            different.insert(said);
        }
    }
    println!("{RUNS} runs: {} of {} histories, and no other", different.len(), histories.len());
    assert!(1_000 < different.len(), "the runs are all alike");
}

#[test]
fn a_block_that_is_not_acceptable_is_never_decided() {
    let mut world = World::new(1, Plant::Nothing);
    world.rejected = Some(Name::B);
    let decides = check(world, 50_000);
    assert_eq!(decides, [true, false]);
}

#[test]
fn a_lock_that_is_ignored_is_found() {
    assert_found(World::new(3, Plant::LockIgnored), LOCK_HOLDS);
    assert_found(World::new(3, Plant::LockIgnored), AGREEMENT);
}

#[test]
fn a_precommit_without_a_polka_is_found() {
    assert_found(World::new(0, Plant::PolkaIgnored), AGREEMENT);
}

#[test]
fn a_vote_that_is_forged_is_found() {
    assert_found(World::new(3, Plant::VotesForged), AGREEMENT);
}
