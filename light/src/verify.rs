//! One step of belief: from a trusted header to a new one, next to it or further ahead.

use types::{LightBlock, Time, VotingPower};

use crate::predicates::{self, HeaderError};
use crate::trust::{Options, Trusted};

/// Why a header is not believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    /// The trusted header is too old to judge anything by; a new one must come from outside.
    #[error("trusted header expired at {expiry}, it is {now}")]
    Expired {
        /// Since when.
        expiry: Time,
        /// Our clock.
        now: Time,
    },
    /// Nothing is wrong with the header, but too few trusted validators signed it. A header in
    /// between may be believed, and this one by that.
    #[error("{signed} of {total} trusted power signed the header, which is not enough")]
    NotEnoughTrust {
        /// Of those who signed.
        signed: VotingPower,
        /// Of all that are trusted.
        total: VotingPower,
    },
    /// The header is wrong.
    #[error(transparent)]
    Invalid(#[from] HeaderError),
}

/// Whether `block` may be believed because `trusted` is: as the header next to it, or by the share
/// of trusted validators that signed it.
///
/// # Errors
/// Why not.
pub fn verify(
    trusted: &Trusted<'_>,
    block: &LightBlock,
    options: &Options,
    now: Time,
) -> Result<(), VerifyError> {
    let header = &block.signed_header.header;
    predicates::is_within_trusting_period(trusted.header, options, now)?;
    predicates::is_of_chain(&trusted.header.chain_id, header)?;
    predicates::is_higher(trusted.header, header)?;
    predicates::is_later(trusted.header, header)?;
    predicates::is_from_past(header, options, now)?;
    predicates::commit_decides_header(&block.signed_header)?;
    predicates::validators_match(block)?;
    if header.height == trusted.header.height.next() {
        predicates::next_validators_match(trusted.header, header)?;
    } else {
        predicates::is_signed_by_trusted(trusted, &block.signed_header, options)?;
    }
    // Last, because a liar may have made this set as large as is allowed.
    predicates::is_signed_by_own(&trusted.header.chain_id, block)?;
    Ok(())
}
