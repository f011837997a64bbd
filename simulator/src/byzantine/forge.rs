//! What an adversary makes: votes and proposals under its own key, blocks of every kind, and
//! signatures that are nobody's.

use std::time::Duration;

use bytes::Bytes;
use types::block::{evidence_hash, txs_hash};
use types::{
    AppHash, Block, BlockId, ChainId, CommitSig, Evidence, Hash, PartSet, PartSetHeader, Proposal,
    Signature, Tx, UnsignedProposal, UnsignedVote, Vote, VoteKind,
};

use super::{Adversary, Place, Scene};
use crate::chance::Chance;

/// Bytes of a block that takes several parts.
const LARGE_BYTES: usize = 200_000;

/// Nobody's signature.
pub const NOBODYS: Signature = Signature([0xEE; 64]);

impl Adversary {
    /// A vote of its own, if it has one at that height.
    pub fn own_vote(
        &self,
        scene: &Scene<'_>,
        place: Place,
        kind: VoteKind,
        block_id: Option<BlockId>,
    ) -> Option<Vote> {
        let (height, round) = place;
        let key = self.key?;
        let validator_address = self.addresses[self.member]?;
        let (validator_index, _) = self.memory.validators(height)?.find(&validator_address)?;
        let keyring = self.memory.keyring.as_ref()?;
        let extended = keyring.extensions_enabled && kind == VoteKind::Precommit;
        let extension = block_id.filter(|_| extended).map(|_| Bytes::from_static(b"extension"));
        let unsigned = UnsignedVote {
            kind,
            height,
            round,
            block_id,
            timestamp: scene.time,
            validator_address,
            validator_index,
            extension,
        };
        let chain_id = scene.chain_id;
        let signature = scene.curves.sign(key, || unsigned.sign_bytes(chain_id));
        let extension = unsigned.extension.as_ref().map(|extension| {
            scene
                .curves
                .sign(key, || types::sign_bytes::extension(chain_id, height, round, extension))
        });
        Some(unsigned.signed(scene.time, signature, extension))
    }

    /// A proposal under its own key.
    pub fn own_proposal(&self, scene: &Scene<'_>, proposal: &Proposal) -> Option<Proposal> {
        let Proposal { height, round, pol_round, block_id, timestamp, .. } = *proposal;
        let unsigned = UnsignedProposal { height, round, pol_round, block_id, timestamp };
        let signature = scene.curves.sign(self.key?, || unsigned.sign_bytes(scene.chain_id));
        Some(unsigned.signed(timestamp, signature))
    }
}

/// A hash of nothing in particular.
pub fn some_hash(chance: &mut Chance) -> Hash {
    Hash::of(&chance.below(u64::MAX).to_be_bytes())
}

/// The id of no block.
pub fn some_id(chance: &mut Chance) -> BlockId {
    let parts = PartSetHeader { total: 1, hash: some_hash(chance) };
    BlockId { hash: some_hash(chance), parts }
}

/// Another block that follows just as well.
pub fn another(block: &Block, chance: &mut Chance) -> Block {
    of_size(block, 8, chance)
}

/// Another block that follows, of several parts.
pub fn large(block: &Block, chance: &mut Chance) -> Block {
    of_size(block, LARGE_BYTES, chance)
}

/// Another block with so many bytes of transactions, at least 8.
pub fn of_size(block: &Block, bytes: usize, chance: &mut Chance) -> Block {
    let mut tx = vec![0; bytes];
    tx[..8].copy_from_slice(&chance.below(u64::MAX).to_be_bytes());
    let mut block = Block { txs: vec![Tx::from(tx)], ..block.clone() };
    block.header.data_hash = Some(txs_hash(&block.txs));
    block
}

/// A block with this evidence in it.
pub fn accusing(block: &Block, evidence: Vec<Evidence>) -> Block {
    let mut block = Block { evidence, ..block.clone() };
    block.header.evidence_hash = Some(evidence_hash(&block.evidence));
    block
}

/// The id and parts of a block that nobody honest can vote for.
pub fn invalid(block: &Block, chance: &mut Chance) -> (BlockId, PartSet) {
    let mut it = another(block, chance);
    match chance.below(14) {
        0 => it.header.app_hash = AppHash(Bytes::from_static(b"false")),
        1 => it.header.validators_hash = some_hash(chance),
        2 => it.header.next_validators_hash = some_hash(chance),
        3 => it.header.last_block_id = Some(some_id(chance)),
        4 => it.header.time = it.header.time.after(Duration::from_secs(1)),
        5 => it.header.height = it.header.height.next(),
        6 => it.header.chain_id = ChainId::new("another").expect("a short name"),
        7 => it.header.data_hash = Some(some_hash(chance)),
        8 => it.header.consensus_hash = some_hash(chance),
        9 => it.header.version.app += 1,
        10 => {
            let other = another(block, chance).part_set();
            return (BlockId { hash: it.hash(), parts: other.header() }, other);
        }
        _ => spoil_commit(&mut it, chance),
    }
    let parts = it.part_set();
    (it.id(&parts), parts)
}

/// Makes a block's last commit prove nothing, with a header that names it all the same.
pub fn spoil_commit(block: &mut Block, chance: &mut Chance) {
    let Some(commit) = &mut block.last_commit else {
        block.header.time = block.header.time.after(Duration::from_nanos(1));
        return;
    };
    let spoilt = chance.index(commit.signatures.len());
    match chance.below(4) {
        0 => commit.signatures.iter_mut().for_each(|it| *it = CommitSig::Absent),
        1 => drop(commit.signatures.pop()),
        2 => {
            commit.block_id.hash = some_hash(chance);
            commit.signatures.iter_mut().for_each(unsign);
        }
        _ => match &mut commit.signatures[spoilt] {
            CommitSig::Absent => commit.height = commit.height.next(),
            signed => unsign(signed),
        },
    }
    block.header.last_commit_hash = Some(commit.hash());
}

/// What was signed has been changed, and nobody signs it anew. Stand-ins do not show that by
/// themselves, as they are over nothing.
pub fn unsign(sig: &mut CommitSig) {
    if let CommitSig::Commit { signature, .. } | CommitSig::Nil { signature, .. } = sig {
        *signature = NOBODYS;
    }
}
