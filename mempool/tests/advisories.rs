//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use mempool::{BlockLimits, Checked, Config, Mempool, Refusal, Source};
use types::{Height, PeerId, Tx, TxKey};

const YES: Checked = Checked { code: 0, gas_wanted: 1 };
const NO: Checked = Checked { code: 1, gas_wanted: 1 };
const PEER: PeerId = PeerId(1);

fn tx(number: u8) -> Tx {
    Tx::from(vec![number; 10])
}

fn key(number: u8) -> TxKey {
    TxKey::of(&tx(number))
}

/// Admits and checks a transaction; whether it waits now.
fn take(pool: &mut Mempool, number: u8) -> bool {
    pool.admit(tx(number), Source::Local).is_ok() && pool.checked(&key(number), YES).unwrap()
}

fn waiting(pool: &Mempool) -> Vec<Tx> {
    pool.reap(u64::MAX, None)
}

/// A transaction that stood in a block and failed there stayed in the pool, and was proposed again
/// and again. Here whatever a block carried waits no more, whatever became of it.
#[test]
fn advisory_06_what_a_block_carried_is_never_proposed_again() {
    for remember_invalid in [false, true] {
        for succeeded in [false, true] {
            let mut pool = Mempool::new(Config { remember_invalid, ..Config::default() });
            pool.peer_up(PEER);
            (0..4).for_each(|it| assert!(take(&mut pool, it)));
            // One is being asked about, and one is being asked about again.
            pool.admit(tx(4), Source::Local).unwrap();
            pool.update(Height(1), &[], |_| true);
            assert_eq!(pool.next_recheck(1).len(), 1);
            let carried = [tx(0), tx(2), tx(4), tx(9)];
            pool.update(Height(2), &carried, |_| succeeded);
            // Answers that were under way come too late to bring anything back.
            assert_eq!(pool.checked(&key(4), YES), Ok(false));
            assert!(!pool.rechecked(&key(0), YES));
            assert_eq!(waiting(&pool), [tx(1), tx(3)]);
            assert_eq!(pool.batch_for(PEER, u64::MAX, 100), Some(vec![tx(1), tx(3)]));
            let again: Vec<Tx> = pool.next_recheck(100).into_iter().map(|(_, tx)| tx).collect();
            assert_eq!(again, [tx(1), tx(3)]);
            // Who wants it again must ask again; it is not taken on the old word.
            let admitted = pool.admit(tx(0), Source::Local).is_ok();
            assert_eq!(admitted, !succeeded && !remember_invalid);
            assert_eq!(waiting(&pool), [tx(1), tx(3)]);
        }
    }
}

/// What can happen around a recheck.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The transactions that are to be asked about are taken.
    Begin,
    /// The application's word on both.
    Yes,
    No,
    /// A block carries the first, and it succeeds.
    Decide,
    /// A block carries neither.
    Pass,
    /// The first comes again.
    Again,
    Flush,
}

const EVENTS: [Event; 7] =
    [Event::Begin, Event::Yes, Event::No, Event::Decide, Event::Pass, Event::Again, Event::Flush];

/// A recheck raced with blocks, with new arrivals and with flushes. Here every order of five such
/// events is tried: what a block carried does not come back, nothing waits twice, and what the
/// application refused last does not wait.
#[test]
fn advisory_49_a_recheck_interleaved_with_anything_keeps_the_pool_right() {
    let count = EVENTS.len();
    for order in 0..count.pow(5) {
        let mut pool = Mempool::new(Config::default());
        (0..2).for_each(|it| assert!(take(&mut pool, it)));
        let (mut height, mut decided, mut refused) = (0, false, false);
        let events: Vec<Event> =
            (0..5).map(|digit| EVENTS[order / count.pow(digit) % count]).collect();
        for event in &events {
            match event {
                Event::Begin => drop(pool.next_recheck(10)),
                Event::Yes => (0..2).for_each(|it| {
                    pool.rechecked(&key(it), YES);
                }),
                Event::No => {
                    (0..2).for_each(|it| {
                        pool.rechecked(&key(it), NO);
                    });
                    refused = true;
                }
                Event::Decide | Event::Pass => {
                    height += 1;
                    let carried = matches!(event, Event::Decide);
                    let txs = if carried { vec![tx(0)] } else { vec![] };
                    pool.update(Height(height), &txs, |_| true);
                    decided |= carried;
                }
                Event::Again => {
                    if take(&mut pool, 0) {
                        assert!(!decided, "{events:?}: it came back");
                        refused = false;
                    }
                }
                Event::Flush => {
                    pool.flush();
                    // Whoever flushes forgets what has passed, too.
                    decided = false;
                }
            }
            let now = waiting(&pool);
            assert!(now.iter().filter(|it| **it == tx(0)).count() <= 1, "{events:?}");
            assert!(!(decided && now.contains(&tx(0))), "{events:?}: {now:?}");
            assert!(!(refused && now.contains(&tx(1))), "{events:?}: {now:?}");
            assert_eq!(pool.len(), now.len());
            assert_eq!(pool.bytes(), 10 * now.len() as u64);
        }
        // The rest is asked about in full after the next block.
        pool.update(Height(height + 1), &[], |_| true);
        assert_eq!(pool.next_recheck(10).len(), pool.len());
        assert!(!pool.rechecks_pending());
    }
}

