//! What a store promises, asked of both kinds of rows: RocksDB and memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod advisories;
mod chain;
mod excerpts;
#[path = "../support/failing.rs"]
mod failing;
mod folder;
mod losses;
mod rows;

use std::sync::Arc;

use chain::{Chain, Decided, repower, tx};
use storage::key_value::Order;
use storage::{ChainIdentity, Durable, Memory, StorageError, Store};
use tempfile::TempDir;
use types::outcome::TxResult;
use types::params::{BlockParams, ParamsUpdate};
use types::{BlockOutcome, ChainId, Hash, Height, TxHash, ValidatorSet};

/// Where a store under test lives: opened again, it is the same.
enum Disk {
    Rocks(TempDir),
    Memory(Arc<Memory>),
}

impl Disk {
    fn open(&self) -> Store {
        match self {
            Disk::Rocks(folder) => Store::open(folder.path(), &identity("store-test")).unwrap(),
            Disk::Memory(memory) => Store::in_memory(Arc::clone(memory)).unwrap(),
        }
    }
}

fn identity(name: &str) -> ChainIdentity {
    let chain_id = ChainId::new(name).unwrap();
    ChainIdentity { chain_id, genesis_hash: Hash::of(name.as_bytes()) }
}

fn on_each_disk(test: impl Fn(&Disk)) {
    test(&Disk::Memory(Arc::new(Memory::default())));
    test(&Disk::Rocks(tempfile::tempdir().unwrap()));
}

/// A store with the genesis state and `count` blocks, each of one transaction.
fn filled(store: &Store, count: u8) -> (Chain, Vec<Decided>) {
    let mut chain = Chain::new();
    let mut step = store.step();
    step.state(&chain.state).unwrap();
    step.write(Durable::Now).unwrap();
    let blocks: Vec<Decided> =
        (1..=count).map(|number| chain.grow(vec![tx(number, 100)], vec![])).collect();
    blocks.iter().for_each(|it| it.keep(store));
    (chain, blocks)
}

fn heights(metas: Vec<storage::BlockMeta>) -> Vec<u64> {
    metas.iter().map(|meta| meta.header.height.0).collect()
}

#[test]
fn new_store_is_empty() {
    on_each_disk(|disk| {
        let store = disk.open();
        assert_eq!(store.range().unwrap(), None);
        assert_eq!(store.state().unwrap(), None);
        assert_eq!(store.genesis().unwrap(), None);
        assert_eq!(store.block(Height(1)).unwrap(), None);
        assert_eq!(store.block_meta(Height(1)).unwrap(), None);
        assert_eq!(store.part_set(Height(1)).unwrap(), None);
        assert_eq!(store.validators(Height(1)).unwrap(), None);
        assert!(store.records(Height(1)).unwrap().is_empty());
        assert!(store.pending_evidence().unwrap().is_empty());
    });
}

#[test]
fn blocks_come_back_as_they_were_decided() {
    on_each_disk(|disk| {
        let mut chain = Chain::new();
        // None, less than a part, and three parts.
        let sizes = [vec![], vec![10, 1], vec![150_000, 20]];
        let blocks: Vec<Decided> = sizes
            .map(|sizes| chain.grow(sizes.iter().map(|&bytes| tx(7, bytes)).collect(), vec![]))
            .into();
        blocks.iter().for_each(|it| it.keep(&disk.open()));
        let store = disk.open();
        for it in &blocks {
            let height = it.height();
            assert_eq!(store.block(height).unwrap().as_ref(), Some(&it.block));
            assert_eq!(store.part_set(height).unwrap().as_ref(), Some(&it.parts));
            assert_eq!(store.part(height, 0).unwrap().as_ref(), it.parts.get(0));
            assert_eq!(store.part(height, it.id.parts.total).unwrap(), None);
            assert_eq!(store.seen_commit(height).unwrap().as_ref(), Some(&it.commit));
            assert_eq!(store.height_of(&it.id.hash).unwrap(), Some(height));
            assert_eq!(store.outcome(height).unwrap().as_ref(), Some(&it.outcome));
            let meta = store.block_meta(height).unwrap().unwrap();
            assert_eq!((meta.id, &meta.header), (it.id, &it.block.header));
            assert_eq!(meta.bytes, it.parts.bytes_count() as u64);
            assert_eq!(meta.txs_count as usize, it.block.txs.len());
        }
        assert_eq!(blocks[2].id.parts.total, 3);
        assert_eq!(store.height_of(&Hash::of(b"another")).unwrap(), None);
    });
}

