//! What validators do on a chain without a network: vote or be silent, and vote twice.

use types::chain_state::LastBlock;
use types::keys::SIGNATURE_BYTES;
use types::{
    Address, BlockId, CommitSig, DuplicateVoteEvidence, Evidence, ExtendedCommit,
    ExtendedCommitSig, Hash, Height, PartSetHeader, Round, Signature, Time, ValidatorSet, Vote,
    VoteKind,
};

use super::TestChain;

/// Proves nothing, where nobody asks for a proof.
const SIGNATURE: Signature = Signature([0; SIGNATURE_BYTES]);

impl TestChain {
    /// Has a validator be silent from now on. Together they must have less than a third of the
    /// power, or a real chain would stop here.
    pub fn fail_validator(&mut self, validator: Address) {
        self.silent.insert(validator);
    }

    /// Has a validator vote again.
    pub fn recover_validator(&mut self, validator: &Address) {
        self.silent.remove(validator);
    }

    /// Has the next block prove that a validator voted twice at the last height.
    ///
    /// # Panics
    /// If there is no last block, or the validator was not in its set.
    pub fn misbehave(&mut self, validator: &Address) {
        let last = self.state.last_block.as_ref().expect("there is a last block");
        let evidence = equivocation(last, self.state.last_block_time, validator);
        self.accused.push(evidence);
    }

    /// The commit of the last block, by all who are not silent.
    pub(super) fn last_commit(&self) -> Option<ExtendedCommit> {
        let last = self.state.last_block.as_ref()?;
        let voted_at = self.state.last_block_time.after(self.gap);
        Some(self.unsigned(&last.validators, last.id, last.height, voted_at))
    }

    fn unsigned(
        &self,
        validators: &ValidatorSet,
        id: BlockId,
        height: Height,
        timestamp: Time,
    ) -> ExtendedCommit {
        let entry = |validator_address| {
            let sig = if self.silent.contains(&validator_address) {
                CommitSig::Absent
            } else {
                CommitSig::Commit { validator_address, timestamp, signature: SIGNATURE }
            };
            ExtendedCommitSig { sig, extension: None }
        };
        let members = validators.validators().iter();
        ExtendedCommit {
            height,
            round: Round::FIRST,
            block_id: id,
            signatures: members.map(|it| entry(it.address)).collect(),
        }
    }
}

/// That a validator voted twice at the height of a block, without signatures.
pub(crate) fn equivocation(last: &LastBlock, time: Time, validator: &Address) -> Evidence {
    let (index, _) = last.validators.find(validator).expect("the validator was in the set");
    let vote = |content: u8| Vote {
        kind: VoteKind::Precommit,
        height: last.height,
        round: Round::FIRST,
        block_id: Some(BlockId {
            hash: Hash([content; 32]),
            parts: PartSetHeader { total: 1, hash: Hash([content; 32]) },
        }),
        timestamp: time,
        validator_address: *validator,
        validator_index: index,
        signature: SIGNATURE,
        extension: None,
    };
    let proof = DuplicateVoteEvidence::new(vote(1), vote(2), &last.validators, time);
    let proof = proof.expect("the votes are of one member, and differ");
    Evidence::DuplicateVote(Box::new(proof))
}
