//! Runs the scripts of `scenarios/*.txt`. A script is a list of commands (`> ...`), each followed
//! by what the replica does; comments begin with `#`. At the head, `me N` chooses whose replica it
//! is, `quiet` that no blocks without transactions are made, `patient` that they are after a while,
//! `extended` that precommits carry extensions.
//!
//! `UPDATE_SCENARIOS=1 cargo test -p consensus --test scenarios` rewrites what is expected.

#[path = "support/solo.rs"]
mod solo;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use consensus::Config;
use solo::Solo;
use types::{ConsensusParams, Height};

#[test]
#[expect(clippy::disallowed_methods, reason = "a script is rewritten when its author asks")]
fn every_script_goes_as_written() {
    let scripts = scripts();
    assert!(20 <= scripts.len());
    let mut wrong = Vec::new();
    for path in scripts {
        let text = fs::read_to_string(&path).expect("a script can be read");
        let played = play(&text);
        if std::env::var_os("UPDATE_SCENARIOS").is_some() {
            fs::write(&path, played).expect("a script can be rewritten");
        } else if played != text {
            wrong.push(format!("{}:\n{}", path.display(), difference(&text, &played)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(folder).expect("the scripts are in the repository");
    let mut paths: Vec<PathBuf> = entries.map(|it| it.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

/// Obeys the script's commands and returns the script with what really happened.
fn play(text: &str) -> String {
    let mut played = String::new();
    let mut solo: Option<Solo> = None;
    let mut me = 3;
    let mut config = Config { commit: Duration::ZERO, ..Config::default() };
    let mut params = ConsensusParams::default();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            let solo = solo.get_or_insert_with(|| Solo::new(me, config.clone(), params.clone()));
            played.push_str(line);
            played.push('\n');
            played.push_str(&solo.obey(command));
        } else if !line.starts_with("  ") {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["me", number] => me = number.parse().expect("an index"),
                ["quiet"] => config.create_empty_blocks = false,
                ["extended"] => params.abci.extensions_from = Some(Height::FIRST),
                ["patient"] => config.create_empty_blocks_interval = Duration::from_secs(5),
                _ => {}
            }
            played.push_str(line);
            played.push('\n');
        }
    }
    played
}

/// The lines from the first that differs.
fn difference(expected: &str, actual: &str) -> String {
    let same = expected.lines().zip(actual.lines()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.lines().skip(same).take(12).collect::<Vec<_>>().join("\n");
    format!("expected\n{}\nbut got\n{}", rest(expected), rest(actual))
}
