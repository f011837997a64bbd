//! What must hold of a new header, one claim for each function.

use types::commit::{CommitError, Demand};
use types::{ChainId, Hash, Header, Height, LightBlock, SignedHeader, Time};

use crate::trust::{Options, Trusted};
use crate::verify::VerifyError;

/// Why a header is refused whatever else may be known: whoever sent it lies or is broken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Of another chain.
    #[error("header is of chain {actual}, expected {expected}")]
    Chain {
        /// The trusted header's.
        expected: ChainId,
        /// The new header's.
        actual: ChainId,
    },
    /// Not after the trusted one.
    #[error("header is of height {actual}, expected one above {trusted}")]
    Height {
        /// The trusted header's.
        trusted: Height,
        /// The new header's.
        actual: Height,
    },
    /// Not later than the trusted one.
    #[error("header has time {actual}, expected one after {trusted}")]
    Time {
        /// The trusted header's.
        trusted: Time,
        /// The new header's.
        actual: Time,
    },
    /// Later than our clock allows.
    #[error("header has time {actual}, expected one before {limit}")]
    Future {
        /// Our clock and the allowed drift.
        limit: Time,
        /// The new header's.
        actual: Time,
    },
    /// The commit decides another header.
    #[error("commit is for header {actual}, expected {expected}")]
    Commit {
        /// The new header's hash.
        expected: Hash,
        /// What the commit says.
        actual: Hash,
    },
    /// The validators are not those that the header names.
    #[error("validators have hash {actual}, the header says {expected}")]
    Validators {
        /// In the header.
        expected: Hash,
        /// Of the set.
        actual: Hash,
    },
    /// The header names other validators than the one before it announced.
    #[error("header names validators {actual}, the one before announced {expected}")]
    NextValidators {
        /// Announced by the trusted header.
        expected: Hash,
        /// In the new header.
        actual: Hash,
    },
    /// Its own validators did not sign it.
    #[error("header's commit: {0}")]
    Signatures(#[from] CommitError),
}

/// The trusted header is young enough: its validators can still be punished for what they sign.
///
/// # Errors
/// If it has expired.
pub fn is_within_trusting_period(
    trusted: &Header,
    options: &Options,
    now: Time,
) -> Result<(), VerifyError> {
    let expiry = options.expiry(trusted.time);
    if expiry <= now {
        return Err(VerifyError::Expired { expiry, now });
    }
    Ok(())
}

/// Both headers are of one chain.
///
/// # Errors
/// If not.
pub fn is_of_chain(expected: &ChainId, header: &Header) -> Result<(), HeaderError> {
    if header.chain_id != *expected {
        let (expected, actual) = (expected.clone(), header.chain_id.clone());
        return Err(HeaderError::Chain { expected, actual });
    }
    Ok(())
}

/// The new header is of a later height.
///
/// # Errors
/// If not.
pub fn is_higher(trusted: &Header, header: &Header) -> Result<(), HeaderError> {
    let (trusted, actual) = (trusted.height, header.height);
    if actual <= trusted {
        return Err(HeaderError::Height { trusted, actual });
    }
    Ok(())
}

/// The new header has a later time.
///
/// # Errors
/// If not.
pub fn is_later(trusted: &Header, header: &Header) -> Result<(), HeaderError> {
    let (trusted, actual) = (trusted.time, header.time);
    if actual <= trusted {
        return Err(HeaderError::Time { trusted, actual });
    }
    Ok(())
}

/// The new header is not from the future.
///
/// # Errors
/// If it is.
pub fn is_from_past(header: &Header, options: &Options, now: Time) -> Result<(), HeaderError> {
    let (limit, actual) = (options.future(now), header.time);
    if limit <= actual {
        return Err(HeaderError::Future { limit, actual });
    }
    Ok(())
}

/// The commit is for this header.
///
/// # Errors
/// If it is for another.
pub fn commit_decides_header(signed_header: &SignedHeader) -> Result<(), HeaderError> {
    let (expected, actual) = (signed_header.header.hash(), signed_header.commit.block_id.hash);
    if actual != expected {
        return Err(HeaderError::Commit { expected, actual });
    }
    Ok(())
}

/// The validators are those that the header names.
///
/// # Errors
/// If they are others.
pub fn validators_match(block: &LightBlock) -> Result<(), HeaderError> {
    let expected = block.signed_header.header.validators_hash;
    let actual = block.validators.hash();
    if actual != expected {
        return Err(HeaderError::Validators { expected, actual });
    }
    Ok(())
}

/// The header after the trusted one names the validators that the trusted one announced.
///
/// # Errors
/// If it names others.
pub fn next_validators_match(trusted: &Header, header: &Header) -> Result<(), HeaderError> {
    let (expected, actual) = (trusted.next_validators_hash, header.validators_hash);
    if actual != expected {
        return Err(HeaderError::NextValidators { expected, actual });
    }
    Ok(())
}

/// Enough of the validators that the trusted header announced signed the new one: somebody honest
/// is among them.
///
/// # Errors
/// [`VerifyError::NotEnoughTrust`] if they are too few, which a header in between may mend.
pub fn is_signed_by_trusted(
    trusted: &Trusted<'_>,
    signed_header: &SignedHeader,
    options: &Options,
) -> Result<(), VerifyError> {
    let commit = &signed_header.commit;
    let chain_id = &trusted.header.chain_id;
    let demand = Demand::Trusting(options.level());
    let set = trusted.next_validators;
    let verdict =
        commit.verify(chain_id, set, signed_header.header.height, &commit.block_id, demand);
    verdict.map_err(|error| match error {
        CommitError::NotEnough { signed, total } => VerifyError::NotEnoughTrust { signed, total },
        error => VerifyError::Invalid(HeaderError::Signatures(error)),
    })
}

/// More than two thirds of the header's own validators signed it.
///
/// # Errors
/// What is wrong with the commit.
pub fn is_signed_by_own(chain_id: &ChainId, block: &LightBlock) -> Result<(), HeaderError> {
    let LightBlock { signed_header, validators } = block;
    let (height, commit) = (signed_header.header.height, &signed_header.commit);
    Ok(commit.verify(chain_id, validators, height, &commit.block_id, Demand::Light)?)
}
