//! A node's work without its threads: what is kept and executed in which order, and how a node
//! begins.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
#![allow(clippy::disallowed_types, reason = "what is looked on at is noted behind a lock")]

mod admission;
mod chain;

mod executor;
mod handshake;
mod keeping;
mod start;
