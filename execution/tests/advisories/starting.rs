//! What a node compares before it votes again.

use std::sync::Arc;

use execution::start::check_signed;
use storage::{Memory, Store};
use types::{Genesis, Height};

use crate::chain::Chain;

/// `double_sign_check_height = 1` of the reference looked at no block at all. Our guard compares
/// what was signed last with the end of the store: a vote about the next block is as it should be,
/// and one about a later block means that blocks were lost.
#[test]
fn advisory_32_a_store_behind_its_signer_is_refused_at_the_very_height() {
    let mut chain = Chain::new();
    for tip in 0..4_u64 {
        assert!(check_signed(&chain.store, &chain.genesis, None).is_ok());
        for signed in 1..7 {
            let checked = check_signed(&chain.store, &chain.genesis, Some(Height(signed)));
            assert_eq!(checked.is_ok(), signed <= tip + 1, "signed {signed}, blocks up to {tip}");
        }
        chain.decide(vec![]);
    }
    // A chain that begins later, with nothing in the store.
    let genesis = Genesis { initial_height: Height(50), ..chain.genesis.clone() };
    let empty = Store::in_memory(Arc::new(Memory::default())).unwrap();
    for (signed, fits) in [(49, true), (50, true), (51, false), (i64::MAX as u64, false)] {
        let checked = check_signed(&empty, &genesis, Some(Height(signed)));
        assert_eq!(checked.is_ok(), fits, "{signed}");
    }
}
