//! What a search claims of one value of an event: that it is this text, lies below that number, was
//! before that time. spec: `libs/pubsub/query/query.go`.

use std::fmt;

use types::Time;

use super::Decimal;

/// What must be true of some value under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The event's type and the attribute's name: `transfer.amount`.
    pub key: String,
    /// What is claimed of the value.
    pub claim: Claim,
}

/// What must be true of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is there.
    Exists,
    /// It is this text.
    Is(String),
    /// This text is somewhere in it.
    Contains(String),
    /// It stands in this relation to a number or a time.
    Compares(Relation, Scalar),
}

/// How a value stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

/// What has an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A number; a value is the number that it begins with.
    Number(Decimal),
    /// A time; a value is one if it has the same form, a day or a moment.
    Time(Moment, Time),
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `2013-05-03`, which is its first moment in UTC.
    Date,
    /// `2013-05-03T14:45:00Z`
    Instant,
}

impl Claim {
    /// Whether it is true of a value.
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Claim::Exists => true,
            Claim::Is(text) => value == text,
            Claim::Contains(text) => value.contains(text.as_str()),
            Claim::Compares(relation, Scalar::Number(bound)) => {
                Decimal::leading(value).is_some_and(|number| relation.holds(&number, bound))
            }
            Claim::Compares(relation, Scalar::Time(form, bound)) => {
                form.read(value).is_some_and(|time| relation.holds(&time, bound))
            }
        }
    }
}

impl Relation {
    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Relation::Less => left < right,
            Relation::AtMost => left <= right,
            Relation::Equal => left == right,
            Relation::AtLeast => left >= right,
            Relation::Greater => left > right,
        }
    }
}

impl Moment {
    /// The time that a text of this form says.
    pub fn read(self, text: &str) -> Option<Time> {
        match self {
            Moment::Date => date(text),
            Moment::Instant => instant(text),
        }
    }
}

/// The first moment of a day, `2013-05-03`.
pub fn date(text: &str) -> Option<Time> {
    let plain = text.len() == 10 && text.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    if plain { Time::parse_rfc3339(&format!("{text}T00:00:00Z")) } else { None }
}

/// Most bytes of a moment that is understood.
const MOMENT_BYTES_MAX: usize = 64;

/// A moment in RFC 3339, `2013-05-03T14:45:00+07:00`. Stricter than RFC 3339, as the reference is:
/// no small letters, and no leap second.
pub fn instant(text: &str) -> Option<Time> {
    let plain = text.len() <= MOMENT_BYTES_MAX
        && text.bytes().all(|it| it.is_ascii_digit() || b"-T:+Z.".contains(&it));
    let leap = text.as_bytes().get(17..19) == Some(b"60");
    if plain && !leap { Time::parse_rfc3339(text) } else { None }
}

/// As queries write it.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.claim)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claim::Exists => f.write_str("EXISTS"),
            Claim::Is(text) => write!(f, "= '{text}'"),
            Claim::Contains(text) => write!(f, "CONTAINS '{text}'"),
            Claim::Compares(relation, scalar) => write!(f, "{relation} {scalar}"),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Less => "<",
            Relation::AtMost => "<=",
            Relation::Equal => "=",
            Relation::AtLeast => ">=",
            Relation::Greater => ">",
        })
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Number(number) => write!(f, "{number}"),
            Scalar::Time(Moment::Instant, time) => write!(f, "TIME {time}"),
            Scalar::Time(Moment::Date, time) => {
                let text = time.to_string();
                write!(f, "DATE {}", text.split('T').next().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read_in_one_form_only() {
        assert_eq!(date("1970-01-02").map(|it| it.unix().0), Some(86_400));
        assert_eq!(instant("1970-01-01T07:00:01+07:00").map(|it| it.unix().0), Some(1));
        assert_eq!(instant("1970-01-01T00:00:01.5Z").map(|it| it.unix()), Some((1, 500_000_000)));
        for text in ["", "1970-1-2", "1970-13-01", "1970-01-32", "1970-01-02T00:00:00Z", "19700102"]
        {
            assert_eq!(date(text), None, "{text:?}");
        }
        for text in
            ["1970-01-02", "1970-01-02t00:00:00z", "1970-01-02T00:00:00", "2016-12-31T23:59:60Z"]
        {
            assert_eq!(instant(text), None, "{text:?}");
        }
    }
}
