//! The query language of subscriptions and searches: conditions on what events carry, all of which
//! must hold. spec: `libs/pubsub/query`, inventory §2.5.
//!
//! ```text
//! tm.event = 'Tx' AND transfer.amount >= 100 AND transfer.sender EXISTS
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use storage::index::{Condition, NAME_BYTES_MAX};

pub mod answer;
mod parser;

pub use parser::Problem;

/// Most bytes of a query. The reference has this limit for `subscribe` and `tx_search` only.
pub const QUERY_BYTES_MAX: usize = 512;
// A longer name is not indexed, so no query may ask for one.
const _: () = assert!(QUERY_BYTES_MAX <= NAME_BYTES_MAX);

/// What an event carries: values by `type.attribute`.
pub type Tags = BTreeMap<String, Vec<String>>;

/// A query that was understood. Two are equal if they ask the same, however they are written.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    conditions: Vec<Condition>,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It has more than [`QUERY_BYTES_MAX`] bytes.
    #[error("maximum query length exceeded")]
    TooLong,
    /// It breaks the grammar.
    #[error("offset {offset}: {problem} (column {column})")]
    Syntax {
        /// Bytes before the place.
        offset: usize,
        /// The place as people count: in characters, from 1.
        column: usize,
        /// What is wrong there.
        problem: Problem,
    },
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// If it is too long or breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if QUERY_BYTES_MAX < text.len() {
            return Err(QueryError::TooLong);
        }
        let conditions = parser::parse(text)?;
        assert!(!conditions.is_empty(), "the grammar wants a condition");
        Ok(Self { text: text.to_owned(), conditions })
    }

    /// The query as its asker wrote it. `to_string` is the same in one way of
    /// writing, for people: a key `DATE` or `TIME` does not read back.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What must hold, all of it.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether every condition holds for some value of its key.
    pub fn matches(&self, tags: &Tags) -> bool {
        self.conditions.iter().all(|condition| holds(condition, tags))
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.conditions == other.conditions
    }
}

impl Eq for Query {}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.conditions.iter().enumerate() {
            if 0 < index {
                f.write_str(" AND ")?;
            }
            condition.fmt(f)?;
        }
        Ok(())
    }
}

/// spec: `matchesEvent`: a key that is an event's type asks about an empty value, so that
/// `slash EXISTS` finds whatever was slashed.
fn holds(condition: &Condition, tags: &Tags) -> bool {
    let Condition { key, claim } = condition;
    let values = tags.get(key).filter(|_| key.contains('.'));
    values.is_some_and(|values| values.iter().any(|value| claim.holds(value)))
        || (is_type(key, tags) && claim.holds(""))
}

/// Whether a key is the type of an event: what stands before the last point of some key.
fn is_type(key: &str, tags: &Tags) -> bool {
    let start = format!("{key}.");
    tags.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded))
        .map_while(|(tag, _)| tag.strip_prefix(&start))
        .any(|attribute| !attribute.contains('.'))
}
