//! Knobs and defaults: what they promise is so.

use std::time::Duration;

use types::ConsensusParams;

/// A knob that we do not have is refused rather than taken and passed over.
#[test]
fn advisory_32_a_check_that_is_not_made_cannot_be_switched_on() {
    let config = |number: u64| {
        let mut config = node::config::Config::default();
        config.consensus.double_sign_check_height = number;
        config.validate()
    };
    assert!(config(0).is_ok());
    assert!(config(1).is_err() && config(2).is_err() && config(u64::MAX).is_err());
}

/// Blocks of the default size were larger than the network carried in the time that it waits for
/// them, and evidence expired before those it is about could be punished.
#[test]
fn advisory_19_a_block_of_the_default_size_travels_in_the_time_that_is_waited() {
    let params = ConsensusParams::default();
    let waited = consensus::Config::default().propose.as_secs();
    let carried = p2p::Config::default().send_bytes_per_second * waited;
    assert!(params.block_bytes_max() * 4 < carried, "to four peers, one after the other");
    let two_days = Duration::from_secs(2 * 24 * 60 * 60);
    assert!(two_days <= params.evidence.age_max, "evidence counts for two days at least");
    assert!(params.evidence.bytes_max <= params.block_bytes_max());
}
