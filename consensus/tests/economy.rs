//! What gossip costs, counted: in a network where everybody hears everybody, each vote, proposal
//! and part crosses each link once; where links are missing, it is relayed without long waits.

#[path = "support/world.rs"]
mod world;

use std::time::Duration;

use types::{ConsensusParams, Time};
use world::{Weather, World, brisk};

fn windy() -> World {
    let mut world = World::new(&[10; 4], brisk(), ConsensusParams::default(), 1);
    world.weather = Weather { delay_ms_max: 8, ordered: true, ..Weather::default() };
    world
}

#[test]
fn nothing_crosses_a_link_twice_between_peers_who_hear_everybody() {
    let mut world = windy();
    world.run_to(5, 100_000);
    let (before, began): (_, Time) = (world.said.clone(), world.now);
    world.run_to(105, 100_000);
    let said = |kind: &str| world.said[kind] - before[kind];
    // A hundred heights. Four validators vote twice for three others; one proposes to three.
    let slack = 100 / 10;
    assert!(said("vote") <= 100 * 4 * 2 * 3 + slack, "{} votes", said("vote"));
    assert!(said("proposal") <= 100 * 3 + slack, "{} proposals", said("proposal"));
    assert!(said("part") <= 100 * 3 + slack, "{} parts", said("part"));
    // A decision takes three messages after each other, of at most 8 ms each.
    let took = world.now.since(began);
    assert!(took <= Duration::from_millis(100 * 3 * 8), "a hundred heights took {took:?}");
}

#[test]
fn votes_and_blocks_are_relayed_where_links_are_missing() {
    let mut world = windy();
    // A ring: nobody hears who is opposite.
    world.cut = [(0, 2), (1, 3)].into();
    let began = world.now;
    world.run_to(20, 100_000);
    let took = world.now.since(began);
    // Each of three messages may wait for two ticks at one relay.
    let relay = brisk().relay;
    assert!(took <= relay * 20 * 3, "twenty heights took {took:?}");
}
