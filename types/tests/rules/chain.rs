//! Chains of blocks made and checked by the state between them.

use types::chain_state::{BlockError, OutcomeError};
use types::commit::CommitError;
use types::params::{BlockParams, ParamsUpdate, VersionParams};
use types::{
    AppHash, Block, BlockId, BlockOutcome, ChainId, ChainState, Commit, CommitSig, Hash, Height,
    Round, TxResult, Version,
};

use crate::network::{Network, genesis, other_id, outcome, public_key, seconds, update};

/// A network some blocks into its chain, and its next block.
fn case() -> (Network, Block) {
    let mut network = Network::new(&[10, 20, 30, 40]);
    for _ in 0..3 {
        network.grow(&["a=1", "b=2"], &[]);
    }
    let block = network.propose(&["c=3"]);
    (network, block)
}

#[test]
fn blocks_that_a_state_makes_pass_its_own_check() {
    let mut network = Network::new(&[10, 20, 30, 40]);
    for height in 1..=20 {
        let block = network.grow(&["a=1"], &[]);
        assert_eq!(block.header.height, Height(height));
        assert_eq!(network.state.last_height(), Some(Height(height)));
    }
}

#[test]
fn first_block_has_the_genesis_time_and_no_last_commit() {
    let mut later = genesis(&[10, 10]);
    later.initial_height = Height(50);
    let state = ChainState::genesis(&later).unwrap();
    let proposer = state.validators.proposer().address;
    let block = state.make_block(vec![], None, vec![], proposer);
    assert_eq!(block.header.height, Height(50));
    assert_eq!(block.header.time, seconds(0));
    assert_eq!(block.header.last_block_id, None);
    // spec: the root over nothing is the hash of nothing, not an absent hash.
    assert_eq!(block.header.last_commit_hash, Some(Hash::of(b"")));
    assert_eq!(state.check_block(&block), Ok(()));

    let mut early = block.clone();
    early.header.time = seconds(1);
    assert!(matches!(state.check_block(&early), Err(BlockError::Header { field: "time", .. })));
    let network = Network::new(&[10, 10]);
    let commit = network.commit(&state.validators, (Height(49), Round(0)), other_id(1));
    let unexpected = Block { last_commit: Some(commit), ..block };
    let count = CommitError::Count { expected: 0, actual: 2 };
    assert_eq!(state.check_block(&unexpected), Err(BlockError::LastCommit(count)));
}

#[test]
fn every_changed_field_of_the_header_is_refused() {
    type Change = fn(&mut Block);
    let hash = Hash([9; 32]);
    assert_ne!(Some(hash), case().1.header.data_hash);
    let changes: [(&str, Change); 15] = [
        ("version", |it| it.header.version = Version { block: 12, ..it.header.version }),
        ("version", |it| it.header.version = Version { app: 1, ..it.header.version }),
        ("chain_id", |it| it.header.chain_id = ChainId::new("other").unwrap()),
        ("height", |it| it.header.height = it.header.height.next()),
        ("time", |it| it.header.time = seconds(1_000)),
        ("last_block_id", |it| it.header.last_block_id = Some(other_id(9))),
        ("last_commit_hash", |it| it.header.last_commit_hash = Some(Hash([9; 32]))),
        ("data_hash", |it| it.header.data_hash = None),
        ("validators_hash", |it| it.header.validators_hash = Hash([9; 32])),
        ("next_validators_hash", |it| it.header.next_validators_hash = Hash([9; 32])),
        ("consensus_hash", |it| it.header.consensus_hash = Hash([9; 32])),
        ("app_hash", |it| it.header.app_hash = AppHash::default()),
        ("last_results_hash", |it| it.header.last_results_hash = None),
        ("evidence_hash", |it| it.header.evidence_hash = Some(Hash([9; 32]))),
        ("proposer_address", |it| it.header.proposer_address = public_key(9).address()),
    ];
    for (name, change) in changes {
        let (network, mut block) = case();
        change(&mut block);
        match network.state.check_block(&block) {
            Err(BlockError::Header { field, .. }) => assert_eq!(field, name),
            other => panic!("changed {name}: {other:?}"),
        }
    }
}

