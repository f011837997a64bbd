//! Funded accounts for networks on one machine. Insecure: everybody can work out their keys.

use serde_json::{Value, json};
use types::{Hash, PrivateKey};
use zeroize::Zeroizing;

use crate::framework::Account;

/// Who has an account.
pub const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// What each has of each denomination.
const FUNDS: [(&str, u64); 2] = [("stake", 1_000_000_000_000), ("coin", 1_000_000_000)];

/// The key of a development account; none if nobody is called this.
pub fn key(name: &str) -> Option<PrivateKey> {
    let known = NAMES.contains(&name);
    let seed = || Hash::of(format!("lockstep development account {name}").as_bytes());
    known.then(|| PrivateKey::from_seed(&Zeroizing::new(seed().0)))
}

/// A development account; none if nobody is called this.
pub fn account(name: &str) -> Option<Account> {
    key(name).map(|key| Account::of(&key.public_key()))
}

/// The `app_state` of a genesis file in which they have funds.
pub fn app_state() -> Value {
    let balances = NAMES.iter().flat_map(|name| {
        let account = account(name).expect("these are the names that there are");
        FUNDS.map(|(denom, amount)| json!({ "account": account, "denom": denom, "amount": amount }))
    });
    json!({ "bank": { "balances": balances.collect::<Vec<Value>>() } })
}
