//! The keys of config.toml: which there are, which are accepted without meaning, and which was
//! probably meant by one that does not exist.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Keys of the reference that are accepted but change nothing here. One that ends in a dot stands
/// for a whole table.
pub const WITHOUT_MEANING: [&str; 54] = [
    // There is one store, one way of peers to find each other, and no filter by the application.
    "version",
    "home",
    "db_backend",
    "filter_peers",
    "event_bus_buffer_capacity",
    "rpc.cors_allowed_methods",
    "rpc.cors_allowed_headers",
    "rpc.grpc_laddr",
    "rpc.grpc_max_open_connections",
    "rpc.experimental_websocket_write_buffer_size",
    "rpc.pprof_laddr",
    "p2p.addr_book_file",
    "p2p.addr_book_strict",
    "p2p.allow_duplicate_ip",
    "p2p.persistent_peers_max_dial_period",
    "p2p.flush_throttle_timeout",
    "p2p.max_packet_msg_payload_size",
    "p2p.upnp",
    "p2p.test_dial_fail",
    "p2p.test_fuzz",
    "p2p.test_fuzz_config.",
    // The network is libp2p, always; its workers and limits are sized by Lockstep itself.
    "p2p.libp2p.enabled",
    "p2p.libp2p.scaler.",
    "p2p.libp2p.limits.",
    "mempool.version",
    "mempool.recheck_timeout",
    "mempool.ttl-duration",
    "mempool.ttl-num-blocks",
    "mempool.wal_dir",
    "mempool.max_batch_bytes",
    "mempool.experimental_max_gossip_connections_to_persistent_peers",
    "mempool.experimental_max_gossip_connections_to_non_persistent_peers",
    "statesync.rpc_servers",
    "statesync.trust_height",
    "statesync.trust_hash",
    "statesync.trust_period",
    "statesync.discovery_time",
    "statesync.temp_dir",
    "statesync.chunk_request_timeout",
    "statesync.chunk_fetchers",
    "statesync.max_snapshot_chunks",
    "statesync.max_discovery_time",
    // There is one mode, which votes and catches up at once.
    "block_sync",
    "blocksync.adaptive_sync",
    "consensus.wal_file",
    "consensus.peer_gossip_sleep_duration",
    "consensus.peer_gossip_intraloop_sleep_duration",
    "consensus.peer_query_maj23_sleep_duration",
    "consensus.block_time_tolerance",
    "storage.discard_abci_responses",
    "storage.compact",
    "storage.compaction_interval",
    "storage.experimental_db_key_layout",
    "storage.pruning.",
];

/// A key of a file: its path, and where its value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// With dots, such as `rpc.laddr`.
    pub path: String,
    /// Bytes of the key in the text.
    pub key_at: Range<usize>,
    /// Bytes of the value in the text.
    pub value_at: Range<usize>,
}

/// All keys of a file that hold a value (or an empty table), in the order of the text.
pub fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    let mut found = Vec::new();
    collect(table, "", &mut found);
    found.sort_by_key(|entry| entry.key_at.start);
    found
}

fn collect(table: &DeTable<'_>, prefix: &str, found: &mut Vec<Entry>) {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                collect(inner, &format!("{path}."), found)
            }
            DeValue::Table(_)
            | DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                found.push(Entry { path, key_at: key.span(), value_at: value.span() });
            }
        }
    }
}

/// Whether a key is one of [`WITHOUT_MEANING`].
pub fn is_without_meaning(path: &str) -> bool {
    WITHOUT_MEANING
        .iter()
        .any(|name| *name == path || name.ends_with('.') && path.starts_with(name))
}

/// The known key that looks most like `path`, if one looks alike at all: a typing error within the
/// section, or the right name in a wrong section.
pub fn closest<'a>(path: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name_of = |path: &str| path.rsplit('.').next().unwrap_or_default().to_string();
    known
        .map(|candidate| {
            let whole = edits(path, candidate);
            let name = edits(&name_of(path), &name_of(candidate)) + 1;
            (whole.min(name), candidate)
        })
        .filter(|(distance, _)| *distance <= 1 + name_of(path).len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or replaced to make one text the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (from, to, expected) in
            [("", "", 0), ("", "ab", 2), ("ladr", "laddr", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edits(from, to), expected);
            assert_eq!(edits(to, from), expected);
        }
    }

    #[test]
    fn suggests_the_key_that_was_meant() {
        let known = ["rpc.laddr", "p2p.laddr", "p2p.persistent_peers", "moniker"];
        let guess = |path| closest(path, known.into_iter());
        assert_eq!(guess("rpc.ladr"), Some("rpc.laddr"));
        assert_eq!(guess("persistent_peers"), Some("p2p.persistent_peers"));
        assert_eq!(guess("p2p.persistent-peers"), Some("p2p.persistent_peers"));
        assert_eq!(guess("colour"), None);
    }

    #[test]
    fn whole_tables_may_be_without_meaning() {
        assert!(is_without_meaning("p2p.libp2p.scaler.min_workers"));
        assert!(is_without_meaning("db_backend"));
        assert!(!is_without_meaning("p2p.libp2p.bootstrap_peers"));
    }
}
