//! Where a node's RPC is: an address, and how it is spoken to.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// Where CometBFT's nodes have their websocket.
const WEBSOCKET_PATH: &str = "/websocket";

/// How a node is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One request after the other on a kept connection.
    Http,
    /// Requests and answers as frames, many under way at once.
    Websocket,
}

/// A node's RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How transactions go there.
    pub transport: Transport,
    /// Host and port.
    pub address: String,
    /// The path of the JSON-RPC, without a slash at its end.
    base: String,
    /// The path of the websocket.
    websocket: String,
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("{text:?} is no URL")]
    Malformed {
        /// What was given.
        text: String,
    },
    /// A scheme that is not spoken here.
    #[error("{text:?} begins with {scheme}://, and only ws:// and http:// are spoken, without TLS")]
    Scheme {
        /// What was given.
        text: String,
        /// How it begins.
        scheme: String,
    },
    /// Without a port nobody knows which node is meant.
    #[error("{text:?} names no port (1 to 65535)")]
    NoPort {
        /// What was given.
        text: String,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed { text: text.to_owned() };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let transport = match scheme {
            "ws" => Transport::Websocket,
            "http" | "tcp" => Transport::Http,
            _ => {
                let (text, scheme) = (text.to_owned(), scheme.to_owned());
                return Err(EndpointError::Scheme { text, scheme });
            }
        };
        let uri: Uri = format!("http://{rest}").parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(malformed());
        }
        let port = authority.port_u16().filter(|&port| 0 < port);
        let port = port.ok_or_else(|| EndpointError::NoPort { text: text.to_owned() })?;
        // A node that listens everywhere listens here too.
        let host = if authority.host() == "0.0.0.0" { "127.0.0.1" } else { authority.host() };
        let path = uri.path().trim_end_matches('/');
        let base = path.strip_suffix(WEBSOCKET_PATH).unwrap_or(path).to_owned();
        let websocket = match transport {
            Transport::Websocket if !path.is_empty() => path.to_owned(),
            Transport::Websocket | Transport::Http => format!("{base}{WEBSOCKET_PATH}"),
        };
        Ok(Self { transport, address: format!("{host}:{port}"), base, websocket })
    }
}

impl Endpoint {
    /// Where requests are posted to.
    pub fn path(&self) -> String {
        format!("{}/", self.base)
    }

    /// The URL of the JSON-RPC.
    pub fn http_url(&self) -> String {
        format!("http://{}{}", self.address, self.path())
    }

    /// The URL of the websocket.
    pub fn websocket_url(&self) -> String {
        format!("ws://{}{}", self.address, self.websocket)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Http => write!(f, "http://{}{}", self.address, self.base),
            Transport::Websocket => write!(f, "{}", self.websocket_url()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_in_every_form() {
        for (text, shown, http, websocket) in [
            ("ws://a:1/websocket", "ws://a:1/websocket", "http://a:1/", "ws://a:1/websocket"),
            ("ws://a:1", "ws://a:1/websocket", "http://a:1/", "ws://a:1/websocket"),
            ("http://a:1", "http://a:1", "http://a:1/", "ws://a:1/websocket"),
            ("tcp://0.0.0.0:1/", "http://127.0.0.1:1", "http://127.0.0.1:1/", ""),
            ("a:1/b", "http://a:1/b", "http://a:1/b/", "ws://a:1/b/websocket"),
            ("ws://a:1/b/websocket", "ws://a:1/b/websocket", "http://a:1/b/", ""),
            ("http://[::1]:9", "http://[::1]:9", "http://[::1]:9/", "ws://[::1]:9/websocket"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown, "{text}");
            assert_eq!(endpoint.http_url(), http, "{text}");
            assert!(endpoint.websocket_url().starts_with(websocket), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_told_why() {
        for (text, says) in [
            ("https://a:1", "without TLS"),
            ("wss://a:1/websocket", "without TLS"),
            ("a b:1", "is no URL"),
            ("", "is no URL"),
            ("nowhere", "names no port"),
            ("http://me@a:1", "is no URL"),
            ("http://a:1/?x=1", "is no URL"),
            ("http://a:99999", "names no port"),
            ("http://a:0", "names no port"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
