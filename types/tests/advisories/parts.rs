//! Parts of blocks and arrays of bits: whatever a peer says about counts and places.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;
use types::part_set::{PART_BYTES, PARTS_MAX};
use types::{BitArray, Part, PartSet, PartSetHeader, codec};

/// A set of so many parts, the last of them shorter.
fn set(count: usize) -> PartSet {
    let bytes: Vec<u8> = (0..count * PART_BYTES - 5).map(|at| (at / PART_BYTES) as u8).collect();
    PartSet::cut(bytes.into())
}

fn part(set: &PartSet, index: usize) -> Part {
    set.get(u32::try_from(index).unwrap()).unwrap().clone()
}

/// ASA-2025-002: a part whose index was not its proof's was kept and passed on, and the block was
/// never complete.
#[test]
fn advisory_23_a_part_is_kept_only_at_the_place_that_its_proof_is_for() {
    let whole = set(4);
    for from in 0..4 {
        for to in 0..5_u32 {
            let moved = Part { index: to, ..part(&whole, from) };
            let mut collecting = PartSet::awaiting(whole.header());
            let honest = to == u32::try_from(from).unwrap();
            assert_eq!(collecting.add(moved.clone()).is_ok(), honest, "{from} at {to}");
            assert_eq!(collecting.have().ones_count(), usize::from(honest));
            assert_eq!(collecting.bytes_count() == 0, !honest);
            // It does not even pass the decoder, so that nobody forwards it.
            let read = codec::decode_part(codec::encode_part(&moved));
            assert_eq!(read.is_ok(), honest, "{from} at {to}");
        }
    }
}

#[test]
fn advisory_23_parts_that_swap_anything_are_of_no_block() {
    let whole = set(3);
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (one, other) = (part(&whole, a), part(&whole, b));
        let mixed = [
            Part { bytes: other.bytes.clone(), ..one.clone() },
            Part { proof: other.proof.clone(), ..one.clone() },
            Part { index: other.index, bytes: other.bytes.clone(), ..one.clone() },
            Part { index: other.index, proof: other.proof.clone(), ..one },
        ];
        for part in mixed {
            let mut collecting = PartSet::awaiting(whole.header());
            assert!(collecting.add(part).is_err());
            assert_eq!(collecting.have().ones_count(), 0);
            // What is right still completes the block afterwards.
            (0..3).for_each(|it| assert_eq!(collecting.add(self::part(&whole, it)), Ok(true)));
            assert_eq!(collecting.assemble(), whole.assemble());
        }
    }
}

/// Memory is taken by the announced count, before any part is here: so it is bounded.
#[test]
fn advisory_25_a_set_that_no_block_can_have_is_not_awaited() {
    use types::{Channel, Message};
    let hash = types::Hash([1; 32]);
    let counts = [0, 1, PARTS_MAX as u32, PARTS_MAX as u32 + 1, u32::MAX];
    for (total, fits) in counts.into_iter().zip([false, true, true, false, false]) {
        let parts = PartSetHeader { total, hash };
        let proposal = types::Proposal {
            height: types::Height(1),
            round: types::Round(0),
            pol_round: None,
            block_id: types::BlockId { hash, parts },
            timestamp: types::Time::EPOCH,
            signature: types::Signature([0; 64]),
        };
        let message = Message::Proposal(proposal.into());
        let read = Message::decode(Channel::Data, message.encode());
        assert_eq!(read.is_ok(), fits, "{total}");
    }
    let largest = PARTS_MAX * size_of::<Option<Part>>();
    assert!(largest < 1024 * 1024, "{largest} bytes are taken before the first part");
}

/// What one may do with an array of bits.
#[derive(Clone, Debug)]
enum Step {
    Set(usize),
    Clear(usize),
    Add(usize, Vec<u64>),
    Minus(usize, Vec<u64>),
}

/// An index within, at the end of, and far beyond the arrays.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![0_usize..200, Just(63), Just(64), Just(65), Just(usize::MAX), any::<usize>()]
}

fn step() -> impl Strategy<Value = Step> {
    let other = || (0_usize..200, vec(any::<u64>(), 0..6));
    prop_oneof![
        place().prop_map(Step::Set),
        place().prop_map(Step::Clear),
        other().prop_map(|(count, words)| Step::Add(count, words)),
        other().prop_map(|(count, words)| Step::Minus(count, words)),
    ]
}

proptest! {
    #![proptest_config(crate::cases(300))]

    /// ASA-2025-003: an array whose count and words did not agree stopped a whole network.
    #[test]
    fn advisory_24_bits_of_any_count_and_words_are_what_a_set_of_numbers_is(
        count in 0_usize..200, words in vec(any::<u64>(), 0..6), steps in vec(step(), 0..40),
    ) {
        let mut bits = BitArray::from_words(count, &words);
        let mut model = model_of(count, &words);
        for step in steps {
            match step {
                Step::Set(at) => {
                    prop_assert_eq!(bits.set(at), at < count && model.insert(at));
                }
                Step::Clear(at) => {
                    bits.clear(at);
                    model.remove(&at);
                }
                Step::Add(others, words) => {
                    bits.add(&BitArray::from_words(others, &words));
                    model.extend(model_of(others, &words).into_iter().filter(|&it| it < count));
                }
                Step::Minus(others, words) => {
                    let other = BitArray::from_words(others, &words);
                    let left: Vec<usize> = bits.minus(&other).collect();
                    let theirs = model_of(others, &words);
                    prop_assert_eq!(left, model.difference(&theirs).copied().collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(bits.ones().collect::<Vec<_>>(), Vec::from_iter(model.clone()));
            prop_assert_eq!(bits.ones_count(), model.len());
            prop_assert_eq!(bits.is_full(), model.len() == count);
            prop_assert_eq!((bits.count(), bits.words().len()), (count, count.div_ceil(64)));
            prop_assert!(!bits.has(count) && !bits.has(usize::MAX));
        }
    }

    #[test]
    fn advisory_23_a_block_is_complete_whatever_is_sent_besides(
        count in 1_usize..5, noise in vec((any::<Index>(), any::<Index>(), any::<u8>()), 0..12),
    ) {
        let whole = set(count);
        let mut collecting = PartSet::awaiting(whole.header());
        for (from, to, byte) in noise {
            let mut wrong = part(&whole, from.index(count));
            wrong.index = u32::try_from(to.index(count)).unwrap();
            let mut bytes = wrong.bytes.to_vec();
            bytes[0] = byte;
            wrong.bytes = bytes.into();
            let _ = collecting.add(wrong);
        }
        for index in 0..count {
            let _ = collecting.add(part(&whole, index));
        }
        prop_assert_eq!(collecting.assemble(), whole.assemble());
    }
}

fn model_of(count: usize, words: &[u64]) -> BTreeSet<usize> {
    let has = |at: &usize| words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1);
    (0..count).filter(has).collect()
}
