//! What a mempool does, one rule at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use bytes::Bytes;
use mempool::{BlockLimits, Checked, Config, Mempool, Refusal, Source};
use types::{Height, PeerId, Tx, TxKey};

const GOOD: Checked = Checked { code: 0, gas_wanted: 1 };
const BAD: Checked = Checked { code: 7, gas_wanted: 1 };
const ALICE: PeerId = PeerId(1);
const BOB: PeerId = PeerId(2);

fn tx(number: u8) -> Tx {
    Bytes::from(vec![number; 10])
}

fn key(number: u8) -> TxKey {
    TxKey::of(&tx(number))
}

fn pool_with(config: Config) -> Mempool {
    let mut pool = Mempool::new(config);
    [ALICE, BOB].into_iter().for_each(|peer| pool.peer_up(peer));
    pool
}

fn pool() -> Mempool {
    pool_with(Config::default())
}

/// Admits transactions, and has the application accept them.
fn add(pool: &mut Mempool, numbers: impl IntoIterator<Item = u8>, source: Source) {
    for number in numbers {
        let key = pool.admit(tx(number), source).expect("there is room and it is new");
        assert_eq!(pool.checked(&key, GOOD), Ok(true));
    }
}

fn numbers(txs: &[Tx]) -> Vec<u8> {
    txs.iter().map(|tx| tx[0]).collect()
}

fn all(pool: &Mempool) -> Vec<u8> {
    numbers(&pool.reap_count(usize::MAX))
}

#[test]
fn transactions_wait_in_the_order_in_which_they_were_accepted() {
    let mut pool = pool();
    let keys = [3, 1, 2].map(|number| pool.admit(tx(number), Source::Local).unwrap());
    assert!(pool.is_empty());
    for index in [1, 0, 2] {
        assert_eq!(pool.checked(&keys[index], GOOD), Ok(true));
    }
    assert_eq!((all(&pool), pool.len(), pool.bytes()), (vec![1, 3, 2], 3, 30));
    assert_eq!(numbers(&pool.reap_count(2)), [1, 3]);
}

#[test]
fn known_transaction_is_refused_in_every_stage() {
    let mut pool = pool();
    let refused = Err(Refusal::Seen);
    pool.admit(tx(1), Source::Local).unwrap();
    assert_eq!(pool.admit(tx(1), Source::Local), refused, "in check");
    pool.checked(&key(1), GOOD).unwrap();
    assert_eq!(pool.admit(tx(1), Source::Peer(ALICE)), refused, "waiting");
    pool.update(Height(1), &[tx(1)], |_| true);
    assert_eq!(pool.admit(tx(1), Source::Local), refused, "decided");
    assert_eq!(Refusal::Seen.to_string(), "tx already exists in cache");
}

#[test]
fn waiting_transaction_is_known_even_when_the_cache_has_forgotten_it() {
    let mut pool = pool_with(Config { seen_max: 1, ..Config::default() });
    add(&mut pool, [1, 2], Source::Local);
    assert_eq!(pool.admit(tx(1), Source::Local), Err(Refusal::Seen));
    pool.admit(tx(3), Source::Local).unwrap();
    pool.admit(tx(4), Source::Local).unwrap();
    assert_eq!(pool.admit(tx(3), Source::Local), Err(Refusal::Seen));
}

#[test]
fn refused_transaction_may_come_again_unless_it_is_to_be_remembered() {
    for remember_invalid in [false, true] {
        let mut pool = pool_with(Config { remember_invalid, ..Config::default() });
        pool.admit(tx(1), Source::Local).unwrap();
        assert_eq!(pool.checked(&key(1), BAD), Ok(false));
        assert!(pool.is_empty() && !pool.has(&key(1)));
        assert_eq!(pool.admit(tx(1), Source::Local).is_err(), remember_invalid);
    }
}

#[test]
fn transaction_without_an_answer_may_come_again() {
    let mut pool = pool_with(Config { remember_invalid: true, ..Config::default() });
    pool.admit(tx(1), Source::Local).unwrap();
    pool.forget(&key(1));
    assert!(pool.admit(tx(1), Source::Local).is_ok());
}

