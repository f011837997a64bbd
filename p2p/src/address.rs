//! Addresses of peers and of ourselves, as operators write them and as libp2p wants them.

use std::net::{IpAddr, SocketAddr};

use libp2p::multiaddr::{Multiaddr, Protocol};
use types::{Address, PrivateKey, PublicKey};

use crate::config::Transport;

/// A peer's lasting name in the network: libp2p's peer id, made from its key.
pub(crate) type NetworkId = libp2p::PeerId;

/// What an Ed25519 peer id holds before the key itself: "this is the key, not its hash", and the
/// key's type and length.
const ED25519_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Why a text is no address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// Neither form.
    #[error("`{text}` is neither `id@host:port` nor a multiaddress that ends in `/p2p/<id>`")]
    Form {
        /// What was given.
        text: String,
    },
    /// Not a peer id.
    #[error("`{id}` is no peer id: it begins with `12D3Koo`, as `show-node-id` prints it")]
    Id {
        /// What was given.
        id: String,
    },
    /// The reference's short id is a hash, from which the key cannot be told.
    #[error("`{id}` is a hash of the peer's key; its libp2p peer id (`12D3Koo…`) is needed")]
    HashedId {
        /// What was given.
        id: String,
    },
    /// Neither QUIC nor TCP.
    #[error("`{text}` has no transport: it must hold `/udp/<port>/quic-v1` or `/tcp/<port>`")]
    Transport {
        /// What was given.
        text: String,
    },
    /// Not `host:port`.
    #[error("`{text}` is not `host:port`")]
    HostPort {
        /// What was given.
        text: String,
    },
}

/// A peer that can be dialed: who must answer, and where, the best address first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerAddress {
    pub(crate) id: NetworkId,
    pub(crate) addresses: Vec<Multiaddr>,
}

impl PeerAddress {
    /// Reads `id@host:port` or a multiaddress that ends in `/p2p/<id>`.
    pub(crate) fn parse(text: &str, preferred: Transport) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.starts_with('/') {
            let mut address = parse_multiaddr(text)?;
            let Some(Protocol::P2p(id)) = address.pop() else {
                return Err(AddressError::Form { text: text.to_owned() });
            };
            return Ok(Self { id, addresses: vec![with_transport(address, text)?] });
        }
        let Some((id, place)) = text.split_once('@') else {
            return Err(AddressError::Form { text: text.to_owned() });
        };
        Ok(Self { id: parse_id(id)?, addresses: parse_place(place, preferred)? })
    }
}

/// Reads where to listen (or be reached): `host:port` with both transports, or a multiaddress.
pub(crate) fn parse_listen(
    text: &str,
    preferred: Transport,
) -> Result<Vec<Multiaddr>, AddressError> {
    let text = text.trim();
    if text.starts_with('/') {
        return Ok(vec![with_transport(parse_multiaddr(text)?, text)?]);
    }
    parse_place(text, preferred)
}

/// Reads a peer id.
pub(crate) fn parse_id(text: &str) -> Result<NetworkId, AddressError> {
    let id = text.trim();
    if id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(AddressError::HashedId { id: id.to_owned() });
    }
    let parsed = id.parse().map_err(|_| AddressError::Id { id: id.to_owned() })?;
    // A peer whose key is not in its id could not be told from its node id.
    public_key(&parsed).map(|_| parsed).ok_or_else(|| AddressError::Id { id: id.to_owned() })
}

/// The key inside a peer id; none if it is not Ed25519.
pub(crate) fn public_key(id: &NetworkId) -> Option<PublicKey> {
    let bytes = id.to_bytes();
    let key = bytes.strip_prefix(&ED25519_ID_PREFIX)?;
    key.try_into().ok().map(PublicKey)
}

/// The reference's node id of a peer: the address of its key.
pub(crate) fn node_id(id: &NetworkId) -> Option<Address> {
    public_key(id).map(|key| key.address())
}

/// The libp2p peer id (`12D3Koo…`) of the node that holds `key`.
pub fn network_id(key: &PrivateKey) -> String {
    let mut bytes = ED25519_ID_PREFIX.to_vec();
    bytes.extend_from_slice(&key.public_key().0);
    NetworkId::from_bytes(&bytes).expect("the prefix and 32 bytes are a peer id").to_string()
}

/// The socket that a listening address names, for those without a host name.
pub(crate) fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut protocols = address.iter();
    let ip = match protocols.next()? {
        Protocol::Ip4(ip) => IpAddr::from(ip),
        Protocol::Ip6(ip) => IpAddr::from(ip),
        _ => return None,
    };
    match protocols.next()? {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

/// Whether an address is for QUIC.
pub(crate) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|protocol| protocol == Protocol::QuicV1)
}

/// Whether telling a peer at `listener` of `address` makes sense: loopback stays on its machine,
/// and an unspecified address is nowhere.
pub(crate) fn is_useful_to(address: &Multiaddr, listener: &Multiaddr) -> bool {
    match socket(address) {
        None => with_transport(address.clone(), "").is_ok(),
        Some(place) if place.ip().is_unspecified() || place.port() == 0 => false,
        Some(place) if place.ip().is_loopback() => {
            socket(listener).is_some_and(|it| it.ip().is_loopback())
        }
        Some(_) => with_transport(address.clone(), "").is_ok(),
    }
}

