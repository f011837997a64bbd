//! The protocol's rules, tested from outside the crate: against models and vectors that we did not
//! write, and against every mutation of what we made ourselves.

// A test fails by panicking, wherever it does.
#![allow(clippy::unwrap_used)]

mod network;

mod chain;
mod commits;
mod keyring;
mod light_client;
mod misbehaviour;
mod parameters;
mod rotation;
mod set_updates;
mod zip215;
