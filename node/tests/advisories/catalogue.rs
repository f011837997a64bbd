//! docs/RELIABILITY.md and the tests, held to each other: every row is there, a row with a tick has
//! a test that bears its number, and no test bears a number without a tick.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rows of the table of advisories and fixes.
const ROWS: u32 = 59;
const TICK: &str = "✓";
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

#[test]
fn every_row_has_a_test_or_says_what_will_bring_it() {
    let mut broken = Vec::new();
    let (rows, tests) = (rows(&mut broken), tests());
    for number in 1..=ROWS {
        let Some(row) = rows.get(&number) else {
            broken.push(format!("row {number} is missing"));
            continue;
        };
        let its: Vec<&String> =
            tests.iter().filter(|(of, _)| *of == number).map(|(_, test)| test).collect();
        let named: Vec<&str> =
            row.proof.split('`').filter(|word| word.contains("::advisory_")).collect();
        for name in &named {
            if !its.iter().any(|test| test == name) {
                broken.push(format!("row {number}: there is no test {name}"));
            }
        }
        if row.state == TICK && (its.is_empty() || named.is_empty()) {
            broken.push(format!("row {number} has a tick, and no test"));
        }
        if row.state != TICK && !(row.state.starts_with("issue ") || row.state == "later") {
            broken.push(format!("row {number}: {:?} is neither a tick nor an issue", row.state));
        }
        if row.state != TICK && !its.is_empty() {
            broken.push(format!("row {number} has tests and no tick: {its:?}"));
        }
    }
    let beyond = |number: &u32| *number < 1 || ROWS < *number;
    broken.extend(rows.keys().filter(|it| beyond(it)).map(|it| format!("row {it} is foreign")));
    let strays = tests.iter().filter(|(number, _)| beyond(number));
    broken.extend(strays.map(|(_, test)| format!("{test} bears a number of no row")));
    let ticked = rows.values().filter(|row| row.state == TICK).count();
    println!("advisories: {ticked} of {ROWS} rows have tests, {} tests in all", tests.len());
    assert!(broken.is_empty(), "docs/RELIABILITY.md and the tests:\n  {}", broken.join("\n  "));
}
