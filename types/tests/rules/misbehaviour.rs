//! Evidence proves what it claims, or says what does not hold.

use types::chain_state::BlockError;
use types::evidence::EvidenceContext;
use types::verified::Remembered;
use types::{
    AppHash, Block, BlockId, Commit, CommitSig, DuplicateVoteEvidence, Evidence, EvidenceError,
    Hash, Header, Height, LightBlock, LightClientAttackEvidence, Round, SignedHeader, Time,
    Validator, ValidatorSet, Vote, VoteKind, VotingPower,
};

use crate::network::{Network, chain_id, other_id, public_key, seconds};

const KIND: VoteKind = VoteKind::Precommit;

/// A chain of six blocks.
fn network() -> Network {
    let mut network = Network::new(&[10, 20, 30, 40]);
    for _ in 0..6 {
        network.grow(&["a=1"], &[]);
    }
    network
}

fn light_block(network: &Network, height: u64) -> &LightBlock {
    &network.light_blocks[usize::try_from(height).unwrap() - 1]
}

fn verify(network: &Network, evidence: &Evidence, trusted: u64) -> Result<(), EvidenceError> {
    let at = light_block(network, evidence.height().0);
    let context = EvidenceContext {
        chain_id: &chain_id(),
        validators: &at.validators,
        block_time: at.signed_header.header.time,
        trusted: Some(&light_block(network, trusted).signed_header),
    };
    evidence.verify(&context, &mut Remembered::default())
}

/// Two votes of validator 0 of the set, at height 3, in one round.
fn conflict(network: &Network) -> (Vote, Vote) {
    let set = &light_block(network, 3).validators;
    let at = (Height(3), Round(1));
    let vote = |id| network.vote(set, 0, KIND, at, id);
    (vote(Some(other_id(1))), vote(Some(other_id(2))))
}

fn duplicate(network: &Network) -> DuplicateVoteEvidence {
    let (first, second) = conflict(network);
    let at = light_block(network, 3);
    let time = at.signed_header.header.time;
    DuplicateVoteEvidence::new(first, second, &at.validators, time).unwrap()
}

fn invalid(result: &Result<(), EvidenceError>) -> bool {
    matches!(result, Err(EvidenceError::Invalid { .. }))
}

#[test]
fn two_votes_in_one_round_prove_equivocation() {
    let network = network();
    let evidence = duplicate(&network);
    assert_eq!(evidence.total_power, VotingPower(100));
    assert_eq!(evidence.validator_power, VotingPower(40));
    let evidence = Evidence::DuplicateVote(Box::new(evidence));
    assert_eq!(verify(&network, &evidence, 3), Ok(()));
    let time = light_block(&network, 3).signed_header.header.time;
    assert_eq!((evidence.height(), evidence.time()), (Height(3), time));
}

#[test]
fn votes_are_put_in_order_nil_first() {
    let network = network();
    let at = light_block(&network, 3);
    let (first, second) = conflict(&network);
    let nil = network.vote(&at.validators, 0, KIND, (Height(3), Round(1)), None);
    let make = |a: &Vote, b: &Vote| {
        DuplicateVoteEvidence::new(a.clone(), b.clone(), &at.validators, seconds(2)).unwrap()
    };
    assert_eq!(make(&first, &second), make(&second, &first));
    assert_eq!(make(&first, &nil).vote_a, nil);
    // spec: `BlockID.Key` compares encoded ids: 256 parts are 80 02, before the ff 01 of 255.
    let parts = |total, last: u8| {
        let mut id = other_id(1);
        id.parts.total = total;
        id.parts.hash = Hash([last; 32]);
        network.vote(&at.validators, 0, KIND, (Height(3), Round(1)), Some(id))
    };
    assert_eq!(make(&parts(256, 1), &parts(255, 1)).vote_a, parts(256, 1));
    assert_eq!(make(&parts(1, 2), &parts(1, 1)).vote_a, parts(1, 1));
}

