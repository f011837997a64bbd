//! JSON-RPC in CometBFT's v0.38 dialect, over URI GET and POST.
//!
//! Reading order: the table of routes, what a request becomes on its way (`server`, `dispatch`,
//! `params`), the families of routes, and the JSON shapes.

pub mod backend;
pub mod config;
pub mod routes;

pub mod dispatch;
pub mod error;
pub mod page;
pub mod params;
pub mod server;

pub mod blocks;
pub mod consensus;
pub mod query;
pub mod status;
pub mod txs;

pub mod json;

pub use backend::{Backend, Node};
pub use config::Config;
pub use server::{Server, StartError, start};
