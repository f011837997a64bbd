//! `lockstep unsafe-reset-all`: a home as if it had never run.

use std::fs;
use std::io;
use std::path::Path;

use crate::cli::Surroundings;
use crate::complaint::Complaint;
use crate::config::Config;
use crate::config::convert::ADDRESS_BOOK;
use crate::home::{Home, make_folder};
use crate::signer::state_file;

/// Arguments of `lockstep unsafe-reset-all`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the addresses of other nodes.
    #[arg(long, alias = "keep_addr_book")]
    keep_addr_book: bool,
}

/// Deletes the store, forgets what was signed, keeps keys and config.
///
/// # Errors
/// If the node is running, or something cannot be deleted.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let home = &around.home;
    let config = home.load_config()?.config;
    let book = if args.keep_addr_book { AddressBook::Keep } else { AddressBook::Forget };
    reset(home, &config, book)?;
    if !around.json {
        println!("{} is as if it had never run", home.root().display());
    }
    Ok(())
}

/// What becomes of the addresses of other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressBook {
    /// They stay.
    Keep,
    /// They are deleted.
    Forget,
}

/// Makes a home as if it had never run.
///
/// # Errors
/// As [`run`].
pub fn reset(home: &Home, config: &Config, book: AddressBook) -> Result<(), Complaint> {
    let _lock = home.lock()?;
    remove(&home.db_dir(config))?;
    if book == AddressBook::Forget {
        remove(&home.path(ADDRESS_BOOK))?;
    }
    let state_file = home.validator_state_file(config);
    make_folder(&home.db_dir(config))?;
    make_folder(state_file.parent().unwrap_or(Path::new(".")))?;
    if home.validator_key_file(config).exists() {
        state_file::create(&state_file)?;
    }
    Ok(())
}

/// Deletes a file or folder, if it is there.
///
/// # Errors
/// If it cannot be deleted.
pub fn remove(path: &Path) -> Result<(), Complaint> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Complaint::new(
            path.display(),
            "",
            format!("cannot be deleted: {error}"),
            "run this as the user who owns the home",
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}
