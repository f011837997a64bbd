//! JSON-RPC in CometBFT's v0.38 dialect, over URI GET and POST.

pub mod backend;

pub use backend::{Backend, Node};
