//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md, and `catalogue.rs`
//! holds the two to each other.

#[path = "../../../rpc/tests/http/chain.rs"]
#[expect(dead_code, reason = "other files make use of the rest")]
mod chain;

mod catalogue;
mod clients;
mod knobs;
mod waiting;
