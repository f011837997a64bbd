//! What each crate gets of config.toml.

use std::num::NonZeroU32;

use super::{Config, listen};
use crate::home::Home;
use crate::relay;

/// Where addresses of peers are kept, within the home.
pub const ADDRESS_BOOK: &str = "config/address_book.json";
/// The reference's defaults for bytes a second, which would delay large blocks by seconds: whoever
/// has them in a file has not chosen them.
const REFERENCE_RATE: u64 = 5_120_000;
/// What a zero stands for in the reference's limits: more than any machine can hold.
const UNLIMITED: usize = 1 << 20;

impl Config {
    /// How long the replica waits for what.
    pub fn timeouts(&self) -> consensus::timeouts::Config {
        let section = &self.consensus;
        consensus::timeouts::Config {
            propose: section.timeout_propose,
            propose_delta: section.timeout_propose_delta,
            propose_silent: self.lockstep.silent_proposer_timeout,
            prevote: section.timeout_prevote,
            prevote_delta: section.timeout_prevote_delta,
            precommit: section.timeout_precommit,
            precommit_delta: section.timeout_precommit_delta,
            commit: section.timeout_commit,
            skip_commit: section.skip_timeout_commit,
            create_empty_blocks: section.create_empty_blocks,
            create_empty_blocks_interval: section.create_empty_blocks_interval,
            gossip: self.lockstep.gossip_interval,
            relay: self.lockstep.relay_delay,
            catch_up: self.lockstep.catch_up_timeout,
        }
    }

    /// What the mempool may hold, and how it behaves.
    pub fn mempool(&self) -> mempool::Config {
        let section = &self.mempool;
        mempool::Config {
            recheck: section.recheck,
            broadcast: section.broadcast,
            txs_max: if section.kind == "flood" { section.size } else { 0 },
            txs_bytes_max: section.max_txs_bytes,
            tx_bytes_max: section.max_tx_bytes,
            seen_max: section.cache_size,
            remember_invalid: section.keep_invalid_txs_in_cache,
        }
    }

    /// How transactions are passed on for an application that keeps them itself, if it does.
    pub fn relay(&self) -> Option<relay::Config> {
        let section = &self.mempool;
        (section.kind == "app").then_some(relay::Config {
            broadcast: section.broadcast,
            tx_bytes_max: section.max_tx_bytes,
            seen_max: section.seen_cache_size,
            reap: abci::ReapTxsRequest {
                bytes_max: section.reap_max_bytes,
                gas_max: section.reap_max_gas,
            },
            reap_interval: section.reap_interval,
            retry_delay: section.check_tx_retry_delay,
        })
    }

    /// Where and within which limits the RPC answers.
    pub fn rpc(&self, home: &Home) -> rpc::Config {
        let section = &self.rpc;
        let unlimited = |limit| if limit == 0 { UNLIMITED } else { limit };
        let defaults = rpc::Config::default();
        // As in the reference: an absolute path, or one from the folder of config.toml.
        let in_config = |file: &str| home.path("config").join(file);
        rpc::Config {
            listen: listen::parse(&section.laddr).unwrap_or(defaults.listen),
            connections_max: unlimited(section.max_open_connections),
            tls: (!section.tls_cert_file.is_empty()).then(|| rpc::TlsFiles {
                certificates: in_config(&section.tls_cert_file),
                key: in_config(&section.tls_key_file),
            }),
            batch_max: unlimited(section.max_request_batch_size),
            body_bytes_max: section.max_body_bytes,
            header_bytes_max: section.max_header_bytes,
            commit_timeout: section.timeout_broadcast_tx_commit,
            subscription_clients_max: section.max_subscription_clients,
            subscriptions_per_client_max: section.max_subscriptions_per_client,
            subscription_buffer: section.experimental_subscription_buffer_size,
            close_on_slow_client: section.experimental_close_on_slow_client,
            offer: if section.is_unsafe { rpc::Offer::All } else { rpc::Offer::Safe },
            requests_per_second_max: NonZeroU32::new(section.max_requests_per_second_per_ip),
            cors_origins: section.cors_allowed_origins.clone(),
            ..defaults
        }
    }

    /// How the network of peers is reached and limited.
    pub fn p2p(&self, home: &Home) -> p2p::Config {
        let section = &self.p2p;
        let listed = |names: &str| -> Vec<String> {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_string).collect()
        };
        let mut network = p2p::Config {
            listen: vec![section.laddr.clone()],
            persistent_peers: listed(&section.persistent_peers),
            bootstrap_peers: listed(&section.seeds),
            unconditional_peers: listed(&section.unconditional_peer_ids),
            allow_list: self.lockstep.allowed_peers.clone(),
            max_inbound_peers: section.max_num_inbound_peers,
            max_outbound_peers: section.max_num_outbound_peers,
            dial_timeout_ms: milliseconds(section.dial_timeout),
            handshake_timeout_ms: milliseconds(section.handshake_timeout),
            exchange: section.pex,
            address_book: Some(home.path(ADDRESS_BOOK)),
            ..p2p::Config::default()
        };
        if !section.external_address.is_empty() {
            network.external_address = Some(section.external_address.clone());
        }
        if section.send_rate != REFERENCE_RATE {
            network.send_bytes_per_second = section.send_rate;
        }
        if section.recv_rate != REFERENCE_RATE {
            network.recv_bytes_per_second = section.recv_rate;
        }
        for peer in &section.libp2p.bootstrap_peers {
            let address = format!("{}@{}", peer.id, peer.host);
            if peer.persistent {
                network.persistent_peers.push(address);
            } else {
                network.bootstrap_peers.push(address);
            }
            if peer.unconditional {
                network.unconditional_peers.push(peer.id.clone());
            }
        }
        network
    }
}

fn milliseconds(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
