//! Applications on the ABCI trait, each in a module of its own, and the framework for those that
//! are made of modules.

pub mod framework;
pub mod kvstore;
pub mod ledger;

pub use kvstore::{KvStore, KvStoreError};
