//! The mempool against a slow and simple model of it, over random sequences of calls.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mempool::{Checked, Config, Mempool, Source};
use proptest::collection::vec;
use proptest::prelude::*;
use types::{Height, PeerId, Tx, TxKey};

const TXS_MAX: usize = 8;
const BYTES_MAX: u64 = 600;
const SEEN_MAX: usize = 5;
const TX_BYTES_MAX: usize = 150;

/// A call. Transactions and peers are small numbers, so that they meet.
#[derive(Clone, Debug)]
enum Call {
    Admit(u8, Option<u64>),
    Checked(u8, u32, i64),
    Forget(u8),
    Update(Vec<(u8, bool)>),
    Reap(u64, Option<u64>),
    Rechecks(usize),
    Rechecked(u8, u32),
    PeerUp(u64),
    PeerDown(u64),
    Batch(u64, u64, usize),
    Flush,
}

fn call() -> impl Strategy<Value = Call> {
    let tx = || 0_u8..16;
    let peer = || 1_u64..4;
    prop_oneof![
        12 => (tx(), proptest::option::of(peer())).prop_map(|(tx, peer)| Call::Admit(tx, peer)),
        8 => (tx(), 0_u32..2, 0_i64..4).prop_map(|(tx, code, gas)| Call::Checked(tx, code, gas)),
        1 => tx().prop_map(Call::Forget),
        2 => vec((tx(), any::<bool>()), 0..4).prop_map(Call::Update),
        2 => (0_u64..700, proptest::option::of(0_u64..12)).prop_map(|(b, g)| Call::Reap(b, g)),
        2 => (0_usize..4).prop_map(Call::Rechecks),
        2 => (tx(), 0_u32..2).prop_map(|(tx, code)| Call::Rechecked(tx, code)),
        1 => peer().prop_map(Call::PeerUp),
        1 => peer().prop_map(Call::PeerDown),
        4 => (peer(), 0_u64..300, 0_usize..4).prop_map(|(p, b, c)| Call::Batch(p, b, c)),
        1 => Just(Call::Flush),
    ]
}

/// The larger the number, the longer; the last two are too large.
fn tx(number: u8) -> Tx {
    Bytes::from(vec![number; 1 + usize::from(number) * 11])
}

#[derive(Clone, Debug)]
struct Pending {
    number: u8,
    /// Never used twice.
    arrival: u64,
    gas: u64,
    senders: BTreeSet<u64>,
    recheck: bool,
}

#[derive(Default)]
struct Model {
    remember_invalid: bool,
    waiting: Vec<Pending>,
    in_check: Vec<Pending>,
    /// Oldest first.
    seen: Vec<u8>,
    /// What each connected peer was sent, by arrival.
    sent: BTreeMap<u64, BTreeSet<u64>>,
    arrivals: u64,
    height: u64,
}

impl Model {
    fn see(&mut self, number: u8) {
        self.unsee(number);
        self.seen.push(number);
        if SEEN_MAX < self.seen.len() {
            self.seen.remove(0);
        }
    }

    fn unsee(&mut self, number: u8) {
        self.seen.retain(|&it| it != number);
    }

    fn reject(&mut self, number: u8) {
        if !self.remember_invalid {
            self.unsee(number);
        }
    }

    fn held(&mut self) -> impl Iterator<Item = &mut Pending> {
        self.waiting.iter_mut().chain(&mut self.in_check)
    }

    /// Whether the transaction is taken in.
    fn admit(&mut self, number: u8, peer: Option<u64>) -> bool {
        let bytes = tx(number).len();
        if TX_BYTES_MAX < bytes {
            return false;
        }
        if let Some(held) = self.held().find(|it| it.number == number) {
            held.senders.extend(peer);
            return false;
        }
        let used: usize = self.held().map(|it| tx(it.number).len()).sum();
        let room = self.held().count() < TXS_MAX && (used + bytes) as u64 <= BYTES_MAX;
        if self.seen.contains(&number) || !room {
            return false;
        }
        self.see(number);
        let senders = peer.into_iter().collect();
        self.in_check.push(Pending { number, arrival: 0, gas: 0, senders, recheck: false });
        true
    }

