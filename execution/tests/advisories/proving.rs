//! What a node makes of evidence, by what its store knows.

use std::collections::BTreeSet;
use std::time::Duration;

use execution::executor::provable_from;
use execution::{EvidenceRefusal, SharedMemory, check_evidence, sift_evidence};
use types::params::EvidenceParams;
use types::vote::Extension;
use types::{
    AppHash, BlockId, Commit, CommitSig, DuplicateVoteEvidence, Evidence, Hash, Header, Height,
    LightBlock, LightClientAttackEvidence, PartSetHeader, Round, Signature, SignedHeader, Time,
    ValidatorIndex, Vote, VoteKind,
};

use crate::chain::Chain;

/// A chain of so many blocks, a second apart.
fn chain_of(blocks: u64) -> Chain {
    let mut chain = Chain::new();
    for _ in 0..blocks {
        chain.decide(vec![]);
    }
    chain
}

fn id(letter: u8) -> BlockId {
    let hash = Hash([letter; 32]);
    BlockId { hash, parts: PartSetHeader { total: 1, hash } }
}

fn header_at(chain: &Chain, height: u64) -> Header {
    let meta = chain.store.block_meta(Height(height)).expect("it is in memory");
    meta.expect("the chain is that long").header
}

/// Two prevotes of the first validator at a height that the chain has.
fn equivocation(chain: &Chain, height: u64) -> Evidence {
    let time = header_at(chain, height).time;
    let vote = |letter| {
        let (kind, index) = (VoteKind::Prevote, ValidatorIndex(0));
        chain.vote(kind, Height(height), Some(id(letter)), index, time)
    };
    let set = &chain.state.validators;
    let evidence = DuplicateVoteEvidence::new(vote(1), vote(2), set, time);
    Evidence::DuplicateVote(Box::new(evidence.expect("the votes conflict")))
}

fn check(chain: &Chain, evidence: &Evidence) -> Result<(), EvidenceRefusal> {
    let memory = SharedMemory::default();
    check_evidence(&chain.store, &chain.genesis.chain_id, evidence, &memory)
}

fn changed(evidence: &Evidence, change: impl FnOnce(&mut DuplicateVoteEvidence)) -> Evidence {
    let Evidence::DuplicateVote(it) = evidence else { panic!("an equivocation") };
    let mut changed = (**it).clone();
    change(&mut changed);
    Evidence::DuplicateVote(Box::new(changed))
}

/// A list was dropped for one piece of it that a block carried already, and its sender, who takes
/// what it has sent for known, never sent the others again (seed 1795702436002997
/// --beyond-a-third).
#[test]
fn a_piece_that_is_no_news_costs_none_of_the_others() {
    let mut chain = chain_of(3);
    let (old, fresh) = (equivocation(&chain, 2), equivocation(&chain, 3));
    let later = changed(&fresh, |it| {
        it.vote_a.height = Height(9);
        it.vote_b.height = Height(9);
    });
    let lie = changed(&fresh, |it| it.vote_a.signature = Signature([1; 64]));
    chain.decide_with(vec![], vec![old.clone()]);
    let sift = |list: &[&Evidence]| {
        let list = list.iter().map(|&it| it.clone()).collect();
        sift_evidence(&chain.store, &chain.genesis.chain_id, list, &SharedMemory::default())
    };
    assert_eq!(sift(&[&old, &fresh, &later]).unwrap(), std::slice::from_ref(&fresh));
    assert_eq!(sift(&[&old, &later]).unwrap(), []);
    assert!(sift(&[&fresh, &lie, &old]).unwrap_err().is_blameworthy());
}

/// What a block carries already is taken from no peer and in no proposal, in whatever bytes: else a
/// peer could make an honest proposer offer it again, and all would reject its block.
#[test]
fn advisory_02_evidence_that_a_block_carries_is_not_taken_again() {
    let mut chain = chain_of(3);
    let evidence = equivocation(&chain, 2);
    assert!(check(&chain, &evidence).is_ok());
    chain.decide_with(vec![], vec![evidence.clone()]);
    let variants = [
        evidence.clone(),
        changed(&evidence, |it| it.vote_a.validator_index.0 = 9),
        changed(&evidence, |it| {
            let (bytes, signature) = (vec![1].into(), Signature([1; 64]));
            it.vote_b.extension = Some(Extension { bytes, signature });
        }),
    ];
    for variant in variants {
        let verdict = check(&chain, &variant);
        assert!(matches!(verdict, Err(EvidenceRefusal::Committed)), "{verdict:?}");
    }
    // Another deed of the same validator is news.
    assert!(check(&chain, &equivocation(&chain, 3)).is_ok());
}

/// Evidence of a height in flight is neither taken nor held against who sent it.
#[test]
fn advisory_13_evidence_of_a_height_that_is_not_here_is_nobodys_fault() {
    let chain = chain_of(3);
    let evidence = equivocation(&chain, 3);
    for height in [4, 5, 1_000_000, i64::MAX as u64] {
        let moved = changed(&evidence, |it| {
            it.vote_a.height = Height(height);
            it.vote_b.height = Height(height);
        });
        let verdict = check(&chain, &moved);
        let unknown = matches!(verdict, Err(EvidenceRefusal::UnknownHeight(it)) if it.0 == height);
        assert!(unknown, "{verdict:?}");
    }
    assert!(check(&chain, &evidence).is_ok(), "the tip's own height is known");
}

