//! The kvstore on a chain: restarts, crashes between two calls, and readers beside a block.

use std::sync::Arc;

use abci::testing::TestChainError;
use abci::{
    Application, Call, InfoRequest, InitChainRequest, Misbehavior, QueryRequest, TestChain,
};
use apps::KvStore;
use apps::kvstore::{KvStoreError, update_tx};
use types::{
    BlockId, DuplicateVoteEvidence, Evidence, Hash, Height, PartSetHeader, Round, Signature,
    Validator, Vote, VoteKind,
};

use crate::{block, genesis, power, txs, update, value};

#[test]
fn a_chain_of_blocks_obeys_the_grammar() {
    let mut chain = TestChain::start(Arc::new(KvStore::in_memory()), genesis(4)).unwrap();
    chain.block(txs(&["a=1", "b:2"])).unwrap();
    chain.block(txs(&["a=3"])).unwrap();
    let height = [Call::PrepareProposal, Call::ProcessProposal, Call::FinalizeBlock, Call::Commit];
    assert_eq!(chain.calls(), [&[Call::Info, Call::InitChain][..], &height, &height].concat());
    assert_eq!(value(chain.application(), b"a").as_deref(), Some(&b"3"[..]));
    assert_eq!(value(chain.application(), b"b").as_deref(), Some(&b"2"[..]));
    let refused = chain.application().commit().unwrap_err();
    assert_eq!(refused.reason, "commit may not come within a height");
}

#[test]
fn state_on_disk_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(KvStore::open(folder.path()).unwrap()) as Arc<dyn Application>;
    let mut chain = TestChain::start(open(), genesis(4)).unwrap();
    chain.block(txs(&["a=1", "b=2"])).unwrap();
    chain.block(vec![update_tx(&update(7, 5)), update_tx(&update(3, 0))]).unwrap();

    let mut chain = chain.restart(open).unwrap();
    assert_eq!(chain.calls(), [Call::Info]);
    let application = chain.application();
    assert_eq!(value(application, b"b").as_deref(), Some(&b"2"[..]));
    assert_eq!((power(application, 7), power(application, 3)), (Some(5), None));
    chain.block(txs(&["a=4"])).unwrap();
    assert_eq!(chain.state().last_height(), Some(Height(3)));
    let info = chain.application().info(&InfoRequest::default()).unwrap();
    assert_eq!(info.last_block_app_hash, chain.state().app_hash);
    assert_eq!(info.data, "{\"size\":5}");
}

#[test]
fn a_crash_between_finalize_and_commit_leaves_the_height_before() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(KvStore::open(folder.path()).unwrap()) as Arc<dyn Application>;
    let mut chain = TestChain::start(open(), genesis(1)).unwrap();
    let first = chain.block(txs(&["a=1"])).unwrap();
    let block = chain.propose(txs(&["a=2"]), Vec::new()).unwrap();
    chain.application().finalize_block(&chain.request(&block)).unwrap();
    // Readers do not see it either.
    assert_eq!(value(chain.application(), b"a").as_deref(), Some(&b"1"[..]));

    let mut chain = chain.restart(open).unwrap();
    let info = chain.application().info(&InfoRequest::default()).unwrap();
    assert_eq!(info.last_block_height, Some(Height(1)));
    assert_eq!(info.last_block_app_hash, first.app_hash);
    assert_eq!(value(chain.application(), b"a").as_deref(), Some(&b"1"[..]));
    chain.decide(block).unwrap();
    assert_eq!(value(chain.application(), b"a").as_deref(), Some(&b"2"[..]));
}

#[test]
fn an_empty_application_catches_up_by_replay() {
    let mut chain = TestChain::start(Arc::new(KvStore::in_memory()), genesis(4)).unwrap();
    for number in 0..5 {
        chain.block(txs(&[&format!("k{number}={number}")])).unwrap();
    }
    chain.block(vec![update_tx(&update(0, 4))]).unwrap();
    let chain = chain.restart(|| Arc::new(KvStore::in_memory())).unwrap();
    assert_eq!(value(chain.application(), b"k4").as_deref(), Some(&b"4"[..]));
    assert_eq!(power(chain.application(), 0), Some(4));
}

#[test]
fn an_application_of_another_chain_is_found_out() {
    let other: Arc<dyn Application> = Arc::new(KvStore::in_memory());
    let mut long = TestChain::start(Arc::clone(&other), genesis(1)).unwrap();
    long.block(txs(&["a=1", "b=2"])).unwrap();
    long.block(txs(&[])).unwrap();

    let chain = |blocks: &[&[&str]]| {
        let mut chain = TestChain::start(Arc::new(KvStore::in_memory()), genesis(1)).unwrap();
        for waiting in blocks {
            chain.block(txs(waiting)).unwrap();
        }
        chain.restart(|| Arc::clone(&other)).err()
    };
    let ahead = TestChainError::Ahead { application: Height(2), chain: Some(Height(1)) };
    assert_eq!(chain(&[&["a=1"]]), Some(ahead));
    let diverged = TestChainError::Diverged { height: Some(Height(2)) };
    assert_eq!(chain(&[&["a=1"], &["c=3", "d=4"]]), Some(diverged));
    // The kvstore's digest is a count: it cannot tell these from its own.
    assert_eq!(chain(&[&["c=3"], &["d=4"]]), None);
}

