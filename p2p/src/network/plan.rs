//! The addresses of the config, read once.

use std::collections::BTreeSet;

use libp2p::Multiaddr;

use super::StartError;
use crate::address::{AddressError, NetworkId, PeerAddress, parse_id, parse_listen};
use crate::config::Config;

/// What the config's texts mean.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) listen: Vec<Multiaddr>,
    pub(super) external: Vec<Multiaddr>,
    pub(super) persistent: Vec<PeerAddress>,
    pub(super) bootstrap: Vec<PeerAddress>,
    pub(super) unconditional: BTreeSet<NetworkId>,
    pub(super) allowed: BTreeSet<NetworkId>,
}

impl Plan {
    /// Reads every text.
    ///
    /// # Errors
    /// The first that is wrong, with the name of its key.
    pub(super) fn read(config: &Config) -> Result<Self, StartError> {
        let preferred = config.preferred_transport;
        let places = |text: &String| parse_listen(text, preferred);
        let peer = |text: &String| PeerAddress::parse(text, preferred);
        let id = |text: &String| parse_id(text);
        let external: Vec<String> = config.external_address.iter().cloned().collect();
        Ok(Self {
            listen: read("listen", &config.listen, places)?.concat(),
            external: read("external_address", &external, places)?.concat(),
            persistent: read("persistent_peers", &config.persistent_peers, peer)?,
            bootstrap: read("bootstrap_peers", &config.bootstrap_peers, peer)?,
            unconditional: read("unconditional_peers", &config.unconditional_peers, id)?
                .into_iter()
                .collect(),
            allowed: read("allow_list", &config.allow_list, id)?.into_iter().collect(),
        })
    }
}

fn read<T>(
    key: &'static str,
    texts: &[String],
    parse: impl Fn(&String) -> Result<T, AddressError>,
) -> Result<Vec<T>, StartError> {
    let read: Result<_, _> = texts.iter().map(parse).collect();
    read.map_err(|source| StartError::Address { key, source })
}