#[test]
fn full_mempool_refuses_and_says_how_full_it_is() {
    let mut pool = pool_with(Config { txs_max: 2, ..Config::default() });
    add(&mut pool, [1], Source::Local);
    pool.admit(tx(2), Source::Local).unwrap();
    // Those in check hold their room.
    let refusal = pool.admit(tx(3), Source::Local).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "mempool is full: number of txs 2 (max: 2), total txs bytes 20 (max: 1073741824)"
    );
    pool.update(Height(1), &[tx(1)], |_| true);
    assert!(pool.admit(tx(3), Source::Local).is_ok(), "it was not remembered when refused");
}

#[test]
fn bytes_of_all_transactions_are_limited() {
    let mut pool = pool_with(Config { txs_bytes_max: 25, ..Config::default() });
    add(&mut pool, [1, 2], Source::Local);
    assert!(matches!(pool.admit(tx(3), Source::Local), Err(Refusal::Full { bytes: 20, .. })));
    assert!(pool.admit(Bytes::from_static(b"five!"), Source::Local).is_ok());
}

#[test]
fn too_large_transaction_is_refused() {
    let mut pool = pool_with(Config { tx_bytes_max: 9, ..Config::default() });
    let refusal = pool.admit(tx(1), Source::Local).unwrap_err();
    assert_eq!(refusal.to_string(), "tx too large. Max size is 9, but got 10");
}

#[test]
fn transaction_that_fits_no_block_is_refused_or_dropped() {
    let mut pool = pool();
    add(&mut pool, [1], Source::Local);
    let key = pool.admit(tx(2), Source::Local).unwrap();
    // Ten bytes and two of protobuf; the application says what gas it wants.
    pool.limit(BlockLimits { bytes_max: 12, gas_max: Some(5) });
    let checked = pool.checked(&key, Checked { code: 0, gas_wanted: 6 });
    assert_eq!(checked.unwrap_err().to_string(), "gas wanted 6 is greater than max gas 5");
    let key = pool.admit(tx(2), Source::Local).unwrap();
    let checked = pool.checked(&key, Checked { code: 0, gas_wanted: -1 });
    assert_eq!(checked.unwrap_err().to_string(), "gas wanted -1 is negative");
    assert_eq!(all(&pool), [1]);
    pool.limit(BlockLimits { bytes_max: 11, gas_max: Some(5) });
    assert!(pool.is_empty(), "it would stand in the way of all behind it");
    let refusal = pool.admit(tx(3), Source::Local).unwrap_err();
    assert_eq!(refusal.to_string(), "tx size is too big: 12, max: 11");
}

#[test]
fn block_takes_transactions_up_to_the_first_that_does_not_fit() {
    let mut pool = pool();
    for (bytes, gas_wanted) in [(10, 1), (200, 1), (10, 5), (10, 1)] {
        let tx = Bytes::from(vec![u8::try_from(pool.len()).unwrap(); bytes]);
        let key = pool.admit(tx, Source::Local).unwrap();
        pool.checked(&key, Checked { code: 0, gas_wanted }).unwrap();
    }
    let reaped = |bytes_max, gas_max| numbers(&pool.reap(bytes_max, gas_max));
    // 200 bytes need two for their length: 12 + 203 + 12 + 12.
    assert_eq!(reaped(u64::MAX, None), [0, 1, 2, 3]);
    assert_eq!(reaped(239, None), [0, 1, 2, 3]);
    assert_eq!(reaped(238, None), [0, 1, 2]);
    assert_eq!(reaped(214, None), [0]);
    assert_eq!(reaped(11, None), [0_u8; 0]);
    assert_eq!(reaped(u64::MAX, Some(8)), [0, 1, 2, 3]);
    assert_eq!(reaped(u64::MAX, Some(6)), [0, 1]);
}

