//! Applications on the ABCI trait, each in a module of its own.

pub mod kvstore;

pub use kvstore::{KvStore, KvStoreError};
