//! Proof-of-stake for real: accounts, coins, staking, parameters by vote, and a key-value map, put
//! together from modules that can be used apart.

pub mod auth;
pub mod bank;
pub mod kv;
pub mod params;
pub mod staking;

use crate::framework::Router;

/// Of the ledger's rules; goes into headers.
pub const APP_VERSION: u64 = 1;

/// The ledger's modules.
pub fn router() -> Router {
    router_of(APP_VERSION)
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
