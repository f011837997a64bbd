//! The framework: overlays against a model, the store's history and proofs, and modules that are
//! not deterministic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod chain;
mod counter;
mod determinism;
mod example;
mod overlay;
mod store;
