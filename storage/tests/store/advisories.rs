//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

use std::sync::Arc;

use storage::{Durable, Memory, Store};
use types::{Evidence, Height};

use crate::chain::Chain;

/// The same deed in other bytes, as anybody who passes it on can make it.
fn variant(evidence: &Evidence, index: u32) -> Evidence {
    let Evidence::DuplicateVote(it) = evidence else { panic!("an equivocation") };
    let mut changed = (**it).clone();
    changed.vote_a.validator_index.0 = index;
    Evidence::DuplicateVote(Box::new(changed))
}

/// Evidence stood in several blocks. The store knows what was done from any report of it, for as
/// long as it knows the height; and what a block carries is pending no more, even if a crash kept
/// the node from noting it.
#[test]
fn advisory_02_what_a_block_carries_is_committed_in_whatever_bytes() {
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).unwrap();
    let mut chain = Chain::new();
    let mut step = store.step();
    step.state(&chain.state).unwrap();
    step.write(Durable::Now).unwrap();
    (0..3).for_each(|_| chain.grow_empty().keep(&store));
    let (mine, other) = (chain.evidence(Height(2)), chain.evidence(Height(3)));
    let carried = variant(&mine, 77);
    assert_ne!(mine.hash(), carried.hash());
    let mut step = store.step();
    [&mine, &other].into_iter().for_each(|it| step.keep_evidence(it));
    step.write(Durable::Now).unwrap();
    for evidence in [&mine, &carried, &variant(&mine, 3), &other] {
        assert!(!store.is_committed(evidence).unwrap());
    }
    // The block carries another report than the one that is pending here; then the node dies.
    let decided = chain.grow(vec![], vec![carried.clone()]);
    let mut step = store.step();
    decided.decide(&mut step);
    step.write(Durable::Now).unwrap();
    drop(store);
    memory.lose_unsynced();
    let store = Store::in_memory(memory).unwrap();
    for evidence in [&mine, &carried, &variant(&mine, 3)] {
        assert!(store.is_committed(evidence).unwrap());
    }
    assert!(!store.is_committed(&other).unwrap());
    assert_eq!(store.pending_evidence().unwrap(), [other]);
}
