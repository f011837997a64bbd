//! Bugs that we plant in a copy of our own sources, and the simulator must find: a hunt that never
//! finds anything is not trusted.
//!
//! All mutants of the catalogue go into one copy, where a number chooses which is live; so one
//! build serves them all. With none live the same hunts must find nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "sources are copied, and a program is built and run"
)]

mod catalogue;
mod copy;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use catalogue::{MUTANTS, Mutant};

/// What became of a hunt.
struct Hunt {
    name: &'static str,
    /// What the hunter printed: the judge and how many seeds it took; none if nothing was found.
    found: Option<String>,
    took: Duration,
}

#[test]
fn every_mutant_is_found_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the root");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    copy::plant(root, &scratch, &MUTANTS);
    let hunter = build(&scratch);
    let hunts = hunt_all(&hunter);
    for hunt in &hunts {
        let found = hunt.found.as_deref().unwrap_or("not found");
        println!("{:48} {found} ({:.1} s)", hunt.name, hunt.took.as_secs_f64());
    }
    let escaped: Vec<&str> =
        hunts.iter().filter(|it| it.found.is_none()).map(|it| it.name).collect();
    assert!(escaped.is_empty(), "not found: {escaped:?}");
}

#[test]
fn a_mutant_whose_place_is_gone_is_noticed() {
    let lost = Mutant {
        name: "lost",
        hunt: "drawn",
        edits: &[catalogue::Edit { file: "Cargo.toml", find: "no such line", replace: "" }],
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the root");
    let planted = copy::planted(root, &[lost]);
    assert!(planted.is_err_and(|it| it.contains("lost") && it.contains("Cargo.toml")));
}

/// Builds the hunter in the planted copy, in a target folder of its own: cargo would take the copy's
/// crates for ours, and ours for the copy's.
fn build(scratch: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants-target");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "-p", "simulator", "--example", "hunter"])
        .current_dir(scratch)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .expect("cargo runs, as it runs this test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the planted copy does not build:\n{errors}");
    target.join("release/examples/hunter")
}

/// Hunts all mutants, and none, on the cores there are.
fn hunt_all(hunter: &Path) -> Vec<Hunt> {
    let numbers: Vec<usize> = (0..=MUTANTS.len()).collect();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut hunts = std::thread::scope(|scope| {
        let worker = || {
            let mut done = vec![];
            loop {
                let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(&number) = numbers.get(place) else { return done };
                done.push((number, hunt(hunter, number)));
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|it| it.join().expect("a hunt ends")).collect::<Vec<_>>()
    });
    hunts.sort_by_key(|(number, _)| *number);
    hunts.into_iter().map(|(_, hunt)| hunt).collect()
}

/// Hunts one mutant by its hunt; number 0 is the sound code, which all hunts must let pass.
fn hunt(hunter: &Path, number: usize) -> Hunt {
    let begun = Instant::now();
    let mutant = number.checked_sub(1).map(|place| &MUTANTS[place]);
    let kind = mutant.map_or("all", |it| it.hunt);
    let output = Command::new(hunter)
        .args([&number.to_string(), kind])
        .output()
        .expect("the hunter was just built");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let found = output.status.success().then_some(text);
    let took = begun.elapsed();
    match mutant {
        Some(mutant) => Hunt { name: mutant.name, found, took },
        // Here it is right to find nothing.
        None => {
            let found = match found {
                None => Some("nothing, as it should be".to_owned()),
                Some(failure) => {
                    println!("in the sound code something was found {failure}");
                    None
                }
            };
            Hunt { name: "the sound code", found, took }
        }
    }
}
