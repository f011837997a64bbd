//! Notices that an application is gone, also while nobody asks it anything.

use std::sync::{Arc, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::SocketConnection;
use crate::remote::{Fault, Transport};

/// What the system tells of a connection whose other end is gone.
#[cfg(target_os = "linux")]
const HANGUP: PollFlags = PollFlags::RDHUP;
/// Elsewhere it tells without being asked.
#[cfg(not(target_os = "linux"))]
const HANGUP: PollFlags = PollFlags::empty();

/// The application's connections, watched.
pub struct Lifeline {
    connections: Vec<Arc<SocketConnection>>,
}

/// A connection to the application has ended: the node stops.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the application at {endpoint} {fault} (the {connection} connection)")]
pub struct ConnectionLost {
    /// Where it was.
    pub endpoint: String,
    /// Which of the four connections.
    pub connection: &'static str,
    /// What it did.
    pub fault: Fault,
}

impl Lifeline {
    /// Watches these connections.
    pub fn new(connections: Vec<Arc<SocketConnection>>) -> Self {
        Self { connections }
    }

    /// Waits for the first of them to end, and says what ended it.
    pub fn wait(&self) -> ConnectionLost {
        loop {
            let mut polled: Vec<_> =
                self.connections.iter().map(|it| PollFd::new(&it.stream, HANGUP)).collect();
            match poll(&mut polled, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    let fault = Fault::Broken { reason: error.to_string() };
                    self.connections.iter().for_each(|it| it.end(fault.clone()));
                }
            }
            let gone: Vec<bool> = polled.iter().map(|it| !it.revents().is_empty()).collect();
            let ended = self.connections.iter().zip(gone).find(|(_, gone)| *gone);
            let Some((connection, _)) = ended else { continue };
            return ConnectionLost {
                endpoint: connection.endpoint.to_string(),
                connection: connection.name,
                fault: connection.last_word(),
            };
        }
    }
}

impl SocketConnection {
    /// Of a connection whose other end is gone: what ended it. Whoever waits for an answer reads
    /// on, since the last that came may say why.
    fn last_word(&self) -> Fault {
        let mut desk = self.desk();
        while desk.fault.is_none() && !desk.waiting.is_empty() {
            desk = self.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
        drop(desk);
        self.ended(Fault::Closed)
    }
}
