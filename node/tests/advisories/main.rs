//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md, and `catalogue.rs`
//! holds the two to each other.

mod catalogue;
mod clients;
mod knobs;
mod waiting;