#[test]
fn commit_is_the_one_in_the_next_block() {
    on_each_disk(|disk| {
        let store = disk.open();
        let (_, blocks) = filled(&store, 3);
        for pair in blocks.windows(2) {
            let commit = store.commit(pair[0].height()).unwrap();
            assert_eq!(commit, pair[1].block.last_commit);
        }
        assert_eq!(store.commit(Height(3)).unwrap(), None);
    });
}

#[test]
fn metas_are_read_both_ways_up_to_a_limit() {
    on_each_disk(|disk| {
        let store = disk.open();
        filled(&store, 5);
        let metas = |from, to, order, limit| {
            heights(store.metas(Height(from), Height(to), order, limit).unwrap())
        };
        assert_eq!(metas(2, 4, Order::Ascending, 10), [2, 3, 4]);
        assert_eq!(metas(2, 4, Order::Descending, 2), [4, 3]);
        assert_eq!(metas(4, 9, Order::Descending, 10), [5, 4]);
        assert!(metas(4, 2, Order::Ascending, 10).is_empty());
        assert_eq!(store.range().unwrap(), Some((Height(1), Height(5))));
    });
}

#[test]
fn validators_of_every_height_come_back_with_their_priorities() {
    on_each_disk(|disk| {
        let store = disk.open();
        let mut chain = Chain::new();
        let mut step = store.step();
        step.state(&chain.state).unwrap();
        step.write(Durable::Now).unwrap();
        let mut expected =
            vec![chain.state.validators.clone(), chain.state.next_validators.clone()];
        // Rotated, changed in power, grown, shrunk, and rotated again.
        let outcomes = [
            BlockOutcome::default(),
            repower(1, 70),
            BlockOutcome::default(),
            repower(9, 5),
            repower(2, 0),
            BlockOutcome::default(),
        ];
        for outcome in outcomes {
            chain.grow_to(vec![], vec![], outcome).keep(&store);
            expected.push(chain.state.next_validators.clone());
        }
        let reopened = {
            drop(store);
            disk.open()
        };
        for (height, set) in (1..).zip(&expected) {
            let stored = reopened.validators(Height(height)).unwrap();
            assert_eq!(stored.as_ref(), Some(&**set), "height {height}");
        }
        assert_eq!(reopened.validators(Height(9)).unwrap(), None);
        assert_eq!(reopened.state().unwrap(), Some(chain.state.clone()));
    });
}

#[test]
fn states_of_two_heights_fit_into_one_step() {
    on_each_disk(|disk| {
        let store = disk.open();
        let mut chain = Chain::new();
        let mut step = store.step();
        step.state(&chain.state).unwrap();
        for outcome in [repower(1, 70), BlockOutcome::default(), BlockOutcome::default()] {
            let decided = chain.grow_to(vec![], vec![], outcome);
            decided.decide(&mut step);
            step.state(&decided.state).unwrap();
        }
        step.write(Durable::Now).unwrap();
        let set = |height| store.validators(Height(height)).unwrap().unwrap();
        assert_eq!(set(5), *chain.state.next_validators);
        assert_eq!(set(4), *chain.state.validators);
        assert_eq!(powers(&set(2)), [10, 10, 10, 10]);
        assert_eq!(powers(&set(3)), [70, 10, 10, 10]);
    });
}

fn powers(set: &ValidatorSet) -> Vec<u64> {
    set.validators().iter().map(|it| it.power.0).collect()
}

/// As after restoring an application's snapshot.
#[test]
fn store_can_begin_with_a_later_state() {
    on_each_disk(|disk| {
        let mut chain = Chain::new();
        (0..5).for_each(|_| drop(chain.grow_empty()));
        let store = disk.open();
        let mut step = store.step();
        step.state(&chain.state).unwrap();
        step.write(Durable::Now).unwrap();
        let last = chain.state.last_block.clone().unwrap();
        assert_eq!(store.validators(Height(5)).unwrap().as_ref(), Some(&*last.validators));
        for height in [6, 7] {
            assert!(store.validators(Height(height)).unwrap().is_some());
        }
        chain.grow_empty().keep(&store);
        let next = &chain.state.next_validators;
        assert_eq!(store.validators(Height(8)).unwrap().as_ref(), Some(&**next));
        assert_eq!(store.range().unwrap(), Some((Height(6), Height(6))));
    });
}

