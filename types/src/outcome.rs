//! What executing a block yields.

use bytes::Bytes;

use crate::hash::{AppHash, Hash};
use crate::keys::PublicKey;
use crate::params::ParamsUpdate;
use crate::power::VotingPower;

/// Something the application says has happened; indexed and sent to subscribers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Event {
    /// What kind of thing.
    pub kind: String,
    /// Its facts.
    pub attributes: Vec<EventAttribute>,
}

/// A fact of an event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EventAttribute {
    /// Which fact.
    pub key: String,
    /// What it is.
    pub value: String,
    /// Whether it can be searched for.
    pub index: bool,
}

/// What became of one transaction. spec: `ExecTxResult`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TxResult {
    /// 0 is success; others are the application's.
    pub code: u32,
    /// The answer, for the sender.
    pub data: Bytes,
    /// For people; not part of the results' hash.
    pub log: String,
    /// For people; not part of the results' hash.
    pub info: String,
    /// Asked for.
    pub gas_wanted: i64,
    /// Spent.
    pub gas_used: i64,
    /// What happened.
    pub events: Vec<Event>,
    /// Whose `code` it is.
    pub codespace: String,
}

/// A change of one validator's power; 0 removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorUpdate {
    /// Whose.
    pub public_key: PublicKey,
    /// From now on (in force two heights later).
    pub power: VotingPower,
}

/// What executing a block yields. spec: `ResponseFinalizeBlock`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BlockOutcome {
    /// Of the block as a whole.
    pub events: Vec<Event>,
    /// One for each transaction, in order.
    pub tx_results: Vec<TxResult>,
    /// In force at height + 2.
    pub validator_updates: Vec<ValidatorUpdate>,
    /// In force at height + 1.
    pub params_update: Option<ParamsUpdate>,
    /// The application's state after the block; in the next header.
    pub app_hash: AppHash,
}

impl BlockOutcome {
    /// Root over the deterministic part of the results. spec: `ABCIResults.Hash`.
    pub fn results_hash(&self) -> Hash {
        let leaves: Vec<Vec<u8>> = self.tx_results.iter().map(crate::codec::result_leaf).collect();
        crate::merkle::root(&leaves)
    }
}
