//! No honest key ever signs two things that contradict each other, across crashes too.

use std::collections::BTreeMap;

use consensus::SignRequest;
use types::{BlockId, Height, PublicKey, Round, Vote, VoteKind};

/// Where something was signed, and with which key: proposals have no kind of vote. Places of now
/// stand side by side.
type Place = (Height, Round, Option<VoteKind>, PublicKey);

/// All that honest keys have signed.
#[derive(Debug, Default)]
pub struct Signatures {
    signed: BTreeMap<Place, (Option<BlockId>, Option<Round>)>,
}

impl Signatures {
    /// A signer has signed this.
    pub fn signed(
        &mut self,
        member: usize,
        key: &PublicKey,
        signed: &SignRequest,
    ) -> Result<(), String> {
        let (place, what) = match signed {
            SignRequest::Vote(it) => {
                ((it.height, it.round, Some(it.kind), *key), (it.block_id, None))
            }
            SignRequest::Proposal(it) => {
                ((it.height, it.round, None, *key), (Some(it.block_id), it.pol_round))
            }
        };
        let before = *self.signed.entry(place).or_insert(what);
        if before == what {
            return Ok(());
        }
        let (height, round, kind, _) = place;
        let kind = kind.map_or("proposal".to_owned(), |kind| format!("{kind:?}"));
        Err(format!("{member} signs a second {kind} at {height}/{round}: {before:?}, {what:?}"))
    }

    /// Whether an honest key has signed a vote like this.
    pub fn has(&self, key: &PublicKey, vote: &Vote) -> bool {
        let place = (vote.height, vote.round, Some(vote.kind), *key);
        self.signed.get(&place).is_some_and(|&(block_id, _)| block_id == vote.block_id)
    }
}

#[cfg(test)]
mod tests {
    use types::{Time, UnsignedProposal, UnsignedVote, ValidatorIndex};

    use super::*;

    const KEY: PublicKey = PublicKey([1; 32]);

    fn id(number: u8) -> BlockId {
        let hash = types::Hash([number; 32]);
        BlockId { hash, parts: types::PartSetHeader { total: 1, hash } }
    }

    fn vote(kind: VoteKind, round: u32, block_id: Option<BlockId>) -> SignRequest {
        SignRequest::Vote(UnsignedVote {
            kind,
            height: Height(1),
            round: Round(round),
            block_id,
            timestamp: Time::EPOCH,
            validator_address: KEY.address(),
            validator_index: ValidatorIndex(0),
            extension: None,
        })
    }

    fn proposal(pol_round: Option<Round>) -> SignRequest {
        let (height, round, timestamp) = (Height(1), Round(3), Time::EPOCH);
        let block_id = id(1);
        SignRequest::Proposal(UnsignedProposal { height, round, pol_round, block_id, timestamp })
    }

    #[test]
    fn the_same_again_is_no_contradiction_and_anything_else_is() {
        let mut judge = Signatures::default();
        for kind in [VoteKind::Prevote, VoteKind::Precommit] {
            for round in 0..2 {
                let signed = vote(kind, round, Some(id(1)));
                assert_eq!(judge.signed(0, &KEY, &signed), Ok(()));
                assert_eq!(judge.signed(0, &KEY, &signed), Ok(()));
            }
        }
        assert_eq!(judge.signed(0, &PublicKey([2; 32]), &vote(VoteKind::Prevote, 0, None)), Ok(()));
        assert!(judge.signed(0, &KEY, &vote(VoteKind::Prevote, 0, None)).is_err());
        assert!(judge.signed(0, &KEY, &vote(VoteKind::Precommit, 1, Some(id(2)))).is_err());
        assert_eq!(judge.signed(0, &KEY, &proposal(None)), Ok(()));
        assert!(judge.signed(0, &KEY, &proposal(Some(Round(1)))).is_err());
    }
}
