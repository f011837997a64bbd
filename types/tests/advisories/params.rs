//! Consensus parameters: whatever an application asks for is refused or taken, never a panic; and
//! each limit holds at its very number.

use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use types::params::{
    AbciParams, BlockParams, EvidenceParams, ParamsUpdate, ValidatorParams, VersionParams,
};
use types::power::TOTAL_POWER_MAX;
use types::{
    BlockOutcome, ChainState, ConsensusParams, Height, PublicKey, Time, ValidatorUpdate,
    VotingPower, codec,
};

use crate::network::{Network, genesis, outcome, seconds};

/// The ends of all ranges that a number of a parameter passes through.
fn number() -> impl Strategy<Value = u64> {
    let (limit, signed) = (types::block::BLOCK_BYTES_MAX as u64, i64::MAX as u64);
    prop_oneof![
        Just(0),
        Just(1),
        Just(limit),
        Just(limit + 1),
        Just(signed),
        Just(signed + 1),
        Just(u64::MAX),
        0_u64..100,
        any::<u64>(),
    ]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        Just(Duration::from_nanos(1)),
        Just(Duration::from_nanos(i64::MAX as u64)),
        Just(Duration::from_nanos(1 << 63)),
        number().prop_map(Duration::from_secs),
    ]
}

fn update() -> impl Strategy<Value = ParamsUpdate> {
    let block = (option::of(number()), option::of(number()))
        .prop_map(|(bytes_max, gas_max)| BlockParams { bytes_max, gas_max });
    let evidence = (number(), span(), number()).prop_map(|(age_blocks_max, age_max, bytes_max)| {
        EvidenceParams { age_blocks_max, age_max, bytes_max }
    });
    let types = prop_oneof![
        Just(vec!["ed25519".to_owned()]),
        Just(vec![]),
        Just(vec!["secp256k1".to_owned()]),
        Just(vec!["ed25519".to_owned(), "bls".repeat(1000)]),
    ];
    let validator = types.prop_map(|key_types| ValidatorParams { key_types });
    let version = number().prop_map(|app| VersionParams { app });
    let abci =
        option::of(number()).prop_map(|from| AbciParams { extensions_from: from.map(Height) });
    let authority = prop_oneof![Just(String::new()), Just("a".repeat(257)), Just("é".repeat(128))];
    (
        option::of(block),
        option::of(evidence),
        option::of(validator),
        option::of(version),
        option::of(abci),
        option::of(authority),
    )
        .prop_map(|(block, evidence, validator, version, abci, authority)| ParamsUpdate {
            block,
            evidence,
            validator,
            version,
            abci,
            authority,
        })
}

fn validator_update() -> impl Strategy<Value = ValidatorUpdate> {
    let power = prop_oneof![Just(0), Just(1), Just(TOTAL_POWER_MAX), number()];
    (0_u8..4, power).prop_map(|(number, power)| ValidatorUpdate {
        public_key: PublicKey([number; 32]),
        power: VotingPower(power),
    })
}

proptest! {
    #![proptest_config(crate::cases(2_000))]

    /// ASA-2024-001: a wrong check of an update made every node panic. The state after a block
    /// either is one from which the next block can be made and read back, or there is an error.
    #[test]
    fn advisory_18_any_answer_of_the_application_is_taken_or_refused_alike(
        params_update in option::of(update()), again in option::of(update()),
        validator_updates in proptest::collection::vec(validator_update(), 0..4),
    ) {
        let mut network = Network::new(&[10, 20]);
        network.grow(&["a=1"], &[]);
        let block = network.propose(&["b=2"]);
        let id = block.id(&block.part_set());
        let answer = BlockOutcome { params_update, validator_updates, ..outcome(1) };
        let advance = |state: &ChainState| state.advance(id, &block.header, 1, &answer);
        let after = advance(&network.state);
        prop_assert_eq!(&after, &advance(&network.state), "twice the same answer");
        let genesis = genesis(&[10]);
        let first = ChainState::after_init_chain(
            &genesis, &answer.validator_updates, answer.params_update.as_ref(),
            types::AppHash::default(), 1,
        );
        for state in after.into_iter().chain(first) {
            prop_assert_eq!(state.params.validate(), Ok(()));
            let read = codec::decode_chain_state(&codec::encode_chain_state(&state));
            prop_assert_eq!(read.as_ref(), Ok(&state));
            let _ = (state.params.hash(), state.txs_bytes_max(u64::MAX), state.txs_bytes_max(0));
            let now = (state.next_height(), Time::MAX);
            let _ = state.params.evidence.expired(Height(0), Time::ZERO, now.0, now.1);
            if let Some(again) = &again {
                let _ = state.params.updated(again, state.next_height());
            }
        }
    }
}

/// `double_sign_check_height = 1` of the reference checked nothing. Each of our guards that has a
/// number is looked at just before, at, and just after it.
#[test]
fn advisory_32_every_limit_of_the_parameters_holds_at_its_number() {
    let evidence =
        EvidenceParams { age_blocks_max: 5, age_max: Duration::from_secs(10), bytes_max: 100 };
    // Too old only when it is so by blocks and by time.
    let is_expired = |blocks: u64, span: i64| {
        evidence.expired(Height(100 - blocks), seconds(-span), Height(100), seconds(0))
    };
    for (blocks, span, expired) in
        [(5, 10, false), (6, 10, false), (5, 11, false), (6, 11, true), (0, 0, false)]
    {
        assert_eq!(is_expired(blocks, span), expired, "{blocks} blocks, {span} s");
    }
    let limit = types::block::BLOCK_BYTES_MAX as u64;
    let check = |change: &dyn Fn(&mut ConsensusParams)| {
        let mut params = ConsensusParams::default();
        change(&mut params);
        params.validate().is_ok()
    };
    for (bytes, fits) in [(0, false), (1, true), (limit, true), (limit + 1, false)] {
        let taken = check(&|it| {
            it.evidence.bytes_max = 0;
            it.block.bytes_max = Some(bytes);
        });
        assert_eq!(taken, fits, "block of {bytes}");
    }
    for (bytes, fits) in [(1_000, true), (1_001, false)] {
        let taken = check(&|it| {
            it.block.bytes_max = Some(1_000);
            it.evidence.bytes_max = bytes;
        });
        assert_eq!(taken, fits, "evidence of {bytes}");
    }
    for (age, fits) in [(0, false), (1, true), (i64::MAX as u64, true), (1 << 63, false)] {
        assert_eq!(check(&|it| it.evidence.age_blocks_max = age), fits);
        assert_eq!(check(&|it| it.evidence.age_max = Duration::from_nanos(age)), fits);
    }
    for (bytes, fits) in [(256, true), (257, false)] {
        assert_eq!(check(&|it| it.authority = "a".repeat(bytes)), fits);
    }
    let mut params = ConsensusParams::default();
    params.abci.extensions_from = Some(Height(7));
    let enabled = [6, 7, 8].map(|height| params.extensions_enabled(Height(height)));
    assert_eq!(enabled, [false, true, true]);
}
