//! What the writer of the index does through restarts, crashes and pruning.

use std::sync::Arc;

use storage::index::{Claim, Condition, Hit, Search, SearchError, Subject, Writer};
use storage::key_value::{Order, Row, Span};
use storage::rocks::Rocks;
use storage::schema::Column;
use storage::{Durable, KeyValue, Memory, Store};
use types::{BlockOutcome, Event, EventAttribute, Height, TxHash, TxResult};

use crate::chain::{Chain, Decided, tx};
use crate::failing::Failing;

/// An outcome in which each transaction says its number and that it was done, several times.
fn outcome(txs: u32, repeated: usize) -> BlockOutcome {
    let result = |number: u32| {
        let attribute =
            |key: &str, value: String| EventAttribute { key: key.to_owned(), value, index: true };
        let attributes =
            vec![attribute("number", number.to_string()), attribute("done", "yes".to_owned())];
        let event = Event { kind: "work".to_owned(), attributes };
        TxResult { events: vec![event; repeated], ..TxResult::default() }
    };
    BlockOutcome { tx_results: (0..txs).map(result).collect(), ..BlockOutcome::default() }
}

fn grow(chain: &mut Chain, store: &Store, txs: u32, repeated: usize) -> Decided {
    let number = u8::try_from(chain.state.next_height().0).unwrap();
    let bodies = (0..txs).map(|index| tx(number, 1 + index as usize)).collect();
    let block = chain.grow_to(bodies, vec![], outcome(txs, repeated));
    block.keep(store);
    block
}

fn store_over(rows: &Arc<Memory>) -> (Store, Chain) {
    let store = Store::in_memory(Arc::clone(rows)).unwrap();
    let chain = Chain::new();
    let mut step = store.step();
    step.state(&chain.state).unwrap();
    step.write(Durable::Now).unwrap();
    (store, chain)
}

fn is(key: &str, text: &str) -> Condition {
    Condition { key: key.to_owned(), claim: Claim::Is(text.to_owned()) }
}

fn searched(store: &Store, conditions: &[Condition]) -> (u64, Vec<Hit>) {
    let search = Search {
        subject: Subject::Txs,
        conditions,
        order: Order::Ascending,
        skip: 0,
        take: 100,
        rows_max: 10_000,
    };
    let found = store.search(&search).unwrap();
    (found.total, found.hits)
}

fn hit(height: u64, index: u32) -> Hit {
    Hit { height: Height(height), index }
}

fn rows_of(rows: &impl KeyValue) -> Vec<Vec<Row>> {
    let columns = [Column::Indexed, Column::TxEvents, Column::BlockEvents];
    let all = |column| rows.scan(column, &Span::all(), Order::Ascending, usize::MAX).unwrap();
    columns.map(all).into()
}

#[test]
fn an_index_that_was_cut_short_anywhere_becomes_the_same() {
    let whole = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&whole);
    let mut writer = Writer::open(store.clone()).unwrap();
    // More than two batches each.
    let blocks: Vec<Decided> = (0..3).map(|_| grow(&mut chain, &store, 300, 2)).collect();
    while writer.advance().unwrap().is_some() {}
    let expected = rows_of(&*whole);
    for writes in 0.. {
        let rows = Arc::new(Memory::default());
        let (store, _) = store_over(&rows);
        blocks.iter().for_each(|it| it.keep(&store));
        let failing = Failing::after(writes, Arc::clone(&rows));
        let failing = Store::over(Arc::new(failing)).unwrap();
        let indexed = Writer::open(failing).and_then(|mut writer| {
            while writer.advance()?.is_some() {}
            Ok(())
        });
        let mut writer = Writer::open(store.clone()).unwrap();
        while writer.advance().unwrap().is_some() {}
        assert!(rows_of(&*rows) == expected, "after {writes} writes");
        let (total, _) = searched(&store, &[is("work.done", "yes")]);
        assert_eq!(total, 900);
        if indexed.is_ok() {
            assert!(8 < writes, "the blocks are too small to be cut");
            return;
        }
    }
}

#[test]
fn rows_on_disk_are_those_in_memory() {
    let (memory, folder) = (Arc::new(Memory::default()), tempfile::tempdir().unwrap());
    let (store, mut chain) = store_over(&memory);
    // Runs that grow block by block, and runs of one row; opened anew, rows go to tables.
    for _ in 0..6 {
        let block = grow(&mut chain, &store, 40, 1);
        let rows = Arc::new(Rocks::open(folder.path()).unwrap());
        let on_disk = Store::over(Arc::<Rocks>::clone(&rows) as Arc<dyn KeyValue>).unwrap();
        block.keep(&on_disk);
        for store in [&store, &on_disk] {
            assert!(Writer::open(store.clone()).unwrap().advance().unwrap().is_some());
        }
        assert!(rows_of(&*rows) == rows_of(&*memory));
    }
    let rows = Arc::new(Rocks::open(folder.path()).unwrap());
    let on_disk = Store::over(rows).unwrap();
    for conditions in [vec![is("work.done", "yes")], vec![is("work.number", "7")]] {
        assert_eq!(searched(&on_disk, &conditions), searched(&store, &conditions));
    }
    assert_eq!(searched(&on_disk, &[is("work.number", "7")]).0, 6);
}

