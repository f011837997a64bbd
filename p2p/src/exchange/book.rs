//! The address book: peers we met or heard of, bounded, and kept in a file between runs.
//!
//! What we only heard is worth little: it makes room for what is better known, and is forgotten
//! when dialing it fails. The file is a cache; a broken one is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Instant;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use serde::{Deserialize, Serialize};

use super::ADDRESSES_TOLD_MAX;
use crate::address::{NetworkId, PeerAddress, is_useful_to};
use crate::config::Transport;
use crate::dialer::pause;

/// Most peers in the book.
const PEERS_MAX: usize = 1000;
/// Most addresses of one peer.
const ADDRESSES_MAX: usize = 4;
/// Failures in a row after which a peer that we only heard of is forgotten.
const HEARSAY_FAILURES_MAX: u32 = 2;
/// Failures in a row after which a peer that we had met is forgotten.
const FAILURES_MAX: u32 = 12;

/// Peers and where they are.
#[derive(Debug)]
pub(crate) struct Book {
    own: NetworkId,
    entries: BTreeMap<NetworkId, Entry>,
    /// Peers that others are not told of.
    private: BTreeSet<NetworkId>,
    /// Where the next walk through the book begins, so that each entry has its turn.
    cursor: Option<NetworkId>,
    /// Whether something is not in the file yet.
    is_changed: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    addresses: Vec<Multiaddr>,
    /// Whether it was up once, or the operator named it. Else it is hearsay.
    is_known: bool,
    /// Named by the operator: never forgotten.
    is_bootstrap: bool,
    failures: u32,
    due: Option<Instant>,
}

/// A peer in the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    addresses: Vec<String>,
    known: bool,
}

impl Book {
    /// A book that holds only the operator's bootstrap peers.
    pub(crate) fn new(own: NetworkId, bootstrap: Vec<PeerAddress>) -> Self {
        let mut book = Self {
            own,
            entries: BTreeMap::new(),
            private: BTreeSet::new(),
            cursor: None,
            is_changed: false,
        };
        for peer in bootstrap.into_iter().filter(|it| it.id != own) {
            let entry = book.entries.entry(peer.id).or_insert_with(|| Entry::new(Vec::new(), true));
            entry.is_bootstrap = true;
            entry.addresses.extend(peer.addresses);
        }
        book
    }

