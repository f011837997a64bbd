//! The config.toml of a CometBFT v0.40 node beside ours.
//!
//! Every key of ours is a key of CometBFT's, with the same meaning, save those of `[lockstep]`; so
//! its file is ours with its own transport switched on. What is not in it has CometBFT's default.

use toml::{Table, Value};

use super::Peer;
use crate::config::Config;

/// The release that the file is for.
const VERSION: &str = "0.40.0";

/// The file of a node with this config, and with these peers.
pub(super) fn config(config: &Config, peers: &[&Peer]) -> String {
    let mut table = Table::try_from(config).expect("every field of the config is TOML");
    table.remove("lockstep");
    table.insert("version".into(), VERSION.into());
    table.insert("db_backend".into(), "goleveldb".into());
    let p2p = table.get_mut("p2p").and_then(Value::as_table_mut).expect("it is a section");
    // There is no exchange of peers over libp2p, and the list of persistent peers is for the other
    // transport.
    p2p.insert("pex".into(), false.into());
    let mut libp2p = Table::new();
    libp2p.insert("enabled".into(), true.into());
    let peers = peers.iter().map(|peer| Value::Table(entry(peer)));
    libp2p.insert("bootstrap_peers".into(), Value::Array(peers.collect()));
    p2p.insert("libp2p".into(), Value::Table(libp2p));
    let text = toml::to_string(&table).expect("a table of TOML is TOML");
    format!("# How this CometBFT node is run, as `lockstep testnet` wrote it.\n{text}")
}

/// A peer that is dialed again whenever it is gone, and that no limit applies to.
fn entry(peer: &Peer) -> Table {
    let mut entry = Table::new();
    entry.insert("host".into(), peer.host.clone().into());
    entry.insert("id".into(), peer.id.clone().into());
    entry.insert("persistent".into(), true.into());
    entry.insert("unconditional".into(), true.into());
    entry
}
