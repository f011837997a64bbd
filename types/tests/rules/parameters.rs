//! Limits of the consensus parameters, and how an application may change them.

use std::time::Duration;

use types::block::BLOCK_BYTES_MAX;
use types::params::{AbciParams, BlockParams, ConsensusParams, ParamsError, ParamsUpdate};
use types::{Height, Time};

fn refused_field(params: &ConsensusParams) -> Option<&'static str> {
    params.validate().err().map(|ParamsError::Field { field, .. }| field)
}

#[test]
fn defaults_are_within_their_limits() {
    assert_eq!(ConsensusParams::default().validate(), Ok(()));
    let mut widest = ConsensusParams::default();
    widest.block.bytes_max = None;
    widest.block.gas_max = Some(0);
    widest.evidence.bytes_max = u64::try_from(BLOCK_BYTES_MAX).unwrap();
    widest.authority = "a".repeat(256);
    assert_eq!(widest.validate(), Ok(()));
}

#[test]
fn every_field_out_of_its_limits_is_named() {
    type Change = fn(&mut ConsensusParams);
    let cases: [(&str, Change); 16] = [
        ("block.max_bytes", |it| it.block.bytes_max = Some(0)),
        ("block.max_bytes", |it| it.block.bytes_max = Some(BLOCK_BYTES_MAX as u64 + 1)),
        ("block.max_gas", |it| it.block.gas_max = Some(u64::MAX)),
        ("evidence.max_age_num_blocks", |it| it.evidence.age_blocks_max = 0),
        ("evidence.max_age_num_blocks", |it| it.evidence.age_blocks_max = u64::MAX),
        ("evidence.max_age_duration", |it| it.evidence.age_max = Duration::ZERO),
        ("evidence.max_age_duration", |it| it.evidence.age_max = Duration::MAX),
        ("evidence.max_bytes", |it| it.evidence.bytes_max = 22_020_097),
        ("evidence.max_bytes", |it| {
            it.block.bytes_max = None;
            it.evidence.bytes_max = BLOCK_BYTES_MAX as u64 + 1;
        }),
        ("validator.pub_key_types", |it| it.validator.key_types.clear()),
        ("validator.pub_key_types", |it| it.validator.key_types.push("secp256k1".to_owned())),
        ("validator.pub_key_types", |it| it.validator.key_types = vec!["Ed25519".to_owned()]),
        ("abci.vote_extensions_enable_height", |it| it.abci.extensions_from = Some(Height(0))),
        ("abci.vote_extensions_enable_height", |it| {
            it.abci.extensions_from = Some(Height(u64::MAX));
        }),
        ("authority.authority", |it| it.authority = "a".repeat(257)),
        ("evidence.max_bytes", |it| it.block.bytes_max = Some(1_048_575)),
    ];
    for (field, change) in cases {
        let mut params = ConsensusParams::default();
        change(&mut params);
        assert_eq!(refused_field(&params), Some(field));
    }
}

#[test]
fn updates_change_the_named_groups_only() {
    let params = ConsensusParams::default();
    let block = BlockParams { bytes_max: Some(2_000_000), gas_max: Some(7) };
    let update = ParamsUpdate { block: Some(block.clone()), ..ParamsUpdate::default() };
    let changed = params.updated(&update, Height(9)).unwrap();
    assert_eq!(changed, ConsensusParams { block, ..params.clone() });
    assert_eq!(params.updated(&ParamsUpdate::default(), Height(9)), Ok(params.clone()));

    let block = BlockParams { bytes_max: Some(0), gas_max: None };
    let update = ParamsUpdate { block: Some(block), ..ParamsUpdate::default() };
    assert!(params.updated(&update, Height(9)).is_err());
}

/// spec: the table above `ValidateUpdate`. Heights: 10 is the current one.
#[test]
fn extensions_are_switched_on_ahead_and_never_off() {
    let now = Height(10);
    let cases = [
        (None, None, true),
        (None, Some(10), false),
        (None, Some(11), true),
        (Some(5), Some(5), true),
        (Some(5), None, false),
        (Some(5), Some(6), false),
        (Some(5), Some(20), false),
        (Some(10), None, false),
        (Some(11), None, true),
        (Some(11), Some(10), false),
        (Some(11), Some(12), true),
        (Some(20), Some(11), true),
    ];
    for (current, wanted, allowed) in cases {
        let abci = |from: Option<u64>| AbciParams { extensions_from: from.map(Height) };
        let params = ConsensusParams { abci: abci(current), ..ConsensusParams::default() };
        let update = ParamsUpdate { abci: Some(abci(wanted)), ..ParamsUpdate::default() };
        let result = params.updated(&update, now);
        assert_eq!(result.is_ok(), allowed, "from {current:?} to {wanted:?}: {result:?}");
    }
    let params = ConsensusParams {
        abci: AbciParams { extensions_from: Some(Height(3)) },
        ..ConsensusParams::default()
    };
    assert!(!params.extensions_enabled(Height(2)));
    assert!(params.extensions_enabled(Height(3)));
    assert!(!ConsensusParams::default().extensions_enabled(Height(3)));
}

#[test]
fn evidence_expires_by_blocks_and_by_time_together() {
    let mut evidence = ConsensusParams::default().evidence;
    evidence.age_blocks_max = 10;
    evidence.age_max = Duration::from_secs(60);
    let at = |seconds| Time::from_unix(seconds, 0).unwrap();
    let expired =
        |height, seconds| evidence.expired(Height(5), at(100), Height(height), at(seconds));
    assert!(!expired(15, 160));
    assert!(!expired(16, 160));
    assert!(!expired(15, 161));
    assert!(expired(16, 161));
    assert!(!expired(1, 0));
}
