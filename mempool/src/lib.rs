//! mempool.
