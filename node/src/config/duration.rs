//! Spans of time as Go writes them (`1s`, `500ms`, `168h0m0s`), which is how config.toml has them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Units with their nanoseconds, in the order in which a text is matched: longer names first.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
];
/// The longest span Go can hold: 63 bits of nanoseconds, about 292 years.
const NANOS_MAX: u128 = i64::MAX as u128;

/// Why a text is no span of time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DurationError {
    /// It begins with a minus sign.
    #[error("the duration {text:?} is negative")]
    Negative {
        /// What was given.
        text: String,
    },
    /// Not numbers with units.
    #[error("{text:?} is no duration such as \"500ms\", \"3s\" or \"1h30m\"")]
    Malformed {
        /// What was given.
        text: String,
    },
}

/// Reads a span of time.
///
/// # Errors
/// If the text is negative, empty, without a unit, or longer than Go can hold.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.starts_with('-') {
        return Err(DurationError::Negative { text: text.into() });
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let malformed = || DurationError::Malformed { text: text.into() };
    let mut rest = text;
    let mut nanos = 0u128;
    while !rest.is_empty() {
        let (span, after) = leading_term(rest).ok_or_else(malformed)?;
        nanos = nanos.checked_add(span).ok_or_else(malformed)?;
        rest = after;
    }
    if text.is_empty() || NANOS_MAX < nanos {
        return Err(malformed());
    }
    Ok(Duration::from_nanos(u64::try_from(nanos).expect("63 bits of nanoseconds fit 64")))
}

/// Reads one number with its unit: its nanoseconds, and what follows it.
fn leading_term(text: &str) -> Option<(u128, &str)> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, rest) = text.split_at(unit_at);
    let (name, unit) = UNITS.iter().find(|(name, _)| rest.starts_with(name))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || 18 < fraction.len() {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u128>().ok() };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = digits(fraction)?.checked_mul(*unit)? / scale;
    let span = digits(whole)?.checked_mul(*unit)?.checked_add(part)?;
    Some((span, &rest[name.len()..]))
}

/// Writes a span of time as Go does.
pub fn format(span: Duration) -> String {
    let nanos = span.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    if nanos < 1_000_000_000 {
        let (name, unit) = match nanos {
            1_000_000.. => ("ms", 1_000_000),
            1_000.. => ("µs", 1_000),
            _ => ("ns", 1),
        };
        return format!("{}{name}", decimal(nanos, unit));
    }
    let seconds = span.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(nanos % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// `nanos` in units of `unit` nanoseconds, with no zeros at the end of the fraction.
fn decimal(nanos: u128, unit: u128) -> String {
    let (whole, fraction) = (nanos / unit, nanos % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = unit.to_string().len() - 1;
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// For `#[serde(with = "duration")]`.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*span))
}

/// For `#[serde(with = "duration")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_what_go_does() {
        for (text, nanos, written) in [
            ("0", 0, "0s"),
            ("1s", 1_000_000_000, "1s"),
            ("500ms", 500_000_000, "500ms"),
            ("1.5ms", 1_500_000, "1.5ms"),
            ("10us", 10_000, "10µs"),
            ("10µs", 10_000, "10µs"),
            ("7ns", 7, "7ns"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1h1.5s", 3_601_500_000_000, "1h0m1.5s"),
            (".5s", 500_000_000, "500ms"),
            ("168h", 604_800_000_000_000, "168h0m0s"),
            ("168h0m0s", 604_800_000_000_000, "168h0m0s"),
        ] {
            let span = Duration::from_nanos(nanos);
            assert_eq!(parse(text), Ok(span), "{text}");
            assert_eq!(format(span), written);
            assert_eq!(parse(written), Ok(span), "{written}");
        }
    }

    #[test]
    fn refuses_what_is_no_span() {
        for text in ["", "s", ".s", "1", "1x", "1s1", "1..5s", " 1s", "9999999h", "1e3s", "١s"] {
            assert!(matches!(parse(text), Err(DurationError::Malformed { .. })), "{text:?}");
        }
        assert!(matches!(parse("-1s"), Err(DurationError::Negative { .. })));
    }
}
