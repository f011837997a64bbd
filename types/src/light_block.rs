//! A header with what proves it: for light clients and for evidence.

use crate::block::Header;
use crate::commit::Commit;
use crate::validator::ValidatorSet;

/// A header and the commit that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeader {
    /// What was decided.
    pub header: Header,
    /// That it was.
    pub commit: Commit,
}

/// A signed header and the validators who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightBlock {
    /// Header and commit.
    pub signed_header: SignedHeader,
    /// The validators of that height.
    pub validators: ValidatorSet,
}