/// A header of height `height` that the chain does not have, signed by three of its four.
fn lie(chain: &Chain, height: u64, time: Time, lunatic: bool) -> LightBlock {
    let mut header = header_at(chain, height.min(chain.state.last_height().map_or(1, |it| it.0)));
    header.height = Height(height);
    header.time = time;
    if lunatic {
        header.app_hash = AppHash((&b"lie"[..]).into());
    } else {
        header.data_hash = Some(Hash([9; 32]));
    }
    let block_id = BlockId { hash: header.hash(), ..id(7) };
    let sign = |index| {
        let (kind, at) = (VoteKind::Precommit, Height(height));
        chain.vote(kind, at, Some(block_id), ValidatorIndex(index), time).commit_sig(&block_id)
    };
    let mut signatures: Vec<CommitSig> = (0..3).map(sign).collect();
    signatures.push(CommitSig::Absent);
    let commit = Commit { height: Height(height), round: Round::FIRST, block_id, signatures };
    let validators = (*chain.state.validators).clone();
    LightBlock { signed_header: SignedHeader { header, commit }, validators }
}

fn attack(chain: &Chain, conflicting_block: LightBlock, agreed: u64) -> Evidence {
    let set = &chain.state.validators;
    let signed = &conflicting_block.signed_header.commit.signatures;
    let signers: BTreeSet<_> = signed.iter().filter_map(CommitSig::validator_address).collect();
    let culprits = set.validators().iter().filter(|it| signers.contains(&it.address));
    Evidence::LightClientAttack(Box::new(LightClientAttackEvidence {
        byzantine_validators: culprits.cloned().collect(),
        total_power: set.total_power(),
        timestamp: header_at(chain, agreed).time,
        common_height: Height(agreed),
        conflicting_block,
    }))
}

/// A lie about a height above ours may yet come true for all we know: whoever tells of it is not to
/// blame, be it that the chain is there already and only we are behind. It is proven once our time
/// has passed its.
#[test]
fn advisory_17_a_header_above_our_tip_is_judged_when_its_time_has_passed() {
    let mut chain = chain_of(5);
    let later = header_at(&chain, 5).time.after(Duration::from_millis(1500));
    let evidence = attack(&chain, lie(&chain, 40, later, true), 2);
    for blocks in 0..2 {
        let verdict = check(&chain, &evidence);
        let unknown = matches!(verdict, Err(EvidenceRefusal::UnknownHeight(Height(40))));
        assert!(unknown, "{blocks} blocks later: {verdict:?}");
        chain.decide(vec![]);
    }
    let verdict = check(&chain, &evidence);
    assert!(verdict.is_ok(), "{verdict:?}");
}

/// Who is to blame for two headers of one height is read from our own commit, of which only the
/// next block makes one truth: two nodes that saw other votes must not name other culprits.
#[test]
fn advisory_28_culprits_are_read_from_the_commit_that_all_nodes_have() {
    let mut chain = chain_of(5);
    let time = header_at(&chain, 5).time;
    let evidence = attack(&chain, lie(&chain, 5, time, false), 5);
    let verdict = check(&chain, &evidence);
    assert!(matches!(verdict, Err(EvidenceRefusal::UnknownHeight(Height(5)))), "{verdict:?}");
    chain.decide(vec![]);
    let verdict = check(&chain, &evidence);
    assert!(verdict.is_ok(), "{verdict:?}");
    // The innocent fourth is not blamed by anybody's word.
    let Evidence::LightClientAttack(mut framed) = evidence else { panic!("an attack") };
    framed.byzantine_validators = chain.state.validators.validators().to_vec();
    let verdict = check(&chain, &Evidence::LightClientAttack(framed));
    assert!(matches!(verdict, Err(EvidenceRefusal::False(_))), "{verdict:?}");
}

/// Blocks are kept while evidence about them counts, which is until it is too old by blocks and by
/// time: a node that forgot earlier would reject what all others accept.
#[test]
fn advisory_19_blocks_are_kept_as_long_as_evidence_about_them_counts() {
    let chain = chain_of(30);
    let (base, tip) = (Height(1), Height(30));
    let (tip_time, store) = (header_at(&chain, 30).time, &chain.store);
    for age_blocks_max in [1, 5, 28, 29, 30, 1_000] {
        for seconds in [1, 4, 5, 6, 20, 29, 1_000] {
            let age_max = Duration::from_secs(seconds);
            let params = EvidenceParams { age_blocks_max, age_max, bytes_max: 1 };
            let first = provable_from(store, &params, (base, tip)).expect("the store is whole");
            for height in 1..=30 {
                let time = header_at(&chain, height).time;
                let counts = !params.expired(Height(height), time, tip, tip_time);
                assert_eq!(first <= Height(height), counts, "{height}: {params:?}");
            }
        }
    }
}

/// Votes with what is not signed in them changed: nothing that was not done is ever proven.
#[test]
fn advisory_28_a_vote_of_another_place_proves_nothing() {
    let chain = chain_of(4);
    let evidence = equivocation(&chain, 3);
    let moves: [fn(&mut Vote); 4] = [
        |it| it.height = Height(2),
        |it| it.round = Round(1),
        |it| it.kind = VoteKind::Precommit,
        |it| it.timestamp = Time::EPOCH,
    ];
    for change in moves {
        let moved = changed(&evidence, |it| {
            change(&mut it.vote_a);
            change(&mut it.vote_b);
        });
        let verdict = check(&chain, &moved);
        assert!(matches!(verdict, Err(EvidenceRefusal::False(_))), "{verdict:?}");
    }
}
