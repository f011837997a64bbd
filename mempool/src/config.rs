//! What an operator may set. Names as in the reference's `[mempool]`, with units.

/// Limits and habits of a mempool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Ask the application about waiting transactions again after each block (`recheck`).
    pub recheck: bool,
    /// Tell peers of transactions (`broadcast`).
    pub broadcast: bool,
    /// Most transactions that wait (`size`).
    pub txs_max: usize,
    /// Most bytes of all waiting transactions together (`max_txs_bytes`).
    pub txs_bytes_max: u64,
    /// Largest transaction in bytes (`max_tx_bytes`).
    pub tx_bytes_max: usize,
    /// How many keys of past transactions are remembered, so that they are not checked anew
    /// (`cache_size`); 0 remembers only those that wait.
    pub seen_max: usize,
    /// Remember transactions that the application refused, too (`keep-invalid-txs-in-cache`):
    /// cheaper under spam, but one that would be right later is never asked about again.
    pub remember_invalid: bool,
}

impl Default for Config {
    /// The reference's defaults (v0.40).
    fn default() -> Self {
        Self {
            recheck: true,
            broadcast: true,
            txs_max: 5000,
            txs_bytes_max: 1024 * 1024 * 1024,
            tx_bytes_max: 4 * 1024 * 1024,
            seen_max: 10_000,
            remember_invalid: false,
        }
    }
}
