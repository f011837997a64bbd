//! Rows in the order of places, of which the n-th is found without reading those before it.

use types::Height;

use super::place::{Hit, Place, Subject};
use super::reader::{Go, Reader};
use super::rows::{Form, Prefix, ordinal_of, place_at_end, placed_at_end};
use super::search::SearchError;
use crate::error::{InRow, StorageError};
use crate::key_value::{Order, Row, Span};
use crate::schema::{Column, IndexedRow, height_key};
use crate::store::height_in;

/// The rows of one prefix between two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub prefix: Prefix,
    pub form: Form,
    pub from: Place,
    pub to: Place,
}

/// Places of a page: so many are passed over, and so many taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub skip: u64,
    pub take: usize,
}

impl Window {
    /// What a window over `total` entries in an order is over the same in ascending order.
    pub fn ascending(self, order: Order, total: u64) -> Self {
        match order {
            Order::Ascending => self,
            Order::Descending => self.turned(total),
        }
    }

    /// The same window over `total` entries as seen from the other end.
    fn turned(self, total: u64) -> Self {
        let left = total.saturating_sub(self.skip);
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.take);
        Self { skip: left - take as u64, take }
    }
}

impl Run {
    /// The place of a row.
    pub fn place_of(&self, (key, _): &Row) -> Result<Place, StorageError> {
        match self.form {
            Form::Placed => placed_at_end(key).map(|(place, _)| place),
            Form::Text | Form::Number => place_at_end(key),
        }
    }

    /// All its rows.
    pub fn span(&self) -> Span {
        self.prefix.between(self.from, self.to)
    }

    /// The ordinals of the first and the last row, if there are any.
    fn ends(&self, reader: &mut Reader<'_>) -> Result<Option<(u64, u64)>, SearchError> {
        let mut end = |order| -> Result<Option<u64>, SearchError> {
            let row = reader.first(self.prefix.column, &self.span(), order)?;
            Ok(row.map(|(_, row)| ordinal_of(&row)).transpose()?)
        };
        let Some(first) = end(Order::Ascending)? else { return Ok(None) };
        Ok(end(Order::Descending)?.map(|last| (first, last)))
    }

    /// How many transactions or blocks it has.
    pub fn count(&self, reader: &mut Reader<'_>) -> Result<u64, SearchError> {
        let ends = self.ends(reader)?;
        Ok(ends.map_or(0, |(first, last)| last.saturating_sub(first) + 1))
    }

    /// How many it has, and those in the window, in order.
    pub fn page(
        &self,
        reader: &mut Reader<'_>,
        order: Order,
        window: Window,
    ) -> Result<(u64, Vec<Hit>), SearchError> {
        let Some((first, last)) = self.ends(reader)? else { return Ok((0, vec![])) };
        let total = last.saturating_sub(first) + 1;
        let ascending = window.ascending(order, total);
        let mut hits = vec![];
        if ascending.skip < total && 0 < ascending.take {
            let from = self.locate(reader, first + ascending.skip)?;
            let run = Self { from, ..self.clone() };
            reader.visit(run.prefix.column, run.span(), Order::Ascending, |_, row| {
                let hit = run.place_of(&row)?.hit;
                if hits.last() != Some(&hit) {
                    if hits.len() == ascending.take {
                        return Ok(Go::Stop);
                    }
                    hits.push(hit);
                }
                Ok(Go::On)
            })?;
        }
        if order == Order::Descending {
            hits.reverse();
        }
        Ok((total, hits))
    }

    /// The place from which on the first row has this ordinal: the last place from which on it has
    /// at most that, since ordinals grow along a run.
    fn locate(&self, reader: &mut Reader<'_>, ordinal: u64) -> Result<Place, SearchError> {
        let reached = |reader: &mut Reader<'_>, place: Place| -> Result<bool, SearchError> {
            let place = place.max(self.from);
            let span = self.prefix.between(place, self.to);
            let row = reader.first(self.prefix.column, &span, Order::Ascending)?;
            Ok(match row {
                Some((_, row)) => ordinal_of(&row)? <= ordinal,
                None => false,
            })
        };
        let (from, to) = (self.from.hit, self.to.hit);
        let height = last_where(from.height.0, to.height.0, |height| {
            reached(reader, Place::first_of(Height(height)))
        })?;
        let height = Height(height);
        let last = match reader.subject {
            Subject::Txs => indexed(reader, height)?.map_or(u32::MAX, |row| row.txs),
            Subject::Blocks => 0,
        };
        let index = last_where(0, u64::from(last), |index| {
            let index = u32::try_from(index).expect("searched up to the greatest");
            reached(reader, Hit { height, index }.first())
        })?;
        let index = u32::try_from(index).expect("searched up to the greatest");
        Ok(Hit { height, index }.first().max(self.from))
    }
}

