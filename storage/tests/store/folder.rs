//! Stores in folders: whose they are, who may open them, and what a crash leaves of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use storage::{Durable, StorageError, Store};
use types::Height;

use crate::{filled, identity};

/// Every file under a folder and its contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

fn refusal(folder: &Path, chain: &str) -> String {
    let before = contents(folder);
    let error = Store::open(folder, &identity(chain)).err().expect("the folder is refused");
    assert_eq!(contents(folder), before, "a refused folder is as it was");
    let text = error.to_string();
    assert!(text.contains(&folder.display().to_string()), "{text}");
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn store_of_another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), &identity("one")).unwrap());
    let text = refusal(folder.path(), "two");
    assert!(text.contains("belongs to chain \"one\"") && text.contains("chain \"two\""), "{text}");
    drop(Store::open(folder.path(), &identity("one")).unwrap());
}

#[test]
fn store_of_the_same_name_but_another_genesis_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = identity("one");
    other.genesis_hash = types::Hash::of(b"another");
    drop(Store::open(folder.path(), &other).unwrap());
    assert!(refusal(folder.path(), "one").contains(&other.genesis_hash.to_string()));
}

#[test]
fn store_of_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let label = "lockstep store\nformat 4\nwritten in a way that nobody knows yet\n";
    fs::write(folder.path().join("FORMAT"), label).unwrap();
    let text = refusal(folder.path(), "one");
    assert!(text.contains("has format 4, this release knows up to 3"), "{text}");
}

#[test]
fn store_of_the_first_format_becomes_one_of_the_present() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("FORMAT");
    let store = Store::open(folder.path(), &identity("store-test")).unwrap();
    let (chain, _) = filled(&store, 2);
    drop(store);
    // The first format had these columns not.
    let (options, rows) = (rocksdb::Options::default(), folder.path().join("rows"));
    let names = rocksdb::DB::list_cf(&options, &rows).unwrap();
    let mut rows = rocksdb::DB::open_cf(&options, &rows, names).unwrap();
    ["indexed", "tx_events", "block_events"].iter().for_each(|it| rows.drop_cf(it).unwrap());
    drop(rows);
    let label = fs::read_to_string(&file).unwrap();
    fs::write(&file, label.replace("format 3", "format 1")).unwrap();
    for _ in 0..2 {
        let store = Store::open(folder.path(), &identity("store-test")).unwrap();
        assert_eq!(store.state().unwrap().as_ref(), Some(&chain.state));
        assert_eq!(fs::read_to_string(&file).unwrap(), label);
    }
}

#[test]
fn folder_with_other_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("blockstore.txt"), "of somebody else").unwrap();
    let text = refusal(folder.path(), "one");
    assert!(text.contains("holds files but no store"), "{text}");
}

#[test]
fn unreadable_label_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for label in
        ["", "another program\n", "lockstep store\nformat x\n", "lockstep store\nformat 1\n"]
    {
        fs::write(folder.path().join("FORMAT"), label).unwrap();
        assert!(refusal(folder.path(), "one").contains("FORMAT: "), "{label:?}");
    }
}

#[test]
fn founding_that_was_cut_short_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("FORMAT.new"), "lockstep sto").unwrap();
    drop(Store::open(folder.path(), &identity("one")).unwrap());
    drop(Store::open(folder.path(), &identity("one")).unwrap());
}

#[test]
fn store_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity("one")).unwrap();
    let error = Store::open(folder.path(), &identity("one")).err().expect("it is in use");
    assert!(matches!(error, StorageError::Locked { .. }), "{error}");
    drop(store);
    drop(Store::open(folder.path(), &identity("one")).unwrap());
}

#[test]
fn folder_that_cannot_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("store"), &identity("one")).err().expect("it is a file");
    assert!(matches!(error, StorageError::Open { .. }), "{error}");
}

/// As `kill -9` leaves it: copied while the store is open.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The write-ahead log that is written to.
fn log_of(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder.join("rows")).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|it| it == "log"));
    logs.max().expect("an open store has a log")
}

#[test]
fn killed_store_opens_with_all_that_was_written() {
    let (folder, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path(), &identity("store-test")).unwrap();
    let (chain, _) = filled(&store, 5);
    copy(folder.path(), copied.path());
    let survivor = Store::open(copied.path(), &identity("store-test")).unwrap();
    assert_eq!(survivor.state().unwrap(), Some(chain.state));
    assert_eq!(survivor.range().unwrap(), Some((Height(1), Height(5))));
}

#[test]
fn torn_log_opens_with_a_prefix_of_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity("store-test")).unwrap();
    let (mut chain, _) = filled(&store, 3);
    let synced = fs::metadata(log_of(folder.path())).unwrap().len();
    let state = chain.state.clone();
    // Not synced: a loss of power may take any part of it.
    let mut step = store.step();
    chain.grow_empty().decide(&mut step);
    step.write(Durable::Later).unwrap();
    let written = fs::metadata(log_of(folder.path())).unwrap().len();
    assert!(synced < written);
    let mut tips = vec![];
    for length in [synced, synced + 1, (synced + written) / 2, written - 1, written] {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let log = fs::OpenOptions::new().write(true).open(log_of(copied.path())).unwrap();
        log.set_len(length).unwrap();
        let survivor = Store::open(copied.path(), &identity("store-test")).unwrap();
        assert_eq!(survivor.state().unwrap().as_ref(), Some(&state));
        tips.push(survivor.range().unwrap().unwrap().1.0);
    }
    // The block is there in whole or not at all.
    assert_eq!(tips, [3, 3, 3, 3, 4]);
}
