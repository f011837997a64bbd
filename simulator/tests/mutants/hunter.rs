//! Hunts one planted bug: `hunter NUMBER HUNT`. Prints the judge that found it, and in how many
//! seeds. Is built in the planted copy only.

use simulator::plan::{FaultClass, Shape};
use simulator::{Plan, Report, world};

/// Most seeds of a hunt through drawn plans.
const SEEDS_MAX: u64 = 4000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [number, hunt] = &arguments[..] else { panic!("usage: hunter NUMBER HUNT") };
    types::mutant::choose(number.parse().expect("a mutant has a number"));
    std::panic::set_hook(Box::new(|_| {}));
    let shapes = match hunt.as_str() {
        "crashes" => vec![crashes()],
        "drawn" => vec![Shape::default()],
        "all" => vec![crashes(), Shape::default()],
        other => panic!("there is no hunt {other}"),
    };
    let seeds = if hunt == "all" { SEEDS_MAX / 20 } else { SEEDS_MAX };
    for shape in shapes {
        for seed in 0..seeds {
            let plan = Plan::draw(seed, &shape).expect("the shape can be drawn");
            let Report { failure, .. } = world::run(&plan);
            if let Some(failure) = failure {
                println!("by {} in {} seeds", failure.judge, seed + 1);
                return;
            }
        }
    }
    std::process::exit(1);
}

/// Much that stops and comes back.
fn crashes() -> Shape {
    let wanted = |class: &FaultClass| class.name().contains("crash") || class.name().contains("kill");
    Shape {
        faults: FaultClass::all().filter(wanted).collect(),
        validators: Some(4),
        ..Shape::default()
    }
}
