//! Where an application listens: `tcp://host:port` or `unix:///path`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest path of a Unix socket in bytes, by the system's own structure.
pub const UNIX_PATH_BYTES_MAX: usize = 107;

/// Where an application listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `host:port`.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// Neither of the two kinds.
    #[error("{text:?} is no address of an application; write tcp://host:port or unix:///path")]
    Kind {
        /// What was given.
        text: String,
    },
    /// Not host and port.
    #[error("{text:?} lacks a port; write tcp://host:port")]
    Port {
        /// What was given.
        text: String,
    },
    /// The system takes no such path.
    #[error("the path of {text:?} must have 1 to {limit} bytes")]
    Path {
        /// What was given.
        text: String,
        /// What is allowed.
        limit: usize,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(address) = text.strip_prefix("tcp://") {
            let port = address.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            return match port {
                Some((host, Ok(_))) if !host.is_empty() => Ok(Endpoint::Tcp(address.to_owned())),
                Some(_) | None => Err(EndpointError::Port { text: text.to_owned() }),
            };
        }
        if let Some(path) = text.strip_prefix("unix://") {
            let limit = UNIX_PATH_BYTES_MAX;
            if path.is_empty() || limit < path.len() {
                return Err(EndpointError::Path { text: text.to_owned(), limit });
            }
            return Ok(Endpoint::Unix(path.into()));
        }
        Err(EndpointError::Kind { text: text.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => write!(f, "tcp://{address}"),
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_as_it_is_shown() {
        for text in ["tcp://127.0.0.1:26658", "tcp://[::1]:1", "tcp://app:0", "unix:///tmp/a.sock"]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_what_to_write() {
        for text in ["kvstore", "127.0.0.1:26658", "http://a:1", ""] {
            assert!(matches!(text.parse::<Endpoint>(), Err(EndpointError::Kind { .. })), "{text}");
        }
        for text in ["tcp://127.0.0.1", "tcp://:1", "tcp://a:65536", "tcp://"] {
            assert!(matches!(text.parse::<Endpoint>(), Err(EndpointError::Port { .. })), "{text}");
        }
        for text in ["unix://".to_owned(), format!("unix:///{}", "a".repeat(107))] {
            assert!(matches!(text.parse::<Endpoint>(), Err(EndpointError::Path { .. })), "{text}");
        }
    }
}
