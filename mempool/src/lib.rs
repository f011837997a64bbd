//! Transactions that wait for a block: which are taken in, in what order they stand, which go into
//! the next proposal, and which peer still lacks which.
//!
//! The mempool is a value. It never asks the application: whoever drives it does, and tells it the
//! verdict. A transaction passes [`Mempool::admit`] (is it new, does it fit?), the application's
//! CheckTx, and [`Mempool::checked`] (now it waits); a decided block ends in [`Mempool::update`].

pub mod config;
pub mod refusal;

pub mod gossip;
pub mod seen;
pub mod waiting;

pub mod pool;

pub use config::Config;
pub use pool::{BlockLimits, Checked, Mempool, Source};
pub use refusal::Refusal;
pub use seen::Seen;
