//! Hashes and what is signed: every field counts, in every member of a list; and proofs of
//! membership prove one leaf at one place.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use types::block::{evidence_hash, txs_hash};
use types::merkle::{self, Proof};
use types::outcome::{BlockOutcome, TxResult};
use types::{
    AppHash, ChainId, Commit, CommitSig, ConsensusParams, Evidence, Genesis, Hash, Header, Height,
    PartSet, PartSetHeader, Proposal, Round, Time, Tx, ValidatorSet, Vote, VoteKind, VotingPower,
    sign_bytes,
};

use crate::values;

/// Makes one change to a value.
type Change<T> = fn(&mut T);

/// All of these changes, each by itself, change what `digest` makes of the value.
fn avalanche<T: Clone, D: PartialEq>(
    value: &T,
    digest: impl Fn(&T) -> D,
    changes: &[Change<T>],
) -> Result<(), TestCaseError> {
    let before = digest(value);
    for (number, change) in changes.iter().enumerate() {
        let mut changed = value.clone();
        change(&mut changed);
        prop_assert!(digest(&changed) != before, "change {} is not seen", number);
    }
    Ok(())
}

fn flip(hash: &mut Hash) {
    hash.0[31] ^= 1;
}

/// Another hash, or one where there was none.
fn flip_option(hash: &mut Option<Hash>) {
    *hash = Some(hash.map_or(Hash([3; 32]), |mut hash| {
        flip(&mut hash);
        hash
    }));
}

fn later(time: &mut Time) {
    *time = Time::from_unix_nanos(time.unix_nanos() ^ 1).unwrap();
}

const HEADER: [Change<Header>; 17] = [
    |it| it.version.block ^= 1,
    |it| it.version.app ^= 1,
    |it| it.chain_id = ChainId::new("another chain").unwrap(),
    |it| it.height.0 ^= 1,
    |it| later(&mut it.time),
    |it| it.last_block_id = it.last_block_id.is_none().then(|| crate::network::other_id(1)),
    |it| flip_option(&mut it.last_commit_hash),
    |it| flip_option(&mut it.data_hash),
    |it| flip(&mut it.validators_hash),
    |it| flip(&mut it.next_validators_hash),
    |it| flip(&mut it.consensus_hash),
    |it| it.app_hash = AppHash([&it.app_hash.0[..], &[1]].concat().into()),
    |it| flip_option(&mut it.last_results_hash),
    |it| flip_option(&mut it.evidence_hash),
    |it| it.proposer_address.0[0] ^= 1,
    // Two fields that change places must not hash to the same.
    |it| std::mem::swap(&mut it.validators_hash, &mut it.next_validators_hash),
    |it| std::mem::swap(&mut it.data_hash, &mut it.evidence_hash),
];

const VOTE: [Change<Vote>; 8] = [
    |it| {
        it.kind = match it.kind {
            VoteKind::Prevote => VoteKind::Precommit,
            VoteKind::Precommit => VoteKind::Prevote,
        };
    },
    |it| it.height.0 ^= 1,
    |it| it.round.0 ^= 1,
    |it| it.block_id = None,
    |it| it.block_id.iter_mut().for_each(|id| flip(&mut id.hash)),
    |it| it.block_id.iter_mut().for_each(|id| flip(&mut id.parts.hash)),
    |it| it.block_id.iter_mut().for_each(|id| id.parts.total ^= 1),
    |it| later(&mut it.timestamp),
];

const PROPOSAL: [Change<Proposal>; 8] = [
    |it| it.height.0 ^= 1,
    |it| it.round.0 ^= 64,
    |it| it.pol_round = it.pol_round.is_none().then_some(Round(0)),
    |it| it.pol_round = it.pol_round.map_or(Some(Round(1)), |round| Some(round.next())),
    |it| flip(&mut it.block_id.hash),
    |it| flip(&mut it.block_id.parts.hash),
    |it| it.block_id.parts.total ^= 1,
    |it| later(&mut it.timestamp),
];

