//! Answers searches by looking at every event: slow, and easy to believe.

use std::collections::BTreeMap;

use storage::index::{Claim, Condition, Hit, Relation, Subject};
use storage::key_value::Order;
use types::{Event, Height, TxHash};

use crate::chain::Decided;

/// All that a search finds, in order.
pub fn search(
    blocks: &[Decided],
    subject: Subject,
    conditions: &[Condition],
    order: Order,
) -> Vec<Hit> {
    let mut hits = vec![];
    for block in blocks {
        let height = block.height();
        match subject {
            Subject::Blocks => {
                if meets(subject, conditions, height, None, &block.outcome.events) {
                    hits.push(Hit { height, index: 0 });
                }
            }
            Subject::Txs => {
                let results = block.block.txs.iter().zip(&block.outcome.tx_results);
                for (index, (tx, result)) in (0..).zip(results) {
                    let hash = Some(TxHash::of(tx).to_string());
                    if meets(subject, conditions, height, hash, &result.events) {
                        hits.push(Hit { height, index });
                    }
                }
            }
        }
    }
    if order == Order::Descending {
        hits.reverse();
    }
    hits
}

fn meets(
    subject: Subject,
    conditions: &[Condition],
    height: Height,
    hash: Option<String>,
    events: &[Event],
) -> bool {
    let (height_key, reserved): (&str, &[&str]) = match subject {
        Subject::Txs => ("tx.height", &["tx.height", "tx.hash"]),
        Subject::Blocks => ("block.height", &["block.height"]),
    };
    let (own, others): (Vec<_>, Vec<_>) =
        conditions.iter().partition(|it| reserved.contains(&it.key.as_str()));
    let own = own.iter().all(|condition| match &hash {
        Some(hash) if condition.key == "tx.hash" => condition.claim.holds(hash),
        _ => {
            assert_eq!(condition.key, height_key);
            condition.claim.holds(&height.to_string())
        }
    });
    own && (others.is_empty() || events.iter().any(|event| carries(event, &others, reserved)))
}

fn carries(event: &Event, conditions: &[&Condition], reserved: &[&str]) -> bool {
    let mut values: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for attribute in event.attributes.iter().filter(|it| it.index && !it.key.is_empty()) {
        let name = format!("{}.{}", event.kind, attribute.key);
        if !event.kind.is_empty() && !reserved.contains(&name.as_str()) {
            values.entry(name).or_default().push(&attribute.value);
        }
    }
    let mut orders: BTreeMap<&str, Vec<&Claim>> = BTreeMap::new();
    for condition in conditions {
        let found = values.get(&condition.key).map_or(&[][..], Vec::as_slice);
        match &condition.claim {
            Claim::Compares(relation, _) if *relation != Relation::Equal => {
                orders.entry(&condition.key).or_default().push(&condition.claim);
            }
            claim => {
                if !found.iter().any(|value| claim.holds(value)) {
                    return false;
                }
            }
        }
    }
    orders.iter().all(|(key, claims)| {
        let found = values.get(*key).map_or(&[][..], Vec::as_slice);
        found.iter().any(|value| claims.iter().all(|claim| claim.holds(value)))
    })
}
