//! How many heights a second one core simulates: four validators in fair weather, with stand-in
//! and with real signatures. Other numbers of heights can be given, first those of the stand-in.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::time::Instant;

use simulator::{Plan, world};

/// Most of what is simulated takes little memory for a short time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let given: Vec<u64> = std::env::args().filter_map(|it| it.parse().ok()).collect();
    for (real, usual) in [(false, 5000), (true, 300)] {
        let heights = given.get(usize::from(real)).copied().unwrap_or(usual);
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
}
