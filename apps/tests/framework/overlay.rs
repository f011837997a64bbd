//! Nested overlays against a model: a stack of whole maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use apps::framework::overlay::{Overlay, Writes};
use apps::framework::store::Store;
use apps::framework::{MemoryRecords, State, event};
use bytes::Bytes;
use proptest::prelude::*;
use types::Event;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, u8),
    Remove(Vec<u8>),
    Emit(u8),
    /// Does these within an attempt, which succeeds or fails.
    Attempt(Vec<Step>, bool),
}

/// Short keys of few bytes, so that they meet; 0 and 0xff are where encodings go wrong.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0, 1, b'a', 0xff]), 0..4)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let flat = prop_oneof![
        (keys(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        keys().prop_map(Step::Remove),
        any::<u8>().prop_map(Step::Emit),
    ];
    let nested = flat.prop_recursive(4, 40, 6, |inner| {
        (prop::collection::vec(inner, 0..6), any::<bool>())
            .prop_map(|(steps, succeeds)| Step::Attempt(steps, succeeds))
    });
    prop::collection::vec(nested, 0..30)
}

#[derive(Clone, Default)]
struct Model {
    pairs: BTreeMap<Vec<u8>, Bytes>,
}

/// The events of an overlay must be those of the steps that were not given up.
fn run_events(overlay: &mut Overlay, kept: &mut Vec<Event>, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(key, value) => overlay.write(key.clone(), Some(vec![*value].into())),
            Step::Remove(key) => overlay.write(key.clone(), None),
            Step::Emit(number) => {
                overlay.emit(event("test", &[("number", number)]));
                kept.push(event("test", &[("number", number)]));
            }
            Step::Attempt(steps, succeeds) => {
                let (before, depth) = (kept.len(), overlay.depth());
                overlay.open();
                run_events(overlay, kept, steps);
                if *succeeds {
                    overlay.keep();
                } else {
                    overlay.forget();
                    kept.truncate(before);
                }
                assert_eq!(overlay.depth(), depth);
            }
        }
    }
}

fn run(state: &mut State, model: &mut Model, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Put(key, value) => {
                state.put(key.clone(), vec![*value]);
                model.pairs.insert(key.clone(), vec![*value].into());
            }
            Step::Remove(key) => {
                state.remove(key.clone());
                model.pairs.remove(key);
            }
            Step::Emit(number) => state.emit(event("test", &[("number", number)])),
            Step::Attempt(steps, succeeds) => {
                let before = model.clone();
                let result = state.attempt(|state| {
                    run(state, model, steps);
                    if *succeeds { Ok(()) } else { Err(()) }
                });
                assert_eq!(result.is_ok(), *succeeds);
                if !succeeds {
                    *model = before;
                }
            }
        }
        assert_same(state, model);
    }
}

fn assert_same(state: &State, model: &Model) {
    let prefixes: [&[u8]; 5] = [b"", b"a", b"\0", b"\xff", b"a\0"];
    for prefix in prefixes {
        let scanned: Vec<_> = state.scan(prefix).collect();
        let known = model.pairs.iter().filter(|(key, _)| key.starts_with(prefix));
        let known: Vec<_> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(scanned, known);
    }
    assert_eq!(state.get(b"a").as_ref(), model.pairs.get(&b"a"[..]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_of_what_is_given_up_are_gone(steps in steps()) {
        let (mut overlay, mut kept) = (Overlay::new(), Vec::new());
        run_events(&mut overlay, &mut kept, &steps);
        prop_assert_eq!(overlay.take_events(), kept);
        prop_assert!(overlay.take_events().is_empty());
    }

    #[test]
    fn states_are_what_a_map_of_everything_would_be(
        committed in prop::collection::btree_map(keys(), any::<u8>(), 0..12),
        removed in prop::collection::vec(keys(), 0..4),
        steps in steps(),
    ) {
        let store = Store::open(Arc::new(MemoryRecords::default()), None).unwrap();
        let mut model = Model::default();
        let pairs = committed.iter().map(|(key, value)| (key.clone(), Bytes::from(vec![*value])));
        model.pairs.extend(pairs);
        let mut writes: Writes =
            model.pairs.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        store.begin(&writes, 0).unwrap();
        // A version in which some of it is gone.
        writes = removed.iter().map(|key| (key.clone(), None)).collect();
        removed.iter().for_each(|key| drop(model.pairs.remove(key)));
        let staged = store.stage(&writes).unwrap();
        store.commit(staged, types::Height(1)).unwrap();
        let mut state = State::over(store.view());
        assert_same(&state, &model);
        run(&mut state, &mut model, &steps);
    }
}
