//! What the index promises: searches find what looking at every event would find, whatever was
//! indexed, forgotten or cut short before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../store/chain.rs"]
#[allow(dead_code, reason = "the store's own tests use the rest")]
mod chain;
#[path = "../support/failing.rs"]
mod failing;
mod naive;
mod random;
mod scenes;
