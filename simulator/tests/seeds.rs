//! The seeds that every change must pass, on all cores that there are. `make night` runs others,
//! for hours. With `SHARE=50` in the environment it is one of fifty, as `make coverage` has it.
#![expect(
    clippy::disallowed_methods,
    reason = "seeds are counted by the clock on the wall, and their share asked by the environment"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;

use simulator::plan::{FaultClass, Shape, Vice};
use simulator::report::{Stage, Summary};
use simulator::search::Run;

/// Most of what is simulated takes little memory for a short time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds of everything that can happen to consensus: weather, liars, disks, and at times real
/// signatures.
const SEEDS: u64 = 15_000;
/// Heights that they must reach together.
const HEIGHTS_MIN: u64 = 500_000;
/// Seeds in which a third of the power or more may be Byzantine.
const SEEDS_BEYOND: u64 = 500;
/// Seeds of whole nodes.
const SEEDS_WHOLE: u64 = 1000;

/// One of how many seeds is run; 1 is all.
fn share() -> u64 {
    let asked = std::env::var("SHARE").ok();
    asked.map_or(1, |it| it.parse().expect("SHARE is a number above 0"))
}

/// Runs seeds on all cores, and joins what is left of them in their order.
fn search(seeds: Range<u64>, shape: &Shape) -> Summary {
    let seeds = seeds.start..seeds.end.div_ceil(share());
    let next = AtomicU64::new(seeds.start);
    let (found, finds) = channel();
    let begun = Instant::now();
    let mut runs: BTreeMap<u64, _> = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (found, next) = (found.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seeds.end <= seed {
                        break;
                    }
                    let run = Run::new(seed, shape).expect("a shape that all seeds have");
                    found.send((seed, run.report)).expect("somebody listens");
                }
            });
        }
        drop(found);
        runs.extend(finds);
    });
    let mut summary = Summary::default();
    for (seed, report) in &runs {
        summary.add(*seed, report);
    }
    println!("{summary}\nin {} seconds", begun.elapsed().as_secs());
    summary
}

fn passes(summary: &Summary, options: &str) {
    let failed: Vec<String> = summary
        .failures
        .iter()
        .map(|failed| format!("lockstep simulate --seed {}{options}", failed.seed))
        .collect();
    assert!(failed.is_empty(), "{} seeds fail; see\n  {}", failed.len(), failed.join("\n  "));
}

#[test]
fn no_judge_objects_to_any_seed_and_everything_that_can_happen_does() {
    let summary = search(0..SEEDS, &Shape::default());
    passes(&summary, "");
    if 1 < share() {
        return;
    }
    assert!(HEIGHTS_MIN <= summary.counts.heights, "{} heights", summary.counts.heights);
    for class in FaultClass::all().filter(|&it| it != FaultClass::ClockDrift) {
        assert!(summary.counts.faults.contains_key(class.name()), "no {class} ever began");
    }
    for vice in Vice::ALL {
        assert!(summary.counts.vices.contains_key(&vice), "nobody ever acted on {vice:?}");
    }
    // A crash has met members wherever they can be.
    for stage in Stage::ALL {
        let met = summary.counts.coverage["crash"].get(&stage).copied().unwrap_or(0);
        assert!(0 < met, "no crash ever met a member at {}", stage.name());
    }
}

#[test]
fn beyond_a_third_the_guilty_are_named() {
    let shape = Shape { beyond_a_third: true, ..Shape::default() };
    passes(&search(0..SEEDS_BEYOND, &shape), " --beyond-a-third");
}

#[test]
fn no_judge_objects_to_whole_nodes() {
    let shape = Shape { whole: true, ..Shape::default() };
    passes(&search(0..SEEDS_WHOLE, &shape), " --whole");
}
