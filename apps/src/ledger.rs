//! Proof-of-stake for real: accounts, coins, staking, parameters by vote, and a key-value map, put
//! together from modules that can be used apart.

pub mod auth;
pub mod bank;
pub mod development;
pub mod kv;
pub mod params;
pub mod staking;

use std::path::Path;
use std::sync::Arc;

use crate::framework::store::StoreError;
use crate::framework::{DiskRecords, Host, Keeping, Router};

/// How many heights of a ledger on disk can be asked about.
const RETAINED: u64 = 10_000;
/// Every how many heights others can start from a snapshot of it.
const SNAPSHOTS_EVERY: u64 = 1_000;

/// Of the ledger's rules; goes into headers.
pub const APP_VERSION: u64 = 1;

/// The ledger's modules.
pub fn router() -> Router {
    router_of(APP_VERSION)
}

/// The ledger in a folder of its own, which is made if it is not there.
///
/// # Errors
/// If the folder cannot be used, or holds something else.
pub fn open(folder: &Path) -> Result<Host, StoreError> {
    let records = Arc::new(DiskRecords::open(folder)?);
    let keeping = Keeping { retained: Some(RETAINED), snapshots_every: Some(SNAPSHOTS_EVERY) };
    Host::open(router(), records, keeping)
}

/// The ledger's modules as another version of the software, for rehearsals of an upgrade.
pub fn router_of(version: u64) -> Router {
    let bank = bank::Bank;
    let staking = staking::Staking { bank };
    Router::new(version)
        .with(params::Params { staking, version })
        .with(auth::Auth::paid_with(bank))
        .with(bank)
        .with(staking)
        .with(kv::Kv)
}