#[test]
fn blocks_stay_until_their_events_are_forgotten() {
    let rows = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&rows);
    for _ in 0..10 {
        grow(&mut chain, &store, 2, 1);
    }
    let mut writer = Writer::open(store.clone()).unwrap();
    for _ in 0..7 {
        writer.advance().unwrap();
    }
    assert_eq!(store.indexed().unwrap(), Some((Height(1), Height(7))));
    assert_eq!(store.prune(Height(9)).unwrap(), 0, "nothing is forgotten yet");
    let mut forgotten = 0;
    while writer.forget(None).unwrap().is_some() {
        forgotten += 1;
    }
    assert_eq!(forgotten, 6, "one stays");
    assert_eq!(store.prune(Height(9)).unwrap(), 6);
    assert_eq!(searched(&store, &[is("work.number", "1")]), (1, vec![hit(7, 1)]));
    while writer.advance().unwrap().is_some() {}
    while writer.forget(None).unwrap().is_some() {}
    assert_eq!(store.prune(Height(9)).unwrap(), 2);
    assert_eq!(store.indexed().unwrap(), Some((Height(9), Height(10))));
    let numbers = searched(&store, &[is("work.number", "1")]);
    assert_eq!(numbers, (2, vec![hit(9, 1), hit(10, 1)]));
    // As many rows as of a chain that began there.
    let counts: Vec<usize> = rows_of(&*rows).iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 2 * 2 * 5, 0]);
}

#[test]
fn an_index_with_a_gap_begins_anew_where_blocks_begin() {
    let rows = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&rows);
    (0..6).for_each(|_| drop(grow(&mut chain, &store, 1, 1)));
    let mut writer = Writer::open(store.clone()).unwrap();
    (0..3).for_each(|_| assert!(writer.advance().unwrap().is_some()));
    drop(writer);
    store.abandon_index().unwrap();
    assert_eq!(store.indexed().unwrap(), None);
    assert_eq!(searched(&store, &[is("work.done", "yes")]).0, 0);
    assert_eq!(store.prune(Height(5)).unwrap(), 4, "nobody indexes");
    let mut writer = Writer::open(store.clone()).unwrap();
    while writer.advance().unwrap().is_some() {}
    assert_eq!(store.indexed().unwrap(), Some((Height(5), Height(6))));
    assert_eq!(searched(&store, &[is("work.done", "yes")]), (2, vec![hit(5, 0), hit(6, 0)]));
    assert_eq!(rows_of(&*rows)[0].len(), 2);
}

#[test]
fn a_transaction_is_found_by_its_hash_before_it_is_indexed() {
    let rows = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&rows);
    let block = grow(&mut chain, &store, 3, 1);
    let hash = TxHash::of(&block.block.txs[2]).to_string();
    let named = is("tx.hash", &hash);
    assert_eq!(searched(&store, std::slice::from_ref(&named)), (1, vec![hit(1, 2)]));
    assert_eq!(searched(&store, &[named.clone(), is("work.number", "2")]).0, 0);
    let mut writer = Writer::open(store.clone()).unwrap();
    writer.advance().unwrap();
    assert_eq!(searched(&store, &[named.clone(), is("work.number", "2")]).0, 1);
    assert_eq!(searched(&store, &[named.clone(), is("work.number", "1")]).0, 0);
    assert_eq!(searched(&store, &[named, is("tx.height", "2")]).0, 0);
    assert_eq!(searched(&store, &[is("tx.hash", &"00".repeat(32))]).0, 0);
}

