//! CosmJS, which wallets are made of, drives every call that it has, by HTTP and by websocket.
//! Skipped where there is no Node.js, or its packages cannot be had.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::served::Served;

/// The script with the packages that it needs, in a folder outside of the sources.
fn prepared() -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cosmjs");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cosmjs");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = std::fs::read(sources.join("package-lock.json")).unwrap();
    let installed = folder.join("node_modules").is_dir()
        && std::fs::read(folder.join("package-lock.json")).is_ok_and(|found| found == lock);
    for file in ["package.json", "package-lock.json", "drive.mjs"] {
        std::fs::copy(sources.join(file), folder.join(file)).unwrap();
    }
    if !installed {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))
            .map_err(|error| format!("its packages cannot be had: {error}"))?;
    }
    Ok(folder)
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn cosmjs_drives_every_call_that_it_has() {
    let folder = match run(Command::new("node").arg("--version")).and_then(|_| prepared()) {
        Ok(folder) => folder,
        Err(reason) => {
            println!("skipped: no Node.js: {reason}");
            return;
        }
    };
    let served = Served::plain();
    let (http, socket) = (format!("http://{}", served.address), format!("ws://{}", served.address));
    let output = run(Command::new("node").args(["drive.mjs", &http, &socket]).current_dir(folder));
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(said.matches("every call was answered").count(), 2, "{said}");
}
