//! Schemathesis, which makes requests from an OpenAPI document and holds the answers to it, over
//! ours. Skipped where there is no Python, or its packages cannot be had.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rpc::{Config, Offer};

use crate::served::{Mood, Served};
use crate::wire::get;

/// Requests made for each operation. With 30 operations it takes under a minute.
const EXAMPLES: &str = "8";
/// It is stopped after so many seconds.
const SECONDS_MAX: &str = "110";
/// Fewer requests than these would show nothing.
const REQUESTS_MIN: u32 = 400;

/// A folder with the program, and where the program is.
fn prepared() -> Result<(PathBuf, PathBuf), String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let wanted = std::fs::read(sources.join("requirements.txt")).unwrap();
    let program = folder.join("venv/bin/schemathesis");
    let installed = folder.join("installed.txt");
    std::fs::copy(sources.join("schemathesis.toml"), folder.join("schemathesis.toml")).unwrap();
    if !program.is_file() || !std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(&folder))
            .map_err(|error| format!("no virtual environment: {error}"))?;
        let pip = Command::new(folder.join("venv/bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(sources.join("requirements.txt"))
            .output();
        succeeded(pip).map_err(|error| format!("its packages cannot be had: {error}"))?;
        std::fs::write(installed, wanted).unwrap();
    }
    Ok((folder, program))
}

fn run(command: &mut Command) -> Result<Output, String> {
    succeeded(command.output())
}

fn succeeded(output: std::io::Result<Output>) -> Result<Output, String> {
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs it over a document, and returns whether it found nothing, and what it said.
fn verdict(folder: &Path, program: &Path, document: &str, more: &[String]) -> (bool, String) {
    let file = folder.join("openapi.json");
    std::fs::write(&file, document).unwrap();
    let output = Command::new(program)
        .args(["--config-file", "schemathesis.toml", "run", "openapi.json", "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing", "--seed", "1", "--max-examples", EXAMPLES])
        .args(more)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said + &String::from_utf8_lossy(&output.stderr))
}

/// `N generated` at the end of what it says.
fn requests_in(said: &str) -> u32 {
    let count = said.split(" generated").next().and_then(|it| it.split_whitespace().last());
    count.and_then(|it| it.parse().ok()).unwrap_or(0)
}

#[test]
fn schemathesis_finds_nothing() {
    let (folder, program) = match prepared() {
        Ok(prepared) => prepared,
        Err(reason) => {
            println!("skipped: no schemathesis: {reason}");
            return;
        }
    };
    let served = Served::start(Mood::Decides, Config { offer: Offer::All, ..Config::default() });
    let document = get(served.address, "/v1/openapi.json").body;
    let url = format!("--url=http://{}", served.address);
    // A document that promises what no answer has: were nothing found, nothing would be looked at.
    let lie = document.replace(r#""required":["jsonrpc","id","result"]"#, r#""required":["lie"]"#);
    assert_ne!(lie, document);
    let only = ["--include-path".to_owned(), "/health".to_owned(), url.clone()];
    let (passed, said) = verdict(&folder, &program, &lie, &only);
    assert!(!passed && said.contains("lie"), "{said}");
    // Streams of events have no end, and tests of their own.
    let most = format!("--max-time={SECONDS_MAX}");
    let all = ["--exclude-path".to_owned(), "/v1/events".to_owned(), most, url];
    let (passed, said) = verdict(&folder, &program, &document, &all);
    assert!(passed, "{said}");
    assert!(REQUESTS_MIN <= requests_in(&said), "{said}");
}
