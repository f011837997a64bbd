//! The data folder of a node: where each file is, who may use it, and how it begins.
//!
//! ```text
//! config/config.toml              how this node is run
//! config/genesis.json             how the chain begins
//! config/node_key.json            who this node is to others       (secret)
//! config/priv_validator_key.json  who this validator is            (secret)
//! data/priv_validator_state.json  what it signed last
//! data/...                        the store
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use types::{Genesis, Hash};

use crate::complaint::Complaint;
use crate::config::{Config, Loaded};

pub mod durable;
pub mod key_files;

pub use key_files::{NodeKey, ValidatorKey};

/// Environment variables that name the home folder, the first that is set.
const VARIABLES: [&str; 2] = ["LOCKSTEP_HOME", "CMTHOME"];
/// The home folder within the user's, if nothing else is said.
const DEFAULT: &str = ".lockstep";

/// The data folder of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// As long as it lives, no other process can use the home.
#[derive(Debug)]
pub struct HomeLock {
    _folder: File,
}

impl Home {
    /// The home in this folder, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The home that the environment names, else the one in the user's folder.
    pub fn from_environment() -> Self {
        let named = VARIABLES.iter().find_map(std::env::var_os);
        if let Some(root) = named.filter(|root| !root.is_empty()) {
            return Self::new(root);
        }
        Self::new(std::env::home_dir().unwrap_or_default().join(DEFAULT))
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path that config.toml gives, which may be relative to the home.
    pub fn path(&self, configured: &str) -> PathBuf {
        self.root.join(configured)
    }

    /// config.toml.
    pub fn config_file(&self) -> PathBuf {
        self.path("config/config.toml")
    }

    /// genesis.json.
    pub fn genesis_file(&self, config: &Config) -> PathBuf {
        self.path(&config.genesis_file)
    }

    /// node_key.json.
    pub fn node_key_file(&self, config: &Config) -> PathBuf {
        self.path(&config.node_key_file)
    }

    /// priv_validator_key.json.
    pub fn validator_key_file(&self, config: &Config) -> PathBuf {
        self.path(&config.priv_validator_key_file)
    }

    /// priv_validator_state.json.
    pub fn validator_state_file(&self, config: &Config) -> PathBuf {
        self.path(&config.priv_validator_state_file)
    }

    /// The folder of the store.
    pub fn db_dir(&self, config: &Config) -> PathBuf {
        self.path(&config.db_dir)
    }

    /// Reads config.toml.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_config(&self) -> Result<Loaded, Complaint> {
        Config::load(&self.config_file())
    }

    /// Keeps other processes out of this home. The folder itself is locked, so that nothing is
    /// left behind.
    ///
    /// # Errors
    /// If the folder does not exist, or another process has it.
    pub fn lock(&self) -> Result<HomeLock, Complaint> {
        let place = self.root.display();
        let folder = File::open(&self.root).map_err(|error| {
            Complaint::new(&place, "", error.to_string(), "make a home with `lockstep init`")
        })?;
        match folder.try_lock() {
            Ok(()) => Ok(HomeLock { _folder: folder }),
            Err(TryLockError::WouldBlock) => Err(Complaint::new(
                &place,
                "",
                "another process uses this home",
                "stop it first, or choose another folder with --home",
            )),
            Err(TryLockError::Error(error)) => Err(Complaint::new(
                &place,
                "",
                format!("cannot be locked: {error}"),
                "keep the home on a file system that has locks",
            )),
        }
    }
}

/// Reads a genesis file, and checks that it is the expected one if one is.
///
/// # Errors
/// If it cannot be read, is wrong, or has another SHA-256.
pub fn load_genesis(path: &Path, expected: Option<Hash>) -> Result<Genesis, Complaint> {
    let place = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        let remedy = "copy the chain's genesis file there, or make one with `lockstep init`";
        Complaint::new(&place, "", error.to_string(), remedy)
    })?;
    let actual = Hash::of(text.as_bytes());
    if let Some(expected) = expected.filter(|expected| *expected != actual) {
        let problem = format!("its SHA-256 is {actual}, expected {expected}");
        return Err(Complaint::new(&place, "", problem, "copy the chain's own genesis file there"));
    }
    let remedy = "correct it; it must be the same on every node of the chain";
    let genesis = Genesis::parse(&text)
        .map_err(|error| Complaint::new(&place, "", error.to_string(), remedy))?;
    // An application could name validators when the chain begins; the one in this program does not.
    if genesis.validators.is_empty() {
        return Err(Complaint::new(&place, "validators", "nobody could vote", remedy));
    }
    Ok(genesis)
}

/// Makes a folder and those above it; those that are there stay as they are.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), Complaint> {
    fs::create_dir_all(folder).map_err(|error| {
        let remedy = "choose a folder that this user may write";
        Complaint::new(folder.display(), "", format!("cannot be made: {error}"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_locked_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Home::new(folder.path());
        let lock = home.lock().expect("nobody has it");
        let refused = home.lock().expect_err("we have it");
        assert_eq!(refused.problem, "another process uses this home");
        drop(lock);
        home.lock().expect("nobody has it any more");
    }

    #[test]
    fn absolute_paths_stay_as_they_are() {
        let home = Home::new("/srv/node");
        assert_eq!(home.path("data"), Path::new("/srv/node/data"));
        assert_eq!(home.path("/elsewhere"), Path::new("/elsewhere"));
    }
}