#[test]
fn decided_transactions_are_gone_whatever_became_of_them() {
    let mut pool = pool();
    add(&mut pool, 1..=4, Source::Local);
    pool.admit(tx(5), Source::Local).unwrap();
    // The third and the fifth fail; the fifth was still in check, the sixth never here.
    let txs = [1, 3, 5, 6].map(tx);
    pool.update(Height(1), &txs, |index| index != 1 && index != 2);
    assert_eq!(all(&pool), [2, 4]);
    assert_eq!(pool.checked(&key(5), GOOD), Ok(false), "it was decided meanwhile");
    let again = [1, 3, 5, 6].map(|number| pool.admit(tx(number), Source::Local).is_ok());
    assert_eq!(again, [false, true, true, false]);
}

#[test]
fn recheck_goes_through_what_a_block_left_in_order_and_in_pieces() {
    let mut pool = pool();
    add(&mut pool, 1..=5, Source::Local);
    assert!(!pool.rechecks_pending());
    pool.update(Height(1), &[tx(2)], |_| true);
    add(&mut pool, [6], Source::Local);
    let piece = |pool: &mut Mempool| -> Vec<u8> {
        pool.next_recheck(3).iter().map(|(_, tx)| tx[0]).collect()
    };
    assert_eq!(piece(&mut pool), [1, 3, 4]);
    assert_eq!(all(&pool), [1, 3, 4, 5, 6], "nothing is held back meanwhile");
    assert!(!pool.rechecked(&key(3), BAD));
    assert!(pool.rechecked(&key(4), GOOD));
    assert_eq!(all(&pool), [1, 4, 5, 6]);
    assert!(pool.rechecks_pending());
    assert_eq!(piece(&mut pool), [5], "the sixth came after the block");
    assert!(!pool.rechecks_pending());
    assert!(piece(&mut pool).is_empty());
}

#[test]
fn later_block_starts_the_recheck_anew() {
    let mut pool = pool();
    add(&mut pool, 1..=3, Source::Local);
    pool.update(Height(1), &[], |_| true);
    assert_eq!(pool.next_recheck(2).len(), 2);
    pool.update(Height(2), &[tx(1)], |_| true);
    let again: Vec<u8> = pool.next_recheck(9).iter().map(|(_, tx)| tx[0]).collect();
    assert_eq!(again, [2, 3]);
    // A late word on what was decided meanwhile does not make it new.
    assert!(!pool.rechecked(&key(1), BAD));
    assert_eq!(pool.admit(tx(1), Source::Local), Err(Refusal::Seen));
}

#[test]
fn without_recheck_nothing_is_asked_again() {
    let mut pool = pool_with(Config { recheck: false, ..Config::default() });
    add(&mut pool, 1..=3, Source::Local);
    pool.update(Height(1), &[], |_| true);
    assert!(!pool.rechecks_pending() && pool.next_recheck(9).is_empty());
}

#[test]
fn gas_of_a_recheck_counts() {
    let mut pool = pool();
    add(&mut pool, 1..=2, Source::Local);
    pool.update(Height(1), &[], |_| true);
    assert!(pool.rechecked(&key(1), Checked { code: 0, gas_wanted: 10 }));
    assert_eq!(numbers(&pool.reap(u64::MAX, Some(10))), [1]);
}

#[test]
fn peers_are_sent_what_they_lack_and_did_not_send() {
    let mut pool = pool();
    add(&mut pool, [1], Source::Local);
    add(&mut pool, [2], Source::Peer(ALICE));
    add(&mut pool, [3], Source::Local);
    // Bob sends what Alice had sent before: in check or waiting, it is noted.
    assert!(pool.admit(tx(2), Source::Peer(BOB)).is_err());
    pool.admit(tx(4), Source::Local).unwrap();
    assert!(pool.admit(tx(4), Source::Peer(BOB)).is_err());
    pool.checked(&key(4), GOOD).unwrap();
    let batch = |pool: &mut Mempool, peer, count| {
        pool.batch_for(peer, u64::MAX, count).map(|txs| numbers(&txs))
    };
    assert_eq!(batch(&mut pool, ALICE, 2), Some(vec![1, 3]));
    assert_eq!(batch(&mut pool, ALICE, 2), Some(vec![4]));
    assert!(!pool.has_gossip(ALICE));
    assert_eq!(batch(&mut pool, ALICE, 2), None);
    assert_eq!(batch(&mut pool, BOB, 9), Some(vec![1, 3]));
    assert!(!pool.has_gossip(BOB));
    add(&mut pool, [5], Source::Local);
    assert!(pool.has_gossip(BOB));
    assert_eq!(batch(&mut pool, BOB, 9), Some(vec![5]));
}

