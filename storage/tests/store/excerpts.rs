//! Transactions are taken out of large blocks, and what is read is what was kept: of blocks of this
//! format and of those before.

use std::sync::Arc;

use prost::Message;
use storage::key_value::{Order, Span};
use storage::schema::{Column, MetaRow, height_key};
use storage::{Batch, Durable, KeyValue, Memory, Store};
use types::outcome::TxResult;
use types::part_set::PART_BYTES;
use types::{BlockOutcome, Height, Tx};

use crate::chain::Chain;
use crate::on_each_disk;

const TXS: u32 = 3_000;
/// It fills parts of its own.
const LARGE: u32 = 700;

/// A block of many parts, and what came of it.
fn large_block() -> (Vec<Tx>, BlockOutcome) {
    let tx = |index: u32| {
        let length = if index == LARGE { 3 * PART_BYTES } else { 20 + index as usize % 100 };
        Tx::from([&index.to_be_bytes()[..], &vec![7; length]].concat())
    };
    let result = |index| TxResult { log: format!("result {index}"), ..TxResult::default() };
    let tx_results = (0..TXS).map(result).collect();
    let outcome = BlockOutcome { tx_results, ..BlockOutcome::default() };
    ((0..TXS).map(tx).collect(), outcome)
}

fn check(store: &Store, txs: &[Tx], outcome: &BlockOutcome) {
    assert_eq!(store.outcome(Height(1)).unwrap().as_ref(), Some(outcome));
    let ascending = (0..TXS).step_by(7);
    let near = [LARGE - 1, LARGE, LARGE + 1, LARGE, TXS - 1, 0, TXS / 2, TXS / 2];
    for indices in [ascending.clone().collect::<Vec<_>>(), ascending.rev().collect(), near.into()] {
        let mut excerpt = store.excerpt(Height(1)).unwrap().unwrap();
        for index in indices {
            let found = excerpt.tx(index).unwrap().unwrap();
            assert_eq!((found.place.height, found.place.index), (Height(1), index));
            assert_eq!(found.tx, txs[index as usize]);
            assert_eq!(found.result, outcome.tx_results[index as usize]);
        }
    }
    let mut excerpt = store.excerpt(Height(1)).unwrap().unwrap();
    assert!(excerpt.tx(TXS).is_err(), "there are not so many");
    assert!(store.excerpt(Height(2)).unwrap().is_none());
}

#[test]
fn transactions_are_taken_out_of_a_large_block() {
    let (txs, outcome) = large_block();
    on_each_disk(|disk| {
        let store = disk.open();
        let mut chain = Chain::new();
        chain.grow_to(txs.clone(), vec![], outcome.clone()).keep(&store);
        check(&store, &txs, &outcome);
    });
}

#[test]
fn an_outcome_that_is_kept_again_replaces_the_first() {
    let (txs, first) = large_block();
    let second = BlockOutcome { tx_results: first.tx_results[..50].to_vec(), ..first.clone() };
    on_each_disk(|disk| {
        let store = disk.open();
        let block = Chain::new().grow_to(txs.clone(), vec![], first.clone());
        block.keep(&store);
        for outcome in [&second, &first] {
            let mut step = store.step();
            step.outcome(&block.block, outcome).unwrap();
            step.write(Durable::Later).unwrap();
            assert_eq!(store.outcome(Height(1)).unwrap().as_ref(), Some(outcome));
        }
    });
}

#[test]
fn blocks_of_earlier_formats_are_read() {
    let (txs, outcome) = large_block();
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).unwrap();
    Chain::new().grow_to(txs.clone(), vec![], outcome.clone()).keep(&store);
    let key = height_key(Height(1));
    let row = memory.read(Column::Metas, &key).unwrap().unwrap();
    let row = MetaRow { txs_before: vec![], next_tx_at: vec![], ..MetaRow::decode(row).unwrap() };
    let pieces = memory.scan(Column::Outcomes, &Span::all(), Order::Ascending, 1_000).unwrap();
    assert!(1 < pieces.len(), "it is a large outcome");
    let whole: Vec<u8> = pieces.iter().flat_map(|(_, piece)| piece.to_vec()).collect();
    let mut batch = Batch::default();
    batch.put(Column::Metas, key, row.encode_to_vec());
    batch.delete_range(Column::Outcomes, key, height_key(Height(2)));
    batch.put(Column::Outcomes, key, whole);
    memory.write(batch, Durable::Now).unwrap();
    check(&store, &txs, &outcome);
}