    /// Adds what the file holds.
    ///
    /// # Errors
    /// If the file is there but cannot be read or is no address book.
    pub(crate) fn load(&mut self, path: &Path) -> io::Result<()> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let lines: Vec<Line> = serde_json::from_slice(&text).map_err(io::Error::other)?;
        for line in lines.into_iter().take(PEERS_MAX) {
            for address in line.addresses.iter().take(ADDRESSES_MAX) {
                let text = format!("{address}/p2p/{}", line.id);
                if let Ok(peer) = PeerAddress::parse(&text, Transport::Quic) {
                    self.add(peer, line.known);
                }
            }
        }
        self.is_changed = false;
        Ok(())
    }

    /// The file's text, if something changed since it was last asked for.
    pub(crate) fn text_if_changed(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let lines: Vec<Line> = self
            .entries
            .iter()
            // Whoever reads the file later does not know that they are private.
            .filter(|(id, _)| !self.private.contains(id))
            .map(|(id, entry)| Line {
                id: id.to_string(),
                addresses: entry.addresses.iter().map(Multiaddr::to_string).collect(),
                known: entry.is_known,
            })
            .collect();
        Some(serde_json::to_string_pretty(&lines).expect("texts and flags are always JSON"))
    }

    /// A peer is up, and said where it listens. What the asker could not use is left out.
    pub(crate) fn meet(&mut self, id: NetworkId, told: &[String], remote: &Multiaddr) {
        for address in told.iter().filter_map(|it| it.parse::<Multiaddr>().ok()) {
            if is_useful_to(&address, remote) {
                self.add(PeerAddress { id, addresses: vec![address] }, true);
            }
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.is_known, entry.failures, entry.due) = (true, 0, None);
        }
    }

    /// The operator says where a peer is, and perhaps that others are not to be told.
    pub(crate) fn name(&mut self, peer: PeerAddress, is_private: bool) {
        if is_private {
            self.private.insert(peer.id);
            // Its line in the file goes.
            self.is_changed = true;
        }
        self.add(peer, true);
    }

    /// Somebody told us where a peer is. Returns false if what it said is no address.
    pub(crate) fn hear(&mut self, text: &str, source: &Multiaddr) -> bool {
        // Only whole addresses are told; the short form is for operators.
        let parsed = text.starts_with('/').then(|| PeerAddress::parse(text, Transport::Quic));
        let Some(Ok(peer)) = parsed else {
            return false;
        };
        if peer.addresses.iter().all(|it| is_useful_to(it, source)) {
            self.add(peer, false);
        }
        true
    }

    /// Dialing a peer failed, or it did not become a peer.
    pub(crate) fn failed(&mut self, id: &NetworkId, now: Instant) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.due = Some(now + pause(&self.own, id, entry.failures));
        entry.failures = entry.failures.saturating_add(1);
        let failures_max = if entry.is_known { FAILURES_MAX } else { HEARSAY_FAILURES_MAX };
        if failures_max < entry.failures && !entry.is_bootstrap {
            self.entries.remove(id);
            self.is_changed = true;
        }
    }

    /// What a peer at `listener` may be told: peers that we know ourselves, not itself.
    pub(crate) fn tell(&mut self, asker: &NetworkId, listener: &Multiaddr) -> Vec<String> {
        let mut told = Vec::new();
        for id in self.walk() {
            let Some(entry) = self.entries.get(&id).filter(|it| it.is_known) else { continue };
            let useful = entry.addresses.iter().filter(|it| is_useful_to(it, listener));
            let is_told = id != *asker && !self.private.contains(&id);
            for address in useful.filter(|_| is_told) {
                told.push(address.clone().with(Protocol::P2p(id)).to_string());
            }
            if ADDRESSES_TOLD_MAX <= told.len() {
                self.cursor = Some(id);
                break;
            }
        }
        told.truncate(ADDRESSES_TOLD_MAX);
        told
    }

    /// A peer to dial now, of those for which `is_wanted` holds; the next call finds another.
    pub(crate) fn candidate(
        &mut self,
        now: Instant,
        is_wanted: impl Fn(&NetworkId) -> bool,
    ) -> Option<PeerAddress> {
        let is_due = |entry: &Entry| entry.due.is_none_or(|due| due <= now);
        let id = self
            .walk()
            .into_iter()
            .find(|id| self.entries.get(id).is_some_and(is_due) && is_wanted(id))?;
        self.cursor = Some(id);
        let entry = self.entries.get_mut(&id)?;
        entry.due = Some(now + pause(&self.own, &id, entry.failures));
        Some(PeerAddress { id, addresses: entry.addresses.clone() })
    }

    /// All ids, those after the cursor first.
    fn walk(&self) -> Vec<NetworkId> {
        let after = |id: &&NetworkId| self.cursor.is_none_or(|cursor| cursor < **id);
        let (first, then): (Vec<_>, Vec<_>) = self.entries.keys().partition(after);
        first.into_iter().chain(then).copied().collect()
    }

    fn add(&mut self, peer: PeerAddress, is_known: bool) {
        if peer.id == self.own {
            return;
        }
        if !self.entries.contains_key(&peer.id) {
            if !self.make_room(is_known) {
                return;
            }
            self.entries.insert(peer.id, Entry::new(Vec::new(), is_known));
            self.is_changed = true;
        }
        let entry = self.entries.get_mut(&peer.id).expect("it was there or has been inserted");
        // Hearsay does not push out what we know about a peer.
        for address in peer.addresses {
            if !entry.addresses.contains(&address) && (is_known || !entry.is_known) {
                entry.addresses.push(address);
                if ADDRESSES_MAX < entry.addresses.len() && !entry.is_bootstrap {
                    entry.addresses.remove(0);
                }
                self.is_changed = true;
            }
        }
        entry.addresses.truncate(2 * ADDRESSES_MAX);
    }

    /// Forgets some hearsay if the book is full and something known comes. False if there is no
    /// room.
    fn make_room(&mut self, is_known: bool) -> bool {
        if self.entries.len() < PEERS_MAX {
            return true;
        }
        let hearsay = self.entries.iter().find(|(_, it)| !it.is_known).map(|(id, _)| *id);
        match hearsay {
            Some(id) if is_known => self.entries.remove(&id).is_some(),
            Some(_) | None => false,
        }
    }
}

