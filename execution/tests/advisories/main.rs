//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

// The chain of the RPC's tests: four validators, real signatures, a store and an application.
#[path = "../../../rpc/tests/http/chain.rs"]
#[expect(dead_code, reason = "other files make use of the rest")]
mod chain;

mod admitting;
mod proving;
mod starting;
