//! The pool of evidence, and gossip that is told what cannot be.

#[path = "support/world.rs"]
mod world;

use std::sync::Arc;

use consensus::{Config, EvidencePool, Gossip, Output, Recipients, View, Votes};
use types::message::WireStep;
use types::{
    BitArray, Block, BlockId, ChainState, ConsensusParams, Evidence, Hash, Height, Message,
    Offence, PartSetHeader, PeerId, Round, Time, ValidatorIndex, Vote, VoteKind,
};
use world::{SIGNATURE, genesis_state, key};

const PEER: PeerId = PeerId(9);

fn next(state: &ChainState) -> (Block, ChainState) {
    let commit = state.last_block.as_ref().map(|last| types::Commit {
        height: last.height,
        round: Round::FIRST,
        block_id: last.id,
        signatures: (0..last.validators.count())
            .map(|index| types::CommitSig::Commit {
                validator_address: last.validators.validators()[index].address,
                timestamp: state.last_block_time.after(std::time::Duration::from_secs(1)),
                signature: SIGNATURE,
            })
            .collect(),
    });
    let block = state.make_block(vec![], commit, vec![], key(0).address());
    let id = block.id(&block.part_set());
    let outcome = types::BlockOutcome::default();
    let after = state.advance(id, &block.header, 0, &outcome).expect("an empty outcome");
    (block, after)
}

fn vote(state: &ChainState, letter: u8) -> Vote {
    let hash = Hash([letter; 32]);
    Vote {
        kind: VoteKind::Prevote,
        height: state.next_height(),
        round: Round::FIRST,
        block_id: Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } }),
        timestamp: Time::EPOCH,
        validator_address: state.validators.validators()[0].address,
        validator_index: ValidatorIndex(0),
        signature: SIGNATURE,
        extension: None,
    }
}

/// A pool in which one equivocation of height 1 has become evidence, the state after it, and the
/// evidence.
fn guilty() -> (EvidencePool, ChainState, Evidence) {
    let state = genesis_state(&[10; 4], ConsensusParams::default());
    let mut pool = EvidencePool::new(&state, vec![]);
    let mut outputs = Vec::new();
    pool.equivocation(vote(&state, 1), vote(&state, 2), &mut outputs);
    assert!(outputs.is_empty(), "the time of its height is not known yet");
    let (_, state) = next(&state);
    pool.advance(&state, &[], &mut outputs);
    let evidence = pool.pending(u64::MAX).pop().expect("the height is decided");
    assert!(matches!(&outputs[0], Output::KeepEvidence(kept) if *kept == evidence));
    (pool, state, evidence)
}

#[test]
fn two_votes_become_evidence_when_their_height_is_decided() {
    let (pool, state, evidence) = guilty();
    assert_eq!((evidence.height(), evidence.time()), (Height(1), state.last_block_time));
    assert_eq!(pool.pending(10), [], "it does not fit");
}

#[test]
fn evidence_that_a_block_carries_is_dropped_for_good() {
    let (mut pool, state, evidence) = guilty();
    let (_, state) = next(&state);
    let mut outputs = Vec::new();
    pool.advance(&state, std::slice::from_ref(&evidence), &mut outputs);
    assert!(matches!(outputs[..], [Output::DropEvidence(hash)] if hash == evidence.hash()));
    pool.add(evidence, &mut outputs);
    assert_eq!(pool.pending(u64::MAX), []);
}

#[test]
fn a_peer_is_told_once_and_only_when_it_can_check_it() {
    let (mut pool, _, evidence) = guilty();
    pool.peer_up(PEER);
    let mut outputs = Vec::new();
    pool.tell(PEER, Height(1), &mut outputs);
    assert!(outputs.is_empty(), "the peer has not decided that height");
    pool.tell(PEER, Height(2), &mut outputs);
    pool.tell(PEER, Height(2), &mut outputs);
    let [Output::Send { to, message }] = &outputs[..] else { panic!("one message: {outputs:?}") };
    assert_eq!((*to, message), (Recipients::One(PEER), &Message::Evidence(vec![evidence])));
}

/// What gossip says and whom it blames when a peer says something at height 5 of 4 validators.
fn blamed_for(message: &Message) -> Option<Offence> {
    let state = genesis_state(&[10; 4], ConsensusParams::default());
    let votes = Votes::new(Height(5), Arc::clone(&state.validators));
    let view = View {
        height: Height(5),
        round: Round::FIRST,
        step: WireStep::Propose,
        start_time: Time::EPOCH,
        me: Some(ValidatorIndex(0)),
        last_commit_round: Some(Round::FIRST),
        last_commit: None,
        votes: &votes,
        next_validators: &state.next_validators,
        proposal: None,
        own_proposal: false,
        parts: None,
        decided: None,
        stored: None,
    };
    let mut gossip = Gossip::new(&Config::default(), Height::FIRST);
    let mut outputs = Vec::new();
    gossip.peer_up(Time::EPOCH, PEER, &view, &mut outputs);
    let step = Message::NewRoundStep {
        height: Height(5),
        round: Round::FIRST,
        step: WireStep::Propose,
        seconds_since_start: 0,
        last_commit_round: Some(Round::FIRST),
    };
    gossip.received(PEER, &step, &&view, &mut outputs);
    gossip.received(PEER, message, &&view, &mut outputs);
    outputs.iter().find_map(|output| match output {
        Output::Penalise { offence, .. } => Some(*offence),
        _ => None,
    })
}

#[test]
fn a_peer_that_says_what_cannot_be_is_blamed() {
    let (height, round, kind) = (Height(5), Round::FIRST, VoteKind::Prevote);
    let bits = |count| Message::VoteSetBits {
        height,
        round,
        kind,
        block_id: None,
        have: BitArray::new(count),
    };
    let has = |index| Message::HasVote { height, round, kind, index: ValidatorIndex(index) };
    let parts = |count| Message::NewValidBlock {
        height,
        round,
        parts: PartSetHeader { total: 3, hash: Hash([1; 32]) },
        have: BitArray::new(count),
        is_commit: false,
    };
    let step = |height, last_commit_round| Message::NewRoundStep {
        height: Height(height),
        round,
        step: WireStep::Propose,
        seconds_since_start: 0,
        last_commit_round,
    };
    assert_eq!(blamed_for(&bits(4)), None);
    // How the reference says that it has none of them.
    assert_eq!(blamed_for(&bits(0)), None);
    assert_eq!(blamed_for(&bits(5)), Some(Offence::Lie));
    assert_eq!(blamed_for(&has(3)), None);
    assert_eq!(blamed_for(&has(4)), Some(Offence::Lie));
    assert_eq!(blamed_for(&parts(3)), None);
    assert_eq!(blamed_for(&parts(2)), Some(Offence::Lie));
    assert_eq!(blamed_for(&step(6, Some(round))), None);
    assert_eq!(blamed_for(&step(6, None)), Some(Offence::Lie));
    assert_eq!(blamed_for(&step(1, Some(round))), Some(Offence::Lie));
}
