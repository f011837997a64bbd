//! No honest key ever signs two things that contradict each other, across crashes too.

use std::collections::BTreeMap;

use consensus::SignRequest;
use types::{BlockId, Height, PublicKey, Round, VoteKind};

/// Where something was signed: proposals have no kind of vote.
type Place = (PublicKey, Height, Round, Option<VoteKind>);

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
                ((*key, it.height, it.round, Some(it.kind)), (it.block_id, None))
            }
            SignRequest::Proposal(it) => {
                ((*key, it.height, it.round, None), (Some(it.block_id), it.pol_round))
            }
        };
        let before = *self.signed.entry(place).or_insert(what);
        if before == what {
            return Ok(());
        }
        let (_, height, round, kind) = place;
        let kind = kind.map_or("proposal".to_owned(), |kind| format!("{kind:?}"));
        Err(format!("{member} signs a second {kind} at {height}/{round}: {before:?}, {what:?}"))
    }
}