#[test]
fn votes_that_do_not_conflict_prove_nothing() {
    let network = network();
    let set = &light_block(&network, 3).validators;
    let at = (Height(3), Round(1));
    let vote = network.vote(set, 0, KIND, at, Some(other_id(1)));
    let id = Some(other_id(2));
    let others = [
        vote.clone(),
        network.vote(set, 1, KIND, at, id),
        network.vote(set, 0, KIND, (Height(3), Round(2)), id),
        network.vote(set, 0, KIND, (Height(4), Round(1)), id),
        network.vote(set, 0, VoteKind::Prevote, at, id),
    ];
    for other in others {
        let result = DuplicateVoteEvidence::new(vote.clone(), other, set, seconds(2));
        assert!(matches!(result, Err(EvidenceError::Invalid { .. })), "{result:?}");
    }
    let stranger = types::ValidatorSet::new(&[(public_key(9), VotingPower(1))]).unwrap();
    let (first, second) = conflict(&network);
    let address = first.validator_address;
    let unknown = EvidenceError::UnknownValidator { address, height: Height(3) };
    let result = DuplicateVoteEvidence::new(first, second, &stranger, seconds(2));
    assert_eq!(result, Err(unknown));
}

#[test]
fn changed_equivocation_is_refused() {
    let network = network();
    let changed = |change: fn(&mut DuplicateVoteEvidence)| {
        let mut evidence = duplicate(&network);
        change(&mut evidence);
        verify(&network, &Evidence::DuplicateVote(Box::new(evidence)), 3)
    };
    let mismatch = |field| Err(EvidenceError::Mismatch { field });
    assert_eq!(changed(|it| it.timestamp = seconds(3)), mismatch("timestamp"));
    assert_eq!(changed(|it| it.total_power = VotingPower(99)), mismatch("total_voting_power"));
    assert_eq!(changed(|it| it.validator_power = VotingPower(1)), mismatch("validator_power"));
    assert!(invalid(&changed(|it| it.vote_a.signature.0[0] ^= 1)));
    assert!(invalid(&changed(|it| it.vote_b.signature.0[0] ^= 1)));
    assert!(invalid(&changed(|it| it.vote_a.timestamp = seconds(9))));
    assert!(invalid(&changed(|it| it.vote_b.round = Round(2))));
    assert!(invalid(&changed(|it| it.vote_b = it.vote_a.clone())));
    assert!(invalid(&changed(|it| std::mem::swap(&mut it.vote_a, &mut it.vote_b))));
    let address = public_key(9).address();
    let unknown = EvidenceError::UnknownValidator { address, height: Height(3) };
    let stranger = changed(|it| {
        it.vote_a.validator_address = public_key(9).address();
        it.vote_b.validator_address = public_key(9).address();
    });
    assert_eq!(stranger, Err(unknown));
}

/// A light block that conflicts with the chain's, changed in its header and signed by these members
/// of the set (by index) in a round.
fn forge(
    network: &Network,
    height: u64,
    change: impl Fn(&mut Header),
    signers: &[usize],
    round: Round,
) -> LightBlock {
    let LightBlock { signed_header, validators } = light_block(network, height).clone();
    let mut header = signed_header.header;
    change(&mut header);
    let id = BlockId { hash: header.hash(), ..other_id(7) };
    let mut commit: Commit = network.commit(&validators, (header.height, round), id);
    for (index, entry) in commit.signatures.iter_mut().enumerate() {
        if !signers.contains(&index) {
            *entry = CommitSig::Absent;
        }
    }
    LightBlock { signed_header: SignedHeader { header, commit }, validators }
}

fn attack(
    network: &Network,
    conflicting_block: LightBlock,
    agreed_height: u64,
    culprits: &[usize],
) -> LightClientAttackEvidence {
    let agreed = light_block(network, agreed_height);
    let members = agreed.validators.validators();
    LightClientAttackEvidence {
        conflicting_block,
        common_height: Height(agreed_height),
        byzantine_validators: culprits.iter().map(|&index| members[index].clone()).collect(),
        total_power: agreed.validators.total_power(),
        timestamp: agreed.signed_header.header.time,
    }
}