/// A row has the beginning of a long text only, of which nothing was believed to be true but that
/// it contains something: found by itself, it was lost as soon as more was demanded of it.
#[test]
fn a_long_text_is_found_beside_other_demands() {
    let (store, mut chain) = store_over(&Arc::default());
    let long = |end: &str| format!("{}{end}", "x".repeat(600));
    let events = [long("a"), long("b"), "short".to_owned()].map(|value| Event {
        kind: "work".to_owned(),
        attributes: ["yes", &value]
            .map(|value| EventAttribute {
                key: "done".to_owned(),
                value: value.to_owned(),
                index: true,
            })
            .to_vec(),
    });
    let result = |event| TxResult { events: vec![event], ..TxResult::default() };
    let tx_results = events.map(result).to_vec();
    let outcome = BlockOutcome { tx_results, ..BlockOutcome::default() };
    let txs = (0..3).map(|index| tx(1, 1 + index)).collect();
    chain.grow_to(txs, vec![], outcome).keep(&store);
    let mut writer = Writer::open(store.clone()).unwrap();
    while writer.advance().unwrap().is_some() {}
    let exists = Condition { key: "work.done".to_owned(), claim: Claim::Exists };
    let found = |text: &str| searched(&store, &[exists.clone(), is("work.done", text)]);
    assert_eq!(found(&long("a")), (1, vec![hit(1, 0)]));
    assert_eq!(found(&long("b")), (1, vec![hit(1, 1)]));
    assert_eq!(found(&long("c")), (0, vec![]));
    assert_eq!(found(&"x".repeat(512)), (0, vec![]));
    assert_eq!(found("yes").0, 3);
}

#[test]
fn a_search_that_reads_too_much_is_refused_and_a_narrow_one_is_not() {
    let rows = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&rows);
    (0..20).for_each(|_| drop(grow(&mut chain, &store, 100, 1)));
    let mut writer = Writer::open(store.clone()).unwrap();
    while writer.advance().unwrap().is_some() {}
    let contains =
        Condition { key: "work.done".to_owned(), claim: Claim::Contains("es".to_owned()) };
    let ask = |conditions: &[Condition]| {
        let order = Order::Descending;
        let subject = Subject::Txs;
        store.search(&Search { subject, conditions, order, skip: 5, take: 30, rows_max: 500 })
    };
    let error = ask(std::slice::from_ref(&contains)).unwrap_err();
    assert!(matches!(error, SearchError::TooCostly { rows_max: 500 }), "{error}");
    assert_eq!(ask(&[contains, is("tx.height", "7")]).unwrap().total, 100);
    // One run of rows answers by itself, however long it is.
    let found = ask(&[is("work.done", "yes")]).unwrap();
    assert_eq!((found.total, found.hits.len(), found.hits[0]), (2_000, 30, hit(20, 94)));
}

/// An application that was upgraded may say other things of old blocks. What it said before was
/// found for ever, and what it says now never.
#[test]
fn a_block_whose_events_are_others_when_it_is_replayed_is_indexed_anew() {
    let (store, mut chain) = store_over(&Arc::default());
    let blocks: Vec<Decided> = (0..5).map(|_| grow(&mut chain, &store, 2, 1)).collect();
    let replay = |height: usize, outcome: &BlockOutcome| {
        let mut step = store.step();
        step.outcome(&blocks[height - 1].block, outcome).unwrap();
        step.write(Durable::Now).unwrap();
    };
    let of_block = |value: &str| BlockOutcome {
        events: vec![Event {
            kind: "work".to_owned(),
            attributes: vec![EventAttribute {
                key: "note".to_owned(),
                value: value.to_owned(),
                index: true,
            }],
        }],
        ..outcome(2, 1)
    };
    let mut of_tx = outcome(2, 1);
    of_tx.tx_results[0].events[0].attributes[0].value = "a thousand".to_owned();
    // That of height 3 is next, and a crash may have left some of its rows.
    for (height, other) in [(2, &of_tx), (2, &of_block("new")), (3, &of_tx)] {
        store.abandon_index().unwrap();
        (1..=5).for_each(|height| replay(height, &outcome(2, 1)));
        let mut writer = Writer::open(store.clone()).unwrap();
        (0..2).for_each(|_| assert!(writer.advance().unwrap().is_some()));
        replay(height, &outcome(2, 1));
        assert_eq!(store.indexed().unwrap(), Some((Height(1), Height(2))), "nothing is new");
        replay(5, &of_block("far"));
        assert_eq!(store.indexed().unwrap(), Some((Height(1), Height(2))), "it has no rows yet");
        replay(5, &outcome(2, 1));
        replay(height, other);
        assert_eq!(store.indexed().unwrap(), None);
        let mut writer = Writer::open(store.clone()).unwrap();
        while writer.advance().unwrap().is_some() {}
        let fresh = Arc::new(Memory::default());
        let (other_store, _) = store_over(&fresh);
        for (index, block) in blocks.iter().enumerate() {
            block.keep(&other_store);
            if index + 1 == height {
                let mut step = other_store.step();
                step.outcome(&block.block, other).unwrap();
                step.write(Durable::Now).unwrap();
            }
        }
        let mut writer = Writer::open(other_store.clone()).unwrap();
        while writer.advance().unwrap().is_some() {}
        for text in ["0", "a thousand"] {
            let number = [is("work.number", text)];
            assert_eq!(searched(&store, &number), searched(&other_store, &number), "{text}");
        }
    }
}

