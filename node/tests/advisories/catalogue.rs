//! docs/RELIABILITY.md and the tests, held to each other: every row is there once, a row with a
//! tick names all tests that bear its number and no others, and a row without says what it waits
//! for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rows of the table of advisories and fixes.
const ROWS: u32 = 59;
const TICK: &str = "✓";
/// What a row without tests may wait for, besides "later".
const WAITED_FOR: [&str; 3] = ["issue 4", "issue 5", "issue 6"];
/// What a test's name begins with; the number of its row follows.
const PREFIX: &str = "fn advisory_";

/// A row of the table.
struct Row {
    state: String,
    proof: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("node/ is in the root").to_owned()
}

/// The rows of the section, by number.
fn rows(broken: &mut Vec<String>) -> BTreeMap<u32, Row> {
    let text = fs::read_to_string(root().join("docs/RELIABILITY.md")).expect("the page is there");
    let section = text.split("\n## Advisories\n").nth(1).expect("the page has the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, state, proof] = cells[..] else { continue };
        let Ok(number) = number.parse() else { continue };
        let row = Row { state: state.to_owned(), proof: proof.to_owned() };
        if rows.insert(number, row).is_some() {
            broken.push(format!("row {number} is there twice"));
        }
    }
    rows
}

fn sources_under(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("readable").path()) {
        let is_built = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !is_built {
            sources_under(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// All tests that bear a number: the number, and `path::name`.
fn tests() -> BTreeSet<(u32, String)> {
    let mut sources = Vec::new();
    let crates = fs::read_dir(root()).expect("the root is readable");
    for folder in crates.map(|entry| entry.expect("readable").path()) {
        if folder.join("Cargo.toml").is_file() {
            sources_under(&folder, &mut sources);
        }
    }
    let mut tests = BTreeSet::new();
    for path in sources {
        let text = fs::read_to_string(&path).expect("a source is text");
        let shown = path.strip_prefix(root()).expect("below the root").display().to_string();
        let names = text.lines().filter_map(|line| line.trim().split_once(PREFIX));
        for name in names.map(|(_, rest)| rest.split('(').next().unwrap_or_default()) {
            let number = name.split('_').next().and_then(|digits| digits.parse().ok());
            if let Some(number) = number {
                tests.insert((number, format!("{shown}::advisory_{name}")));
            }
        }
    }
    tests
}

/// What is wrong with a row, given the tests that bear its number.
fn faults(number: u32, row: &Row, its: &BTreeSet<&str>) -> Vec<String> {
    let named: Vec<&str> = row.proof.split('`').filter(|it| it.contains("::advisory_")).collect();
    let mut faults = Vec::new();
    for name in &named {
        if !its.contains(name) {
            faults.push(format!("row {number}: there is no test {name}"));
        }
    }
    for test in its {
        match named.iter().filter(|name| *name == test).count() {
            1 => {}
            times => faults.push(format!("row {number} names {times} times {test}")),
        }
    }
    let waits = row.state == "later" || WAITED_FOR.contains(&row.state.as_str());
    match row.state.as_str() {
        TICK if its.is_empty() => faults.push(format!("row {number} has a tick, and no test")),
        TICK => {}
        _ if !its.is_empty() => faults.push(format!("row {number} has tests and no tick")),
        state if !waits => faults.push(format!("row {number}: {state:?} is no state of a row")),
        _ if row.proof.is_empty() => faults.push(format!("row {number}: what does it wait for?")),
        _ => {}
    }
    faults
}

#[test]
fn every_row_has_its_tests_or_says_what_will_bring_them() {
    let mut broken = Vec::new();
    let (rows, tests) = (rows(&mut broken), tests());
    for number in 1..=ROWS {
        let its = tests.iter().filter(|(of, _)| *of == number).map(|(_, test)| test.as_str());
        match rows.get(&number) {
            Some(row) => broken.extend(faults(number, row, &its.collect())),
            None => broken.push(format!("row {number} is missing")),
        }
    }
    let beyond = |number: &u32| !(1..=ROWS).contains(number);
    broken.extend(rows.keys().filter(|it| beyond(it)).map(|it| format!("row {it} is foreign")));
    let strays = tests.iter().filter(|(number, _)| beyond(number));
    broken.extend(strays.map(|(_, test)| format!("{test} bears a number of no row")));
    let ticked = rows.values().filter(|row| row.state == TICK).count();
    println!("advisories: {ticked} of {ROWS} rows have tests, {} tests in all", tests.len());
    assert!(broken.is_empty(), "docs/RELIABILITY.md and the tests:\n  {}", broken.join("\n  "));
}

/// The check itself can fail, in each of its ways.
#[test]
fn a_row_that_does_not_fit_its_tests_is_found() {
    let row = |state: &str, proof: &str| Row { state: state.to_owned(), proof: proof.to_owned() };
    let is_sound =
        |row: &Row, its: &[&str]| faults(7, row, &its.iter().copied().collect()).is_empty();
    let (one, two) = ("a/b.rs::advisory_07_one", "a/b.rs::advisory_07_two");
    assert!(is_sound(&row(TICK, &format!("`{one}`, `{two}`; and a judge")), &[one, two]));
    assert!(is_sound(&row("later", "state sync"), &[]));
    assert!(is_sound(&row("issue 6", "sockets"), &[]));
    let unsound: [(&str, &str, &[&str]); 8] = [
        (TICK, "", &[]),
        (TICK, "", &[one]),
        (TICK, &format!("`{one}`"), &[one, two]),
        (TICK, &format!("`{one}`, `{two}`"), &[one]),
        (TICK, &format!("`{one}`, `{one}`"), &[one]),
        ("later", &format!("`{one}`"), &[one]),
        ("later", "", &[]),
        ("issue 3", "what is done", &[]),
    ];
    for (state, proof, its) in unsound {
        assert!(!is_sound(&row(state, proof), its), "{state} {proof} {its:?}");
    }
}
