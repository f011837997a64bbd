//! What a light client starts from: a header it believes, and how far that belief reaches.

use std::time::Duration;

use types::commit::TrustLevel;
use types::{Header, Time, ValidatorSet};

/// What is believed already, and what it says of the height after it.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'a> {
    /// The header.
    pub header: &'a Header,
    /// The validators that it names for the next height. Whoever made this value has compared their
    /// hash with the header's.
    pub next_validators: &'a ValidatorSet,
}

/// How far belief in a header reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    level: TrustLevel,
    trusting_period: Duration,
    clock_drift_max: Duration,
}

/// Why options would make verification unsafe or impossible.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OptionsError {
    /// Below a third an attacker may hold the whole share; above one nobody can reach it.
    #[error("trust level {numerator}/{denominator} is not within 1/3 and 1")]
    Level {
        /// Above the line.
        numerator: u64,
        /// Below the line.
        denominator: u64,
    },
    /// Nothing would ever be trusted.
    #[error("the trusting period is zero")]
    TrustingPeriod,
}

impl Options {
    /// Checks and makes options.
    ///
    /// `level` is the share of trusted validators that must have signed a later header;
    /// `trusting_period` how long after its time a header is believed, which must be shorter than
    /// the time in which misbehaving validators can be punished; `clock_drift_max` how far a
    /// header's time may be ahead of our clock.
    ///
    /// # Errors
    /// If the level is not within 1/3 and 1, or the period is zero.
    pub fn new(
        level: TrustLevel,
        trusting_period: Duration,
        clock_drift_max: Duration,
    ) -> Result<Self, OptionsError> {
        let TrustLevel { numerator, denominator } = level;
        let at_least_third = u128::from(denominator) <= u128::from(numerator) * 3;
        if denominator == 0 || denominator < numerator || !at_least_third {
            return Err(OptionsError::Level { numerator, denominator });
        }
        if trusting_period.is_zero() {
            return Err(OptionsError::TrustingPeriod);
        }
        Ok(Self { level, trusting_period, clock_drift_max })
    }

    /// The share of trusted validators that must have signed a later header.
    pub fn level(&self) -> TrustLevel {
        self.level
    }

    /// When a header of this time stops being believed.
    pub fn expiry(&self, header_time: Time) -> Time {
        header_time.after(self.trusting_period)
    }

    /// The time that a header seen now must be earlier than.
    pub fn future(&self, now: Time) -> Time {
        now.after(self.clock_drift_max)
    }
}
