//! Hunts one planted bug: `hunter NUMBER HUNT FROM TO [DEAF]` runs these seeds until somebody
//! objects, and prints who, at which seed, and why. The judge DEAF is not heard. Is built in the
//! planted copy only, beside `stories.rs`.

mod hunts;
mod stories;

use simulator::{Plan, Report, world};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [number, hunt, from, to, deaf @ ..] = &arguments[..] else {
        panic!("usage: hunter NUMBER HUNT FROM TO [DEAF]")
    };
    let count = |text: &String| text.parse::<u64>().expect("a number of seeds");
    types::mutant::choose(number.parse().expect("a mutant has a number"));
    // Assertions that mutants break are what is looked for.
    std::panic::set_hook(Box::new(|_| {}));
    let deaf = deaf.first().map(String::as_str);
    for seed in count(from)..count(to) {
        let plan = hunts::plan(hunt, seed);
        if let Some((judge, what)) = verdict(&plan, deaf) {
            println!("{judge}\n{seed}\n{what}");
            return;
        }
    }
    println!("nothing");
}

/// Who objects to a plan or to its run, and why.
fn verdict(plan: &Plan, deaf: Option<&str>) -> Option<(&'static str, String)> {
    if let Err(error) = plan.check()
        && deaf != Some("plan")
    {
        return Some(("plan", error.to_string()));
    }
    let Report { failure, .. } = match deaf {
        Some(judge) => world::run_without(plan, judge),
        None => world::run(plan),
    };
    failure.map(|failure| (failure.judge, failure.what))
}
