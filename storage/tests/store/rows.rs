//! Both kinds of rows do the same, whatever is asked of them.

use proptest::collection::vec;
use proptest::prelude::*;
use storage::key_value::{Order, Span};
use storage::rocks::Rocks;
use storage::schema::Column;
use storage::{Batch, Durable, KeyValue, Memory};

#[derive(Clone, Debug)]
enum Ask {
    Put(Column, Vec<u8>, Vec<u8>),
    Delete(Column, Vec<u8>),
    DeleteRange(Column, Vec<u8>, Vec<u8>),
}

fn column() -> impl Strategy<Value = Column> {
    prop_oneof![Just(Column::Metas), Just(Column::Records)]
}

/// Few and short, so that they meet.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(0_u8..3, 1..4)
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        6 => (column(), key(), vec(any::<u8>(), 0..4))
            .prop_map(|(column, key, value)| Ask::Put(column, key, value)),
        2 => (column(), key()).prop_map(|(column, key)| Ask::Delete(column, key)),
        1 => (column(), key(), key())
            .prop_map(|(column, from, to)| Ask::DeleteRange(column, from, to)),
    ]
}

fn batch(asks: &[Ask]) -> Batch {
    let mut batch = Batch::default();
    for ask in asks.iter().cloned() {
        match ask {
            Ask::Put(column, key, value) => batch.put(column, key, value),
            Ask::Delete(column, key) => batch.delete(column, key),
            Ask::DeleteRange(column, from, to) => batch.delete_range(column, from, to),
        }
    }
    batch
}

/// Each case founds a database, so they are few.
fn few() -> ProptestConfig {
    ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn both_kinds_of_rows_agree(
        batches in vec((vec(ask(), 0..12), any::<bool>()), 1..12),
        spans in vec((key(), proptest::option::of(key()), any::<bool>(), 0_usize..20), 8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (rocks, memory) = (Rocks::open(folder.path()).unwrap(), Memory::default());
        for (asks, sync) in &batches {
            let durable = if *sync { Durable::Now } else { Durable::Later };
            rocks.write(batch(asks), durable).unwrap();
            memory.write(batch(asks), durable).unwrap();
        }
        for column in [Column::Metas, Column::Records] {
            for (from, to, ascending, limit) in &spans {
                let order = if *ascending { Order::Ascending } else { Order::Descending };
                let span = Span { from: from.clone(), to: to.clone() };
                prop_assert_eq!(
                    rocks.scan(column, &span, order, *limit).unwrap(),
                    memory.scan(column, &span, order, *limit).unwrap()
                );
                prop_assert_eq!(
                    rocks.read(column, from).unwrap(),
                    memory.read(column, from).unwrap()
                );
            }
        }
    }
}
