//! The RPC over real sockets: a chain of real blocks behind it, and four kinds of clients before
//! it, among them hostile ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod advisories;
mod calls;
mod chain;
mod client;
mod cosmjs;
mod fixtures;
mod guards;
mod methods;
mod operate;
mod schemathesis;
mod search;
mod secured;
mod served;
mod stream;
mod stubborn;
mod websocket;
mod wire;
