//! The rows of the index. A key begins with the name of an attribute and a form, so that the rows
//! of one form under one name (and one value) are a run in the order of places:
//!
//! | form | key after name and form | value | found by it |
//! |---|---|---|---|
//! | `Placed` | place, attribute's number | ordinal, value | `EXISTS`, `CONTAINS`, other claims |
//! | `Text` | value, place | ordinal | `= 'text'`, times |
//! | `Number` | the number it begins with, place | ordinal | `= 5`, `> 5` and so on |
//!
//! An ordinal counts transactions (or blocks) along its run: that of the last row less that of the
//! first, and one, is how many there are between. Names and texts end in two bytes that nothing
//! within them can be, so that no run begins like another; so do numbers, which sort by length
//! first.

use bytes::Bytes;
use types::Hash;
#[cfg(any(feature = "rocks", test))]
use types::hash::HASH_BYTES;

use super::decimal::Decimal;
use super::place::{PLACE_BYTES, Place};
use crate::error::StorageError;
use crate::key_value::Span;
use crate::schema::Column;

/// Longest name that is indexed: no query can ask for a longer one.
pub const NAME_BYTES_MAX: usize = 512;
/// How much of a value a row has; of a longer text its hash besides, which finds it just as well.
pub(super) const VALUE_BYTES_MAX: usize = 512;

/// A zero within a text, and what a text ends with: whole, or cut with its hash.
const ZERO: [u8; 2] = [0, 0xFF];
const END: [u8; 2] = [0, 1];
const CUT: [u8; 2] = [0, 2];

/// The three kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Placed = 1,
    Text = 2,
    Number = 3,
}

/// Rows of one column whose keys differ in place only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    pub column: Column,
    pub bytes: Vec<u8>,
}

impl Prefix {
    /// All rows of a form under a name.
    pub fn form(column: Column, name: &str, form: Form) -> Self {
        let mut bytes = Vec::with_capacity(name.len() + 64);
        put_text(&mut bytes, name.as_bytes());
        bytes.push(form as u8);
        Self { column, bytes }
    }

    /// The rows of every value under a name, by place.
    pub fn placed(column: Column, name: &str) -> Self {
        Self::form(column, name, Form::Placed)
    }

    /// The rows of one text.
    pub fn text(column: Column, name: &str, text: &str) -> Self {
        let mut prefix = Self::form(column, name, Form::Text);
        if text.len() <= VALUE_BYTES_MAX {
            put_text(&mut prefix.bytes, text.as_bytes());
        } else {
            put_escaped(&mut prefix.bytes, shortened(text).as_bytes());
            prefix.bytes.extend(CUT);
            prefix.bytes.extend(Hash::of(text.as_bytes()).as_bytes());
        }
        prefix
    }

    /// The rows of one number.
    pub fn number(column: Column, name: &str, number: &Decimal) -> Self {
        let mut prefix = Self::form(column, name, Form::Number);
        put_number(&mut prefix.bytes, number);
        prefix.bytes.push(0);
        prefix
    }

    /// The rows from one place to another, both included.
    pub fn between(&self, from: Place, to: Place) -> Span {
        let to = match to.key_after() {
            Some(after) => [self.bytes.as_slice(), &after].concat(),
            None => self.after(),
        };
        Span { from: [self.bytes.as_slice(), &from.key()].concat(), to: Some(to) }
    }

    /// The first key beyond all rows.
    pub fn after(&self) -> Vec<u8> {
        let mut after = self.bytes.clone();
        let last = after.last_mut().expect("a prefix has a form");
        // The last byte of every prefix is a form, an end, or that of a hash.
        if let Some(next) = last.checked_add(1) {
            *last = next;
        } else {
            after.extend([0xFF; PLACE_BYTES + 1]);
        }
        after
    }

    /// The key of a row.
    pub fn key(&self, place: Place) -> Vec<u8> {
        [self.bytes.as_slice(), &place.key()].concat()
    }

    /// The key of a row of the placed form.
    pub fn placed_key(&self, place: Place, number: u32) -> Vec<u8> {
        [self.bytes.as_slice(), &place.key(), &number.to_be_bytes()].concat()
    }
}

