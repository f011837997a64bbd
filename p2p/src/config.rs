//! What an operator can choose about the network.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which transport an address without one means first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// QUIC over UDP; TCP is tried when it does not answer.
    #[default]
    Quic,
    /// TCP with Noise and Yamux; QUIC is tried when it does not answer.
    Tcp,
}

/// Knobs of the network. Addresses of peers are `id@host:port` (both transports are tried) or
/// multiaddresses such as `/ip4/10.0.0.7/udp/26656/quic-v1/p2p/12D3Koo…`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen: `tcp://host:port` or `host:port` (QUIC on UDP and TCP, at one port) or
    /// multiaddresses. Default: all interfaces, port 26656. Empty: no peer can connect to us.
    pub listen: Vec<String>,
    /// The `host:port` or multiaddress at which others reach us, if it is not the one we listen
    /// at. Default: none; peers see the address we come from.
    pub external_address: Option<String>,
    /// Peers that are dialed for ever, from every second to every five minutes. They do not count
    /// against the limits and are never banned. Default: none.
    pub persistent_peers: Vec<String>,
    /// Peers that are dialed when we have too few, to ask them for more. Default: none.
    pub bootstrap_peers: Vec<String>,
    /// Peer ids (`12D3Koo…`) that are let in although the limits are reached. Default: none.
    pub unconditional_peers: Vec<String>,
    /// Only these peer ids may connect or be dialed; empty lets anybody in. Default: empty.
    pub allow_list: Vec<String>,
    /// Refuse peers that speak only the reference's protocols, and so cannot tell their chain.
    /// Default: false.
    pub require_hello: bool,
    /// Most peers that came to us. Default: 40.
    pub max_inbound_peers: u32,
    /// Most peers we went to and which are not persistent. Default: 10.
    pub max_outbound_peers: u32,
    /// Bytes per second to one peer in one class of messages; more waits. Default: 50 MB/s, since
    /// the reference's 5.12 MB/s delays blocks of a few megabytes by as many hundred ms.
    pub send_bytes_per_second: u64,
    /// Bytes per second read from one peer in one class of messages; more is left unread, and the
    /// transport holds the peer back. Default: 50 MB/s.
    pub recv_bytes_per_second: u64,
    /// How long a peer with a score of 100 is kept out, in seconds. Default: 600.
    pub ban_seconds: u64,
    /// How long to wait for a connection and its handshake, in milliseconds. Default: 3000.
    pub dial_timeout_ms: u64,
    /// How long a connected peer may take to say who it is, in milliseconds. Default: 10,000.
    pub handshake_timeout_ms: u64,
    /// Ask peers for addresses of others, and answer when asked. Default: true.
    pub exchange: bool,
    /// Where the addresses learnt from peers are kept. Default: none; they are forgotten at exit.
    pub address_book: Option<PathBuf>,
    /// Which transport is tried first for `id@host:port`. Default: `quic`.
    pub preferred_transport: Transport,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec!["0.0.0.0:26656".to_owned()],
            external_address: None,
            persistent_peers: Vec::new(),
            bootstrap_peers: Vec::new(),
            unconditional_peers: Vec::new(),
            allow_list: Vec::new(),
            require_hello: false,
            max_inbound_peers: 40,
            max_outbound_peers: 10,
            send_bytes_per_second: 50_000_000,
            recv_bytes_per_second: 50_000_000,
            ban_seconds: 600,
            dial_timeout_ms: 3000,
            handshake_timeout_ms: 10_000,
            exchange: true,
            address_book: None,
            preferred_transport: Transport::Quic,
        }
    }
}

impl Config {
    /// How long a peer with a score of 100 is kept out.
    pub(crate) fn ban(&self) -> Duration {
        Duration::from_secs(self.ban_seconds)
    }

    /// How long to wait for a connection and its handshake.
    pub(crate) fn dial_timeout(&self) -> Duration {
        Duration::from_millis(self.dial_timeout_ms)
    }

    /// How long a connected peer may take to say who it is.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }
}
