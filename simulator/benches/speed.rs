//! How much one core simulates in a second: heights of four validators in fair weather, with
//! stand-in and with real signatures, and drawn seeds with all that can go wrong. Other numbers of
//! these can be given, in this order; 0 leaves one out.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::time::Instant;

use simulator::plan::Shape;
use simulator::search::Run;
use simulator::{Plan, world};

/// Most of what is simulated takes little memory for a short time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let given: Vec<u64> = std::env::args().filter_map(|it| it.parse().ok()).collect();
    let asked = |place, usual| given.get(place).copied().unwrap_or(usual);
    for (real, heights) in [(false, asked(0, 5000)), (true, asked(1, 300))] {
        if heights == 0 {
            continue;
        }
        let mut plan = Plan::fair(1, &[10; 4], heights);
        plan.real_signatures = real;
        let started = Instant::now();
        let report = world::run(&plan);
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(report.failure, None);
        let (heights, events) = (report.counts.heights, report.counts.events);
        println!(
            "{} signatures: {:.0} heights/s, {:.2} M events/s ({heights} heights, {events} events)",
            if real { "real" } else { "stand-in" },
            heights as f64 / seconds,
            events as f64 / seconds / 1e6,
        );
    }
    let seeds = asked(2, 300);
    let (shape, mut heights) = (Shape::default(), 0);
    let started = Instant::now();
    for seed in 0..seeds {
        let run = Run::new(seed, &shape).expect("all seeds have this shape");
        assert_eq!(run.report.failure, None, "seed {seed}");
        heights += run.report.counts.heights;
    }
    if 0 < seeds {
        let seconds = started.elapsed().as_secs_f64();
        let (each, speed) = (1000.0 * seconds / seeds as f64, heights as f64 / seconds);
        println!("{seeds} drawn seeds: {each:.1} ms each, {speed:.0} heights/s");
    }
}
