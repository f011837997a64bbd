//! Transfers, fees, crashes and snapshots.

use std::sync::Arc;

use abci::Application;
use abci::testing::CrashPoint;
use apps::framework::proof::proves;
use apps::framework::{Body, Message};
use types::{Height, Tx};

use super::{FUNDS, MemoryRecords, Story, account, genesis, key, open, send};

#[test]
fn ten_thousand_signed_transfers_keep_the_supply() {
    let mut story = Story::begin();
    let supply = super::Bank.supply(&story.state(), "stake");
    for block in 0..10 {
        let txs: Vec<Tx> = (0..1_000_u64)
            .map(|number| {
                let (from, to) = (10 + (number % 10) as u8, 10 + (number / 10 % 10) as u8);
                story.send(from, to, 1 + (number + block) % 7)
            })
            .collect();
        // The supply is compared with all balances after each block.
        let outcome = story.block(txs);
        assert!(outcome.tx_results.iter().all(|it| it.code == 0));
    }
    let fees = 10_000;
    let held: u64 = (10..20).map(|number| story.balance(number)).sum();
    assert_eq!(held, 10 * FUNDS - fees);
    // Proposers were given the fees.
    let paid: u64 = (0..4).map(|number| story.balance(number)).sum();
    assert_eq!(paid, 4 * FUNDS + fees);
    assert_eq!(super::Bank.supply(&story.state(), "stake"), supply);
    assert_eq!(story.host.executed_txs(), 10_000, "prepared, accepted, decided: executed once");
}

#[test]
fn a_failed_transaction_leaves_nothing_but_its_fee() {
    let mut story = Story::begin();
    let nonce = story.nonces.entry(10).or_default();
    *nonce += 1;
    let transfers = [send(11, 5), send(12, 2 * FUNDS)];
    let messages = transfers.iter().map(|it| Message::new("bank", it)).collect();
    let tx = super::body(10, 0, messages).signed(&genesis().chain_id, &key(10));
    let result = story.block(vec![tx]).tx_results.remove(0);
    assert_eq!((result.codespace.as_str(), result.code), ("bank", 1));
    let kinds: Vec<&str> = result.events.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["auth.fee"], "the first transfer's event went with it");
    assert_eq!((story.balance(10), story.balance(11)), (FUNDS - 1, FUNDS));
    // The nonce is spent.
    let tx = story.send(10, 11, 5);
    assert_eq!(story.block(vec![tx]).tx_results[0].code, 0);
}

#[test]
fn a_crash_at_each_point_of_a_block_loses_nothing() {
    let mut story = Story::begin();
    for point in CrashPoint::ALL {
        let before = story.balance(11);
        let tx = story.send(10, 11, 7);
        let (records, version) = (story.records.clone(), story.version);
        let mut host = None;
        let chain = story.chain.take().unwrap();
        let chain = chain.crash(point, vec![tx], || {
            let opened = Arc::new(open(&records, version));
            host = Some(Arc::clone(&opened));
            opened
        });
        story.chain = Some(chain.unwrap_or_else(|error| panic!("{point:?}: {error}")));
        story.host = host.unwrap();
        assert_eq!(story.balance(11), before + 7, "{point:?}");
    }
}

#[test]
fn a_fresh_node_starts_from_a_snapshot() {
    let mut story = Story::begin();
    for number in 0..12 {
        let tx = story.send(10, 11, number + 1);
        story.block(vec![tx]);
    }
    let fresh = Arc::new(open(&MemoryRecords::default(), story.version));
    let mut other = story.chain().snapshot_into(Arc::clone(&fresh) as _).unwrap();
    assert_eq!(super::Bank.balance(&fresh.state(), account(11), "stake"), story.balance(11));
    // It goes on as the others do.
    let tx = story.send(11, 12, 3);
    let outcome = story.block(vec![tx.clone()]);
    assert_eq!(other.block(vec![tx]).unwrap(), outcome);
}

#[test]
fn balances_are_proven_under_the_headers_app_hash() {
    let mut story = Story::begin();
    let mut hashes = Vec::new();
    for number in 0..30_u64 {
        let tx = story.send(10, 11, number + 1);
        hashes.push(story.block(vec![tx]).app_hash);
    }
    let ask = |height: u64, account| {
        let data = borsh::to_vec(&(account, "stake".to_owned())).unwrap().into();
        let request = abci::QueryRequest {
            data,
            path: "/bank/balance".to_owned(),
            height: Some(Height(height)),
            prove: true,
        };
        story.host.query(&request).unwrap()
    };
    for height in 11..=30_u64 {
        let answer = ask(height, account(11));
        let received: u64 = (1..=height).sum();
        assert_eq!(answer.value[..], (FUNDS + received).to_le_bytes());
        let proof = &answer.proof[0].data;
        let hash = &hashes[height as usize - 1];
        assert!(proves(proof, hash, &answer.key, Some(&answer.value)), "height {height}");
        assert!(!proves(proof, hash, &answer.key, Some(&[0; 8])));
        assert!(!proves(proof, &hashes[height as usize % 30], &answer.key, Some(&answer.value)));
        // That somebody has nothing is proven too.
        let answer = ask(height, account(99));
        assert!(answer.value.is_empty());
        assert!(proves(&answer.proof[0].data, hash, &answer.key, None));
        let known = ask(height, account(11)).key;
        assert!(!proves(&answer.proof[0].data, hash, &known, None), "it has something");
    }
    let forgotten = ask(10, account(11));
    assert_eq!((forgotten.codespace.as_str(), forgotten.code), ("lockstep", 9));
    assert_eq!(ask(31, account(11)).code, 9);
}

#[test]
fn an_empty_block_leaves_the_app_hash_alone() {
    let mut story = Story::begin();
    let before = story.block(vec![]).app_hash;
    assert_eq!(story.block(vec![]).app_hash, before);
    let tx = story.send(10, 11, 1);
    assert_ne!(story.block(vec![tx]).app_hash, before);
}

#[test]
fn a_proposal_is_executed_once_by_those_who_judge_it_too() {
    let mut story = Story::begin();
    let txs = vec![story.send(10, 11, 1), story.send(11, 10, 1)];
    let block = story.chain().propose(txs, Vec::new()).unwrap();
    let request = story.chain().request(&block);
    let judge = open(&MemoryRecords::default(), story.version);
    judge.init_chain(&abci::InitChainRequest::of(&genesis())).unwrap();
    judge.process_proposal(&request).unwrap();
    judge.process_proposal(&request).unwrap();
    judge.finalize_block(&request).unwrap();
    judge.commit().unwrap();
    assert_eq!(judge.executed_txs(), 2);
    // Another block of the same height leaves no trace.
    let other = open(&MemoryRecords::default(), story.version);
    other.init_chain(&abci::InitChainRequest::of(&genesis())).unwrap();
    let lost = Body { nonce: 0, ..super::body(12, 0, vec![Message::new("bank", &send(13, 9))]) };
    let lost = lost.signed(&genesis().chain_id, &key(12));
    let lost =
        abci::BlockRequest { txs: vec![lost], hash: types::Hash([7; 32]), ..request.clone() };
    other.process_proposal(&lost).unwrap();
    other.process_proposal(&request).unwrap();
    let outcome = other.finalize_block(&request).unwrap();
    other.commit().unwrap();
    assert_eq!(story.chain().decide(block).unwrap(), outcome);
}
