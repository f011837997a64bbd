//! Random chains and random searches, each answered by the index and by looking at every event.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use storage::index::{
    Claim, Condition, Decimal, Moment, Relation, Scalar, Search, Subject, Writer, date, instant,
};
use storage::key_value::Order;
use storage::{Durable, Memory, Store};
use types::{BlockOutcome, Event, EventAttribute, TxResult};

use crate::chain::{Chain, Decided, tx};
use crate::naive;

/// Few, so that they meet.
fn value() -> impl Strategy<Value = String> {
    let long = "x".repeat(511);
    prop_oneof![
        8 => (0_u32..30).prop_map(|it| it.to_string()),
        2 => (0_u32..30).prop_map(|it| format!("{it}atom")),
        2 => (0_u32..30, 0_u32..3).prop_map(|(whole, part)| format!("{whole}.{part}")),
        2 => prop_oneof![Just("ann"), Just("anna"), Just("bob"), Just(""), Just("a\0b"), Just("-5")]
            .prop_map(str::to_owned),
        1 => (10_u32..20).prop_map(|it| format!("20{it}-05-03")),
        1 => (10_u32..20).prop_map(|it| format!("20{it}-05-03T23:00:00.5-02:00")),
        1 => (0_u32..3).prop_map(move |it| format!("{long}anna{it}")),
    ]
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("b"), 2 => Just("c"), 1 => Just("height"), 1 => Just("")]
}

fn event() -> impl Strategy<Value = Event> {
    let attribute = (name(), value(), prop::bool::weighted(0.9))
        .prop_map(|(key, value, index)| EventAttribute { key: key.to_owned(), value, index });
    let kind = prop_oneof![6 => Just("a"), 2 => Just("tx"), 2 => Just("block"), 1 => Just("")];
    (kind, vec(attribute, 0..4))
        .prop_map(|(kind, attributes)| Event { kind: kind.to_owned(), attributes })
}

fn outcome() -> impl Strategy<Value = BlockOutcome> {
    let result = vec(event(), 0..3).prop_map(|events| TxResult { events, ..TxResult::default() });
    (vec(event(), 0..3), vec(result, 0..6)).prop_map(|(events, tx_results)| BlockOutcome {
        events,
        tx_results,
        ..BlockOutcome::default()
    })
}

fn relation() -> impl Strategy<Value = Relation> {
    prop_oneof![
        Just(Relation::Less),
        Just(Relation::AtMost),
        Just(Relation::Equal),
        Just(Relation::AtLeast),
        Just(Relation::Greater),
    ]
}

fn claim() -> impl Strategy<Value = Claim> {
    let number = prop_oneof![
        (0_u32..30).prop_map(|it| it.to_string()),
        (0_u32..30, 0_u32..3).prop_map(|(whole, part)| format!("{whole}.{part}")),
    ];
    let scalar = prop_oneof![
        6 => number.prop_map(|it| Scalar::Number(Decimal::leading(&it).unwrap())),
        1 => (10_u32..20).prop_map(|it| {
            Scalar::Time(Moment::Date, date(&format!("20{it}-05-03")).unwrap())
        }),
        1 => (10_u32..20).prop_map(|it| {
            Scalar::Time(Moment::Instant, instant(&format!("20{it}-05-04T01:00:00.5Z")).unwrap())
        }),
    ];
    prop_oneof![
        1 => Just(Claim::Exists),
        3 => value().prop_map(Claim::Is),
        2 => prop_oneof![Just("1"), Just("ann"), Just("anna2"), Just("T23"), Just("")]
            .prop_map(|it| Claim::Contains(it.to_owned())),
        5 => (relation(), scalar).prop_map(|(relation, scalar)| Claim::Compares(relation, scalar)),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let key = prop_oneof![
        6 => Just("a.b"),
        3 => Just("a.c"),
        2 => Just("tx.height"),
        2 => Just("block.height"),
        1 => Just("tx.b"),
        1 => Just("a.missing"),
    ];
    (key, claim()).prop_map(|(key, claim)| Condition { key: key.to_owned(), claim })
}

#[derive(Clone, Debug)]
struct Asked {
    subject: Subject,
    conditions: Vec<Condition>,
    order: Order,
    skip: u64,
    take: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    let subject = prop_oneof![3 => Just(Subject::Txs), 1 => Just(Subject::Blocks)];
    let order = prop_oneof![Just(Order::Ascending), Just(Order::Descending)];
    (subject, vec(condition(), 1..4), order, 0_u64..6, 0_usize..8).prop_map(
        |(subject, conditions, order, skip, take)| Asked { subject, conditions, order, skip, take },
    )
}

/// A store with a chain of such outcomes.
fn grown(outcomes: Vec<BlockOutcome>) -> (Store, Vec<Decided>) {
    let store = Store::in_memory(Arc::new(Memory::default())).unwrap();
    let mut chain = Chain::new();
    let mut step = store.step();
    step.state(&chain.state).unwrap();
    step.write(Durable::Now).unwrap();
    let mut blocks = vec![];
    for (number, outcome) in (0..).zip(outcomes) {
        let txs = (0..outcome.tx_results.len()).map(|index| tx(number, 1 + index)).collect();
        let block = chain.grow_to(txs, vec![], outcome);
        block.keep(&store);
        blocks.push(block);
    }
    (store, blocks)
}

fn answers_as_looking_does(
    store: &Store,
    blocks: &[Decided],
    asked: &Asked,
) -> Result<(), TestCaseError> {
    let Asked { subject, conditions, order, skip, take } = asked;
    let all = naive::search(blocks, *subject, conditions, *order);
    let search = Search {
        subject: *subject,
        conditions,
        order: *order,
        skip: *skip,
        take: *take,
        rows_max: 100_000,
    };
    let found = store.search(&search).unwrap();
    prop_assert_eq!(found.total, all.len() as u64);
    let wanted: Vec<_> = all.into_iter().skip(*skip as usize).take(*take).collect();
    prop_assert_eq!(found.hits, wanted);
    Ok(())
}

fn few() -> ProptestConfig {
    ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn searches_find_what_looking_at_every_event_finds(
        outcomes in vec(outcome(), 1..14),
        asked in vec(asked(), 12),
    ) {
        let (store, blocks) = grown(outcomes);
        let mut writer = Writer::open(store.clone()).unwrap();
        while writer.advance().unwrap().is_some() {}
        for asked in asked {
            answers_as_looking_does(&store, &blocks, &asked)?;
        }
    }

    #[test]
    fn what_is_forgotten_is_not_found_and_the_rest_is(
        outcomes in vec(outcome(), 2..14),
        retain in 1_u64..8,
        asked in vec(asked(), 6),
    ) {
        let (store, blocks) = grown(outcomes);
        let mut writer = Writer::open(store.clone()).unwrap();
        while writer.advance().unwrap().is_some() {
            while writer.forget(Some(retain)).unwrap().is_some() {}
        }
        let kept = blocks.len().min(retain as usize);
        for asked in asked {
            answers_as_looking_does(&store, &blocks[blocks.len() - kept..], &asked)?;
        }
    }
}
