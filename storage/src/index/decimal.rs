//! Numbers as events and queries write them, compared digit by digit: exact at any length, where
//! floats are not.

use std::cmp::Ordering;
use std::fmt;

/// Most digits before the point, and after it. What has more is no number here, but text.
pub const DIGITS_MAX: usize = 128;

/// A number without a sign: digits, and digits after the point.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Without leading zeros; empty is zero.
    whole: Box<str>,
    /// Without trailing zeros; empty is none.
    fraction: Box<str>,
}

impl Decimal {
    /// The number that a text begins with, as in `8.5atom`, if it has at most [`DIGITS_MAX`] digits
    /// on each side of its point. A sign is none.
    /// spec: `libs/pubsub/query/query.go`, `extractNum`.
    pub fn leading(text: &str) -> Option<Self> {
        let (whole, rest) = digits(text);
        if whole.is_empty() {
            return None;
        }
        let fraction = rest.strip_prefix('.').map_or("", |rest| digits(rest).0);
        if DIGITS_MAX < whole.len().max(fraction.len()) {
            return None;
        }
        Some(Self {
            whole: whole.trim_start_matches('0').into(),
            fraction: fraction.trim_end_matches('0').into(),
        })
    }

    /// The digits before the point, without leading zeros.
    pub fn whole(&self) -> &str {
        &self.whole
    }

    /// The digits after the point, without trailing zeros.
    pub fn fraction(&self) -> &str {
        &self.fraction
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        let text = number.to_string();
        Self { whole: text.trim_start_matches('0').into(), fraction: "".into() }
    }
}

/// The ASCII digits that a text begins with, and what is left.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|it| !it.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.whole
            .len()
            .cmp(&other.whole.len())
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.whole.is_empty() { "0" } else { &self.whole })?;
        if self.fraction.is_empty() { Ok(()) } else { write!(f, ".{}", self.fraction) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn a_number_is_what_a_text_begins_with() {
        let cases = [
            ("8", Some("8")),
            ("8atom", Some("8")),
            ("007", Some("7")),
            ("0", Some("0")),
            ("6.50stake", Some("6.5")),
            ("6.stake", Some("6")),
            ("33.22.1", Some("33.22")),
            ("", None),
            ("-5", None),
            ("+5", None),
            (".5", None),
            ("atom8", None),
        ];
        for (text, number) in cases {
            let read = Decimal::leading(text).map(|it| it.to_string());
            assert_eq!(read.as_deref(), number, "{text:?}");
        }
    }

    #[test]
    fn a_number_has_a_longest_length() {
        let most = "9".repeat(DIGITS_MAX);
        assert!(Decimal::leading(&format!("{most}.{most}atom")).is_some());
        assert_eq!(Decimal::leading(&format!("{most}9.1")), None);
        assert_eq!(Decimal::leading(&format!("1.{most}9")), None);
    }

    #[test]
    fn numbers_beyond_any_float_are_told_apart() {
        let number = |text| Decimal::leading(text).unwrap();
        assert!(number("99999999999999999998") < number("99999999999999999999"));
        assert!(number("18446744073709551615") < number("18446744073709551615.6"));
        assert!(number("9") < number("10"));
        assert_eq!(number("4"), number("4.000"));
        assert_eq!(Decimal::from(120), number("0120"));
    }

    proptest! {
        #[test]
        fn decimals_order_as_numbers_do(a: u64, b: u64, c: u16, d: u16) {
            let number = |whole: u64, rest: u16| {
                Decimal::leading(&format!("{whole}.{rest:05}")).unwrap()
            };
            prop_assert_eq!(number(a, c).cmp(&number(b, d)), (a, c).cmp(&(b, d)));
        }
    }
}
