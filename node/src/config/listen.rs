//! Addresses to listen on, as config.toml has them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Reads `tcp://host:port`, `host:port` or `:port`. The host is an IP address or `localhost`; none
/// is all of IPv4.
pub fn parse(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix("tcp://").unwrap_or(text);
    if let Ok(address) = bare.parse() {
        return Some(address);
    }
    let (host, port) = bare.rsplit_once(':')?;
    let ip = match host {
        "" => Ipv4Addr::UNSPECIFIED,
        "localhost" => Ipv4Addr::LOCALHOST,
        _ => return None,
    };
    Some(SocketAddr::new(IpAddr::V4(ip), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_ways_of_writing_an_address() {
        for (text, expected) in [
            ("tcp://127.0.0.1:26657", Some("127.0.0.1:26657")),
            ("tcp://localhost:1", Some("127.0.0.1:1")),
            (":26660", Some("0.0.0.0:26660")),
            ("tcp://[::1]:5", Some("[::1]:5")),
            ("unix:///sock", None),
            ("127.0.0.1", None),
            ("127.0.0.1:70000", None),
        ] {
            assert_eq!(parse(text).map(|address| address.to_string()).as_deref(), expected);
        }
    }
}
