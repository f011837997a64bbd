//! The protocol's rules, tested from outside the crate: against models and vectors that we did not
//! write, and against every mutation of what we made ourselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod network;

mod chain;
mod commits;
mod guard;
mod keyring;
mod light_client;
mod misbehaviour;
mod parameters;
mod rotation;
mod set_updates;
mod zip215;
