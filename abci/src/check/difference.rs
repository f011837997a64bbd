//! Where two executions of one block differ: the first field, index, event and key.

use std::fmt::Debug;

use types::{BlockOutcome, Event, TxResult};

use super::report::Evidence;

/// The first difference in what a block makes of the state: app hash, validators, parameters.
pub(super) fn of_states(first: &BlockOutcome, second: &BlockOutcome) -> Option<Evidence> {
    if first.app_hash != second.app_hash {
        let evidence = Evidence::new("the app hash");
        return Some(evidence.between(&first.app_hash, &second.app_hash));
    }
    let updates = [&first.validator_updates, &second.validator_updates];
    if updates[0] != updates[1] {
        return Some(unlike("the updates of the validators", updates[0], updates[1]));
    }
    let params = [&first.params_update, &second.params_update];
    (params[0] != params[1]).then(|| unlike("the update of the parameters", params[0], params[1]))
}

/// The first difference in what a block answers: results and events. What is for people only (log,
/// info) may differ.
pub(super) fn of_results(first: &BlockOutcome, second: &BlockOutcome) -> Option<Evidence> {
    let counts = [first.tx_results.len(), second.tx_results.len()];
    if counts[0] != counts[1] {
        return Some(Evidence::new("the number of results").between(counts[0], counts[1]));
    }
    let pairs = first.tx_results.iter().zip(&second.tx_results).enumerate();
    let in_results =
        pairs.filter_map(|(index, (a, b))| of_result(&format!("transaction {index}"), a, b)).next();
    in_results.or_else(|| of_events("the block", &first.events, &second.events))
}

fn of_result(whose: &str, first: &TxResult, second: &TxResult) -> Option<Evidence> {
    let field = |name: &str| format!("{name} of {whose}");
    if first.code != second.code {
        return Some(Evidence::new(field("code")).between(first.code, second.code));
    }
    if first.codespace != second.codespace {
        return Some(unlike(&field("codespace"), &first.codespace, &second.codespace));
    }
    if first.data != second.data {
        return Some(unlike(&field("data"), &first.data, &second.data));
    }
    if first.gas_wanted != second.gas_wanted {
        return Some(
            Evidence::new(field("gas_wanted")).between(first.gas_wanted, second.gas_wanted),
        );
    }
    if first.gas_used != second.gas_used {
        return Some(Evidence::new(field("gas_used")).between(first.gas_used, second.gas_used));
    }
    of_events(whose, &first.events, &second.events)
}

fn of_events(whose: &str, first: &[Event], second: &[Event]) -> Option<Evidence> {
    if first.len() != second.len() {
        let evidence = Evidence::new(format!("the number of events of {whose}"));
        return Some(evidence.between(first.len(), second.len()));
    }
    let pairs = first.iter().zip(second).enumerate();
    pairs.filter_map(|(index, (a, b))| of_event(&format!("event {index} of {whose}"), a, b)).next()
}

fn of_event(which: &str, first: &Event, second: &Event) -> Option<Evidence> {
    if first.kind != second.kind {
        return Some(unlike(&format!("the type of {which}"), &first.kind, &second.kind));
    }
    let kind = &first.kind;
    let longest = first.attributes.len().max(second.attributes.len());
    for index in 0..longest {
        let (a, b) = (first.attributes.get(index), second.attributes.get(index));
        if a == b {
            continue;
        }
        let keys = [a, b].map(|it| it.map(|it| it.key.clone()).unwrap_or_default());
        let what = if keys[0] == keys[1] {
            format!("{which} ({kind}), attribute {index}, key {:?}", keys[0])
        } else {
            format!("{which} ({kind}), key of attribute {index}")
        };
        if keys[0] != keys[1] {
            return Some(unlike(&what, &keys[0], &keys[1]));
        }
        let values = [a, b].map(|it| it.map(|it| it.value.clone()).unwrap_or_default());
        if values[0] == values[1] {
            let indexed = [a, b].map(|it| it.is_some_and(|it| it.index));
            let what = format!("{what}, whether it is indexed");
            return Some(unlike(&what, &indexed[0], &indexed[1]));
        }
        return Some(unlike(&what, &values[0], &values[1]));
    }
    None
}

fn unlike<T: Debug>(what: &str, first: &T, second: &T) -> Evidence {
    Evidence::new(what).between(format_args!("{first:?}"), format_args!("{second:?}"))
}

#[cfg(test)]
mod tests {
    use types::EventAttribute;

    use super::*;

    fn outcome(pairs: &[(&str, &str)]) -> BlockOutcome {
        let attribute = |(key, value): &(&str, &str)| EventAttribute {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            index: true,
        };
        let attributes = pairs.iter().map(attribute).collect();
        let event = Event { kind: "moved".to_owned(), attributes };
        let result = TxResult { events: vec![event], ..TxResult::default() };
        BlockOutcome { tx_results: vec![TxResult::default(), result], ..BlockOutcome::default() }
    }

    #[test]
    fn a_difference_names_transaction_event_and_key() {
        let first = outcome(&[("from", "a"), ("to", "b")]);
        let said = |second| of_results(&first, &second).map(|it| it.to_string());
        assert_eq!(said(first.clone()), None);
        let valued = said(outcome(&[("from", "a"), ("to", "c")])).unwrap();
        assert_eq!(
            valued,
            r#"event 0 of transaction 1 (moved), attribute 1, key "to": "b", then "c""#
        );
        let mut unindexed = first.clone();
        unindexed.tx_results[1].events[0].attributes[1].index = false;
        let said_of_it = said(unindexed).unwrap();
        let end = r#", key "to", whether it is indexed: true, then false"#;
        assert!(said_of_it.ends_with(end), "{said_of_it}");
        let keyed = said(outcome(&[("to", "b"), ("from", "a")])).unwrap();
        assert_eq!(
            keyed,
            r#"event 0 of transaction 1 (moved), key of attribute 0: "from", then "to""#
        );
    }

    #[test]
    fn what_is_for_people_may_differ() {
        let first = outcome(&[]);
        let mut second = first.clone();
        second.tx_results[0].log = "otherwise".to_owned();
        second.tx_results[0].info = "otherwise".to_owned();
        assert_eq!(of_results(&first, &second), None);
        assert_eq!(of_states(&first, &second), None);
    }
}