/// What a key has in common with all of its run: all but the place. None if it is no key.
#[cfg(any(feature = "rocks", test))]
pub(crate) fn run_of(key: &[u8]) -> Option<&[u8]> {
    const PLACED: u8 = Form::Placed as u8;
    const TEXT: u8 = Form::Text as u8;
    const NUMBER: u8 = Form::Number as u8;
    let name = text_length(key)?;
    let (form, value) = key.get(name..)?.split_first()?;
    let length = match *form {
        PLACED => 0,
        TEXT => text_length(value)?,
        // Its length and its end are a byte each.
        NUMBER => 2 + value.get(1..)?.iter().position(|it| *it == 0)?,
        _ => return None,
    };
    key.get(..name + 1 + length)
}

/// How long the text is that a key begins with, its end included.
#[cfg(any(feature = "rocks", test))]
fn text_length(key: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += key.get(at..)?.iter().position(|it| *it == 0)?;
        match key.get(at + 1)? {
            1 => return Some(at + 2),
            2 => return Some(at + 2 + HASH_BYTES),
            _ => at += 2,
        }
    }
}

/// A number at which a span of rows begins or ends, and whether it is left out of what begins, or
/// part of what ends, there.
type Edge = (Decimal, bool);

/// The rows under a name whose numbers lie between two, which may be without an end.
pub(super) fn numbers_between(
    column: Column,
    name: &str,
    (from, to): (Option<&Edge>, Option<&Edge>),
) -> Span {
    let all = Prefix::form(column, name, Form::Number);
    let edge = |(number, after): &Edge| {
        let prefix = Prefix::number(column, name, number);
        if *after { prefix.after() } else { prefix.bytes }
    };
    Span {
        from: from.map_or_else(|| all.bytes.clone(), edge),
        to: Some(to.map_or_else(|| all.after(), edge)),
    }
}

/// The rows under a name whose texts lie between two in the order of their bytes; the second is
/// without.
pub(super) fn texts_between(column: Column, name: &str, (from, to): (&str, &str)) -> Span {
    let edge = |text: &str| {
        let mut prefix = Prefix::form(column, name, Form::Text);
        put_escaped(&mut prefix.bytes, text.as_bytes());
        prefix.bytes
    };
    Span { from: edge(from), to: Some(edge(to)) }
}

/// The place in a key of the form `Text` or `Number`.
pub(super) fn place_at_end(key: &[u8]) -> Result<Place, StorageError> {
    key.last_chunk().map(Place::of_key).ok_or_else(too_short)
}

/// The place in a key of the form `Placed`, and the attribute's number.
pub(super) fn placed_at_end(key: &[u8]) -> Result<(Place, u32), StorageError> {
    let (rest, number) = key.split_last_chunk::<4>().ok_or_else(too_short)?;
    Ok((place_at_end(rest)?, u32::from_be_bytes(*number)))
}

/// The text in a key of the form `Text` under a prefix; none if it was cut.
pub(super) fn text_in<'a>(key: &'a [u8], prefix: &Prefix) -> Option<std::borrow::Cow<'a, str>> {
    let escaped = key.strip_prefix(prefix.bytes.as_slice())?;
    let escaped = escaped.get(..escaped.len().checked_sub(PLACE_BYTES)?)?;
    // No text of a time has a zero in it, and for nothing else are texts read.
    let text = escaped.strip_suffix(&END)?;
    Some(String::from_utf8_lossy(text))
}

/// The value of every row but for the placed ones: its ordinal.
pub(super) fn ordinal_row(ordinal: u64) -> Vec<u8> {
    ordinal.to_be_bytes().to_vec()
}

/// The value of a placed row.
pub(super) fn placed_row(ordinal: u64, value: &str) -> Vec<u8> {
    let shown = shortened(value);
    let mut row = Vec::with_capacity(shown.len() + 9);
    row.extend(ordinal.to_be_bytes());
    row.push(u8::from(shown.len() == value.len()));
    row.extend(shown.as_bytes());
    row
}

/// The ordinal in a row.
pub(super) fn ordinal_of(row: &[u8]) -> Result<u64, StorageError> {
    row.first_chunk().map(|it| u64::from_be_bytes(*it)).ok_or_else(too_short)
}

