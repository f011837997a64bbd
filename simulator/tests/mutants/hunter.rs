//! Hunts one planted bug: `hunter NUMBER HUNT`. Prints the judge that found it, and in how many
//! seeds. Is built in the planted copy only.

use simulator::plan::{FaultClass, Shape, ShapeError};
use simulator::{Plan, Report, world};

/// Makes the plan of a seed.
type Draw = fn(u64) -> Result<Plan, ShapeError>;

/// Most seeds of a hunt through drawn plans.
const SEEDS_MAX: u64 = 4000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [number, hunt] = &arguments[..] else { panic!("usage: hunter NUMBER HUNT") };
    types::mutant::choose(number.parse().expect("a mutant has a number"));
    std::panic::set_hook(Box::new(|_| {}));
    let draws: Vec<Draw> = match hunt.as_str() {
        "crashes" => vec![crashes],
        "drawn" => vec![drawn],
        "whole" => vec![whole],
        "all" => vec![crashes, drawn, whole],
        other => panic!("there is no hunt {other}"),
    };
    let seeds = if hunt == "all" { SEEDS_MAX / 50 } else { SEEDS_MAX };
    for draw in draws {
        for seed in 0..seeds {
            let plan = draw(seed).expect("the shape can be drawn");
            let Report { failure, .. } = world::run(&plan);
            if let Some(failure) = failure {
                println!("by {} in {} seeds", failure.judge, seed + 1);
                return;
            }
        }
    }
    std::process::exit(1);
}

/// All that may go wrong.
fn drawn(seed: u64) -> Result<Plan, ShapeError> {
    Plan::draw(seed, &Shape::default())
}

/// The same with a node's stores.
fn whole(seed: u64) -> Result<Plan, ShapeError> {
    Plan::draw(seed, &Shape { whole: true, ..Shape::default() })
}

/// Much that stops and comes back.
fn crashes(seed: u64) -> Result<Plan, ShapeError> {
    let stops = |class: &FaultClass| class.name().contains("crash") || class.name().contains("kill");
    let faults = FaultClass::all().filter(stops).collect();
    Plan::draw(seed, &Shape { faults, validators: Some(4), ..Shape::default() })
}
