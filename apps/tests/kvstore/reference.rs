//! What the reference's `abci/example/kvstore/kvstore_test.go` expects, and its code says.

use abci::{
    Application, InfoRequest, InitChainRequest, Misbehavior, MisbehaviorKind,
    PrepareProposalRequest, QueryRequest, Verdict,
};
use apps::KvStore;
use apps::kvstore::{CODE_INVALID_FORMAT, CODE_OK, CODE_UNAUTHORIZED, update_tx};
use bytes::Bytes;
use types::{Address, Hash, Height, Time, Tx, VotingPower};

use crate::{block, check_code, genesis, key, power, txs, update, value};

fn prepare(application: &dyn Application, txs: Vec<Tx>) -> Vec<Tx> {
    let request = PrepareProposalRequest {
        txs_bytes_max: 10 * 1024,
        txs,
        local_last_commit: Default::default(),
        misbehavior: Vec::new(),
        height: Height(1),
        time: Time::EPOCH,
        next_validators_hash: Hash([0; 32]),
        proposer_address: Address([0; 20]),
    };
    application.prepare_proposal(&request).unwrap()
}

fn started(validators: u8) -> KvStore {
    let application = KvStore::in_memory();
    application.init_chain(&InitChainRequest::of(&genesis(validators))).unwrap();
    application
}

#[test]
fn a_pair_goes_from_check_to_query() {
    let application = KvStore::in_memory();
    for (height, tx) in [(1, "abc:def"), (2, "abc=def")] {
        let tx = Tx::from(tx);
        assert_eq!(check_code(&application, &tx), CODE_OK);
        let prepared = prepare(&application, vec![tx]);
        assert_eq!(prepared, txs(&["abc=def"]));
        let outcome = application.finalize_block(&block(height, prepared)).unwrap();
        assert_eq!(outcome.tx_results.len(), 1);
        assert_eq!(outcome.tx_results[0].code, CODE_OK);
        application.commit().unwrap();

        let info = application.info(&InfoRequest::default()).unwrap();
        assert_eq!(info.last_block_height, Some(Height(height)));
        for (prove, index) in [(false, 0), (true, -1)] {
            let request = QueryRequest {
                path: "/store".to_owned(),
                data: Bytes::from("abc"),
                prove,
                ..QueryRequest::default()
            };
            let answer = application.query(&request).unwrap();
            assert_eq!((answer.code, answer.log.as_str(), answer.index), (0, "exists", index));
            assert_eq!((&answer.key[..], &answer.value[..]), (&b"abc"[..], &b"def"[..]));
            assert_eq!(answer.height, info.last_block_height);
            assert!(answer.proof.is_empty());
        }
    }
}

#[test]
fn a_missing_key_is_named_and_does_not_exist() {
    let application = KvStore::in_memory();
    let request = QueryRequest { data: Bytes::from("nobody"), ..QueryRequest::default() };
    let answer = application.query(&request).unwrap();
    assert_eq!((answer.log.as_str(), &answer.key[..]), ("does not exist", &b"nobody"[..]));
    assert_eq!((answer.code, answer.height, answer.value.len()), (0, None, 0));
}

#[test]
fn malformed_transactions_are_left_out_of_proposals() {
    let application = KvStore::in_memory();
    assert_eq!(check_code(&application, &Tx::new()), CODE_INVALID_FORMAT);
    let prepared = prepare(&application, txs(&["key=value", "key:val", "", "kee=value"]));
    assert_eq!(prepared, txs(&["key=value", "key=val", "kee=value"]));
}

#[test]
fn check_tx_gives_the_reference_codes() {
    let application = KvStore::in_memory();
    let table = [
        (CODE_OK, "hello=world"),
        (CODE_INVALID_FORMAT, "hello"),
        (CODE_OK, "space:jam"),
        (CODE_INVALID_FORMAT, "=hello"),
        (CODE_INVALID_FORMAT, "hello="),
        (CODE_OK, "a=b"),
        (CODE_INVALID_FORMAT, "val=hello"),
        (CODE_INVALID_FORMAT, "val=hi!5"),
    ];
    for (code, tx) in table {
        assert_eq!(check_code(&application, &Tx::from(tx)), code, "{tx}");
    }
    assert_eq!(check_code(&application, &update_tx(&update(1, 10))), CODE_OK);
    let request = abci::CheckTxRequest { tx: Tx::from("a=b"), kind: abci::CheckTxKind::Recheck };
    let admitted = application.check_tx(&request).unwrap();
    assert_eq!((admitted.gas_wanted, admitted.gas_used, admitted.log.as_str()), (1, 0, ""));
}