/// The reference ends a connection over a transaction without a byte.
#[test]
fn an_empty_transaction_waits_and_is_told_to_nobody() {
    let mut pool = pool();
    pool.admit(Tx::new(), Source::Local).unwrap();
    assert_eq!(pool.checked(&TxKey::of(&[]), GOOD), Ok(true));
    assert!(!pool.has_gossip(ALICE));
    add(&mut pool, [1], Source::Local);
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9), Some(vec![tx(1)]));
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9), None);
    assert_eq!(pool.reap(u64::MAX, None), [Tx::new(), tx(1)]);
}

#[test]
fn a_batch_is_no_larger_than_a_transaction_may_be() {
    let mut pool = Mempool::new(Config { tx_bytes_max: 25, ..Config::default() });
    pool.peer_up(ALICE);
    add(&mut pool, 1..=3, Source::Local);
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9).map(|txs| numbers(&txs)), Some(vec![1, 2]));
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9).map(|txs| numbers(&txs)), Some(vec![3]));
}

#[test]
fn batches_are_limited_in_bytes_but_never_stuck() {
    let mut pool = pool();
    add(&mut pool, 1..=3, Source::Local);
    assert_eq!(pool.batch_for(ALICE, 29, 9).map(|txs| numbers(&txs)), Some(vec![1, 2]));
    assert_eq!(pool.batch_for(ALICE, 5, 9).map(|txs| numbers(&txs)), Some(vec![3]));
    assert_eq!(pool.batch_for(BOB, 30, 0), None);
    assert!(pool.has_gossip(BOB));
}

#[test]
fn stranger_is_sent_nothing_and_a_new_peer_everything() {
    let mut pool = pool();
    add(&mut pool, 1..=2, Source::Local);
    pool.batch_for(ALICE, u64::MAX, 9);
    pool.peer_down(ALICE);
    assert!(!pool.has_gossip(ALICE));
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9), None);
    pool.peer_up(PeerId(3));
    assert_eq!(pool.batch_for(PeerId(3), u64::MAX, 9).map(|txs| txs.len()), Some(2));
}

#[test]
fn without_broadcast_nobody_is_sent_anything() {
    let mut pool = pool_with(Config { broadcast: false, ..Config::default() });
    add(&mut pool, [1], Source::Local);
    assert!(!pool.has_gossip(ALICE));
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9), None);
}

#[test]
fn availability_is_told_once_for_each_height() {
    let mut pool = pool();
    add(&mut pool, [1], Source::Local);
    assert_eq!(pool.take_available(), None, "nobody waits for it");
    pool.await_txs(Height(5));
    assert_eq!(pool.take_available(), Some(Height(5)));
    assert_eq!(pool.take_available(), None, "once");
    pool.update(Height(5), &[tx(1)], |_| true);
    pool.await_txs(Height(6));
    assert_eq!(pool.take_available(), None, "none waits");
    add(&mut pool, [2], Source::Local);
    assert_eq!(pool.take_available(), Some(Height(6)));
    // Asked before we are told of block 6, in which the second may be.
    pool.await_txs(Height(7));
    assert_eq!(pool.take_available(), None);
    pool.update(Height(6), &[], |_| true);
    assert_eq!(pool.take_available(), Some(Height(7)));
}

#[test]
fn flush_forgets_everything_but_peers() {
    let mut pool = pool();
    add(&mut pool, [1], Source::Local);
    pool.admit(tx(2), Source::Local).unwrap();
    pool.batch_for(ALICE, u64::MAX, 9);
    pool.flush();
    assert_eq!((pool.len(), pool.bytes(), pool.has(&key(2))), (0, 0, false));
    assert_eq!(pool.checked(&key(2), GOOD), Ok(false));
    add(&mut pool, [1], Source::Local);
    assert_eq!(pool.batch_for(ALICE, u64::MAX, 9).map(|txs| numbers(&txs)), Some(vec![1]));
}
