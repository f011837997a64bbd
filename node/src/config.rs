//! config.toml: how one node is run. The reference's file, with its names, defaults and meaning,
//! so that the home folder of a CometBFT node works as it is.
//!
//! A key that does not exist is an error with a suggestion. A key that exists in the reference but
//! means nothing here is accepted, and all of those are named in one warning. What must agree
//! across the network is not here but in `types::ConsensusParams`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::complaint::Complaint;

pub mod convert;
pub mod duration;
pub mod keys;
pub mod listen;
pub mod overrides;
pub mod sections;
pub mod template;
pub mod validate;

use sections::{
    BlockSync, Consensus, Instrumentation, Lockstep, Mempool, P2p, Rpc, StateSync, TxIndex,
};

/// All of config.toml that has a meaning here. Paths are relative to the home folder.
///
/// Unknown keys are found by [`keys`] rather than by serde, which could not tell them from those
/// without meaning, nor say what was meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `kvstore`, the application inside this program; or where another listens, `tcp://` or
    /// `unix://`.
    pub proxy_app: String,
    /// How an application outside is spoken to: `socket` or `grpc`.
    pub abci: String,
    /// The node's name, for people.
    pub moniker: String,
    /// Folder of the store.
    pub db_dir: String,
    /// A level, or levels by module: `consensus:debug,p2p:none,*:info`.
    pub log_level: String,
    /// `plain` or `json`.
    pub log_format: String,
    /// How the chain begins.
    pub genesis_file: String,
    /// The key that signs votes.
    pub priv_validator_key_file: String,
    /// What it signed last.
    pub priv_validator_state_file: String,
    /// Must be empty: there are no remote signers in this version.
    pub priv_validator_laddr: String,
    /// The key that other nodes know this one by.
    pub node_key_file: String,
    /// `[rpc]`.
    pub rpc: Rpc,
    /// `[p2p]`.
    pub p2p: P2p,
    /// `[mempool]`.
    pub mempool: Mempool,
    /// `[statesync]`.
    pub statesync: StateSync,
    /// `[blocksync]`.
    pub blocksync: BlockSync,
    /// `[consensus]`.
    pub consensus: Consensus,
    /// `[tx_index]`.
    pub tx_index: TxIndex,
    /// `[instrumentation]`.
    pub instrumentation: Instrumentation,
    /// `[lockstep]`.
    pub lockstep: Lockstep,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            proxy_app: "kvstore".into(),
            abci: "socket".into(),
            moniker: "anonymous".into(),
            db_dir: "data".into(),
            log_level: "info".into(),
            log_format: "plain".into(),
            genesis_file: "config/genesis.json".into(),
            priv_validator_key_file: "config/priv_validator_key.json".into(),
            priv_validator_state_file: "data/priv_validator_state.json".into(),
            priv_validator_laddr: String::new(),
            node_key_file: "config/node_key.json".into(),
            rpc: Rpc::default(),
            p2p: P2p::default(),
            mempool: Mempool::default(),
            statesync: StateSync::default(),
            blocksync: BlockSync::default(),
            consensus: Consensus::default(),
            tx_index: TxIndex::default(),
            instrumentation: Instrumentation::default(),
            lockstep: Lockstep::default(),
        }
    }
}

/// A config file that was read: what it says, and what it says in vain.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Keys that change nothing here, in the order of the file.
    pub without_meaning: Vec<String>,
}

impl Config {
    /// Reads and checks a config file.
    ///
    /// # Errors
    /// If it cannot be read, or is not what [`Config::parse`] takes.
    pub fn load(path: &Path) -> Result<Loaded, Complaint> {
        let place = path.display();
        let text = fs::read_to_string(path).map_err(|error| {
            Complaint::new(&place, "", error.to_string(), "make a home with `lockstep init`")
        })?;
        Self::parse(&place.to_string(), &text)
    }

    /// Reads and checks the text of a config file; `place` names it in complaints.
    ///
    /// # Errors
    /// At the first unknown key, wrong type, or value that [`Config::validate`] refuses.
    pub fn parse(place: &str, text: &str) -> Result<Loaded, Complaint> {
        let table = DeTable::parse(text).map_err(|error| misread(place, text, &[], &error))?;
        let entries = keys::entries(table.get_ref());
        let known = Self::known_keys();
        let mut without_meaning = Vec::new();
        for entry in &entries {
            if keys::is_without_meaning(&entry.path) {
                without_meaning.push(entry.path.clone());
            } else if !is_known(&entry.path, &known) {
                return Err(unknown(place, text, entry, &known));
            }
        }
        let config: Config =
            toml::from_str(text).map_err(|error| misread(place, text, &entries, &error))?;
        config.validate().map_err(|fault| {
            let entry = entries.iter().find(|entry| entry.path == fault.field);
            let place =
                entry.map_or(place.to_string(), |entry| at(place, text, entry.value_at.start));
            Complaint::new(place, fault.field, fault.problem, fault.remedy)
        })?;
        Ok(Loaded { config, without_meaning })
    }

