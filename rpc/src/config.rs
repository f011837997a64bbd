//! What an operator can choose about the RPC.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::routes::Offer;
use crate::tls::TlsFiles;

/// Knobs of the RPC. The reference's names and defaults (`[rpc]` of config.toml).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Default: 127.0.0.1:26657.
    pub listen: SocketAddr,
    /// Certificate and key for HTTPS. Default: none, which is plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Most connections at a time; more wait. Default: 900.
    pub connections_max: usize,
    /// Most requests in a batch. Default: 10.
    pub batch_max: usize,
    /// Largest body in bytes. Default: 1,000,000.
    pub body_bytes_max: usize,
    /// Largest head of a request in bytes. Default: 1 MiB.
    pub header_bytes_max: usize,
    /// Most requests that are worked on at a time; more wait. Default: 64.
    pub requests_max: usize,
    /// How long `broadcast_tx_commit` waits. Default: 10 s.
    pub commit_timeout: Duration,
    /// How long a client may take to send a request's head, and a connection to say its first
    /// word. Default: 10 s.
    pub read_timeout: Duration,
    /// How long a client may leave an answer unread. Default: 10 s.
    pub write_timeout: Duration,
    /// Most clients that listen at a time: websockets that are subscribed, and readers of
    /// `/v1/events`. Default: 100.
    pub subscription_clients_max: usize,
    /// Most subscriptions of one client. Default: 5.
    pub subscriptions_per_client_max: usize,
    /// How many blocks and news of consensus a subscriber may be behind before it misses some.
    /// Default: 200.
    pub subscription_buffer: usize,
    /// Whether a subscriber that missed some is hung up on. Default: no, its subscriptions end.
    pub close_on_slow_client: bool,
    /// How often a websocket is asked whether somebody is there. Default: 27 s.
    pub websocket_ping_period: Duration,
    /// How long a websocket may say nothing, not even answer a ping. Default: 30 s.
    pub websocket_silence_max: Duration,
    /// Which methods there are. Default: those that cannot hurt the node.
    pub offer: Offer,
    /// Most requests of one address in a second; those in a batch count each. Default: no limit.
    pub requests_per_second_max: Option<NonZeroU32>,
    /// How long the application and the disk may take before `/readyz` says so. Default: 1 s.
    pub ready_timeout: Duration,
    /// Origins whose pages may read answers; `*` is any, and within one any characters. Default:
    /// none.
    pub cors_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 26657)),
            tls: None,
            connections_max: 900,
            batch_max: 10,
            body_bytes_max: 1_000_000,
            header_bytes_max: 1024 * 1024,
            requests_max: 64,
            commit_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            subscription_clients_max: 100,
            subscriptions_per_client_max: 5,
            subscription_buffer: 200,
            close_on_slow_client: false,
            websocket_ping_period: Duration::from_secs(27),
            websocket_silence_max: Duration::from_secs(30),
            offer: Offer::Safe,
            requests_per_second_max: None,
            ready_timeout: Duration::from_secs(1),
            cors_origins: vec![],
        }
    }
}
