//! Bugs that we plant in a copy of our own sources, and the simulator must find: a hunt that never
//! finds anything is not trusted, and neither is a judge without a bug that it alone finds.
//!
//! All mutants of the catalogue go into one copy, where a number chooses which is live; so one
//! build serves them all. With none live the same seeds must find nothing. The table that is
//! printed stands in docs/RELIABILITY.md.
#![expect(
    clippy::disallowed_methods,
    reason = "sources are copied, and a program is built and run"
)]

mod catalogue;
mod copy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalogue::{Hunt, MUTANTS, Mutant};

/// Most seeds of a hunt.
const SEEDS_MAX: u64 = 2000;

/// An objection in a hunt.
struct Catch {
    judge: String,
    /// The seed, from 0.
    seed: u64,
    what: String,
}

/// What became of a mutant.
struct Hunted {
    name: &'static str,
    hunt: Hunt,
    found: Option<Catch>,
    took: Duration,
    /// Who objects in the same seeds when its judge is deaf.
    others: Option<Catch>,
}

#[test]
fn every_mutant_is_found_and_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the root");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    copy::plant(root, &scratch, &MUTANTS);
    let begun = Instant::now();
    let hunter = build(&scratch);
    println!("built in {:.0} s", begun.elapsed().as_secs_f64());
    let numbered = MUTANTS.iter().enumerate();
    let all: Vec<(usize, Hunt)> =
        numbered.flat_map(|(place, it)| it.hunts.iter().map(move |hunt| (place, *hunt))).collect();
    let hunted = side_by_side(all.len(), |index| hunt(&hunter, all[index]));
    let mut faults: Vec<String> = hunted.iter().filter_map(told).collect();
    let controls: Vec<(&str, u64)> = controls(&hunted).into_iter().collect();
    let control = |place: usize| {
        let (hunt, seeds) = controls[place];
        let found = seeds_of(&hunter, 0, hunt, seeds, None);
        found.map(|it| format!("sound code, {hunt} {}: {} says {}", it.seed, it.judge, it.what))
    };
    faults.extend(side_by_side(controls.len(), control).into_iter().flatten());
    println!("{:.0} s in all", begun.elapsed().as_secs_f64());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_mutant_whose_place_is_gone_is_noticed() {
    let edits = &[catalogue::Edit { file: "Cargo.toml", find: "no such line", replace: "" }];
    let lost = Mutant { name: "lost", hunts: &[], edits };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the root");
    let planted = copy::planted(root, &[lost]);
    assert!(planted.is_err_and(|it| it.contains("lost") && it.contains("Cargo.toml")));
}

/// Builds the hunter in the planted copy, in a target folder of its own: cargo would take the
/// copy's crates for ours, and ours for the copy's. The build is quick rather than its program.
fn build(scratch: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants-target");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "-p", "simulator", "--bin", "hunter"])
        .current_dir(scratch)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64")
        .output()
        .expect("cargo runs, as it runs this test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the planted copy does not build:\n{errors}");
    target.join("release/hunter")
}

/// Does so many things on the cores there are. Gives what came of each, in order.
fn side_by_side<T: Send>(count: usize, each: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let places = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        places.take_while(|&place| place < count).map(|place| (place, each(place))).collect()
    };
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|it| it.join().expect("a worker ends"));
        ended.flat_map(|done: Vec<(usize, T)>| done).collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, what)| what).collect()
}

/// Hunts one mutant. If its judge is to be alone, the same seeds are run again with it deaf.
fn hunt(hunter: &Path, (place, hunt): (usize, Hunt)) -> Hunted {
    let number = place + 1;
    let begun = Instant::now();
    let found = seeds_of(hunter, number, hunt.place, SEEDS_MAX, None);
    let took = begun.elapsed();
    let again = found.as_ref().filter(|it| hunt.alone && it.judge == hunt.judge);
    let others =
        again.and_then(|it| seeds_of(hunter, number, hunt.place, it.seed + 1, Some(hunt.judge)));
    Hunted { name: MUTANTS[place].name, hunt, found, took, others }
}

/// Prints what became of a mutant. Gives what is wrong with that.
fn told(hunted: &Hunted) -> Option<String> {
    let Hunted { name, hunt: Hunt { place, judge, alone }, found, took, others } = hunted;
    let seconds = took.as_secs_f64();
    let Some(Catch { judge: first, seed, what }) = found else {
        println!("| {name} | nobody | {place} | {SEEDS_MAX} | {seconds:.1} |");
        return Some(format!("{name}: not found in {SEEDS_MAX} seeds of {place}"));
    };
    let who = format!("{first}{}", if *alone { ", alone" } else { "" });
    println!("| {name} | {who} | {place} | {} | {seconds:.1} |", seed + 1);
    let what: String = what.chars().take(300).collect();
    println!("    {what}");
    if first != judge {
        return Some(format!(
            "{name}: found by {first}, not by {judge}, in {place} {seed}: {what}"
        ));
    }
    let Catch { judge: other, seed, what } = others.as_ref()?;
    Some(format!("{name}: found by {other}, too, in {place} {seed}: {what}"))
}

/// The seeds of each hunt in which something was found: the sound code must pass them all.
fn controls(hunted: &[Hunted]) -> BTreeMap<&'static str, u64> {
    let mut controls = BTreeMap::new();
    for it in hunted {
        let seeds = it.found.as_ref().map_or(0, |found| found.seed + 1);
        let most: &mut u64 = controls.entry(it.hunt.place).or_default();
        *most = seeds.max(*most);
    }
    controls
}

/// Runs seeds of a hunt until somebody objects, other than one who is deaf. Number 0 is sound code.
fn seeds_of(
    hunter: &Path,
    number: usize,
    hunt: &str,
    seeds: u64,
    deaf: Option<&str>,
) -> Option<Catch> {
    let output = Command::new(hunter)
        .args([&number.to_string(), hunt, "0", &seeds.to_string()])
        .args(deaf)
        .output()
        .expect("the hunter was just built");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mutant {number}, {hunt}: {}\n{errors}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let (judge, rest) = text.split_once('\n')?;
    let (seed, what) = rest.split_once('\n')?;
    let seed = seed.parse().expect("the hunter prints the seed");
    Some(Catch { judge: judge.to_owned(), seed, what: what.trim_end().to_owned() })
}
