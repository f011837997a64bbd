//! `lockstep app new`: a small application crate, with a program that serves it to a node, and a
//! test of it on a chain without a network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::cli::Surroundings;

/// The module, which is the example of docs/APPLICATIONS.md.
const MODULE: &str = include_str!("../../../../apps/tests/framework/counter.rs");
/// What serves it.
const PROGRAM: &str = include_str!("../../../../apps/examples/counter.rs");
/// Its test.
const TEST: &str = include_str!("../../../../apps/tests/framework/chain.rs");

/// Names that Rust has words for, in the order of its reference.
const KEYWORDS: [&str; 52] = [
    "as", "break", "const", "continue", "crate", "else", "enum", "extern", "false", "fn", "for",
    "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
    "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
    "while", "async", "await", "dyn", "abstract", "become", "box", "do", "final", "macro",
    "override", "priv", "typeof", "unsized", "virtual", "yield", "try", "gen", "union",
];
/// Names that are taken by Cargo, by crates that come with Rust, or by those that the crate uses.
const CRATES: [&str; 15] = [
    "build",
    "deps",
    "examples",
    "incremental",
    "alloc",
    "core",
    "proc_macro",
    "std",
    "test",
    "abci",
    "apps",
    "borsh",
    "thiserror",
    "types",
    "zeroize",
];

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
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let name = &args.name;
    let is_letter = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    ensure!(
        name.starts_with(|it: char| it.is_ascii_lowercase()) && name.chars().all(is_letter),
        "{name:?} is no name for a crate: use a-z, 0-9 and _, and begin with a letter"
    );
    ensure!(
        !KEYWORDS.iter().chain(&CRATES).any(|it| it == name),
        "{name} is taken by Rust or by Lockstep; choose another name"
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
    let files = files(name, &checkout);
    for (file, text) in &files {
        let path = folder.join(file);
        let within = path.parent().expect("every file is in the folder");
        let write = || fs::create_dir_all(within).and_then(|()| fs::write(&path, text));
        write().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if around.json {
        let folder = folder.canonicalize()?;
        println!("{:#}", json!({ "folder": folder, "files": files.map(|(file, _)| file) }));
    } else {
        println!("{}", hint(name));
    }
    Ok(())
}

/// What can be done with it.
fn hint(name: &str) -> String {
    format!(
        "{name} is there. Go there (cd {name}), and\n  \
         test it:   cargo test\n  \
         run it:    cargo run -- tcp://127.0.0.1:26658 data\n  \
         its node:  lockstep start --proxy_app tcp://127.0.0.1:26658\n  \
         check it:  lockstep app check --spawn 'target/debug/{name} {{address}} {{dir}}'"
    )
}

fn files(name: &str, checkout: &Path) -> [(&'static str, String); 4] {
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
    let (_, program) = PROGRAM.split_once("mod counter;\n\n").expect("the example has a head");
    let program = program.replace("crate::counter", name).replace("counter ", &format!("{name} "));
    let program = format!(
        "//! Serves the application to a node: `cargo run -- tcp://127.0.0.1:26658 data`, then\n\
         //! `lockstep start --proxy_app tcp://127.0.0.1:26658`.\n\n{program}"
    );
    let test = TEST.replace("crate::counter", name);
    [
        ("Cargo.toml", manifest),
        ("src/lib.rs", module),
        ("src/main.rs", program),
        ("tests/chain.rs", test),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_has_a_manifest_a_module_a_program_and_a_test_of_it() {
        let [(_, manifest), (_, module), (_, program), (_, test)] =
            files("tally", Path::new("/lockstep"));
        let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
        assert_eq!(manifest["dependencies"]["apps"]["path"].as_str(), Some("/lockstep/apps"));
        assert!(module.contains("impl Module for Counter"));
        assert!(test.contains("use tally::{Counter, CounterMessage};"));
        assert!(program.contains("use tally::Counter;\n"), "{program}");
        assert!(program.contains("usage: tally ADDRESS FOLDER, such as: tally tcp"), "{program}");
        assert!(!program.contains("counter"), "{program}");
        for text in [program, test] {
            assert!(!text.contains("crate::"), "{text}");
        }
    }
}
