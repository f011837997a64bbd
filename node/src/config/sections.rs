//! The sections of config.toml, with the reference's names and defaults. Only what has a meaning
//! here; `keys.rs` lists what is accepted besides. Units are in the names or in the comments, and
//! `default.toml` says the same to operators.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// `[rpc]`: the JSON-RPC server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rpc {
    /// Where to listen, `tcp://host:port`.
    pub laddr: String,
    /// Whether there are the methods with which clients dial peers and empty the mempool.
    #[serde(rename = "unsafe")]
    pub is_unsafe: bool,
    /// Origins that browsers may call from; empty switches CORS off, `*` is any, and within one
    /// any characters.
    pub cors_allowed_origins: Vec<String>,
    /// Connections at one time; 0 is no limit.
    pub max_open_connections: usize,
    /// How long `broadcast_tx_commit` waits for its block.
    #[serde(with = "duration")]
    pub timeout_broadcast_tx_commit: Duration,
    /// Requests of one address in a second; 0 is no limit.
    pub max_requests_per_second_per_ip: u32,
    /// Requests in a batch; 0 is no limit.
    pub max_request_batch_size: usize,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// Bytes of a request's headers.
    pub max_header_bytes: usize,
    /// Websocket clients with subscriptions, and readers of `/v1/events`, at one time.
    pub max_subscription_clients: usize,
    /// Subscriptions of one websocket client.
    pub max_subscriptions_per_client: usize,
    /// How many blocks, and news of consensus, a subscriber may be behind.
    pub experimental_subscription_buffer_size: usize,
    /// Whether a subscriber that was behind by more is hung up on; its subscriptions end anyway.
    pub experimental_close_on_slow_client: bool,
    /// Certificate in PEM for HTTPS, relative to `config/`; empty with the key's is HTTP.
    pub tls_cert_file: String,
    /// The certificate's key.
    pub tls_key_file: String,
}

impl Default for Rpc {
    fn default() -> Self {
        Self {
            laddr: "tcp://127.0.0.1:26657".into(),
            is_unsafe: false,
            cors_allowed_origins: Vec::new(),
            max_open_connections: 900,
            timeout_broadcast_tx_commit: Duration::from_secs(10),
            max_requests_per_second_per_ip: 0,
            max_request_batch_size: 10,
            max_body_bytes: 1_000_000,
            max_header_bytes: 1 << 20,
            max_subscription_clients: 100,
            max_subscriptions_per_client: 5,
            experimental_subscription_buffer_size: 200,
            experimental_close_on_slow_client: false,
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
        }
    }
}

/// `[p2p]`: the network of peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct P2p {
    /// Where to listen, `tcp://host:port`; both TCP and UDP (QUIC) of that port are used.
    pub laddr: String,
    /// What peers are told to dial, `host:port`; empty: what we listen on.
    pub external_address: String,
    /// Peers to learn others from, separated by commas.
    pub seeds: String,
    /// Peers to stay connected with, separated by commas.
    pub persistent_peers: String,
    /// Peers that connected to us, at one time.
    pub max_num_inbound_peers: u32,
    /// Peers that we connected to, at one time, without the persistent ones.
    pub max_num_outbound_peers: u32,
    /// Peer ids that no limit applies to, separated by commas.
    pub unconditional_peer_ids: String,
    /// Bytes a second to one peer.
    pub send_rate: u64,
    /// Bytes a second from one peer.
    pub recv_rate: u64,
    /// Whether peers are exchanged with peers.
    pub pex: bool,
    /// Must be false: there is no crawler.
    pub seed_mode: bool,
    /// Must be empty: all peers are told to others.
    pub private_peer_ids: String,
    /// How long a new connection may take to say who it is.
    #[serde(with = "duration")]
    pub handshake_timeout: Duration,
    /// How long dialling may take.
    #[serde(with = "duration")]
    pub dial_timeout: Duration,
    /// `[p2p.libp2p]`.
    pub libp2p: Libp2p,
}