#[test]
fn changed_contents_are_refused() {
    let (network, mut block) = case();
    block.txs.push(types::Tx::from_static(b"d=4"));
    let result = network.state.check_block(&block);
    assert!(matches!(result, Err(BlockError::Header { field: "data_hash", .. })), "{result:?}");
}

#[test]
fn last_commit_must_have_decided_the_last_block() {
    let last_commit = |change: &dyn Fn(&mut Commit)| {
        let (network, mut block) = case();
        change(block.last_commit.as_mut().unwrap());
        match network.state.check_block(&block) {
            Err(BlockError::LastCommit(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let height = CommitError::Height { expected: Height(3), actual: Height(2) };
    assert_eq!(last_commit(&|it| it.height = Height(2)), height);
    assert_eq!(last_commit(&|it| it.block_id = other_id(9)), CommitError::Block);
    let count = CommitError::Count { expected: 4, actual: 3 };
    assert_eq!(last_commit(&|it| it.signatures.truncate(3)), count);
    let absent = last_commit(&|it| it.signatures[..2].fill(CommitSig::Absent));
    assert!(matches!(absent, CommitError::NotEnough { .. }), "{absent:?}");
    let swapped = last_commit(&|it| it.signatures.swap(0, 1));
    assert!(matches!(swapped, CommitError::Address { index: 0, .. }), "{swapped:?}");

    let (network, mut block) = case();
    block.last_commit = None;
    let count = CommitError::Count { expected: 4, actual: 0 };
    assert_eq!(network.state.check_block(&block), Err(BlockError::LastCommit(count)));
}

#[test]
fn time_must_pass() {
    let (mut network, _) = case();
    let stopped = network.state.last_block_time;
    for entry in &mut network.last_commit.as_mut().unwrap().signatures {
        if let CommitSig::Commit { timestamp, .. } = entry {
            *timestamp = stopped;
        }
    }
    let block = network.propose(&[]);
    assert_eq!(block.header.time, stopped);
    let result = network.state.check_block(&block);
    assert!(matches!(result, Err(BlockError::Header { field: "time", .. })), "{result:?}");
}

#[test]
fn blocks_are_limited_in_bytes() {
    let (mut network, _) = case();
    for count in [0, 1, 200] {
        let block = network.propose(&vec!["key=value"; count]);
        let encoded = types::codec::encode_block(&block).len();
        assert_eq!(block.encoded_bytes(), u64::try_from(encoded).unwrap());
    }
    network.state.params.block.bytes_max = Some(2_000);
    network.state.params.evidence.bytes_max = 0;
    assert_eq!(network.state.check_block(&network.propose(&["a=1"])), Ok(()));
    let block = network.propose(&vec!["key=value"; 200]);
    let (actual, limit) = (block.encoded_bytes(), 2_000);
    let size = BlockError::Size { what: "block", actual, limit };
    assert_eq!(network.state.check_block(&block), Err(size));
}

/// spec: v0.38's `MaxDataBytes`: 11 bytes of block, 626 of header, 94 of commit, 112 of each vote.
#[test]
fn room_for_transactions_is_what_the_rest_leaves() {
    let (mut network, _) = case();
    network.state.params.block.bytes_max = Some(10_000);
    let reserved = 11 + 626 + 94 + 4 * 112;
    assert_eq!(network.state.txs_bytes_max(0), 10_000 - reserved);
    assert_eq!(network.state.txs_bytes_max(100), 10_000 - reserved - 100);
    assert_eq!(network.state.txs_bytes_max(1_000_000), 0);
    network.state.params.block.bytes_max = None;
    assert_eq!(network.state.txs_bytes_max(0), 104_857_600 - reserved);
}

#[test]
fn validators_change_two_heights_later_and_parameters_one() {
    let mut network = Network::new(&[10, 10, 10, 10]);
    network.grow(&[], &[]);
    let block = network.propose(&[]);
    let wanted = BlockParams { bytes_max: Some(1_000_000), gas_max: Some(5) };
    let update_params = ParamsUpdate {
        block: Some(wanted.clone()),
        evidence: Some(types::params::EvidenceParams {
            bytes_max: 1_000,
            ..network.state.params.evidence.clone()
        }),
        version: Some(VersionParams { app: 3 }),
        ..ParamsUpdate::default()
    };
    let outcome = BlockOutcome {
        validator_updates: vec![update(5, 10), update(1, 0)],
        params_update: Some(update_params),
        ..outcome(0)
    };
    network.decide(&block, &outcome);

    // Decided at height 2. At height 3: new parameters, old validators, new ones announced.
    let state = &network.state;
    assert_eq!((&state.params.block, state.app_version), (&wanted, 3));
    assert_eq!((state.params_changed, state.validators_changed), (Height(3), Height(4)));
    assert!(state.validators.find(&public_key(1).address()).is_some());
    assert!(state.next_validators.find(&public_key(1).address()).is_none());
    assert!(state.next_validators.find(&public_key(5).address()).is_some());
    let block = network.grow(&[], &[]);
    assert_eq!(block.header.version.app, 3);
    assert_eq!(block.header.next_validators_hash, network.state.validators.hash());

    // At height 4 the new validators vote, and the old ones still vouch for height 3.
    let state = &network.state;
    assert!(state.validators.find(&public_key(1).address()).is_none());
    let last = state.last_block.as_ref().unwrap();
    assert!(last.validators.find(&public_key(1).address()).is_some());
    for _ in 0..5 {
        network.grow(&["a=1"], &[]);
    }
}

#[test]
fn rotation_goes_on_from_height_to_height() {
    let mut network = Network::new(&[10, 20, 30, 40]);
    let mut expected = (*network.state.validators).clone();
    for _ in 0..30 {
        assert_eq!(*network.state.validators, expected);
        expected = expected.advanced(1);
        network.grow(&[], &[]);
    }
}

#[test]
fn answers_that_make_no_state_are_refused() {
    let (network, block) = case();
    let id = BlockId { hash: block.hash(), parts: block.part_set().header() };
    let advance = |outcome: &BlockOutcome| network.state.advance(id, &block.header, 1, outcome);
    assert!(advance(&outcome(1)).is_ok());
    let height = Height(4);
    let results = OutcomeError::Results { height, expected: 1, actual: 2 };
    assert_eq!(advance(&outcome(2)), Err(results));
    for updates in [vec![update(9, 0)], vec![update(1, 1), update(1, 2)]] {
        let answer = BlockOutcome { validator_updates: updates, ..outcome(1) };
        let result = advance(&answer);
        assert!(matches!(result, Err(OutcomeError::Validators { .. })), "{result:?}");
    }
    let params_update = Some(ParamsUpdate {
        block: Some(BlockParams { bytes_max: Some(0), gas_max: None }),
        ..ParamsUpdate::default()
    });
    let result = advance(&BlockOutcome { params_update, ..outcome(1) });
    assert!(matches!(result, Err(OutcomeError::Params { .. })), "{result:?}");
}

#[test]
fn results_and_app_hash_stand_in_the_next_header() {
    let (mut network, block) = case();
    let answer = BlockOutcome {
        tx_results: vec![TxResult { code: 5, ..TxResult::default() }],
        app_hash: AppHash((&b"state"[..]).into()),
        ..BlockOutcome::default()
    };
    network.decide(&block, &answer);
    let next = network.propose(&[]);
    assert_eq!(next.header.app_hash, answer.app_hash);
    assert_eq!(next.header.last_results_hash, Some(answer.results_hash()));
    assert_ne!(answer.results_hash(), outcome(1).results_hash());
}

#[test]
fn init_chain_may_replace_validators_parameters_and_app_hash() {
    let genesis = genesis(&[10, 10]);
    let init = |validators: &[_], params, app_hash| {
        ChainState::after_init_chain(&genesis, validators, params, app_hash, 2)
    };
    let plain = init(&[], None, AppHash::default()).unwrap();
    assert_eq!(plain, ChainState { app_version: 2, ..ChainState::genesis(&genesis).unwrap() });

    let app_hash = AppHash((&b"genesis"[..]).into());
    let params = ParamsUpdate { version: Some(VersionParams { app: 9 }), ..Default::default() };
    let replaced = init(&[update(7, 1)], Some(&params), app_hash.clone()).unwrap();
    assert_eq!(replaced.validators.count(), 1);
    assert_eq!(*replaced.next_validators, replaced.validators.advanced(1));
    assert_eq!((replaced.app_version, replaced.app_hash), (9, app_hash));

    let refused = init(&[update(7, 0)], None, AppHash::default());
    assert!(matches!(refused, Err(OutcomeError::Validators { .. })), "{refused:?}");
}