#[test]
fn params_are_known_for_every_height() {
    on_each_disk(|disk| {
        let store = disk.open();
        let (mut chain, _) = filled(&store, 1);
        let before = chain.state.params.clone();
        let block = BlockParams { bytes_max: Some(2_000_000), gas_max: Some(9) };
        let params_update = Some(ParamsUpdate { block: Some(block), ..Default::default() });
        let outcome = BlockOutcome { params_update, ..Default::default() };
        chain.grow_to(vec![], vec![], outcome).keep(&store);
        assert_eq!(store.params(Height(2)).unwrap(), Some(before));
        let after = store.params(Height(3)).unwrap().unwrap();
        assert_eq!(after.block.gas_max, Some(9));
        assert_eq!(store.params(Height(4)).unwrap(), None);
    });
}

#[test]
fn records_come_back_in_order_until_their_height_is_decided() {
    on_each_disk(|disk| {
        let mut chain = Chain::new();
        let first = chain.grow_empty();
        let texts = ["a", "b", "c", "d"];
        // Each by a store of its own: the order outlives a restart.
        for text in texts {
            let store = disk.open();
            let mut step = store.step();
            step.record(Height(1), text.as_bytes());
            step.record(Height(2), format!("{text} later").into_bytes());
            step.write(Durable::Now).unwrap();
        }
        let store = disk.open();
        assert_eq!(store.records(Height(1)).unwrap(), texts);
        let mut step = store.step();
        first.decide(&mut step);
        step.record(Height(2), &b"last"[..]);
        step.write(Durable::Now).unwrap();
        assert!(store.records(Height(1)).unwrap().is_empty());
        let expected = ["a later", "b later", "c later", "d later", "last"];
        assert_eq!(store.records(Height(2)).unwrap(), expected);
    });
}

#[test]
fn evidence_is_pending_until_a_block_carries_it() {
    on_each_disk(|disk| {
        let store = disk.open();
        let (mut chain, _) = filled(&store, 3);
        let [first, second, third] = [1, 2, 3].map(|height| chain.evidence(Height(height)));
        let mut step = store.step();
        [&third, &first, &second].into_iter().for_each(|it| step.keep_evidence(it));
        step.write(Durable::Now).unwrap();
        let pending = vec![first.clone(), second.clone(), third.clone()];
        assert_eq!(store.pending_evidence().unwrap(), pending);
        assert!(!store.is_committed(&first).unwrap());

        let mut step = store.step();
        step.drop_evidence(&second.hash());
        step.write(Durable::Later).unwrap();
        chain.grow(vec![], vec![first.clone()]).keep(&store);
        assert_eq!(store.pending_evidence().unwrap(), vec![third.clone()]);
        let committed = [&first, &second, &third].map(|it| store.is_committed(it).unwrap());
        assert_eq!(committed, [true, false, false]);
    });
}

#[test]
fn transactions_are_found_by_hash_with_their_results() {
    on_each_disk(|disk| {
        let store = disk.open();
        let mut chain = Chain::new();
        let (good, bad) = (tx(1, 5), tx(2, 6));
        let result =
            |code: u32| TxResult { code, log: format!("code {code}"), ..Default::default() };
        let tx_results = vec![result(0), result(3)];
        let outcome = BlockOutcome { tx_results, ..Default::default() };
        chain.grow_to(vec![good.clone(), bad.clone()], vec![], outcome).keep(&store);
        let at = store.tx_place(&TxHash::of(&bad)).unwrap().unwrap();
        let found = store.excerpt(at.height).unwrap().unwrap().tx(at.index).unwrap().unwrap();
        assert_eq!((found.place.height, found.place.index), (Height(1), 1));
        assert_eq!((found.tx, found.result), (bad.clone(), result(3)));

        // The good one fails when it comes again, the bad one succeeds.
        let tx_results = vec![result(4), result(0), result(5)];
        let outcome = BlockOutcome { tx_results, ..Default::default() };
        let txs = vec![good.clone(), bad.clone(), bad.clone()];
        chain.grow_to(txs, vec![], outcome).keep(&store);
        let place = |tx| store.tx_place(&TxHash::of(tx)).unwrap().unwrap();
        assert_eq!((place(&good).height, place(&good).code), (Height(1), 0));
        assert_eq!((place(&bad).height, place(&bad).index, place(&bad).code), (Height(2), 1, 0));
        assert_eq!(store.tx_place(&TxHash::of(b"never sent")).unwrap(), None);
    });
}

