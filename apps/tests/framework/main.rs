//! The framework: overlays against a model, the store's history and proofs, and modules that are
//! not deterministic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod chain;
mod counter;
mod determinism;
mod example;
mod overlay;
mod store;

use types::genesis::GenesisValidator;
use types::{AppHash, ChainId, ConsensusParams, Genesis, Height, PublicKey, Time, VotingPower};

/// A chain of one validator.
fn genesis(app_state: &str) -> Genesis {
    let validator = GenesisValidator {
        public_key: PublicKey([1; 32]),
        power: VotingPower(1),
        name: String::new(),
    };
    Genesis {
        genesis_time: Time::from_unix(1_700_000_000, 0).unwrap(),
        chain_id: ChainId::new("framework-test").unwrap(),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators: vec![validator],
        app_hash: AppHash::default(),
        app_state: app_state.to_owned(),
    }
}