impl Entry {
    fn new(addresses: Vec<Multiaddr>, is_known: bool) -> Self {
        Self { addresses, is_known, is_bootstrap: false, failures: 0, due: None }
    }
}

/// Replaces the file in one step, so that a crash leaves the old or the new one.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn save(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("json.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<NetworkId> {
        let id = |seed: u8| {
            let key = types::PrivateKey::from_seed(&zeroize::Zeroizing::new([seed; 32]));
            crate::address::network_id(&key).parse().expect("our own id is an id")
        };
        (0..count).map(|it| id(it as u8)).collect()
    }

    fn place() -> Multiaddr {
        "/ip4/10.0.0.1/tcp/1".parse().expect("a multiaddress")
    }

    #[test]
    fn what_is_heard_is_dialed_but_only_what_is_known_is_told() {
        let ids = ids(3);
        let mut book = Book::new(ids[0], Vec::new());
        assert!(book.hear(&format!("/ip4/10.0.0.2/tcp/1/p2p/{}", ids[1]), &place()));
        assert!(!book.hear("/ip4/10.0.0.2/tcp/1", &place()));
        assert!(book.tell(&ids[2], &place()).is_empty());

        let now = Instant::now();
        assert_eq!(book.candidate(now, |_| true).map(|it| it.id), Some(ids[1]));
        assert_eq!(book.candidate(now, |_| true), None);
        book.meet(ids[1], &["/ip4/10.0.0.2/tcp/1".to_owned()], &place());
        let told = [format!("/ip4/10.0.0.2/tcp/1/p2p/{}", ids[1])];
        assert_eq!(book.tell(&ids[2], &place()), told);
        assert!(book.tell(&ids[1], &place()).is_empty());
        book.name(PeerAddress { id: ids[1], addresses: vec![place()] }, true);
        assert!(book.tell(&ids[2], &place()).is_empty(), "others are not told of private peers");
        let text = book.text_if_changed().expect("its line goes");
        assert!(!text.contains(&ids[1].to_string()), "nor after a restart: {text}");
    }

    #[test]
    fn hearsay_that_fails_is_forgotten_and_bootstrap_peers_never() {
        let ids = ids(3);
        let bootstrap = PeerAddress { id: ids[1], addresses: vec![place()] };
        let mut book = Book::new(ids[0], vec![bootstrap]);
        book.hear(&format!("/ip4/10.0.0.2/tcp/1/p2p/{}", ids[2]), &place());
        for _ in 0..100 {
            book.failed(&ids[1], Instant::now());
            book.failed(&ids[2], Instant::now());
        }
        assert_eq!(book.walk(), [ids[1]]);
    }

    #[test]
    fn the_file_brings_the_book_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("addrbook.json");
        let ids = ids(2);
        let mut book = Book::new(ids[0], Vec::new());
        book.load(&path).expect("a missing file is an empty book");
        book.meet(ids[1], &["/ip4/10.0.0.2/tcp/1".to_owned()], &place());
        save(&path, &book.text_if_changed().expect("something changed")).expect("it is written");
        assert_eq!(book.text_if_changed(), None);

        let mut again = Book::new(ids[0], Vec::new());
        again.load(&path).expect("the file is good");
        assert_eq!(again.tell(&ids[0], &place()).len(), 1);
        std::fs::write(&path, "{").expect("it is written");
        assert!(again.load(&path).is_err());
    }
}
