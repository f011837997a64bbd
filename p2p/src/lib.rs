//! The network: libp2p connections between nodes, and on them the protocol's channels.
//!
//! One task owns the swarm; each connection has one session task, which greets the peer, then
//! moves frames between its streams and the queues. Others hold a [`Handle`], which never blocks,
//! and the receiver of [`Event`]s. What the bytes on a channel mean is not known here.

pub mod config;
pub mod dial;
pub mod handle;
pub mod hello;

mod address;
mod channels;
mod framing;
mod outbox;
mod rate;
mod stream;

mod behaviour;
mod gate;
mod session;

mod dialer;
mod exchange;
mod peers;

mod network;

pub use address::{AddressError, network_id};
pub use config::{Config, Transport};
pub use dial::{DialError, Terms};
pub use handle::{ChannelTraffic, Event, Handle, PeerFacts};
pub use hello::{Hello, Local};
pub use network::{StartError, start};