    /// Whether the transaction waits now.
    fn checked(&mut self, number: u8, code: u32, gas: i64) -> bool {
        let Some(index) = self.in_check.iter().position(|it| it.number == number) else {
            return false;
        };
        let pending = self.in_check.remove(index);
        if code != 0 {
            self.reject(number);
            return false;
        }
        self.arrivals += 1;
        let gas = u64::try_from(gas).unwrap();
        self.waiting.push(Pending { arrival: self.arrivals, gas, ..pending });
        true
    }

    fn update(&mut self, txs: &[(u8, bool)]) {
        self.height += 1;
        for &(number, succeeded) in txs {
            self.waiting.retain(|it| it.number != number);
            self.in_check.retain(|it| it.number != number);
            if succeeded { self.see(number) } else { self.reject(number) }
        }
        self.waiting.iter_mut().for_each(|it| it.recheck = true);
    }

    fn reap(&self, bytes_max: u64, gas_max: Option<u64>) -> Vec<Tx> {
        let fits = |count: &usize| {
            let taken = &self.waiting[..*count];
            // Fewer than 128 bytes need one for their length, others two.
            let bytes = |it: &Pending| {
                let bytes = tx(it.number).len();
                bytes + if bytes < 128 { 2 } else { 3 }
            };
            let gas: u64 = taken.iter().map(|it| it.gas).sum();
            taken.iter().map(bytes).sum::<usize>() as u64 <= bytes_max
                && gas_max.is_none_or(|gas_max| gas <= gas_max)
        };
        let count = (0..=self.waiting.len()).rev().find(fits).expect("none always fits");
        self.waiting[..count].iter().map(|it| tx(it.number)).collect()
    }

    fn rechecks(&mut self, limit: usize) -> Vec<Tx> {
        let due = self.waiting.iter_mut().filter(|it| it.recheck).take(limit);
        due.map(|it| {
            it.recheck = false;
            tx(it.number)
        })
        .collect()
    }

    fn rechecked(&mut self, number: u8, code: u32) -> bool {
        let waits = self.waiting.iter().any(|it| it.number == number);
        if waits && code != 0 {
            self.waiting.retain(|it| it.number != number);
            self.reject(number);
        } else if let Some(pending) = self.waiting.iter_mut().find(|it| it.number == number) {
            pending.gas = 1;
        }
        waits && code == 0
    }

    fn lacks(&self, peer: u64) -> Vec<&Pending> {
        let Some(sent) = self.sent.get(&peer) else {
            return vec![];
        };
        let lacks = |it: &&Pending| !sent.contains(&it.arrival) && !it.senders.contains(&peer);
        self.waiting.iter().filter(lacks).collect()
    }

    fn batch(&mut self, peer: u64, bytes_max: u64, count_max: usize) -> Option<Vec<Tx>> {
        let bytes_max = bytes_max.min(TX_BYTES_MAX as u64);
        let mut bytes = 0;
        let mut batch = vec![];
        for pending in self.lacks(peer).into_iter().take(count_max) {
            bytes += tx(pending.number).len() as u64;
            if bytes_max < bytes && !batch.is_empty() {
                break;
            }
            batch.push((pending.arrival, tx(pending.number)));
        }
        if let Some(sent) = self.sent.get_mut(&peer) {
            sent.extend(batch.iter().map(|(arrival, _)| arrival));
        }
        let txs: Vec<Tx> = batch.into_iter().map(|(_, tx)| tx).collect();
        (!txs.is_empty()).then_some(txs)
    }
}