    /// Every key that has a meaning, with its value, by path.
    pub fn flatten(&self) -> BTreeMap<String, toml::Value> {
        let value = toml::Value::try_from(self).expect("every field of the config is TOML");
        let mut flat = BTreeMap::new();
        flatten("", value, &mut flat);
        flat
    }

    fn known_keys() -> Vec<String> {
        Self::default().flatten().into_keys().collect()
    }
}

fn flatten(path: &str, value: toml::Value, flat: &mut BTreeMap<String, toml::Value>) {
    let toml::Value::Table(table) = value else {
        flat.insert(path.to_string(), value);
        return;
    };
    for (key, inner) in table {
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        flatten(&path, inner, flat);
    }
}

/// Whether `path` is a key, or a section that has keys.
fn is_known(path: &str, known: &[String]) -> bool {
    known
        .iter()
        .any(|key| key == path || key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown(place: &str, text: &str, entry: &keys::Entry, known: &[String]) -> Complaint {
    let guess = keys::closest(&entry.path, known.iter().map(String::as_str));
    let remedy = match guess {
        Some(guess) => format!("did you mean `{guess}`?"),
        None => "remove it, or see the keys in a file that `lockstep init` makes".to_string(),
    };
    Complaint::new(at(place, text, entry.key_at.start), &entry.path, "there is no such key", remedy)
}

/// A complaint about text that is no TOML, or that has a value of the wrong type.
fn misread(place: &str, text: &str, entries: &[keys::Entry], error: &toml::de::Error) -> Complaint {
    let start = error.span().map(|span| span.start);
    let entry = start.and_then(|start| {
        entries.iter().find(|entry| (entry.key_at.start..entry.value_at.end).contains(&start))
    });
    let place = start.map_or(place.to_string(), |start| at(place, text, start));
    let field = entry.map(|entry| entry.path.clone()).unwrap_or_default();
    let problem = error.message().lines().collect::<Vec<_>>().join(", ");
    let remedy = match entry.and_then(|entry| Config::default().flatten().remove(&entry.path)) {
        Some(default) => format!("the default is {default}"),
        None => "correct it, or make a new file with `lockstep init`".to_string(),
    };
    Complaint::new(place, field, problem, remedy)
}

/// The place of a byte of a file, as editors count: `file:line:column`.
fn at(place: &str, text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{place}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        Config::parse("config.toml", text).expect_err("the text is wrong").to_string()
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let loaded = Config::parse("config.toml", "").expect("an empty file is valid");
        assert_eq!(loaded.config, Config::default());
        assert!(loaded.without_meaning.is_empty());
    }

    #[test]
    fn keys_without_meaning_are_named() {
        let text = "db_backend = \"goleveldb\"\nmoniker = \"a\"\n[p2p.libp2p]\nenabled = true\n";
        let loaded = Config::parse("config.toml", text).expect("all keys exist");
        assert_eq!(loaded.without_meaning, ["db_backend", "p2p.libp2p.enabled"]);
        assert_eq!(loaded.config.moniker, "a");
    }

    #[test]
    fn every_key_of_the_reference_is_accepted() {
        let text = include_str!("../tests/cometbft-v0.40.toml");
        let loaded = Config::parse("config.toml", text).expect("the reference's own");
        let expected = Config { moniker: "node".into(), ..Config::default() };
        assert_eq!(loaded.config, expected, "the defaults are the reference's");
        assert_eq!(loaded.without_meaning.len(), 43);
    }

    #[test]
    fn complaints_name_place_field_problem_and_remedy() {
        for (text, expected) in [
            (
                "moniker = \"a\"\n[rpc]\n  ladr = \"x\"\n",
                "config.toml:3:3: rpc.ladr: there is no such key; did you mean `rpc.laddr`?",
            ),
            (
                "[rpc]\ntls_cert_file = \"a.pem\"\n",
                "config.toml: rpc.tls_key_file: HTTPS needs this file, too; \
                 name certificate and key for HTTPS, or neither for HTTP",
            ),
            (
                "[colours]\n",
                "config.toml:1:2: colours: there is no such key; \
                 remove it, or see the keys in a file that `lockstep init` makes",
            ),
            (
                "[mempool]\nsize = \"many\"\n",
                "config.toml:2:8: mempool.size: invalid type: string \"many\", expected usize; \
                 the default is 5000",
            ),
            (
                "[consensus]\ntimeout_commit = \"1 s\"\n",
                "config.toml:2:18: consensus.timeout_commit: \"1 s\" is no duration such as \
                 \"500ms\", \"3s\" or \"1h30m\"; the default is \"1s\"",
            ),
            (
                "[rpc]\nladdr = \"nowhere\"\n",
                "config.toml:2:9: rpc.laddr: \"nowhere\" is no address to listen on; \
                 write it as \"tcp://127.0.0.1:26657\"",
            ),
        ] {
            assert_eq!(complaint(text), expected);
        }
        assert!(complaint("moniker = ").starts_with("config.toml:1:11: "));
    }
}
