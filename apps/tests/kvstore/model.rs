//! Whatever transactions come, the kvstore holds what a plain map would.

use std::collections::BTreeMap;
use std::sync::Arc;

use abci::TestChain;
use apps::KvStore;
use proptest::prelude::*;
use types::Tx;

use crate::{check_code, genesis, value};

/// Few keys and separators, so that keys meet and forms are often almost right.
fn transaction() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,2}[=:][xy]{1,3}", "[ab=:]{0,5}", "val[=:!]{1,2}[ab=!]{0,4}",]
}

/// The pair that a transaction sets, by the rule as the reference's comment has it.
fn pair(tx: &str) -> Option<(String, String)> {
    let separators = tx.matches(['=', ':']).count();
    let (key, value) = tx.split_once(['=', ':'])?;
    let sets = separators == 1 && !key.is_empty() && !value.is_empty() && key != "val";
    sets.then(|| (key.to_owned(), value.to_owned()))
}

proptest! {
    #[test]
    fn pairs_are_what_a_map_holds(
        blocks in prop::collection::vec(prop::collection::vec(transaction(), 0..8), 1..6),
    ) {
        let mut chain = TestChain::start(Arc::new(KvStore::in_memory()), genesis(1)).unwrap();
        let mut model = BTreeMap::new();
        let mut size = 0_u64;
        for texts in &blocks {
            for text in texts {
                let admitted = check_code(chain.application(), &Tx::from(text.clone())) == 0;
                prop_assert_eq!(admitted, pair(text).is_some(), "{}", text);
            }
            let outcome = chain.block(texts.iter().map(|it| Tx::from(it.clone())).collect());
            let pairs: Vec<_> = texts.iter().filter_map(|it| pair(it)).collect();
            size += pairs.len() as u64;
            model.extend(pairs);
            // Below 64 the count is one byte, doubled.
            prop_assert_eq!(u64::from(outcome.unwrap().app_hash.0[0]), 2 * size);
            for (key, expected) in &model {
                let found = value(chain.application(), key.as_bytes());
                prop_assert_eq!(found.as_deref(), Some(expected.as_bytes()));
            }
        }
        for key in ["a", "b", "aa", "ab", "ba", "bb", "val", ""] {
            let found = value(chain.application(), key.as_bytes());
            prop_assert_eq!(found.is_some(), model.contains_key(key));
        }
    }
}