/// The last of `first..=last` of which `is` is true: it is true of the first, and false from some
/// number on.
fn last_where(
    first: u64,
    last: u64,
    mut is: impl FnMut(u64) -> Result<bool, SearchError>,
) -> Result<u64, SearchError> {
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if is(middle)? {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

/// All transactions of some heights, by number.
pub(super) struct HeightsRun {
    /// Both included, and both in the index.
    pub heights: (Height, Height),
}

impl HeightsRun {
    /// How many transactions there are, and those in the window, in order.
    pub fn page(
        &self,
        reader: &mut Reader<'_>,
        order: Order,
        window: Window,
    ) -> Result<(u64, Vec<Hit>), SearchError> {
        let (from, to) = self.heights;
        let Some(before) = indexed(reader, from)?.map(|row| row.txs_before) else {
            return Ok((0, vec![]));
        };
        let Some(last) = indexed(reader, to)? else { return Ok((0, vec![])) };
        let end = last.txs_before + u64::from(last.txs);
        let total = end.saturating_sub(before);
        let ascending = window.ascending(order, total);
        let mut hits = vec![];
        let mut number = before.saturating_add(ascending.skip);
        let mut height = from;
        while number < end && hits.len() < ascending.take {
            height = self.height_of(reader, height, number)?;
            let Some(row) = indexed(reader, height)? else { break };
            for index in number.saturating_sub(row.txs_before)..u64::from(row.txs) {
                if hits.len() < ascending.take {
                    let index = u32::try_from(index).expect("below a count of 32 bits");
                    hits.push(Hit { height, index });
                }
            }
            number = row.txs_before + u64::from(row.txs);
        }
        if order == Order::Descending {
            hits.reverse();
        }
        Ok((total, hits))
    }

    /// The height, from some height on, with the transaction of this number.
    fn height_of(
        &self,
        reader: &mut Reader<'_>,
        from: Height,
        number: u64,
    ) -> Result<Height, SearchError> {
        let height = last_where(from.0, self.heights.1.0, |height| {
            let row = indexed(reader, Height(height))?;
            Ok(row.is_some_and(|row| row.txs_before <= number))
        })?;
        Ok(Height(height))
    }

    /// Shows the heights in order, each with how many transactions it has.
    pub fn visit(
        &self,
        reader: &mut Reader<'_>,
        order: Order,
        mut visitor: impl FnMut(Height, u32) -> Result<Go, SearchError>,
    ) -> Result<(), SearchError> {
        let (from, to) = self.heights;
        let span = Span::between(height_key(from), height_key(to.next()));
        reader.visit(Column::Indexed, span, order, |_, (key, row)| {
            let height = height_in(Column::Indexed, &key)?;
            let row: IndexedRow = prost::Message::decode(row).in_row("index", height)?;
            visitor(height, row.txs)
        })
    }
}

fn indexed(reader: &mut Reader<'_>, height: Height) -> Result<Option<IndexedRow>, SearchError> {
    reader.charge(1)?;
    Ok(reader.store.indexed_row(height)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_from_the_other_end() {
        let turned = |skip, take, total| {
            let Window { skip, take } = Window { skip, take }.turned(total);
            (skip, take)
        };
        assert_eq!(turned(0, 30, 100), (70, 30));
        assert_eq!(turned(90, 30, 100), (0, 10));
        assert_eq!(turned(100, 30, 100), (0, 0));
        assert_eq!(turned(200, 30, 100), (0, 0));
    }

    #[test]
    fn the_last_of_which_something_is_true_is_found() {
        for last_true in 3..=20 {
            let found = last_where(3, 20, |it| Ok(it <= last_true)).unwrap();
            assert_eq!(found, last_true);
        }
    }
}
