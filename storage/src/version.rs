//! Whose store a folder holds, and in which format: known before anything in it is touched.
//!
//! The folder has a small text file beside the database, so that a release can refuse what a later
//! one, perhaps with another engine, has written there, and an operator can read it:
//!
//! ```text
//! lockstep store
//! format 3
//! chain "local-1" with genesis 5D41402A…
//! ```

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use types::{ChainId, Hash};

use crate::error::StorageError;
use crate::schema::FORMAT;

/// Name of the file that says whose store it is.
pub const FORMAT_FILE: &str = "FORMAT";
/// Name under which that file is written before it takes its place.
const FORMAT_FILE_NEW: &str = "FORMAT.new";
/// Name of the database's folder.
const ROWS_FOLDER: &str = "rows";
/// First line of the file.
const TITLE: &str = "lockstep store";

/// Which chain a store belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainIdentity {
    /// Its name.
    pub chain_id: ChainId,
    /// Hash of its genesis: two chains may share a name.
    pub genesis_hash: Hash,
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
struct Label {
    format: u32,
    chain: String,
}

/// Checks that `folder` is new, or holds the store of this chain in a format that we know, and
/// returns the database's folder. Nothing on disk is changed if not. A store in an older format is
/// given the present one.
///
/// # Errors
/// If the folder is another chain's, a later release's, not a store's, or cannot be used.
pub fn claim(folder: &Path, identity: &ChainIdentity) -> Result<PathBuf, StorageError> {
    let expected = Label { format: FORMAT, chain: identity.to_string() };
    match fs::read_to_string(folder.join(FORMAT_FILE)) {
        Ok(text) => {
            let found = check(folder, &text, &expected)?;
            migrate(folder, found, &expected).map_err(|error| open_error(folder, &error))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            found(folder, &expected).map_err(|error| open_error(folder, &error))??;
        }
        Err(error) => return Err(open_error(folder, &error)),
    }
    Ok(folder.join(ROWS_FOLDER))
}

/// The format of the folder, if we know it and the folder is this chain's.
fn check(folder: &Path, text: &str, expected: &Label) -> Result<u32, StorageError> {
    let label = Label::parse(text).map_err(|problem| StorageError::NotAStore {
        folder: folder.to_owned(),
        problem: format!("{FORMAT_FILE}: {problem}"),
    })?;
    if expected.format < label.format {
        return Err(StorageError::NewerFormat {
            folder: folder.to_owned(),
            found: label.format,
            expected: expected.format,
        });
    }
    if label.chain != expected.chain {
        return Err(StorageError::OtherChain {
            folder: folder.to_owned(),
            found: label.chain,
            expected: expected.chain.clone(),
        });
    }
    Ok(label.format)
}

/// Brings a store from an older format to the present one, in steps that may be cut short anywhere.
///
/// Format 2 has columns that format 1 has not (`indexed`, `tx_events`, `block_events`), and changes
/// no row. The database makes columns that are missing when it opens; so only the label changes,
/// which keeps earlier releases from a database with columns that they cannot open.
///
/// Format 3 cuts large outcomes into several rows, and notes in `metas` where transactions begin.
/// Rows of earlier formats stay as they are, and are read.
fn migrate(folder: &Path, found: u32, expected: &Label) -> io::Result<()> {
    if found == expected.format {
        return Ok(());
    }
    put_label(folder, expected)
}

/// Labels an empty folder. The label is whole or absent, whenever the power fails.
fn found(folder: &Path, label: &Label) -> io::Result<Result<(), StorageError>> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        if entry?.file_name() != FORMAT_FILE_NEW {
            return Ok(Err(StorageError::NotAStore {
                folder: folder.to_owned(),
                problem: format!("the file {FORMAT_FILE} is missing"),
            }));
        }
    }
    put_label(folder, label).map(Ok)
}

/// Puts a label in the place of the one that is there.
fn put_label(folder: &Path, label: &Label) -> io::Result<()> {
    let new = folder.join(FORMAT_FILE_NEW);
    let mut file = File::create(&new)?;
    file.write_all(label.text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, folder.join(FORMAT_FILE))?;
    File::open(folder)?.sync_all()
}

impl Label {
    fn text(&self) -> String {
        format!("{TITLE}\nformat {}\nchain {}\n", self.format, self.chain)
    }

    /// A later format may have more lines: only its number is asked for, then.
    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(format!("does not begin with \"{TITLE}\""));
        }
        let mut field = |name: &str| {
            let line = lines.next().unwrap_or_default();
            let content = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
            content.map(str::to_owned).ok_or_else(|| format!("{name} is missing"))
        };
        let format = field("format")?;
        let format = format.parse().map_err(|_| format!("format {format:?} is no number"))?;
        let chain = if FORMAT < format { String::new() } else { field("chain")? };
        Ok(Self { format, chain })
    }
}

/// One line: name and genesis hash.
impl std::fmt::Display for ChainIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} with genesis {}", self.chain_id.as_str(), self.genesis_hash)
    }
}

fn open_error(folder: &Path, error: &io::Error) -> StorageError {
    StorageError::Open { folder: folder.to_owned(), reason: error.to_string() }
}