#[test]
fn pruning_forgets_what_is_below_and_nothing_else() {
    on_each_disk(|disk| {
        let store = disk.open();
        let (mut chain, mut blocks) = filled(&store, 150);
        // A transaction of a block that goes, again in one that stays.
        blocks.push(chain.grow(vec![tx(1, 100)], vec![]));
        blocks[150].keep(&store);
        assert_eq!(store.prune(Height(121)).unwrap(), 120);
        assert_eq!(store.range().unwrap(), Some((Height(121), Height(151))));
        for it in &blocks {
            let (height, kept) = (it.height(), Height(121) <= it.height());
            assert_eq!(store.block(height).unwrap().is_some(), kept);
            assert_eq!(store.height_of(&it.id.hash).unwrap().is_some(), kept);
            assert_eq!(store.outcome(height).unwrap().is_some(), kept);
            assert_eq!(store.seen_commit(height).unwrap().is_some(), kept);
            assert_eq!(store.params(height).unwrap().is_some(), kept);
            let known = Height(120) <= height;
            assert_eq!(store.validators(height).unwrap().is_some(), known);
            let tx = TxHash::of(&it.block.txs[0]);
            assert_eq!(store.tx_place(&tx).unwrap().is_some(), kept || height == Height(1));
        }
        assert_eq!(store.prune(Height(100)).unwrap(), 0);
        // The tip stays, whatever is asked for, and the chain goes on.
        assert_eq!(store.prune(Height(1_000)).unwrap(), 30);
        chain.grow_empty().keep(&store);
        assert_eq!(store.range().unwrap(), Some((Height(151), Height(152))));
        let next = &chain.state.next_validators;
        assert_eq!(store.validators(Height(154)).unwrap().as_ref(), Some(&**next));
    });
}

#[test]
fn pruning_keeps_the_members_that_later_heights_need() {
    on_each_disk(|disk| {
        let store = disk.open();
        let (mut chain, _) = filled(&store, 2);
        chain.grow_to(vec![], vec![], repower(1, 50)).keep(&store);
        let mut sets = vec![];
        for _ in 0..6 {
            chain.grow_empty().keep(&store);
            sets.push((chain.state.next_height(), chain.state.validators.clone()));
        }
        store.prune(Height(8)).unwrap();
        for (height, set) in sets {
            let stored = store.validators(height).unwrap();
            assert_eq!(stored.is_some(), Height(7) <= height);
            assert!(stored.is_none_or(|stored| stored == *set));
        }
    });
}

#[test]
fn genesis_comes_back_byte_for_byte() {
    on_each_disk(|disk| {
        let text = "{ \"app_state\":  {\"ü\": 1} }\n".repeat(10_000);
        disk.open().put_genesis(&text).unwrap();
        assert_eq!(disk.open().genesis().unwrap(), Some(text));
    });
}

#[test]
fn reads_see_a_step_only_once_it_is_written() {
    on_each_disk(|disk| {
        let store = disk.open();
        let mut step = store.step();
        assert!(step.is_empty());
        step.record(Height(1), &b"said"[..]);
        assert!(!step.is_empty());
        assert!(store.records(Height(1)).unwrap().is_empty());
        step.write(Durable::Later).unwrap();
        assert_eq!(store.records(Height(1)).unwrap(), ["said"]);
    });
}

#[test]
fn damaged_rows_are_named() {
    let rows = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&rows)).unwrap();
    filled(&store, 1);
    let mut batch = storage::Batch::default();
    let key = storage::schema::height_key(Height(1));
    batch.put(storage::schema::Column::Metas, key, &b"nonsense"[..]);
    storage::KeyValue::write(rows.as_ref(), batch, Durable::Now).unwrap();
    let error = store.block_meta(Height(1)).unwrap_err();
    assert!(matches!(&error, StorageError::Damaged { what, .. } if what == "meta of 1"), "{error}");
}

#[test]
fn blocks_that_somebody_has_yet_to_read_stay() {
    on_each_disk(|disk| {
        let store = disk.open();
        filled(&store, 10);
        store.hold_from(Height(4));
        assert_eq!(store.prune(Height(9)).unwrap(), 3);
        assert_eq!(store.range().unwrap(), Some((Height(4), Height(10))));
        store.hold_from(Height(11));
        assert_eq!(store.prune(Height(9)).unwrap(), 5);
    });
}