impl Default for P2p {
    fn default() -> Self {
        Self {
            laddr: "tcp://0.0.0.0:26656".into(),
            external_address: String::new(),
            seeds: String::new(),
            persistent_peers: String::new(),
            max_num_inbound_peers: 40,
            max_num_outbound_peers: 10,
            unconditional_peer_ids: String::new(),
            send_rate: 5_120_000,
            recv_rate: 5_120_000,
            pex: true,
            seed_mode: false,
            private_peer_ids: String::new(),
            handshake_timeout: Duration::from_secs(20),
            dial_timeout: Duration::from_secs(3),
            libp2p: Libp2p::default(),
        }
    }
}

/// `[p2p.libp2p]`: what the reference keeps apart because libp2p is its second transport.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Libp2p {
    /// Peers to connect to at the start.
    pub bootstrap_peers: Vec<BootstrapPeer>,
}

/// One of `p2p.libp2p.bootstrap_peers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapPeer {
    /// `host:port`.
    pub host: String,
    /// Its libp2p peer id (`12D3Koo…`).
    pub id: String,
    /// Must be false: all peers are told to others.
    pub private: bool,
    /// Dialled again whenever it is gone.
    pub persistent: bool,
    /// No limit applies to it.
    pub unconditional: bool,
}

/// `[mempool]`: pending transactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mempool {
    /// `flood`, `app` for the application's own, or `nop` for none at all.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether what stays is checked again after a block.
    pub recheck: bool,
    /// Whether peers are told of transactions.
    pub broadcast: bool,
    /// Transactions at most.
    pub size: usize,
    /// Bytes of all transactions at most.
    pub max_txs_bytes: u64,
    /// Transactions whose hash is remembered, so that they are not checked twice.
    pub cache_size: usize,
    /// Whether refused transactions are remembered too.
    #[serde(rename = "keep-invalid-txs-in-cache")]
    pub keep_invalid_txs_in_cache: bool,
    /// Bytes of one transaction at most.
    pub max_tx_bytes: usize,
    /// For `app`: transactions whose hash is remembered, so that they are not brought twice.
    pub seen_cache_size: usize,
    /// For `app`: bytes that are fetched at once; 0 is no limit.
    pub reap_max_bytes: u64,
    /// For `app`: gas that is fetched at once; 0 is no limit.
    pub reap_max_gas: u64,
    /// For `app`: time between two fetches.
    #[serde(with = "duration")]
    pub reap_interval: Duration,
    /// For `app`: after what time a client may send a refused transaction again.
    #[serde(with = "duration")]
    pub check_tx_retry_delay: Duration,
}

impl Default for Mempool {
    fn default() -> Self {
        Self {
            kind: "flood".into(),
            recheck: true,
            broadcast: true,
            size: 5000,
            max_txs_bytes: 1 << 30,
            cache_size: 10_000,
            keep_invalid_txs_in_cache: false,
            max_tx_bytes: 4 << 20,
            seen_cache_size: 100_000,
            reap_max_bytes: 0,
            reap_max_gas: 0,
            reap_interval: Duration::from_millis(500),
            check_tx_retry_delay: Duration::from_secs(5),
        }
    }
}

/// `[statesync]`: starting from a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateSync {
    /// Must be false in this version.
    pub enable: bool,
}

/// `[blocksync]`: fetching decided blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockSync {
    /// `v0`, the only one.
    pub version: String,
}

impl Default for BlockSync {
    fn default() -> Self {
        Self { version: "v0".into() }
    }
}

/// `[consensus]`: how long to wait for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consensus {
    /// For a proposal, in round 0.
    #[serde(with = "duration")]
    pub timeout_propose: Duration,
    /// More of it for each later round.
    #[serde(with = "duration")]
    pub timeout_propose_delta: Duration,
    /// After a quorum of any prevotes, in round 0.
    #[serde(with = "duration")]
    pub timeout_prevote: Duration,
    /// More of it for each later round.
    #[serde(with = "duration")]
    pub timeout_prevote_delta: Duration,
    /// After a quorum of any precommits, in round 0.
    #[serde(with = "duration")]
    pub timeout_precommit: Duration,
    /// More of it for each later round.
    #[serde(with = "duration")]
    pub timeout_precommit_delta: Duration,
    /// After a decision, before the next height.
    #[serde(with = "duration")]
    pub timeout_commit: Duration,
    /// Must be 0: whether our key signed a recent block is not looked up.
    pub double_sign_check_height: u64,
    /// Go on as soon as all precommits are here.
    pub skip_timeout_commit: bool,
    /// Make blocks without transactions.
    pub create_empty_blocks: bool,
    /// If so, this long after the last block; 0 is at once.
    #[serde(with = "duration")]
    pub create_empty_blocks_interval: Duration,
}