const ENTRY: [Change<CommitSig>; 5] = [
    |it| {
        let (validator_address, timestamp, signature) = parts_of(it);
        *it = match it {
            CommitSig::Commit { .. } => CommitSig::Nil { validator_address, timestamp, signature },
            CommitSig::Absent | CommitSig::Nil { .. } => {
                CommitSig::Commit { validator_address, timestamp, signature }
            }
        };
    },
    |it| if *it == CommitSig::Absent { entry(it, |_| {}) } else { *it = CommitSig::Absent },
    |it| entry(it, |(address, ..)| address.0[19] ^= 1),
    |it| entry(it, |(_, timestamp, _)| later(timestamp)),
    |it| entry(it, |(.., signature)| signature.0[63] ^= 1),
];

type Parts = (types::Address, Time, types::Signature);

fn parts_of(entry: &CommitSig) -> Parts {
    match entry {
        CommitSig::Absent => (types::Address([1; 20]), Time::EPOCH, types::Signature([1; 64])),
        CommitSig::Commit { validator_address, timestamp, signature }
        | CommitSig::Nil { validator_address, timestamp, signature } => {
            (*validator_address, *timestamp, *signature)
        }
    }
}

/// Changes a part of an entry; an absent one becomes a vote.
fn entry(entry: &mut CommitSig, change: impl FnOnce(&mut Parts)) {
    let mut parts = parts_of(entry);
    change(&mut parts);
    let (validator_address, timestamp, signature) = parts;
    *entry = match entry {
        CommitSig::Nil { .. } => CommitSig::Nil { validator_address, timestamp, signature },
        CommitSig::Absent | CommitSig::Commit { .. } => {
            CommitSig::Commit { validator_address, timestamp, signature }
        }
    };
}

const RESULT: [Change<TxResult>; 4] = [
    |it| it.code ^= 1,
    |it| it.data = [&it.data[..], &[1]].concat().into(),
    |it| it.gas_wanted ^= 1,
    |it| it.gas_used ^= 1,
];

