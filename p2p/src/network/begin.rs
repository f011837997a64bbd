//! Making the swarm: identity, transports, listening.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, OrTransport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::Config as SwarmConfig;
use libp2p::{Multiaddr, Swarm, Transport as _, dns, noise, quic, tcp, yamux};
use types::PrivateKey;

use crate::address::{AddressError, NetworkId, is_quic, socket};
use crate::behaviour::Behaviour;
use crate::config::{Config, Transport};

/// How long a QUIC connection may be silent before it counts as dead.
const QUIC_SILENCE_MAX: Duration = Duration::from_secs(6);
/// How often a QUIC connection is kept from being silent.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Most streams of one connection.
const STREAMS_MAX: usize = 512;
/// Most streams of one connection whose protocol is being agreed on.
const NEGOTIATING_STREAMS_MAX: usize = 256;

/// Why the network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A text in the config is no address.
    #[error("[p2p] {key}: {source}")]
    Address {
        /// Of the config.
        key: &'static str,
        /// What is wrong with it.
        source: AddressError,
    },
    /// An address that we cannot listen at: taken by another program, or not ours.
    #[error("[p2p] listen: cannot listen at {address}: {source}; is another node running there?")]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        source: io::Error,
    },
}

/// The node's key, as libp2p holds it.
pub(super) fn keypair(key: &PrivateKey) -> Keypair {
    let mut seed = key.seed();
    // The seed is wiped there, and again when our copy is dropped.
    Keypair::ed25519_from_bytes(seed.as_mut_slice()).expect("32 bytes are a seed")
}

/// A swarm that listens nowhere yet. Must be called within a runtime.
pub(super) fn swarm(keypair: &Keypair, config: &Config, behaviour: Behaviour) -> Swarm<Behaviour> {
    let own = keypair.public().to_peer_id();
    let swarm_config = SwarmConfig::with_tokio_executor()
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS_MAX)
        .with_idle_connection_timeout(config.handshake_timeout());
    let swarm_config = match config.preferred_transport {
        // Ranks QUIC before TCP, and gives it a head start.
        Transport::Quic => swarm_config.with_smart_dial(),
        // One address after the other, in our order.
        Transport::Tcp => swarm_config.with_dial_concurrency_factor(std::num::NonZeroU8::MIN),
    };
    Swarm::new(transport(keypair, config), behaviour, own, swarm_config)
}

type BoxedTransport = Boxed<(NetworkId, StreamMuxerBox)>;

/// QUIC and TCP, with names looked up as the system does; without a resolver's configuration,
/// only numeric addresses work.
fn transport(keypair: &Keypair, config: &Config) -> BoxedTransport {
    match dns::tokio::Transport::system(plain_transport(keypair, config)) {
        Ok(transport) => transport.boxed(),
        Err(error) => {
            tracing::warn!(%error, "names of hosts cannot be looked up");
            plain_transport(keypair, config)
        }
    }
}

fn plain_transport(keypair: &Keypair, config: &Config) -> BoxedTransport {
    let mut quic_config = quic::Config::new(keypair);
    quic_config.handshake_timeout = config.dial_timeout();
    quic_config.max_idle_timeout = QUIC_SILENCE_MAX.as_millis() as u32;
    quic_config.keep_alive_interval = QUIC_KEEP_ALIVE;
    quic_config.max_concurrent_stream_limit = STREAMS_MAX as u32;
    let quic = quic::tokio::Transport::new(quic_config)
        .map(|(id, connection), _| (id, StreamMuxerBox::new(connection)));

    let mut muxing = yamux::Config::default();
    muxing.set_max_num_streams(STREAMS_MAX);
    let noise = noise::Config::new(keypair).expect("an Ed25519 key signs a Noise key");
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(muxing)
        .timeout(config.dial_timeout())
        .map(|(id, connection), _| (id, StreamMuxerBox::new(connection)));

    OrTransport::new(quic, tcp).map(|either, _| either.into_inner()).boxed()
}

/// Listens at all addresses. The port that the system chose for port 0 of the first transport is
/// not known for the second; operators give a number.
///
/// # Errors
/// The first address that is taken or not ours.
pub(super) fn listen(
    swarm: &mut Swarm<Behaviour>,
    addresses: &[Multiaddr],
) -> Result<(), StartError> {
    for address in addresses {
        let fail = |source| StartError::Listen { address: address.to_string(), source };
        // Tried by ourselves first: libp2p shares TCP ports between sockets, so that a second node
        // would go unnoticed, and it wraps what the system says.
        match socket(address) {
            Some(place) if is_quic(address) => drop(UdpSocket::bind(place).map_err(fail)?),
            Some(place) => drop(TcpListener::bind(place).map_err(fail)?),
            None => {}
        }
        swarm.listen_on(address.clone()).map_err(|error| fail(io::Error::other(error)))?;
    }
    Ok(())
}