#[test]
fn advisory_37_two_instances_agree_on_every_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(KvStore::open(folder.path()).unwrap());
    let mut chains = [
        TestChain::start(Arc::new(KvStore::in_memory()), genesis(4)).unwrap(),
        TestChain::start(disk, genesis(4)).unwrap(),
    ];
    for chain in &mut chains {
        for number in 0..20_u8 {
            let texts = [format!("k{}={number}", number % 7), format!("x:{number}"), "bad".into()];
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut waiting = txs(&texts);
            waiting.push(update_tx(&update(number % 6, 1 + u64::from(number))));
            chain.block(waiting).unwrap();
        }
    }
    assert_eq!(chains[0].executed(), chains[1].executed());
    assert_eq!(chains[0].state(), chains[1].state());
}

#[test]
fn a_proven_equivocation_costs_one_power() {
    let mut chain = TestChain::start(Arc::new(KvStore::in_memory()), genesis(4)).unwrap();
    chain.block(txs(&["a=1"])).unwrap();
    let culprit = chain.state().validators.validators()[2].clone();
    let evidence = equivocation(&chain, &culprit);
    assert_eq!(Misbehavior::of(std::slice::from_ref(&evidence))[0].address, culprit.address);
    let block = chain.propose(txs(&[]), vec![evidence]).unwrap();
    let outcome = chain.decide(block).unwrap();
    assert_eq!(outcome.validator_updates, [update(culprit.public_key.0[0], 9)]);
    assert_eq!(power(chain.application(), culprit.public_key.0[0]), Some(9));
}

fn equivocation(chain: &TestChain, culprit: &Validator) -> Evidence {
    let validators = &chain.state().last_block.as_ref().unwrap().validators;
    let (validator_index, _) = validators.find(&culprit.address).unwrap();
    let time = chain.state().last_block_time;
    let vote = |byte| {
        let hash = Hash([byte; 32]);
        Vote {
            kind: VoteKind::Precommit,
            height: Height(1),
            round: Round::FIRST,
            block_id: Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } }),
            timestamp: time,
            validator_address: culprit.address,
            validator_index,
            signature: Signature([0; 64]),
            extension: None,
        }
    };
    let proof = DuplicateVoteEvidence::new(vote(1), vote(2), validators, time).unwrap();
    Evidence::DuplicateVote(Box::new(proof))
}

#[test]
fn a_chain_that_begins_again_keeps_only_its_own_validators() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("deep").join("kvstore");
    for validators in [4, 2, 3] {
        let application = KvStore::open(&home).unwrap();
        application.init_chain(&InitChainRequest::of(&genesis(validators))).unwrap();
    }
    let application = KvStore::open(&home).unwrap();
    let powers: Vec<Option<u64>> = (0..4).map(|number| power(&application, number)).collect();
    assert_eq!(powers, [Some(10), Some(10), Some(10), None]);
    assert_eq!(application.info(&InfoRequest::default()).unwrap().last_block_height, None);
}

#[test]
fn readers_see_value_and_height_of_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    for application in [KvStore::in_memory(), KvStore::open(folder.path()).unwrap()] {
        let last = 50;
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for height in 1..=last {
                    let tx = format!("k={height}");
                    application.finalize_block(&block(height, txs(&[&tx]))).unwrap();
                    application.commit().unwrap();
                }
            });
            let request = QueryRequest { data: "k".into(), ..QueryRequest::default() };
            let mut seen = 0;
            loop {
                let finished = writer.is_finished();
                let answer = application.query(&request).unwrap();
                let height = answer.height.map_or(0, |height| height.0);
                let value = String::from_utf8(answer.value.to_vec()).unwrap();
                assert_eq!(value.parse().unwrap_or(0), height);
                assert!(seen <= height, "the committed state went back");
                seen = height;
                if finished {
                    break;
                }
            }
            assert_eq!(seen, last);
        });
    }
}

#[test]
fn a_store_is_open_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = KvStore::open(folder.path()).unwrap();
    let second = KvStore::open(folder.path()).err().expect("the folder is taken");
    assert!(matches!(second, KvStoreError::Locked { .. }), "{second}");
    assert!(second.to_string().contains("another process uses it; stop it"), "{second}");
    drop(first);
    KvStore::open(folder.path()).unwrap();
}
