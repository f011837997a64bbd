//! `lockstep app new`: a small application crate, with a test of it on a chain without a network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The module, which is the example of docs/APPLICATIONS.md.
const MODULE: &str = include_str!("../../../../apps/tests/framework/counter.rs");
/// Its test.
const TEST: &str = include_str!("../../../../apps/tests/framework/chain.rs");

/// Arguments of `lockstep app new`.
#[derive(Debug, clap::Args)]
#[group(id = "app-new")]
pub struct Args {
    /// Name of the crate, and of the folder that is made for it.
    name: String,
    /// A checkout of Lockstep, whose crates `abci`, `apps` and `types` it uses.
    #[arg(long, value_name = "DIR", default_value = ".")]
    lockstep: PathBuf,
}

/// Writes the crate.
///
/// # Errors
/// If the name is none for a crate, something is in the way, or there is no checkout.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let name = &args.name;
    let is_letter = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    ensure!(
        name.starts_with(|it: char| it.is_ascii_lowercase()) && name.chars().all(is_letter),
        "{name:?} is no name for a crate: use a-z, 0-9 and _, and begin with a letter"
    );
    let checkout = &args.lockstep;
    ensure!(
        checkout.join("apps/Cargo.toml").exists(),
        "{} is no checkout of Lockstep; name one with --lockstep",
        checkout.display()
    );
    let checkout = checkout.canonicalize()?;
    let folder = Path::new(name);
    ensure!(!folder.exists(), "{name} exists already; choose another name");
    for (file, text) in files(name, &checkout) {
        let path = folder.join(file);
        let within = path.parent().expect("every file is in the folder");
        let write = || fs::create_dir_all(within).and_then(|()| fs::write(&path, text));
        write().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    println!("{name} is there; try it: cd {name} && cargo test");
    Ok(())
}

fn files(name: &str, checkout: &Path) -> [(&'static str, String); 3] {
    let path = |crate_name: &str| format!("{{ path = {:?} }}", checkout.join(crate_name));
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nabci = {}\napps = {}\ntypes = {}\n\
         borsh = {{ version = \"1\", features = [\"derive\"] }}\nthiserror = \"2\"\n\n\
         [dev-dependencies]\nzeroize = \"1\"\n\n\
         # A workspace of its own, wherever it lies.\n[workspace]\n",
        path("abci"),
        path("apps"),
        path("types"),
    );
    let (_, module) = MODULE.split_once("\n\n").expect("the module has a head");
    let module = format!("//! An application of one module: see docs/APPLICATIONS.md.\n\n{module}");
    let test = TEST.replace("crate::counter", name);
    [("Cargo.toml", manifest), ("src/lib.rs", module), ("tests/chain.rs", test)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_has_a_manifest_a_module_and_a_test_of_it() {
        let [(_, manifest), (_, module), (_, test)] = files("tally", Path::new("/lockstep"));
        let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
        assert_eq!(manifest["dependencies"]["apps"]["path"].as_str(), Some("/lockstep/apps"));
        assert!(module.contains("impl Module for Counter"));
        assert!(test.contains("use tally::{Counter, CounterMessage};"));
        assert!(!test.contains("crate::"));
    }
}
