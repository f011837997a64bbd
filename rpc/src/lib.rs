//! JSON-RPC in CometBFT's v0.38 dialect, over URI GET and POST.
//!
//! Reading order: the table of routes, what a request becomes on its way (`server`, `http`,
//! `dispatch`, `params`), the families of routes, the JSON shapes, and the explorer.

pub mod backend;
pub mod config;
pub mod routes;

pub mod dispatch;
pub mod error;
mod http;
pub mod page;
pub mod params;
mod patient;
pub mod quotes;
pub mod server;

pub mod blocks;
pub mod consensus;
pub mod query;
pub mod status;
pub mod txs;

pub mod search;

pub mod json;

mod explorer;

pub use backend::{Backend, Node};
pub use config::Config;
pub use search::{Query, QueryError, Tags};
pub use server::{Server, StartError, start};