impl Default for Consensus {
    fn default() -> Self {
        let timeouts = consensus::timeouts::Config::default();
        Self {
            timeout_propose: timeouts.propose,
            timeout_propose_delta: timeouts.propose_delta,
            timeout_prevote: timeouts.prevote,
            timeout_prevote_delta: timeouts.prevote_delta,
            timeout_precommit: timeouts.precommit,
            timeout_precommit_delta: timeouts.precommit_delta,
            timeout_commit: timeouts.commit,
            double_sign_check_height: 0,
            skip_timeout_commit: timeouts.skip_commit,
            create_empty_blocks: timeouts.create_empty_blocks,
            create_empty_blocks_interval: timeouts.create_empty_blocks_interval,
        }
    }
}

/// `[tx_index]`: finding transactions by hash and by event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TxIndex {
    /// `kv`, `psql`, or `null` for none.
    pub indexer: String,
    /// The database, if it is `psql`.
    #[serde(rename = "psql-conn")]
    pub psql_conn: String,
}

impl Default for TxIndex {
    fn default() -> Self {
        Self { indexer: "kv".into(), psql_conn: String::new() }
    }
}

/// `[instrumentation]`: metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Instrumentation {
    /// Whether metrics are served.
    pub prometheus: bool,
    /// Where, `host:port`.
    pub prometheus_listen_addr: String,
    /// Connections at one time; 0 is no limit.
    pub max_open_connections: usize,
    /// What the names of the reference's metrics begin with.
    pub namespace: String,
}

impl Default for Instrumentation {
    fn default() -> Self {
        Self {
            prometheus: false,
            prometheus_listen_addr: ":26660".into(),
            max_open_connections: 3,
            namespace: "cometbft".into(),
        }
    }
}

/// `[lockstep]`: what the reference does not have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lockstep {
    /// Peer ids that alone may connect, for a permissioned network; empty: anybody.
    pub allowed_peers: Vec<String>,
    /// How long to wait for the first proposal of a validator that was silent in the last height.
    #[serde(with = "duration")]
    pub silent_proposer_timeout: Duration,
    /// How often what may have been lost is offered again.
    #[serde(with = "duration")]
    pub gossip_interval: Duration,
    /// How long peers are given to get votes and parts from their makers before we relay them.
    #[serde(with = "duration")]
    pub relay_delay: Duration,
    /// How long a requested block may take before another peer is asked.
    #[serde(with = "duration")]
    pub catch_up_timeout: Duration,
    /// How long an application outside may take over an answer before the node stops; 0 is for
    /// ever.
    #[serde(with = "duration")]
    pub abci_timeout: Duration,
    /// Most rows of the index that one search may read.
    pub search_rows_max: usize,
    /// Bytes of an answer of the RPC that is a list, at most.
    pub answer_bytes_max: usize,
    /// How many blocks stay in the index; 0 is as many as in the store.
    pub index_retain_blocks: u64,
}

impl Default for Lockstep {
    fn default() -> Self {
        let timeouts = consensus::timeouts::Config::default();
        Self {
            allowed_peers: Vec::new(),
            silent_proposer_timeout: timeouts.propose_silent,
            gossip_interval: timeouts.gossip,
            relay_delay: timeouts.relay,
            catch_up_timeout: timeouts.catch_up,
            abci_timeout: Duration::from_secs(600),
            search_rows_max: 100_000,
            answer_bytes_max: 32 << 20,
            index_retain_blocks: 0,
        }
    }
}
