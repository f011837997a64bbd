//! Points in time, as headers and votes carry them: nanoseconds since the Unix epoch.
//!
//! The wire's zero is the year 1 (`Time::ZERO`), which 64 bits of nanoseconds cannot hold; hence
//! 128 bits. Spans of time are `std::time::Duration`.

use std::fmt;
use std::time::Duration;

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Nanoseconds since 1970-01-01T00:00:00Z, never below the year 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i128);

impl Time {
    /// 0001-01-01T00:00:00Z: what the wire means by "no time". spec: Go's zero `time.Time`.
    pub const ZERO: Time = Time(-62_135_596_800 * NANOS_PER_SECOND);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Time = Time(0);
    /// 9999-12-31T23:59:59.999999999Z: the last that RFC 3339 can write.
    pub const MAX: Time = Time(253_402_300_800 * NANOS_PER_SECOND - 1);

    /// Makes a time from nanoseconds since the epoch, if it lies in the years 1 to 9999.
    pub fn from_unix_nanos(nanos: i128) -> Option<Time> {
        let time = Time(nanos);
        (Time::ZERO <= time && time <= Time::MAX).then_some(time)
    }

    /// Makes a time from whole seconds since the epoch and the nanoseconds after them.
    pub fn from_unix(seconds: i64, nanos: u32) -> Option<Time> {
        if 999_999_999 < nanos {
            return None;
        }
        Self::from_unix_nanos(i128::from(seconds) * NANOS_PER_SECOND + i128::from(nanos))
    }

    /// Nanoseconds since the epoch.
    pub fn unix_nanos(self) -> i128 {
        self.0
    }

    /// Whole seconds since the epoch (rounded down) and the nanoseconds after them.
    pub fn unix(self) -> (i64, u32) {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let nanos = self.0.rem_euclid(NANOS_PER_SECOND);
        let seconds = i64::try_from(seconds).expect("years 1 to 9999 fit 64 bits of seconds");
        (seconds, u32::try_from(nanos).expect("below a second fits 32 bits"))
    }

    /// This time moved later, stopping at [`Time::MAX`].
    pub fn after(self, span: Duration) -> Time {
        let nanos = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        Time(self.0.saturating_add(nanos)).min(Time::MAX)
    }

    /// How long since `earlier`; zero if that is later than this.
    pub fn since(self, earlier: Time) -> Duration {
        let nanos = u64::try_from((self.0 - earlier.0).max(0)).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos)
    }

    /// Reads RFC 3339 text, such as `2026-11-23T05:59:44.123456789Z`.
    pub fn parse_rfc3339(text: &str) -> Option<Time> {
        use ::time::format_description::well_known::Rfc3339;
        let parsed = ::time::OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Self::from_unix_nanos(parsed.unix_timestamp_nanos())
    }
}

/// RFC 3339 in UTC with as many digits of a second as are needed, as the reference writes it.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ::time::format_description::well_known::Rfc3339;
        let date = ::time::OffsetDateTime::from_unix_timestamp_nanos(self.0)
            .expect("years 1 to 9999 are within the calendar's range");
        f.write_str(&date.format(&Rfc3339).expect("years 1 to 9999 have an RFC 3339 text"))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
