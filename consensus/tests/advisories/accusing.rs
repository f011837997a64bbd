//! The pool of evidence: what was done is punished once, dated by the chain, and told in time.

use std::collections::BTreeSet;
use std::time::Duration;

use consensus::{EvidencePool, Output};
use types::vote::Extension;
use types::{
    BlockId, BlockOutcome, ChainState, Commit, CommitSig, ConsensusParams, DuplicateVoteEvidence,
    Evidence, Hash, Height, PartSetHeader, PeerId, Round, Time, ValidatorIndex, Vote, VoteKind,
};

use crate::world::{SIGNATURE, Weather, World, brisk, genesis_state, key, whole};

/// The state after one more block, dated `seconds` after the last.
fn next(state: &ChainState, seconds: u64, evidence: &[Evidence]) -> ChainState {
    let timestamp = state.last_block_time.after(Duration::from_secs(seconds));
    let commit = state.last_block.as_ref().map(|last| Commit {
        height: last.height,
        round: Round::FIRST,
        block_id: last.id,
        signatures: last
            .validators
            .validators()
            .iter()
            .map(|validator| CommitSig::Commit {
                validator_address: validator.address,
                timestamp,
                signature: SIGNATURE,
            })
            .collect(),
    });
    let block = state.make_block(vec![], commit, evidence.to_vec(), key(0).address());
    let id = block.id(&block.part_set());
    let outcome = BlockOutcome::default();
    state.advance(id, &block.header, 0, &outcome).expect("an empty outcome")
}

fn vote(state: &ChainState, index: u32, letter: u8, extension: Option<usize>) -> Vote {
    let hash = Hash([letter; 32]);
    let validator_index = ValidatorIndex(index);
    let validator = state.validators.get(validator_index).expect("one of four");
    Vote {
        kind: VoteKind::Precommit,
        height: state.next_height(),
        round: Round::FIRST,
        block_id: Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } }),
        timestamp: Time::EPOCH,
        validator_address: validator.address,
        validator_index,
        signature: SIGNATURE,
        extension: extension
            .map(|length| Extension { bytes: vec![7; length].into(), signature: SIGNATURE }),
    }
}

fn genesis() -> ChainState {
    genesis_state(&[10; 4], ConsensusParams::default())
}

fn add(pool: &mut EvidencePool, evidence: Evidence) -> usize {
    let before = pool.pending(u64::MAX).len();
    pool.add(evidence, &mut Vec::new());
    pool.pending(u64::MAX).len() - before
}

/// Evidence of a height and of votes that stand in no way in which honest code would put them.
fn variant(evidence: &Evidence, change: impl FnOnce(&mut DuplicateVoteEvidence)) -> Evidence {
    let Evidence::DuplicateVote(it) = evidence else { panic!("an equivocation") };
    let mut changed = (**it).clone();
    change(&mut changed);
    Evidence::DuplicateVote(Box::new(changed))
}

/// The same evidence stood in several blocks. Its bytes can be varied by anybody who passes it on,
/// in what is neither signed nor checked; so what was done counts, not its report.
#[test]
fn advisory_02_a_deed_is_punished_once_however_it_is_told() {
    let state = genesis();
    let mut pool = EvidencePool::new(&state, vec![]);
    pool.equivocation(vote(&state, 1, 1, None), vote(&state, 1, 2, None), &mut Vec::new());
    let state = next(&state, 1, &[]);
    pool.advance(&state, &[], &mut Vec::new());
    let evidence = pool.pending(u64::MAX).pop().expect("it became evidence");
    let variants = [
        variant(&evidence, |it| it.vote_a.validator_index.0 ^= 1),
        variant(&evidence, |it| it.vote_b.validator_index.0 = 77),
        variant(&evidence, |it| {
            let bytes = vec![1; 9].into();
            it.vote_b.extension = Some(Extension { bytes, signature: SIGNATURE });
        }),
        variant(&evidence, |it| it.vote_b.timestamp = Time::MAX),
    ];
    for variant in &variants {
        assert_ne!(variant.hash(), evidence.hash());
        assert_eq!(add(&mut pool, variant.clone()), 0, "while it is pending");
    }
    // Another node's block carries it in other bytes: ours is settled with it, for good.
    let mut outputs = Vec::new();
    let state = next(&state, 1, &variants[..1]);
    pool.advance(&state, &variants[..1], &mut outputs);
    let dropped =
        |it: &Output| matches!(it, Output::DropEvidence(hash) if *hash == evidence.hash());
    assert!(outputs.iter().any(dropped));
    assert_eq!(pool.pending(u64::MAX), []);
    for variant in variants.into_iter().chain([evidence]) {
        assert_eq!(add(&mut pool, variant), 0, "after a block carried it");
    }
}

