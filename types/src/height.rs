//! Where we are: heights, rounds, and the name of the chain.

use std::fmt;

/// Longest chain id in bytes. spec: `MaxChainIDLen`.
pub const CHAIN_ID_BYTES_MAX: usize = 50;
/// Largest height that fits the wire's signed 64 bits.
pub const HEIGHT_MAX: u64 = i64::MAX as u64;
/// Largest round that fits the wire's signed 32 bits.
pub const ROUND_MAX: u32 = i32::MAX as u32;

/// Position of a block in its chain. The first is 1, or the genesis file's `initial_height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Height(pub u64);

impl Height {
    /// The first height of a chain whose genesis says nothing else.
    pub const FIRST: Height = Height(1);

    /// The height after this one.
    pub fn next(self) -> Height {
        Height(self.0.checked_add(1).expect("no chain reaches 2^64 blocks"))
    }

    /// The height before this one, if there is one above zero.
    pub fn previous(self) -> Option<Height> {
        self.0.checked_sub(1).filter(|&height| height > 0).map(Height)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One attempt at a height, counted from 0. "No round" is `Option::None`, never -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub u32);

impl Round {
    /// The first attempt.
    pub const FIRST: Round = Round(0);

    /// The round after this one.
    pub fn next(self) -> Round {
        Round(self.0.checked_add(1).expect("no height takes 2^32 rounds"))
    }

    /// The round before this one, if there is one.
    pub fn previous(self) -> Option<Round> {
        self.0.checked_sub(1).map(Round)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a chain: 1 to 50 bytes. It is signed with every vote, so chains cannot be confused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(String);

/// Why a text is no chain id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChainIdError {
    /// Nothing was given.
    #[error("chain_id is empty")]
    Empty,
    /// More than the limit.
    #[error("chain_id has {actual} bytes, the limit is {limit}")]
    TooLong {
        /// What was given.
        actual: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl ChainId {
    /// Checks and names a chain.
    ///
    /// # Errors
    /// If the text is empty or longer than [`CHAIN_ID_BYTES_MAX`].
    pub fn new(text: impl Into<String>) -> Result<Self, ChainIdError> {
        let text = text.into();
        if text.is_empty() {
            return Err(ChainIdError::Empty);
        }
        if CHAIN_ID_BYTES_MAX < text.len() {
            return Err(ChainIdError::TooLong { actual: text.len(), limit: CHAIN_ID_BYTES_MAX });
        }
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