#[test]
fn a_fresh_application_says_what_the_reference_says() {
    let application = started(1);
    let info = application.info(&InfoRequest::default()).unwrap();
    assert_eq!(info.data, "{\"size\":0}");
    assert_eq!((info.version.as_str(), info.app_version), ("2.0.0", 1));
    assert_eq!(info.last_block_height, None);
    application.finalize_block(&block(1, Vec::new())).unwrap();
    application.commit().unwrap();
    let info = application.info(&InfoRequest::default()).unwrap();
    assert_eq!(info.last_block_height, Some(Height(1)));
}

#[test]
fn the_app_hash_is_the_count_of_transactions_as_a_signed_varint() {
    let application = started(1);
    let empty = application.finalize_block(&block(1, Vec::new())).unwrap();
    assert_eq!(empty.app_hash.to_string(), "0000000000000000");
    application.commit().unwrap();
    // 63 is 7e as a signed varint, 64 is 8001.
    let many = vec![Tx::from("k=v"); 63];
    let outcome = application.finalize_block(&block(2, many)).unwrap();
    assert_eq!(outcome.app_hash.to_string(), "7E00000000000000");
    application.commit().unwrap();
    let outcome = application.finalize_block(&block(3, txs(&["k=w"]))).unwrap();
    assert_eq!(outcome.app_hash.to_string(), "8001000000000000");
    application.commit().unwrap();
    let info = application.info(&InfoRequest::default()).unwrap();
    assert_eq!(info.data, "{\"size\":64}");
    assert_eq!(info.last_block_app_hash, outcome.app_hash);
}

#[test]
fn every_transaction_gives_the_reference_events() {
    let application = started(1);
    let update = update_tx(&update(9, 1));
    let whole = String::from_utf8(update.to_vec()).unwrap();
    let outcome = application.finalize_block(&block(1, vec![Tx::from("k=v"), update])).unwrap();
    for (result, key, value) in
        [(&outcome.tx_results[0], "k", "v"), (&outcome.tx_results[1], &whole, &whole)]
    {
        let facts: Vec<Vec<(&str, &str, bool)>> = result
            .events
            .iter()
            .map(|event| {
                assert_eq!(event.kind, "app");
                let attributes = event.attributes.iter();
                attributes.map(|it| (&it.key[..], &it.value[..], it.index)).collect()
            })
            .collect();
        let expected = |creator, key| {
            let text = "index is working";
            vec![
                ("creator", creator, true),
                ("key", key, true),
                ("index_key", text, true),
                ("noindex_key", text, false),
            ]
        };
        assert_eq!(facts, [expected("Cosmoshi Netowoko", key), expected("Cosmoshi", value)]);
        assert_eq!((result.code, result.gas_wanted, result.gas_used), (CODE_OK, 0, 0));
    }
    assert!(outcome.events.is_empty());
    assert_eq!(outcome.params_update, None);
}

