//! A copy of the sources, with bugs planted in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::catalogue::Mutant;

/// What is not part of the sources.
const LEFT_OUT: [&str; 3] = ["target", ".git", ".localnet"];
/// The switch: a module of `types`, as everything else sees it.
const SWITCH: &str = "//! Which planted bug is live.

use std::sync::atomic::{AtomicU32, Ordering};

static LIVE: AtomicU32 = AtomicU32::new(0);

/// From now on this one.
pub fn choose(number: u32) {
    LIVE.store(number, Ordering::Relaxed);
}

/// Whether it is this one.
pub fn is(number: u32) -> bool {
    LIVE.load(Ordering::Relaxed) == number
}
";

/// Copies the workspace with all mutants, the switch and the hunter planted in it. Files that are
/// the same as in an earlier copy stay as they are, so that little is built again.
pub fn plant(root: &Path, scratch: &Path, mutants: &[Mutant]) {
    let mut planted = planted(root, mutants).unwrap_or_else(|error| panic!("{error}"));
    planted.insert("types/src/mutant.rs".into(), SWITCH.to_owned());
    let hunter = [
        ("main.rs", include_str!("hunter.rs")),
        ("hunts.rs", include_str!("hunts.rs")),
        ("stories.rs", include_str!("../support/stories.rs")),
    ];
    for (name, text) in hunter {
        planted.insert(Path::new("simulator/src/bin/hunter").join(name), text.to_owned());
    }
    let mut files = vec![];
    collect(root, Path::new(""), &mut files);
    for file in files.iter().filter(|file| !planted.contains_key(*file)) {
        let bytes = fs::read(root.join(file)).expect("a source can be read");
        write(&scratch.join(file), &bytes);
    }
    for (file, text) in planted {
        write(&scratch.join(file), text.as_bytes());
    }
}

/// The sources that mutants change, as they are with all of them.
///
/// # Errors
/// Which mutant has lost its place.
pub fn planted(root: &Path, mutants: &[Mutant]) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    let read = |file: &str| {
        fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
    };
    let lib = read("types/src/lib.rs")?;
    texts.insert("types/src/lib.rs".into(), format!("{lib}\npub mod mutant;\n"));
    for (number, mutant) in (1..).zip(mutants) {
        for edit in mutant.edits {
            let path = PathBuf::from(edit.file);
            let text = match texts.remove(&path) {
                Some(text) => text,
                None => read(edit.file)?,
            };
            if text.matches(edit.find).count() != 1 {
                let name = mutant.name;
                return Err(format!("{name}: not exactly once in {}: {}", edit.file, edit.find));
            }
            let switch = match edit.file.starts_with("types/") {
                true => format!("crate::mutant::is({number})"),
                false => format!("types::mutant::is({number})"),
            };
            let replace = edit.replace.replace("LIVE", &switch);
            texts.insert(path, text.replace(edit.find, &replace));
        }
    }
    Ok(texts)
}

fn collect(root: &Path, under: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(root.join(under)).expect("the sources can be listed");
    for entry in entries {
        let entry = entry.expect("the sources can be listed");
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|it| name == *it) {
            continue;
        }
        let path = under.join(name);
        match entry.file_type().expect("a file has a type") {
            kind if kind.is_dir() => collect(root, &path, files),
            kind if kind.is_file() => files.push(path),
            _ => {}
        }
    }
}

/// Writes a file unless it is the same already.
fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder is made");
    fs::write(path, bytes).expect("a file can be written");
}