/// On a chain with a validator who runs twice, each of its deeds stands in one block.
#[test]
fn advisory_02_no_deed_stands_on_a_chain_twice() {
    let mut punished = 0;
    for seed in 1..=12 {
        let params = ConsensusParams::default();
        let mut world = World::with_keys(&[10; 4], &[0, 1, 2, 3, 3], brisk(), params, seed);
        world.weather = Weather { delay_ms_max: 60, ..Weather::default() };
        world.run_to(12, 60_000);
        for member in &world.members {
            let mut deeds = BTreeSet::new();
            for stored in member.blocks.values() {
                for evidence in whole(stored).evidence {
                    punished += 1;
                    assert!(deeds.insert(evidence.deed()), "twice on one chain, seed {seed}");
                }
            }
        }
    }
    assert!(0 < punished, "nobody was caught");
}

/// One huge or foreign piece of evidence must not keep all others from being punished.
#[test]
fn advisory_02_what_does_not_fit_keeps_nothing_else_from_a_block() {
    let state = genesis();
    let mut pool = EvidencePool::new(&state, vec![]);
    for index in 0..3 {
        // Two precommits with extensions of a megabyte each, as any validator may send.
        let length = (index == 0).then_some(types::vote::EXTENSION_BYTES_MAX);
        let (one, other) = (vote(&state, index, 1, length), vote(&state, index, 2, length));
        pool.equivocation(one, other, &mut Vec::new());
    }
    let state = next(&state, 1, &[]);
    pool.advance(&state, &[], &mut Vec::new());
    assert_eq!(pool.pending(1_048_576).len(), 3, "extensions are no part of evidence");
    let all = pool.pending(u64::MAX);
    let sizes: Vec<u64> =
        all.iter().map(|it| types::evidence::encoded_bytes(std::slice::from_ref(it))).collect();
    assert!(sizes.iter().all(|&it| it < 1_000), "{sizes:?}");
    pool.peer_up(PeerId(1));
    let mut outputs = Vec::new();
    pool.tell(PeerId(1), Height(2), &mut outputs);
    assert_eq!(outputs.len(), 1);
}

/// An attack on light clients whose lie has so many entries in its commit.
fn attack(state: &ChainState, entries: usize) -> Evidence {
    let block = state.make_block(vec![], None, vec![], key(0).address());
    let id = block.id(&block.part_set());
    let signatures = vec![CommitSig::Absent; entries];
    let commit = Commit { height: Height(1), round: Round::FIRST, block_id: id, signatures };
    let signed_header = types::SignedHeader { header: block.header, commit };
    Evidence::LightClientAttack(Box::new(types::LightClientAttackEvidence {
        conflicting_block: types::LightBlock {
            signed_header,
            validators: (*state.validators).clone(),
        },
        common_height: Height(1),
        byzantine_validators: vec![],
        total_power: state.validators.total_power(),
        timestamp: state.last_block_time,
    }))
}