/// A prune that had looked for an index before there was one took the blocks that were to be
/// indexed, and for each later one the writer waited for ever.
#[test]
fn an_index_whose_blocks_are_taken_away_begins_anew() {
    let rows = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&rows);
    (0..6).for_each(|_| drop(grow(&mut chain, &store, 1, 1)));
    for (indexed, left) in [(1, 3), (2, 4), (2, 5)] {
        store.abandon_index().unwrap();
        let base = store.range().unwrap().unwrap().0;
        let mut writer = Writer::open(store.clone()).unwrap();
        (0..indexed).for_each(|_| assert!(writer.advance().unwrap().is_some()));
        // As if the prune were in the middle of its work.
        store.abandon_index().unwrap();
        assert_eq!(store.prune(Height(left)).unwrap(), left - base.0, "blocks");
        while writer.advance().unwrap().is_some() || writer.forget(None).unwrap().is_some() {}
        assert_eq!(store.indexed().unwrap(), Some((Height(left), Height(6))));
        assert_eq!(searched(&store, &[is("work.done", "yes")]).0, 7 - left);
        assert_eq!(rows_of(&*rows)[0].len() as u64, 7 - left);
    }
}

/// What a long value ends with stands in the outcome, which is read once for all values of one
/// transaction, and costs more if it is that of a block with many.
#[test]
fn long_values_cost_what_is_read_for_them() {
    let (store, mut chain) = store_over(&Arc::default());
    let attribute = |value: String| EventAttribute { key: "note".to_owned(), value, index: true };
    let note = |count: usize| Event {
        kind: "work".to_owned(),
        attributes: (0..count).map(|_| attribute(format!("{}a", "x".repeat(600)))).collect(),
    };
    let mut outcome = outcome(300, 1);
    outcome.tx_results[7].events = vec![note(20), note(20)];
    outcome.events = vec![note(20)];
    let bodies = (0..300).map(|index| tx(1, 1 + index)).collect();
    chain.grow_to(bodies, vec![], outcome).keep(&store);
    let mut writer = Writer::open(store.clone()).unwrap();
    while writer.advance().unwrap().is_some() {}
    let ask = |subject, text: &str, rows_max| {
        let claim = Claim::Contains(text.to_owned());
        let conditions = [Condition { key: "work.note".to_owned(), claim }];
        let order = Order::Ascending;
        store.search(&Search {
            subject,
            conditions: &conditions,
            order,
            skip: 0,
            take: 9,
            rows_max,
        })
    };
    for (subject, text, total, cost) in [
        (Subject::Txs, "xa", 1, 150),
        (Subject::Txs, "xb", 0, 150),
        (Subject::Blocks, "xa", 1, 430),
        (Subject::Blocks, "xb", 0, 430),
    ] {
        assert_eq!(ask(subject, text, cost).unwrap().total, total, "{subject:?} {text}");
        let error = ask(subject, text, cost * 9 / 10).unwrap_err();
        assert!(matches!(error, SearchError::TooCostly { .. }), "{error}");
    }
}

/// What is read ahead counts against the limit, so where little of it is asked for, little is read.
#[test]
fn a_search_that_few_of_many_match_reads_about_what_it_finds() {
    let rows = Arc::new(Memory::default());
    let (store, mut chain) = store_over(&rows);
    for (number, txs, every) in [(1, 64, 1), (2, 1_600, 16)] {
        let result = |index: u32| {
            let attribute = |key: &str| EventAttribute {
                key: key.to_owned(),
                value: "yes".to_owned(),
                index: true,
            };
            let rare = index.is_multiple_of(every).then(|| attribute("rare"));
            let attributes = rare.into_iter().chain([attribute("all")]).collect();
            let event = Event { kind: "work".to_owned(), attributes };
            TxResult { events: vec![event], ..TxResult::default() }
        };
        let tx_results = (0..txs).map(result).collect();
        let bodies = (0..txs).map(|index| tx(number, 1 + index as usize)).collect();
        let outcome = BlockOutcome { tx_results, ..BlockOutcome::default() };
        chain.grow_to(bodies, vec![], outcome).keep(&store);
    }
    let mut writer = Writer::open(store.clone()).unwrap();
    while writer.advance().unwrap().is_some() {}
    let conditions = [is("work.rare", "yes"), is("work.all", "yes")];
    let search = Search {
        subject: Subject::Txs,
        conditions: &conditions,
        order: Order::Ascending,
        skip: 0,
        take: 100,
        rows_max: 5 * 164,
    };
    assert_eq!(store.search(&search).unwrap().total, 164);
}
