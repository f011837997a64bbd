//! Random schedules of whole replicas: messages are lost, doubled, late and out of order, links
//! are cut and healed, replicas crash between any two of their outputs and come back. Whatever
//! happens, no two replicas decide differently and none signs twice; and once the weather is fair
//! again, all decide within a bounded time. A failure names its seed.

#[path = "support/world.rs"]
mod world;

use std::time::Duration;

use types::{ConsensusParams, Time};
use world::{Weather, World, brisk, whole};

/// The world's clock at which everybody must have decided again, after the weather turned fair.
const RECOVERY_MAX: Duration = Duration::from_secs(90);

#[test]
fn four_replicas_agree_and_recover_in_any_weather() {
    for seed in 1..=120 {
        trial(seed, &[10; 4], &[0, 1, 2, 3]);
    }
}

#[test]
fn seven_replicas_of_unequal_power_agree_and_recover_in_any_weather() {
    for seed in 1..=40 {
        trial(seed, &[30, 10, 20, 10, 5, 10, 15], &[0, 1, 2, 3, 4, 5, 6]);
    }
}

/// The third holds a key twice: less than a third of the power is faulty, so all still agree, and
/// now and then it is caught and a block says so.
#[test]
fn a_validator_who_runs_twice_does_no_harm_and_is_caught() {
    let mut caught = 0;
    let mut punished = 0;
    for seed in 1..=40 {
        let world = trial(seed, &[10; 4], &[0, 1, 2, 3, 3]);
        caught += world.caught.len();
        let blocks = world.members.iter().flat_map(|member| member.blocks.values());
        punished += blocks.filter(|stored| !whole(stored).evidence.is_empty()).count();
    }
    assert!(0 < caught, "two replicas with one key never voted differently");
    assert!(0 < punished, "no block carries evidence");
}

/// Prints the seed if what follows panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the seed is {}", self.0);
        }
    }
}

/// Lets replicas with these keys of these validators live through one random history.
fn trial(seed: u64, powers: &[u64], keys: &[usize]) -> World {
    let _seed = Seed(seed);
    let mut params = ConsensusParams::default();
    params.abci.extensions_from = seed.is_multiple_of(4).then_some(types::Height(2));
    // Neighbouring seeds must not give neighbouring numbers.
    let numbers = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut world = World::with_keys(powers, keys, brisk(), params, numbers);
    for _ in 0..8 {
        disturb(&mut world, keys.len());
        let steps = world.random(400);
        (0..steps).for_each(|_| world.step());
    }
    heal(&mut world, keys.len());
    let highest = (0..keys.len()).map(|it| world.height(it)).max().expect("there are some");
    let deadline = world.now.after(RECOVERY_MAX);
    run_until(&mut world, keys.len(), highest + 3, deadline);
    world
}

/// Changes the weather, cuts links, crashes and starts replicas.
fn disturb(world: &mut World, count: usize) {
    let delays = [0, 5, 40, 300];
    let losses = [0, 0, 5, 30];
    let pick = |world: &mut World, from: [u64; 4]| from[number(world, 4)];
    world.weather = Weather {
        delay_ms_max: pick(world, delays),
        ordered: world.random(2) == 0,
        lost: pick(world, losses),
        doubled: pick(world, [0, 0, 0, 10]),
    };
    world.cut.clear();
    if world.random(3) == 0 {
        let side: Vec<bool> = (0..count).map(|_| world.random(2) == 0).collect();
        let pairs = (0..count).flat_map(|a| (0..count).map(move |b| (a, b)));
        world.cut = pairs.filter(|&(a, b)| side[a] != side[b]).collect();
    }
    let victim = number(world, count);
    match world.random(4) {
        0 => world.crash(victim),
        1 => {
            let outputs = world.random(12);
            world.crash_after(victim, outputs);
        }
        2 => restart(world, victim),
        _ => {}
    }
}

/// Fair weather: every replica runs, every link works, nothing is lost any more.
fn heal(world: &mut World, count: usize) {
    world.weather.lost = 0;
    world.weather.doubled = 0;
    world.doomed = None;
    world.cut.clear();
    (0..count).for_each(|it| restart(world, it));
}

fn restart(world: &mut World, number: usize) {
    if world.members[number].replica.is_none() {
        world.start(number);
    }
}

fn run_until(world: &mut World, count: usize, height: u64, deadline: Time) {
    while !(0..count).all(|it| height <= world.height(it)) {
        let heights: Vec<u64> = (0..count).map(|it| world.height(it)).collect();
        assert!(world.now < deadline, "heights are {heights:?}, all should be at {height}");
        world.step();
    }
}

fn number(world: &mut World, below: usize) -> usize {
    let below = u64::try_from(below).expect("a small number");
    usize::try_from(world.random(below)).expect("a small number")
}
