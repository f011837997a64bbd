//! Why a transaction was not taken in. The texts are the reference's: clients read them.

/// Why a transaction was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It waits already, is being checked, or has passed lately.
    #[error("tx already exists in cache")]
    Seen,
    /// There is nothing in it, and the application keeps its own mempool.
    #[error("tx is empty")]
    Empty,
    /// No more fit. Later they may.
    #[error(
        "mempool is full: number of txs {txs} (max: {txs_max}), \
         total txs bytes {bytes} (max: {bytes_max})"
    )]
    Full {
        /// That wait.
        txs: usize,
        /// That may wait.
        txs_max: usize,
        /// Of those that wait.
        bytes: u64,
        /// Of those that may wait.
        bytes_max: u64,
    },
    /// It is larger than any may be.
    #[error("tx too large. Max size is {bytes_max}, but got {bytes}")]
    TooLarge {
        /// That a transaction may have.
        bytes_max: usize,
        /// That it has.
        bytes: usize,
    },
    /// No block has room for it.
    #[error("tx size is too big: {bytes}, max: {bytes_max}")]
    BeyondBlock {
        /// That a block has for transactions.
        bytes_max: u64,
        /// That it would take there, with its protobuf overhead.
        bytes: u64,
    },
    /// No block has gas for it.
    #[error("gas wanted {gas_wanted} is greater than max gas {gas_max}")]
    TooMuchGas {
        /// That a block has.
        gas_max: u64,
        /// That it wants.
        gas_wanted: u64,
    },
    /// The application's answer makes no sense.
    #[error("gas wanted {gas_wanted} is negative")]
    NegativeGas {
        /// That it wants.
        gas_wanted: i64,
    },
}
