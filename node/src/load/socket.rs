//! A websocket to a node.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::answer::Fault;
use super::endpoint::Endpoint;

/// A websocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects to a node that may send so many bytes at once.
///
/// # Errors
/// If nobody listens there, or speaks something else.
pub async fn connect(endpoint: &Endpoint, bytes_max: usize) -> Result<Socket, Fault> {
    let limits = WebSocketConfig::default();
    let limits = limits.max_message_size(Some(bytes_max)).max_frame_size(Some(bytes_max));
    let url = endpoint.websocket_url();
    let (socket, _) = connect_async_with_config(url, Some(limits), true).await.map_err(fault_of)?;
    Ok(socket)
}

/// What an error of a websocket is counted under.
pub fn fault_of(error: Error) -> Fault {
    match &error {
        Error::Io(error) => Fault::of_connection(error),
        Error::Http(response) => {
            let status = response.status().as_u16();
            Fault::new(format!("HTTP {status}"), "no websocket is to be had there")
        }
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_) => {
            Fault::new("connection lost", error.to_string())
        }
        _ => Fault::new("websocket", error.to_string()),
    }
}

/// The node has ended the connection.
pub fn closed() -> Fault {
    Fault::new("connection lost", "the node closed it")
}