fn parse_multiaddr(text: &str) -> Result<Multiaddr, AddressError> {
    text.parse().map_err(|_| AddressError::Form { text: text.to_owned() })
}

fn with_transport(address: Multiaddr, text: &str) -> Result<Multiaddr, AddressError> {
    let protocols: Vec<_> = address.iter().skip(1).collect();
    match protocols.as_slice() {
        [Protocol::Tcp(_)] | [Protocol::Udp(_), Protocol::QuicV1] => Ok(address),
        _ => Err(AddressError::Transport { text: text.to_owned() }),
    }
}

/// `host:port`, with or without `tcp://` before it, as addresses for both transports.
fn parse_place(text: &str, preferred: Transport) -> Result<Vec<Multiaddr>, AddressError> {
    let fail = || AddressError::HostPort { text: text.to_owned() };
    let place = text.strip_prefix("tcp://").unwrap_or(text);
    let (host, port) = place.rsplit_once(':').ok_or_else(fail)?;
    let port: u16 = port.parse().map_err(|_| fail())?;
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    let host = match bare.parse::<IpAddr>() {
        Ok(ip) => Protocol::from(ip),
        Err(_) if bare.is_empty() || bare.contains([':', '/', '@']) => return Err(fail()),
        Err(_) => Protocol::Dns(bare.to_owned().into()),
    };
    let host = Multiaddr::empty().with(host);
    let quic = host.clone().with(Protocol::Udp(port)).with(Protocol::QuicV1);
    let tcp = host.with(Protocol::Tcp(port));
    Ok(match preferred {
        Transport::Quic => vec![quic, tcp],
        Transport::Tcp => vec![tcp, quic],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

    fn parsed(text: &str) -> Vec<String> {
        let peer = PeerAddress::parse(text, Transport::Quic).expect("a good address");
        assert_eq!(peer.id.to_string(), ID);
        peer.addresses.iter().map(Multiaddr::to_string).collect()
    }

    #[test]
    fn both_forms_are_read() {
        let both = ["/ip4/127.0.0.1/udp/26656/quic-v1", "/ip4/127.0.0.1/tcp/26656"];
        assert_eq!(parsed(&format!("{ID}@127.0.0.1:26656")), both);
        assert_eq!(parsed(&format!("/ip4/127.0.0.1/udp/26656/quic-v1/p2p/{ID}")), both[..1]);
        assert_eq!(parsed(&format!("/ip4/127.0.0.1/tcp/26656/p2p/{ID}")), both[1..]);
        assert_eq!(parsed(&format!("{ID}@[::1]:1")), ["/ip6/::1/udp/1/quic-v1", "/ip6/::1/tcp/1"]);
        assert_eq!(parsed(&format!("{ID}@node0:7"))[0], "/dns/node0/udp/7/quic-v1");
    }

    #[test]
    fn wrong_addresses_name_what_is_wrong() {
        let error = |text: &str| PeerAddress::parse(text, Transport::Quic).expect_err("is wrong");
        assert!(matches!(error("127.0.0.1:26656"), AddressError::Form { .. }));
        assert!(matches!(error("abc@127.0.0.1:26656"), AddressError::Id { .. }));
        let hashed = format!("{}@127.0.0.1:26656", "ab".repeat(20));
        assert!(matches!(error(&hashed), AddressError::HashedId { .. }));
        assert!(matches!(error(&format!("{ID}@host")), AddressError::HostPort { .. }));
        assert!(matches!(error(&format!("{ID}@h:99999")), AddressError::HostPort { .. }));
        assert!(matches!(error("/ip4/127.0.0.1/tcp/1"), AddressError::Form { .. }));
        let udp = format!("/ip4/127.0.0.1/udp/1/p2p/{ID}");
        assert!(matches!(error(&udp), AddressError::Transport { .. }));
    }

    #[test]
    fn peer_id_holds_the_key_whose_address_is_the_node_id() {
        let key = PrivateKey::from_seed(&zeroize::Zeroizing::new([7; 32]));
        let id = parse_id(&network_id(&key)).expect("our own id is an id");
        assert_eq!(public_key(&id), Some(key.public_key()));
        assert_eq!(node_id(&id), Some(key.public_key().address()));
    }

    #[test]
    fn loopback_is_told_to_loopback_only() {
        let address = |text: &str| text.parse::<Multiaddr>().expect("a multiaddress");
        let local = address("/ip4/127.0.0.1/tcp/1");
        let far = address("/ip4/10.0.0.1/tcp/1");
        assert!(is_useful_to(&local, &local));
        assert!(!is_useful_to(&local, &far));
        assert!(is_useful_to(&far, &local));
        assert!(!is_useful_to(&address("/ip4/0.0.0.0/tcp/1"), &local));
        assert!(!is_useful_to(&address("/ip4/10.0.0.1/udp/1"), &local));
    }
}