/// What a placed row has of the attribute's value, and whether it is all of it.
pub(super) fn value_of(row: &Bytes) -> Result<(&str, bool), StorageError> {
    let (whole, value) = row.get(8..).and_then(<[u8]>::split_first).ok_or_else(too_short)?;
    let value = std::str::from_utf8(value);
    let value = value.map_err(|error| StorageError::damaged("the index", error))?;
    Ok((value, *whole == 1))
}

/// A value, or as much of it as a row has.
fn shortened(value: &str) -> &str {
    &value[..value.floor_char_boundary(VALUE_BYTES_MAX)]
}

fn put_text(key: &mut Vec<u8>, text: &[u8]) {
    put_escaped(key, text);
    key.extend(END);
}

fn put_escaped(key: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            0 => key.extend(ZERO),
            byte => key.push(byte),
        }
    }
}

fn put_number(key: &mut Vec<u8>, number: &Decimal) {
    let length = number.whole().len();
    key.push(u8::try_from(length).expect("DIGITS_MAX fits a byte"));
    key.extend(number.whole().as_bytes());
    key.extend(number.fraction().as_bytes());
}

fn too_short() -> StorageError {
    StorageError::damaged("the index", "a row is too short")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMN: Column = Column::TxEvents;

    proptest! {
        #[test]
        fn numbers_sort_as_keys(
            a in "[0-9]{1,25}(\\.[0-9]{1,5})?",
            b in "[0-9]{1,4}(\\.[0-9]{1,3})?",
        ) {
            let [a, b] = [a, b].map(|it| Decimal::leading(&it).unwrap());
            let [first, second] = [&a, &b].map(|it| Prefix::number(COLUMN, "a.b", it).bytes);
            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            prop_assert_eq!(first < Prefix::number(COLUMN, "a.b", &b).after(), a <= b);
        }

        #[test]
        fn no_run_begins_like_another(
            (a, b) in ("[\\x00-\\x03a]{0,4}", "[\\x00-\\x03a]{0,4}"),
            (name, other) in ("[\\x00-\\x03a]{1,4}", "[\\x00-\\x03a]{1,4}"),
        ) {
            let first = Prefix::text(COLUMN, &name, &a).bytes;
            let second = Prefix::text(COLUMN, &other, &b).bytes;
            prop_assert_eq!(first.starts_with(&second), (&name, &a) == (&other, &b));
        }

        #[test]
        fn a_key_knows_its_run(
            name in "[\\x00-\\x03a]{1,4}",
            text in "[\\x00-\\x03a]{0,4}|\\PC{500,600}",
            number in "[0-9]{1,12}(\\.[0-9]{1,3})?",
            height: u64,
        ) {
            let place = Place::first_of(types::Height(height));
            let number = Decimal::leading(&number).unwrap();
            let runs = [
                Prefix::text(COLUMN, &name, &text),
                Prefix::number(COLUMN, &name, &number),
            ];
            for run in runs {
                let key = run.key(place);
                prop_assert_eq!(run_of(&key), Some(run.bytes.as_slice()));
            }
            let run = Prefix::placed(COLUMN, &name);
            for key in [run.placed_key(place, 7), run.key(place)] {
                prop_assert_eq!(run_of(&key), Some(run.bytes.as_slice()));
            }
        }

        #[test]
        fn no_bytes_break_what_looks_for_runs(bytes in proptest::collection::vec(0_u8..5, 0..20)) {
            if let Some(run) = run_of(&bytes) {
                prop_assert!(bytes.starts_with(run));
            }
        }

        #[test]
        fn long_texts_are_told_apart(a in "x{510}[a-zäß]{0,4}", b in "x{510}[a-zäß]{0,4}") {
            let [first, second] = [&a, &b].map(|it| Prefix::text(COLUMN, "a.b", it).bytes);
            prop_assert_eq!(first == second, a == b);
            let row = Bytes::from(placed_row(7, &a));
            let (value, whole) = value_of(&row).unwrap();
            prop_assert!(a.starts_with(value) && whole == (value.len() == a.len()));
            prop_assert_eq!(ordinal_of(&row).unwrap(), 7);
        }
    }
}
