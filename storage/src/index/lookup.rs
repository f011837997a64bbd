//! Looks up whether events carry what is demanded, one event after the other in the order of
//! places; where they follow each other closely, rows are read ahead rather than one by one.

use std::collections::VecDeque;

use super::demand::Demand;
use super::place::Place;
use super::reader::Reader;
use super::rows::{Prefix, placed_at_end};
use super::search::SearchError;
use crate::key_value::{Order, Row};

/// Rows read at a time: so many at first, and at most.
const ROWS_AT_FIRST: usize = 2;
const ROWS_MAX: usize = 256;

/// A demand that places are asked about in an order.
pub(super) struct Lookup<'a> {
    demand: &'a Demand,
    prefix: Prefix,
    order: Order,
    /// The last place that will be asked about.
    end: Place,
    /// Rows that were read and not passed yet.
    ahead: VecDeque<Row>,
    /// The key that was read last.
    reached: Option<Vec<u8>>,
    /// Whether there are no rows but those ahead.
    ended: bool,
    /// How many rows are read next, and how many places those before have answered for.
    rows: usize,
    answered: usize,
    /// What was asked last: an event may have several attributes.
    last: Option<(Place, bool)>,
}

impl<'a> Lookup<'a> {
    /// A demand that is about to be looked up in an order, up to a place.
    pub fn new(reader: &Reader<'_>, demand: &'a Demand, order: Order, end: Place) -> Self {
        Self {
            demand,
            prefix: Prefix::placed(reader.subject.column(), &demand.name),
            order,
            end,
            ahead: VecDeque::new(),
            reached: None,
            ended: false,
            rows: ROWS_AT_FIRST,
            answered: 0,
            last: None,
        }
    }

    /// Whether an event carries what is demanded. No event is before those that were asked about.
    pub fn is_carried(
        &mut self,
        reader: &mut Reader<'_>,
        place: Place,
    ) -> Result<bool, SearchError> {
        if let Some((_, answer)) = self.last.filter(|(last, _)| *last == place) {
            return Ok(answer);
        }
        let answer = self.look(reader, place)?;
        self.answered += 1;
        self.last = Some((place, answer));
        Ok(answer)
    }

    fn look(&mut self, reader: &mut Reader<'_>, place: Place) -> Result<bool, SearchError> {
        loop {
            while let Some(row) = self.ahead.front() {
                let (at, _) = placed_at_end(&row.0)?;
                if self.is_before(place, at) {
                    return Ok(false);
                }
                if at == place && reader.satisfies(row, &self.demand.claims)? {
                    return Ok(true);
                }
                self.ahead.pop_front();
            }
            if self.ended {
                return Ok(false);
            }
            self.read_on(reader, place)?;
        }
    }

    /// Reads rows from a place on, or from where reading has come to if that is further.
    fn read_on(&mut self, reader: &mut Reader<'_>, place: Place) -> Result<(), SearchError> {
        // Reading ahead pays where a good part of what it reads is asked for.
        self.rows = if 2.max(self.rows / 4) <= self.answered {
            (self.rows * 2).min(ROWS_MAX)
        } else {
            (self.rows / 2).max(ROWS_AT_FIRST)
        };
        self.answered = 0;
        let mut span = match self.order {
            Order::Ascending => self.prefix.between(place, self.end),
            Order::Descending => self.prefix.between(self.end, place),
        };
        if let Some(reached) = &self.reached {
            match self.order {
                Order::Ascending => span.from = span.from.max([reached, &[0][..]].concat()),
                Order::Descending => span.to = span.to.min(Some(reached.clone())),
            }
        }
        let limit = self.rows.min(reader.rows_left().max(1));
        let rows = reader.store.scan(self.prefix.column, &span, self.order, limit)?;
        reader.charge(rows.len())?;
        self.ended = rows.len() < limit;
        if let Some((key, _)) = rows.last() {
            self.reached = Some(key.to_vec());
        }
        self.ahead.extend(rows);
        Ok(())
    }

    fn is_before(&self, one: Place, other: Place) -> bool {
        match self.order {
            Order::Ascending => one < other,
            Order::Descending => other < one,
        }
    }
}