/// Makes the same call to both, and compares the answers.
fn call_both(pool: &mut Mempool, model: &mut Model, call: &Call) -> Result<(), TestCaseError> {
    let key = |number: u8| TxKey::of(&tx(number));
    match *call {
        Call::Admit(number, peer) => {
            let source = peer.map_or(Source::Local, |peer| Source::Peer(PeerId(peer)));
            let admitted = pool.admit(tx(number), source).is_ok();
            prop_assert_eq!(admitted, model.admit(number, peer));
        }
        Call::Checked(number, code, gas_wanted) => {
            let waits = pool.checked(&key(number), Checked { code, gas_wanted });
            prop_assert_eq!(waits, Ok(model.checked(number, code, gas_wanted)));
        }
        Call::Forget(number) => {
            pool.forget(&key(number));
            if model.in_check.iter().any(|it| it.number == number) {
                model.in_check.retain(|it| it.number != number);
                model.unsee(number);
            }
        }
        Call::Update(ref txs) => {
            model.update(txs);
            let bytes: Vec<Tx> = txs.iter().map(|&(number, _)| tx(number)).collect();
            pool.update(Height(model.height), &bytes, |index| txs[index].1);
        }
        Call::Reap(bytes_max, gas_max) => {
            prop_assert_eq!(pool.reap(bytes_max, gas_max), model.reap(bytes_max, gas_max));
        }
        Call::Rechecks(limit) => {
            let txs: Vec<Tx> = pool.next_recheck(limit).into_iter().map(|(_, tx)| tx).collect();
            prop_assert_eq!(txs, model.rechecks(limit));
        }
        Call::Rechecked(number, code) => {
            let waits = pool.rechecked(&key(number), Checked { code, gas_wanted: 1 });
            prop_assert_eq!(waits, model.rechecked(number, code));
        }
        Call::PeerUp(peer) => {
            pool.peer_up(PeerId(peer));
            model.sent.entry(peer).or_default();
        }
        Call::PeerDown(peer) => {
            pool.peer_down(PeerId(peer));
            model.sent.remove(&peer);
        }
        Call::Batch(peer, bytes_max, count_max) => {
            let batch = pool.batch_for(PeerId(peer), bytes_max, count_max);
            prop_assert_eq!(batch, model.batch(peer, bytes_max, count_max));
        }
        Call::Flush => {
            pool.flush();
            model.waiting.clear();
            model.in_check.clear();
            model.seen.clear();
        }
    }
    compare(pool, model)
}

/// What both show at any time.
fn compare(pool: &mut Mempool, model: &Model) -> Result<(), TestCaseError> {
    let waiting: Vec<Tx> = model.waiting.iter().map(|it| tx(it.number)).collect();
    prop_assert_eq!(pool.len(), waiting.len());
    prop_assert_eq!(pool.bytes(), waiting.iter().map(|tx| tx.len() as u64).sum::<u64>());
    prop_assert_eq!(pool.reap_count(usize::MAX), waiting);
    prop_assert_eq!(pool.rechecks_pending(), model.waiting.iter().any(|it| it.recheck));
    for peer in 1..4 {
        prop_assert_eq!(pool.has_gossip(PeerId(peer)), !model.lacks(peer).is_empty());
    }
    Ok(())
}

fn many() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(many())]

    /// List and map of another mempool differed, and transactions stayed for ever (CVE-2023-34451).
    /// A million calls in all.
    #[test]
    fn advisory_47_mempool_agrees_with_its_model(
        calls in vec(call(), 1..1_000),
        remember_invalid in any::<bool>(),
    ) {
        let mut pool = Mempool::new(Config {
            txs_max: TXS_MAX,
            txs_bytes_max: BYTES_MAX,
            tx_bytes_max: TX_BYTES_MAX,
            seen_max: SEEN_MAX,
            remember_invalid,
            ..Config::default()
        });
        let mut model = Model { remember_invalid, ..Model::default() };
        for call in &calls {
            call_both(&mut pool, &mut model, call)?;
        }
    }
}
