//! Reads the index on behalf of one search, and stops it when it reads too much.

use types::Event;

use super::claim::Claim;
use super::place::{Hit, Place, Subject};
use super::rows::{placed_at_end, value_of};
use super::search::SearchError;
use crate::key_value::{Order, Row, Span};
use crate::schema::Column;
use crate::store::Store;

/// Rows read at a time.
const ROWS_AT_A_TIME: usize = 256;
/// What reading the whole of long values costs, in rows: they are in the outcome of their block.
const LONG_VALUE_ROWS: usize = 100;

/// A reader with a limit.
pub(super) struct Reader<'a> {
    pub store: &'a Store,
    pub subject: Subject,
    rows_max: usize,
    rows_left: usize,
    /// Whose long values were read last, and all of its events: there may be many in them.
    decoded: Option<(Hit, Vec<Event>)>,
}

impl<'a> Reader<'a> {
    /// A reader that may read so many rows.
    pub fn new(store: &'a Store, subject: Subject, rows_max: usize) -> Self {
        Self { store, subject, rows_max, rows_left: rows_max, decoded: None }
    }

    /// How many rows may still be read.
    pub fn rows_left(&self) -> usize {
        self.rows_left
    }

    /// Counts rows that are read; a look that finds none counts as one.
    pub fn charge(&mut self, rows: usize) -> Result<(), SearchError> {
        let left = self.rows_left.checked_sub(rows.max(1));
        self.rows_left = left.ok_or(SearchError::TooCostly { rows_max: self.rows_max })?;
        Ok(())
    }

    /// The first row of a span, in an order.
    pub fn first(
        &mut self,
        column: Column,
        span: &Span,
        order: Order,
    ) -> Result<Option<Row>, SearchError> {
        self.charge(1)?;
        Ok(self.store.scan(column, span, order, 1)?.pop())
    }

    /// Shows the rows of a span, in an order, until there are no more or the visitor has enough.
    pub fn visit(
        &mut self,
        column: Column,
        mut span: Span,
        order: Order,
        mut visitor: impl FnMut(&mut Self, Row) -> Result<Go, SearchError>,
    ) -> Result<(), SearchError> {
        loop {
            // One more than is left tells a search that ends just there from one that goes on.
            let limit = ROWS_AT_A_TIME.min(self.rows_left + 1);
            let rows = self.store.scan(column, &span, order, limit)?;
            self.charge(rows.len())?;
            let is_last = rows.len() < limit;
            if let Some((key, _)) = rows.last() {
                match order {
                    Order::Ascending => span.from = [key, &[0][..]].concat(),
                    Order::Descending => span.to = Some(key.to_vec()),
                }
            }
            for row in rows {
                if visitor(self, row)? == Go::Stop {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Whether all claims are true of the value of a placed row.
    pub fn satisfies(&mut self, (key, row): &Row, claims: &[Claim]) -> Result<bool, SearchError> {
        let (value, whole) = value_of(row)?;
        // Of a long value and not of its beginning can be true that it contains something, or that
        // it is a text which begins so: numbers and times are shorter.
        let looks_further = |claim: &Claim| match claim {
            _ if whole => false,
            Claim::Contains(_) => true,
            Claim::Is(text) => value.len() < text.len() && text.starts_with(value),
            Claim::Exists | Claim::Compares(..) => false,
        };
        let mut further = vec![];
        for claim in claims {
            let holds = match claim {
                Claim::Is(_) if !whole => false,
                _ => claim.holds(value),
            };
            match holds {
                true => {}
                false if looks_further(claim) => further.push(claim),
                false => return Ok(false),
            }
        }
        if further.is_empty() {
            return Ok(true);
        }
        let value = self.long_value(key)?;
        Ok(value.is_some_and(|value| further.iter().all(|claim| claim.holds(value))))
    }

    /// The value that a placed row has the beginning of; none if its block was pruned just now.
    fn long_value(&mut self, key: &[u8]) -> Result<Option<&str>, SearchError> {
        let (Place { hit, event }, number) = placed_at_end(key)?;
        let decoded = match self.decoded.take().filter(|(last, _)| *last == hit) {
            Some(decoded) => decoded,
            None => (hit, self.events_of(hit)?),
        };
        let (_, events) = self.decoded.insert(decoded);
        let event = events.get(event as usize);
        let attribute = event.and_then(|event| event.attributes.get(number as usize));
        Ok(attribute.map(|it| it.value.as_str()))
    }

    /// All events of a transaction or block.
    fn events_of(&mut self, hit: Hit) -> Result<Vec<Event>, SearchError> {
        self.charge(LONG_VALUE_ROWS)?;
        let events = match self.subject {
            Subject::Txs => self.store.tx_result(hit.height, hit.index)?.map(|it| it.events),
            Subject::Blocks => {
                // The results of all its transactions are read with them.
                let txs = self.store.indexed_row(hit.height)?.map_or(0, |row| row.txs);
                self.charge(txs as usize)?;
                self.store.outcome(hit.height)?.map(|it| it.events)
            }
        };
        Ok(events.unwrap_or_default())
    }
}

/// Whether more rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    On,
    Stop,
}