fn judge(
    network: &Network,
    attack: &LightClientAttackEvidence,
    trusted: u64,
) -> Result<(), EvidenceError> {
    verify(network, &Evidence::LightClientAttack(Box::new(attack.clone())), trusted)
}

fn lie(header: &mut Header) {
    header.app_hash = AppHash((&b"lie"[..]).into());
}

fn other_contents(header: &mut Header) {
    header.data_hash = Some(Hash([9; 32]));
}

const FIRST: Round = Round(0);

#[test]
fn lunatic_attack_blames_all_who_signed_the_lie() {
    let network = network();
    let block = forge(&network, 5, lie, &[0, 1], FIRST);
    let evidence = attack(&network, block, 2, &[0, 1]);
    assert_eq!(judge(&network, &evidence, 5), Ok(()));
    // A lie about state needs an earlier common height.
    let block = forge(&network, 5, lie, &[0, 1], FIRST);
    assert!(invalid(&judge(&network, &attack(&network, block, 5, &[0, 1]), 5)));
}

#[test]
fn lie_about_the_future_must_contradict_known_time() {
    let network = network();
    let ahead = |time: Time| {
        move |header: &mut Header| {
            lie(header);
            header.height = Height(50);
            header.time = time;
        }
    };
    let block = forge(&network, 6, ahead(seconds(5)), &[0, 1, 2], FIRST);
    assert_eq!(judge(&network, &attack(&network, block, 2, &[0, 1, 2]), 6), Ok(()));
    let block = forge(&network, 6, ahead(seconds(60)), &[0, 1, 2], FIRST);
    assert!(invalid(&judge(&network, &attack(&network, block, 2, &[0, 1, 2]), 6)));
}

#[test]
fn equivocation_blames_those_who_signed_both() {
    let mut network = network();
    // Validator 2 had no part in our own commit.
    network.light_blocks[4].signed_header.commit.signatures[2] = CommitSig::Absent;
    let block = forge(&network, 5, other_contents, &[0, 1, 2], FIRST);
    assert_eq!(judge(&network, &attack(&network, block.clone(), 5, &[0, 1]), 5), Ok(()));
    let mismatch = Err(EvidenceError::Mismatch { field: "byzantine_validators" });
    for culprits in [&[0, 1, 2][..], &[0], &[1, 0], &[0, 2], &[]] {
        let evidence = attack(&network, block.clone(), 5, culprits);
        assert_eq!(judge(&network, &evidence, 5), mismatch, "{culprits:?}");
    }
}

#[test]
fn amnesia_blames_nobody() {
    let network = network();
    let block = forge(&network, 5, other_contents, &[0, 1, 2], Round(3));
    assert_eq!(judge(&network, &attack(&network, block.clone(), 5, &[]), 5), Ok(()));
    let mismatch = Err(EvidenceError::Mismatch { field: "byzantine_validators" });
    assert_eq!(judge(&network, &attack(&network, block, 5, &[0]), 5), mismatch);
}

#[test]
fn changed_attack_is_refused() {
    let network = network();
    let changed = |change: fn(&mut LightClientAttackEvidence)| {
        let block = forge(&network, 5, lie, &[0, 1], FIRST);
        let mut evidence = attack(&network, block, 2, &[0, 1]);
        change(&mut evidence);
        judge(&network, &evidence, 5)
    };
    let mismatch = |field| Err(EvidenceError::Mismatch { field });
    assert_eq!(changed(|it| it.timestamp = seconds(9)), mismatch("timestamp"));
    assert_eq!(changed(|it| it.total_power = VotingPower(1)), mismatch("total_voting_power"));
    let blamed: [fn(&mut Validator); 3] = [
        |it| it.power = VotingPower(1),
        // The application is told the key's address: an innocent's key must not stand here.
        |it| it.public_key = public_key(9),
        |it| it.address = public_key(9).address(),
    ];
    for change in blamed {
        let block = forge(&network, 5, lie, &[0, 1], FIRST);
        let mut evidence = attack(&network, block, 2, &[0, 1]);
        change(&mut evidence.byzantine_validators[0]);
        let result = judge(&network, &evidence, 5);
        assert_eq!(result, mismatch("byzantine_validators"));
    }
    assert!(invalid(&changed(|it| {
        it.conflicting_block.signed_header.header.app_hash = AppHash::default();
    })));
    assert!(invalid(&changed(|it| it.conflicting_block.signed_header.commit.height = Height(4))));
    assert!(invalid(&changed(|it| {
        let member = (public_key(9), VotingPower(100));
        it.conflicting_block.validators = ValidatorSet::new(&[member]).unwrap();
    })));
    for index in [0, 1] {
        let block = forge(&network, 5, lie, &[0, 1], FIRST);
        let mut evidence = attack(&network, block, 2, &[0, 1]);
        let commit = &mut evidence.conflicting_block.signed_header.commit;
        if let CommitSig::Commit { signature, .. } = &mut commit.signatures[index] {
            signature.0[0] ^= 1;
        }
        assert!(invalid(&judge(&network, &evidence, 5)));
    }
}

