//! Whole replicas in one thread: they decide height after height, with and without crashes.

#[path = "support/world.rs"]
mod world;

use types::ConsensusParams;
use world::{World, brisk};

#[test]
fn four_replicas_decide_twenty_heights() {
    let mut world = World::new(&[10; 4], brisk(), ConsensusParams::default(), 1);
    world.run_to(20, 20_000);
}

#[test]
fn a_lone_validator_decides() {
    let mut world = World::new(&[10], brisk(), ConsensusParams::default(), 1);
    world.run_to(20, 20_000);
}

#[test]
fn three_of_four_go_on_without_the_fourth_and_it_comes_back() {
    let mut world = World::new(&[10; 4], brisk(), ConsensusParams::default(), 1);
    world.run_to(3, 20_000);
    world.crash(0);
    world.run_to(8, 20_000);
    world.start(0);
    world.run_to(12, 20_000);
}

#[test]
fn a_dead_proposer_is_not_waited_for_in_full() {
    let config = brisk();
    let mut world = World::new(&[10; 4], config.clone(), ConsensusParams::default(), 1);
    world.run_to(3, 20_000);
    world.crash(0);
    // The first turn it misses may be waited for: it was heard in the height before.
    world.run_to(8, 20_000);
    let begun = world.now;
    world.run_to(20, 40_000);
    let took = world.now.since(begun);
    // Three of these twelve turns are its own.
    assert!(config.propose_silent * 3 <= took, "took {took:?}: it was not missed");
    assert!(took < config.propose, "took {took:?} in virtual time");
}

#[test]
fn vote_extensions_are_part_of_every_commit() {
    let mut params = ConsensusParams::default();
    params.abci.extensions_from = Some(types::Height(2));
    let mut world = World::new(&[10; 4], brisk(), params, 1);
    world.run_to(6, 20_000);
    let extended = |height: u64| {
        let commit = &world.members[0].blocks[&types::Height(height)].commit;
        commit.signatures.iter().filter(|it| it.extension.is_some()).count()
    };
    assert_eq!(extended(1), 0);
    assert!(3 <= extended(2));
    assert!(3 <= extended(5));
}

#[test]
fn replicas_that_crash_at_any_step_never_sign_twice_and_go_on() {
    for seed in 1..40 {
        let mut world = World::new(&[10; 4], brisk(), ConsensusParams::default(), seed);
        for _ in 0..12 {
            for _ in 0..world.random(120) {
                world.step();
            }
            let victim = usize::try_from(world.random(4)).expect("below four");
            world.crash(victim);
            for _ in 0..world.random(60) {
                world.step();
            }
            world.start(victim);
        }
        let height = (0..4).map(|it| world.height(it)).max().expect("four replicas");
        world.run_to(height + 3, 60_000);
    }
}

#[test]
fn all_replicas_crash_at_once_and_go_on() {
    for seed in 1..40 {
        let mut world = World::new(&[10; 4], brisk(), ConsensusParams::default(), seed);
        for _ in 0..6 {
            for _ in 0..world.random(200) {
                world.step();
            }
            (0..4).for_each(|it| world.crash(it));
            (0..4).for_each(|it| world.start(it));
        }
        let height = (0..4).map(|it| world.height(it)).max().expect("four replicas");
        world.run_to(height + 3, 60_000);
    }
}

#[test]
fn a_replica_that_was_away_long_catches_up_and_votes_again() {
    let mut world = World::new(&[10; 4], brisk(), ConsensusParams::default(), 3);
    world.run_to(2, 20_000);
    world.crash(3);
    world.run_to(120, 200_000);
    world.start(3);
    world.run_to(125, 100_000);
    world.crash(0);
    world.run_to(128, 20_000);
}

#[test]
fn the_pause_after_a_decision_ends_early_once_all_precommits_are_in() {
    let elapsed = |config: consensus::Config| {
        let mut world = World::new(&[10; 4], config, ConsensusParams::default(), 5);
        let begin = world.now;
        world.run_to(5, 20_000);
        world.now.since(begin)
    };
    let config = consensus::Config::default();
    assert!(4 * config.commit <= elapsed(config.clone()));
    let impatient = consensus::Config { skip_commit: true, ..config.clone() };
    assert!(elapsed(impatient) < 2 * config.commit);
}
