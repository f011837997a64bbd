//! A layer above ABCI for authors: modules with messages, queries, genesis and invariants, over a
//! state that the framework owns.
//!
//! Reading order: `module.rs` (what an author writes), `state.rs` (what a module sees), `host.rs`
//! (how that becomes an application), `store.rs` (how it is kept). docs/APPLICATIONS.md begins with
//! examples.

pub mod account;
pub mod description;
mod execution;
pub mod frame;
pub mod host;
pub mod module;
mod opened;
pub mod overlay;
pub mod proof;
mod query;
pub mod refusal;
pub mod router;
mod snapshot;
pub mod state;
pub mod store;
pub mod transaction;
pub mod typed;

pub use account::Account;
pub use description::{Description, Field, Kind, MessageDescription, QueryDescription};
pub use frame::Frame;
pub use host::{Host, Keeping};
pub use module::{Answer, Effects, Module, Nothing, Question, event};
pub use query::{DESCRIBE_PATH, STORE_PATH};
pub use refusal::{Coded, FrameworkError, Refusal};
pub use router::Router;
pub use state::State;
pub use store::{DiskRecords, MemoryRecords};
pub use transaction::{Body, Message, Transaction};
pub use typed::{Item, Map};