#[test]
fn validators_are_added_removed_and_updated() {
    let application = started(5);
    let mut height = 0;
    let mut change = |updates: &[types::ValidatorUpdate]| {
        height += 1;
        let txs = updates.iter().map(update_tx).collect();
        let outcome = application.finalize_block(&block(height, txs)).unwrap();
        assert_eq!(outcome.validator_updates, updates);
        application.commit().unwrap();
        (0..8).map(|number| power(&application, number).unwrap_or(0)).collect::<Vec<_>>()
    };
    assert_eq!(change(&[]), [10, 10, 10, 10, 10, 0, 0, 0]);
    assert_eq!(change(&[update(5, 3), update(6, 4)]), [10, 10, 10, 10, 10, 3, 4, 0]);
    let gone = [update(3, 0), update(4, 0), update(5, 0)];
    assert_eq!(change(&gone), [10, 10, 10, 0, 0, 0, 4, 0]);
    assert_eq!(change(&[update(0, 5)]), [5, 10, 10, 0, 0, 0, 4, 0]);
    // All may go if somebody comes in the same block, in any order.
    let turnover = [update(0, 0), update(1, 0), update(2, 0), update(6, 0), update(7, 1)];
    assert_eq!(change(&turnover), [0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn validators_are_answered_as_the_reference_stores_them() {
    let application = started(1);
    let outcome = application.finalize_block(&block(1, vec![update_tx(&update(7, 300))])).unwrap();
    assert_eq!(outcome.tx_results[0].code, CODE_OK);
    application.commit().unwrap();
    let request = QueryRequest {
        path: "/val".to_owned(),
        data: Bytes::copy_from_slice(&key(7).0),
        ..QueryRequest::default()
    };
    let answer = application.query(&request).unwrap();
    let record = [&[39, 0x0a, 0x22, 0x0a, 0x20][..], &[7; 32], &[0x10, 0xac, 0x02]].concat();
    assert_eq!(answer.value, record);
    assert_eq!(answer.key, request.data);
    assert_eq!((answer.log.as_str(), answer.height), ("", None));
    for data in [&[8; 32][..], b"short"] {
        let data = Bytes::from(data);
        let answer = application.query(&QueryRequest { data, ..request.clone() }).unwrap();
        assert!(answer.value.is_empty());
    }
}

fn accusation(kind: MisbehaviorKind, number: u8) -> Misbehavior {
    Misbehavior {
        kind,
        address: key(number).address(),
        power: VotingPower(10),
        height: Height(1),
        time: Time::EPOCH,
        total_power: VotingPower(20),
    }
}

#[test]
fn who_votes_twice_loses_one_power() {
    let application = started(2);
    let mut guilty = block(1, vec![update_tx(&update(3, 8))]);
    guilty.misbehavior = vec![
        accusation(MisbehaviorKind::DuplicateVote, 1),
        // Not punished, as in the reference.
        accusation(MisbehaviorKind::LightClientAttack, 0),
        // Gone since; the reference would stop.
        accusation(MisbehaviorKind::DuplicateVote, 99),
    ];
    let outcome = application.finalize_block(&guilty).unwrap();
    assert_eq!(outcome.validator_updates, [update(1, 9), update(3, 8)]);
    application.commit().unwrap();
    assert_eq!(power(&application, 1), Some(9));
}

#[test]
fn updates_that_no_chain_could_take_are_refused_together() {
    let most = types::power::TOTAL_POWER_MAX;
    let impossible = [
        vec![update(0, 0), update(1, 0)],
        vec![update(9, 0)],
        vec![update(2, 1), update(2, 2)],
        vec![update(2, most)],
    ];
    let application = started(2);
    for updates in impossible {
        let mut txs: Vec<Tx> = updates.iter().map(update_tx).collect();
        txs.push(Tx::from("k=v"));
        let outcome = application.finalize_block(&block(1, txs)).unwrap();
        let (pair, refused) = outcome.tx_results.split_last().unwrap();
        assert_eq!(pair.code, CODE_OK);
        for result in refused {
            assert_eq!(result.code, CODE_UNAUTHORIZED);
            assert!(!result.log.is_empty());
            assert!(result.events.is_empty());
        }
        assert!(outcome.validator_updates.is_empty());
    }
    application.commit().unwrap();
    assert_eq!((power(&application, 0), power(&application, 2)), (Some(10), None));
    assert_eq!(value(&application, b"k").as_deref(), Some(&b"v"[..]));
}

#[test]
fn proposals_hold_only_what_blocks_may_hold() {
    let application = KvStore::in_memory();
    let verdict = |texts: &[&str]| application.process_proposal(&block(1, txs(texts))).unwrap();
    assert_eq!(verdict(&[]), Verdict::Accept);
    assert_eq!(verdict(&["a=b", "c=d"]), Verdict::Accept);
    assert_eq!(verdict(&["a=b", "nonsense"]), Verdict::Reject);
    assert_eq!(verdict(&["val=hello"]), Verdict::Reject);
    // The reference accepts this one, and stops when it commits it.
    assert_eq!(verdict(&["a:b"]), Verdict::Reject);
    // If it is decided all the same, it does nothing.
    let outcome = application.finalize_block(&block(1, txs(&["a:b"]))).unwrap();
    assert_eq!(outcome.tx_results[0].code, CODE_INVALID_FORMAT);
    application.commit().unwrap();
    assert_eq!(value(&application, b"a"), None);
}

#[test]
fn blocks_are_retained_as_configured() {
    let retained = |blocks, height| {
        let application = KvStore::in_memory().retaining(blocks);
        application.finalize_block(&block(height, Vec::new())).unwrap();
        application.commit().unwrap().retain_height
    };
    assert_eq!(retained(0, 100), None);
    assert_eq!(retained(10, 9), None);
    assert_eq!(retained(10, 10), Some(Height(1)));
    assert_eq!(retained(10, 100), Some(Height(91)));
}