proptest! {
    #![proptest_config(crate::cases(300))]

    #[test]
    fn advisory_21_every_field_of_a_header_changes_its_hash(header in values::header()) {
        // What changes places must differ.
        let (data_hash, evidence_hash) = (Some(Hash([1; 32])), Some(Hash([2; 32])));
        let header = Header { data_hash, evidence_hash, ..header };
        avalanche(&header, Header::hash, &HEADER)?;
        if let Some(id) = header.last_block_id {
            let with = |id| Header { last_block_id: Some(id), ..header.clone() }.hash();
            let changes: [Change<types::BlockId>; 3] = [
                |it| flip(&mut it.hash), |it| flip(&mut it.parts.hash), |it| it.parts.total ^= 1,
            ];
            avalanche(&id, |&id| with(id), &changes)?;
        }
    }

    #[test]
    fn advisory_21_every_field_that_is_signed_changes_the_sign_bytes(
        vote in values::vote(), proposal in values::proposal(), id in values::block_id(),
    ) {
        let chain = ChainId::new("chain").unwrap();
        let vote = Vote { block_id: Some(id), ..vote };
        avalanche(&vote, |it| it.sign_bytes(&chain), &VOTE)?;
        avalanche(&proposal, |it| it.sign_bytes(&chain), &PROPOSAL)?;
        let other = ChainId::new("chain2").unwrap();
        prop_assert_ne!(vote.sign_bytes(&chain), vote.sign_bytes(&other));
        prop_assert_ne!(proposal.sign_bytes(&chain), proposal.sign_bytes(&other));
        let sign = |chain: &ChainId, height, round, bytes: &[u8]| {
            sign_bytes::extension(chain, Height(height), Round(round), bytes)
        };
        let signed = sign(&chain, 1, 1, b"a");
        for changed in [sign(&other, 1, 1, b"a"), sign(&chain, 2, 1, b"a"),
            sign(&chain, 1, 2, b"a"), sign(&chain, 1, 1, b"b"), sign(&chain, 1, 1, b"")]
        {
            prop_assert_ne!(&changed, &signed);
        }
        // A vote, a proposal and an extension never sign the same bytes.
        prop_assert_ne!(vote.sign_bytes(&chain), proposal.sign_bytes(&chain));
        prop_assert_ne!(vote.sign_bytes(&chain), signed);
    }

    /// The fix of the reference hashed the last validator only, for seventeen months.
    #[test]
    fn advisory_21_every_member_of_a_list_changes_its_hash(
        powers in vec(1_u64..1_000_000, 1..7), commit in values::commit(), txs in values::txs(),
        results in vec(values::tx_result(), 1..6), evidence in vec(values::evidence(), 1..4),
    ) {
        let set = |powers: &[u64], key: u8| {
            let members = (key..).zip(powers);
            let members: Vec<_> = members
                .map(|(number, &power)| (types::PublicKey([number; 32]), VotingPower(power)))
                .collect();
            ValidatorSet::new(&members).unwrap()
        };
        let before = set(&powers, 1).hash();
        for place in 0..powers.len() {
            let mut changed = powers.clone();
            changed[place] += 1;
            prop_assert_ne!(set(&changed, 1).hash(), before);
        }
        prop_assert_ne!(set(&powers, 2).hash(), before);

        for place in 0..commit.signatures.len() {
            for change in ENTRY {
                let mut changed = commit.clone();
                change(&mut changed.signatures[place]);
                prop_assert_ne!(Commit::hash(&changed), commit.hash());
            }
        }
        for place in 0..results.len() {
            for change in RESULT {
                let outcome = |results| BlockOutcome { tx_results: results, ..Default::default() };
                let mut changed = results.clone();
                change(&mut changed[place]);
                let (changed, before) = (outcome(changed), outcome(results.clone()));
                prop_assert_ne!(changed.results_hash(), before.results_hash());
            }
        }
        for place in 0..txs.len() {
            let mut changed = txs.clone();
            changed[place] = Tx::from([&txs[place][..], &[0]].concat());
            prop_assert_ne!(txs_hash(&changed), txs_hash(&txs));
            changed.remove(place);
            prop_assert_ne!(txs_hash(&changed), txs_hash(&txs));
        }
        for place in 0..evidence.len() {
            let mut changed = evidence.clone();
            match &mut changed[place] {
                Evidence::DuplicateVote(it) => it.vote_b.signature.0[5] ^= 1,
                Evidence::LightClientAttack(it) => it.total_power.0 ^= 1,
            }
            prop_assert_ne!(evidence_hash(&changed), evidence_hash(&evidence));
        }
    }

    #[test]
    fn advisory_21_every_field_of_a_genesis_changes_its_hash(genesis in values::genesis()) {
        let changes: [Change<Genesis>; 7] = [
            |it| it.chain_id = ChainId::new("another chain").unwrap(),
            |it| it.initial_height.0 ^= 2,
            |it| later(&mut it.genesis_time),
            |it| it.app_hash = AppHash([&it.app_hash.0[..], &[1]].concat().into()),
            |it| it.app_state = "{\"other\":1}".to_owned(),
            |it| it.params.evidence.age_blocks_max += 1,
            |it| it.validators.push(types::genesis::GenesisValidator {
                public_key: types::PublicKey([9; 32]),
                power: VotingPower(1),
                name: String::new(),
            }),
        ];
        avalanche(&genesis, Genesis::hash, &changes)?;
    }

    #[test]
    fn advisory_21_every_byte_of_a_block_changes_its_parts(
        length in 1_usize..150_000, place in any::<Index>(), bit in 0_u8..8,
    ) {
        let mut bytes = vec![7; length];
        let before = PartSet::cut(bytes.clone().into()).header();
        bytes[place.index(length)] ^= 1 << bit;
        prop_assert_ne!(PartSet::cut(bytes.into()).header(), before);
    }

    /// RFC 6962: a leaf and an inner node are hashed with different prefixes.
    #[test]
    fn advisory_38_an_inner_node_never_passes_for_a_leaf(
        leaves in vec(vec(any::<u8>(), 0..40), 2..20),
    ) {
        let (root, proofs) = merkle::root_and_proofs(&leaves);
        // The two children of the root, as their parent would have them in a leaf.
        let (first, last) = (&proofs[0], &proofs[leaves.len() - 1]);
        let (right, left) = (first.aunts.last().unwrap(), last.aunts.last().unwrap());
        let children = [left.0, right.0].concat();
        for forged in [children.clone(), [&[1][..], &children].concat()] {
            prop_assert_ne!(merkle::root(&[&forged]), root);
            let leaf_hash = root;
            let claim = Proof { total: 1, index: 0, leaf_hash, aunts: vec![] };
            prop_assert!(!claim.verifies(&root, &forged));
        }
        prop_assert_eq!(merkle::root::<&[u8]>(&[]), Hash::of(&[]));
        let nothing = Proof { total: 0, index: 0, leaf_hash: Hash::of(&[]), aunts: vec![] };
        prop_assert!(!nothing.verifies(&Hash::of(&[]), &[]));
    }

    /// Whatever is done to a proof, it proves no other leaf and no other place.
    #[test]
    fn advisory_38_a_changed_proof_proves_nothing_else(
        leaves in vec(vec(any::<u8>(), 0..4), 1..40), which in any::<Index>(),
        other in any::<Index>(), total in any::<u64>(), aunt in any::<Index>(),
    ) {
        // No two leaves are the same, or some proofs would be, too.
        let leaves: Vec<Vec<u8>> =
            (0..).zip(&leaves).map(|(place, leaf)| [&[place], &leaf[..]].concat()).collect();
        let (root, proofs) = merkle::root_and_proofs(&leaves);
        let (at, there) = (which.index(leaves.len()), other.index(leaves.len()));
        let proof = &proofs[at];
        prop_assert!(proof.verifies(&root, &leaves[at]));
        // A proof of one place with the index or the leaf of another.
        let moved = Proof { index: proofs[there].index, ..proof.clone() };
        prop_assert_eq!(moved.verifies(&root, &leaves[at]), at == there);
        prop_assert_eq!(proof.verifies(&root, &leaves[there]), at == there);
        // A tree that is said to be of another size, if that needs another path.
        let resized = Proof { total, ..proof.clone() };
        let same = total == proof.total;
        prop_assert!(same || !resized.verifies(&root, &leaves[at])
            || depth(total, at) == proof.aunts.len());
        let mut cut = proof.clone();
        if !cut.aunts.is_empty() {
            cut.aunts.remove(aunt.index(proof.aunts.len()));
            prop_assert!(!cut.verifies(&root, &leaves[at]));
        }
        let mut longer = proof.clone();
        longer.aunts.insert(aunt.index(proof.aunts.len() + 1), Hash([0; 32]));
        prop_assert!(!longer.verifies(&root, &leaves[at]));
    }
}

/// How many aunts the leaf at an index has.
fn depth(total: u64, index: usize) -> usize {
    let (mut total, mut index, mut depth) = (total, index as u64, 0);
    while 1 < total {
        let left = 1 << (total - 1).ilog2();
        (total, index) = if index < left { (left, index) } else { (total - left, index - left) };
        depth += 1;
    }
    depth
}

/// The header takes of the parameters what the reference's does, and no less.
#[test]
fn advisory_21_every_hashed_parameter_changes_the_hash() {
    let params = ConsensusParams::default();
    let changes: [Change<ConsensusParams>; 4] = [
        |it| it.block.bytes_max = Some(1),
        |it| it.block.bytes_max = None,
        |it| it.block.gas_max = Some(0),
        |it| it.block.gas_max = Some(1),
    ];
    avalanche(&params, ConsensusParams::hash, &changes).unwrap();
    let header = |total| PartSetHeader { total, hash: Hash([1; 32]) };
    assert_ne!(header(1), header(2));
}
