//! What a node keeps on disk: blocks, states, outcomes, transactions by hash, evidence, and the
//! records of what the replica was told and has promised.
//!
//! [`Store`] reads, from any thread. [`Step`] gathers all that one turn of the replica must keep,
//! and writes it as one batch with at most one sync. Below both lies [`KeyValue`]: ordered rows in
//! columns, by RocksDB, or in memory for tests and the simulator. Read the modules in this order.

pub mod error;
pub mod key_value;
pub mod schema;

pub mod memory;
#[cfg(feature = "rocks")]
pub mod rocks;
pub mod version;

pub mod store;

pub mod blocks;
pub mod evidence;
pub mod records;
pub mod states;
pub mod txs;

pub mod excerpt;

pub mod prune;

pub mod index;

pub use blocks::BlockMeta;
pub use error::StorageError;
pub use excerpt::Excerpt;
pub use key_value::{Batch, Durable, KeyValue};
pub use memory::Memory;
pub use store::{Reads, Step, Store, Writes};
pub use txs::{StoredTx, TxPlace};
pub use version::ChainIdentity;