/// A guard with a number was off by one, and guarded nothing. Each of ours holds at its number.
#[test]
fn advisory_32_every_limit_holds_at_its_number() {
    let admit = |config: Config, limits: BlockLimits, bytes: usize| {
        let mut pool = Mempool::new(config);
        pool.limit(limits);
        pool.admit(Tx::from(vec![1; bytes]), Source::Local)
    };
    let open = BlockLimits { bytes_max: u64::MAX, gas_max: None };
    for (bytes, fits) in [(0, true), (49, true), (50, true), (51, false)] {
        let config = Config { tx_bytes_max: 50, ..Config::default() };
        assert_eq!(admit(config, open, bytes).is_ok(), fits, "tx_bytes_max {bytes}");
        let config = Config { txs_bytes_max: 50, ..Config::default() };
        assert_eq!(admit(config, open, bytes).is_ok(), fits, "txs_bytes_max {bytes}");
        // In a block it takes a field number and its length, too.
        let limits = BlockLimits { bytes_max: 52, gas_max: None };
        assert_eq!(admit(Config::default(), limits, bytes).is_ok(), fits, "bytes_max {bytes}");
    }
    for txs_max in [0, 1, 2, 3] {
        let mut pool = Mempool::new(Config { txs_max, ..Config::default() });
        let taken = (0..4).filter(|&it| take(&mut pool, it)).count();
        assert_eq!(taken, txs_max);
        let full = pool.admit(tx(9), Source::Local);
        assert!(matches!(full, Err(Refusal::Full { .. })), "{full:?}");
    }
    for seen_max in [0, 1, 2] {
        let config = Config { seen_max, ..Config::default() };
        let mut pool = Mempool::new(config);
        (0..3).for_each(|it| assert!(take(&mut pool, it)));
        pool.update(Height(1), &[tx(0), tx(1), tx(2)], |_| true);
        // The newest first, since taking one in makes another be forgotten.
        let forgotten =
            (0..3).rev().filter(|&it| pool.admit(tx(it), Source::Local).is_ok()).count();
        assert_eq!(forgotten, 3 - seen_max, "seen_max {seen_max}");
    }
    for (gas, fits) in [(6, true), (7, true), (8, false)] {
        let mut pool = Mempool::new(Config::default());
        pool.limit(BlockLimits { bytes_max: u64::MAX, gas_max: Some(7) });
        let key = pool.admit(tx(1), Source::Local).unwrap();
        let checked = pool.checked(&key, Checked { code: 0, gas_wanted: gas });
        assert_eq!(checked.is_ok(), fits, "gas {gas}");
    }
    let mut pool = Mempool::new(Config::default());
    (0..3).for_each(|it| assert!(take(&mut pool, it)));
    for (bytes, count) in [(11, 0), (12, 1), (23, 1), (24, 2), (36, 3), (37, 3)] {
        assert_eq!(pool.reap(bytes, None).len(), count, "{bytes} bytes");
    }
    for (gas, count) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)] {
        assert_eq!(pool.reap(u64::MAX, Some(gas)).len(), count, "{gas} gas");
    }
}