#[test]
fn advisory_02_a_large_piece_of_evidence_does_not_hold_up_the_next() {
    let first = genesis();
    let state = next(&first, 1, &[]);
    let mut pool = EvidencePool::new(&state, vec![]);
    assert_eq!(add(&mut pool, attack(&first, 60_000)), 1);
    pool.equivocation(vote(&state, 1, 1, None), vote(&state, 1, 2, None), &mut Vec::new());
    let state = next(&state, 1, &[]);
    pool.advance(&state, &[], &mut Vec::new());
    assert_eq!(pool.pending(u64::MAX).len(), 2);
    let carried = pool.pending(1_000);
    assert_eq!(carried.iter().map(Evidence::height).collect::<Vec<_>>(), [Height(2)]);
    pool.peer_up(PeerId(1));
    let mut outputs = Vec::new();
    pool.tell(PeerId(1), Height(3), &mut outputs);
    assert_eq!(outputs.len(), 1, "peers are told what can be told");
}

/// Evidence was dated by the local clock, so nodes disagreed about it, sent it for ever and cut
/// each other off. Two nodes make the same bytes of the same votes, whenever and in whatever order they
/// saw them.
#[test]
fn advisory_14_evidence_of_two_nodes_is_the_same_to_the_last_byte() {
    let state = genesis();
    let (one, other) = (vote(&state, 2, 1, None), vote(&state, 2, 2, None));
    let decided = next(&state, 1, &[]);
    let made = |first: &Vote, second: &Vote, late: bool| {
        let mut pool = EvidencePool::new(&state, vec![]);
        if !late {
            pool.equivocation(first.clone(), second.clone(), &mut Vec::new());
        }
        pool.advance(&decided, &[], &mut Vec::new());
        if late {
            pool.equivocation(first.clone(), second.clone(), &mut Vec::new());
        }
        let evidence = pool.pending(u64::MAX).pop().expect("it became evidence");
        assert_eq!(evidence.time(), decided.last_block_time, "dated by the chain");
        types::codec::encode_evidence(&evidence)
    };
    let bytes = made(&one, &other, false);
    for late in [false, true] {
        assert_eq!(made(&one, &other, late), bytes);
        assert_eq!(made(&other, &one, late), bytes);
        let with = |vote: &Vote, letter| Vote {
            extension: Some(Extension { bytes: vec![letter].into(), signature: SIGNATURE }),
            ..vote.clone()
        };
        assert_eq!(made(&with(&one, 1), &with(&other, 2), late), bytes);
    }
}

/// Evidence of a height in flight made those who heard of it panic.
#[test]
fn advisory_13_evidence_of_any_height_is_harmless() {
    let state = next(&next(&genesis(), 1, &[]), 1, &[]);
    let mut pool = EvidencePool::new(&state, vec![]);
    pool.peer_up(PeerId(1));
    for height in [1, 2, 3, 4, 1_000_000, i64::MAX as u64] {
        let at = |letter| Vote { height: Height(height), ..vote(&state, 0, letter, None) };
        // Conflicts of any height: only those of the last and the current one ever count.
        pool.equivocation(at(1), at(2), &mut Vec::new());
        let evidence = DuplicateVoteEvidence::new(at(1), at(2), &state.validators, Time::MAX);
        let evidence = Evidence::DuplicateVote(Box::new(evidence.expect("they conflict")));
        pool.add(evidence, &mut Vec::new());
        for peer_height in [1, 2, 3, 4, 5, i64::MAX as u64] {
            let mut outputs = Vec::new();
            pool.tell(PeerId(1), Height(peer_height), &mut outputs);
            for output in outputs {
                let Output::Send { message: types::Message::Evidence(list), .. } = output else {
                    panic!("only evidence is told")
                };
                assert!(list.iter().all(|it| it.height() < Height(peer_height)));
            }
        }
    }
    let mut state = state;
    for _ in 0..4 {
        state = next(&state, 1, &[]);
        pool.advance(&state, &[], &mut Vec::new());
    }
}