#[test]
fn attack_needs_a_conflict_and_enough_signers() {
    let network = network();
    let same = light_block(&network, 5).clone();
    assert!(invalid(&judge(&network, &attack(&network, same, 2, &[0, 1, 2, 3]), 5)));
    // Validators 1 and 2 hold half, which is no quorum of the conflicting set.
    let block = forge(&network, 5, lie, &[1, 2], FIRST);
    assert!(invalid(&judge(&network, &attack(&network, block, 2, &[1, 2]), 5)));
    // Nothing to compare with, and a header of the wrong height.
    let block = forge(&network, 5, lie, &[0, 1], FIRST);
    let evidence = attack(&network, block, 2, &[0, 1]);
    assert!(invalid(&judge(&network, &evidence, 6)));
    let at = light_block(&network, 2);
    let context = EvidenceContext {
        chain_id: &chain_id(),
        validators: &at.validators,
        block_time: at.signed_header.header.time,
        trusted: None,
    };
    let evidence = Evidence::LightClientAttack(Box::new(evidence));
    assert!(invalid(&evidence.verify(&context, &mut Remembered::default())));
}

/// A block with this evidence, checked by the state before it.
fn check(network: &Network, evidence: Vec<Evidence>) -> Result<(), BlockError> {
    let proposer = network.state.validators.proposer().address;
    let commit = network.last_commit.clone();
    let block: Block = network.state.make_block(vec![], commit, evidence, proposer);
    network.state.check_block(&block)
}

#[test]
fn blocks_hold_fresh_evidence_once_and_within_limits() {
    let mut network = network();
    let evidence = Evidence::DuplicateVote(Box::new(duplicate(&network)));
    assert_eq!(check(&network, vec![evidence.clone()]), Ok(()));
    let twice = check(&network, vec![evidence.clone(), evidence.clone()]);
    assert_eq!(twice, Err(BlockError::Evidence { reason: "the same is there twice" }));

    let mut later = duplicate(&network);
    later.vote_a.height = Height(7);
    later.vote_b.height = Height(7);
    let later = check(&network, vec![Evidence::DuplicateVote(Box::new(later))]);
    assert_eq!(later, Err(BlockError::Evidence { reason: "it is not about an earlier height" }));

    let bytes = types::evidence::encoded_bytes(std::slice::from_ref(&evidence));
    network.state.params.evidence.bytes_max = bytes;
    assert_eq!(check(&network, vec![evidence.clone()]), Ok(()));
    network.state.params.evidence.bytes_max = bytes - 1;
    let size = BlockError::Size { what: "evidence", actual: bytes, limit: bytes - 1 };
    assert_eq!(check(&network, vec![evidence.clone()]), Err(size));

    network.state.params.evidence.bytes_max = bytes;
    network.state.params.evidence.age_blocks_max = 2;
    assert_eq!(check(&network, vec![evidence.clone()]), Ok(()));
    network.state.params.evidence.age_max = std::time::Duration::from_secs(2);
    let expired = BlockError::Evidence { reason: "it has expired" };
    assert_eq!(check(&network, vec![evidence]), Err(expired));
}
