//! JSON-RPC in CometBFT's v0.38 dialect, over URI GET, POST and websocket.
//!
//! Reading order: the table of routes, what a request becomes on its way (`server`, `http`,
//! `dispatch`, `params`), the families of routes, the way of an event (`events`, `bus`,
//! `subscribe`, `websocket`, `stream`), the JSON shapes, and the explorer.

pub mod backend;
pub mod config;
pub mod routes;

mod budget;
pub mod dispatch;
pub mod error;
mod http;
mod nowhere;
mod openapi;
mod origins;
pub mod page;
pub mod params;
mod patient;
mod probes;
pub mod quotes;
mod rate;
pub mod server;
pub mod tls;

pub mod blocks;
pub mod consensus;
pub mod evidence;
pub mod operate;
pub mod query;
pub mod status;
pub mod txs;

pub mod bus;
pub mod events;
mod stream;
mod subscribe;
mod websocket;

pub mod search;

pub mod json;

mod explorer;

pub use backend::{Backend, Node};
pub use bus::Bus;
pub use config::Config;
pub use routes::Offer;
pub use search::{Query, QueryError, Tags};
pub use server::{Server, StartError, start};
pub use tls::TlsFiles;
