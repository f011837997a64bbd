//! A search: the demand that fewest rows can meet is read in the order of places, the others are
//! looked up for each of its rows. What one run of rows answers by itself is not read at all, but
//! for its ends and the page that is wanted.

use std::collections::BTreeSet;
use std::time::Duration;

use types::{Height, Time};

use super::claim::{Claim, Condition, Relation, Scalar};
use super::decimal::Decimal;
use super::demand::{Demand, Demands};
use super::lookup::Lookup;
use super::place::{Hit, Place, Subject};
use super::reader::{Go, Reader};
use super::rows::{Form, Prefix, numbers_between, place_at_end, text_in, texts_between};
use super::run::{HeightsRun, Run, Window};
use crate::error::StorageError;
use crate::key_value::{Order, Row, Span};
use crate::store::Store;

/// How far the date of a moment can be from the date of the same moment in UTC, and a day more.
const DATES_DIFFER: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// What is searched for, and which part of the answer is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Transactions or blocks.
    pub subject: Subject,
    /// What must be true of them, all of it.
    pub conditions: &'a [Condition],
    /// By place in the chain.
    pub order: Order,
    /// How many of the answer are passed over.
    pub skip: u64,
    /// How many of the rest are wanted.
    pub take: usize,
    /// Most rows of the index that may be read.
    pub rows_max: usize,
}

/// What a search has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many there are.
    pub total: u64,
    /// Those that were wanted, in order.
    pub hits: Vec<Hit>,
}

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// It would read too much. The client's fault.
    #[error(
        "the search reads more than {rows_max} rows of the index: narrow it by a range of heights, \
         or by an attribute that fewer have"
    )]
    TooCostly {
        /// The limit.
        rows_max: usize,
    },
    /// It says something of a hash that none is found by. The client's fault.
    #[error("tx.hash {claim}: a hash is found by = and hexadecimal digits only")]
    Hash {
        /// What it says.
        claim: String,
    },
    /// The disk's fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Store {
    /// Answers a search from what is indexed. Transactions are found by their hash alone as soon as
    /// they are executed, before they are indexed.
    ///
    /// # Errors
    /// If it reads too much, or the disk fails.
    pub fn search(&self, search: &Search<'_>) -> Result<Found, SearchError> {
        let Some(demands) = Demands::of(search.subject, search.conditions)? else {
            return Ok(Found::default());
        };
        let indexed = self.indexed()?.map(|(first, last)| {
            let (from, to) = demands.heights;
            (first.max(Height(from)), last.min(Height(to)))
        });
        let mut between =
            indexed.map(|(first, last)| (Place::first_of(first), Place::last_of(last)));
        if let Some(hash) = &demands.hash {
            let Some(place) = self.tx_place(hash)? else { return Ok(Found::default()) };
            let hit = Hit { height: place.height, index: place.index };
            let (from, to) = demands.heights;
            if hit.height.0 < from || to < hit.height.0 || !demands.allow(hit.height) {
                return Ok(Found::default());
            }
            if demands.event.is_empty() {
                return Ok(Tally::of_one(search, hit));
            }
            between = between.map(|(from, to)| (from.max(hit.first()), to.min(hit.last())));
        }
        let Some((from, to)) = between.filter(|(from, to)| from <= to) else {
            return Ok(Found::default());
        };
        let reader = Reader::new(self, search.subject, search.rows_max);
        Searching { reader, search, demands: &demands, from, to }.answer()
    }
}

/// A search that is being answered.
struct Searching<'a> {
    reader: Reader<'a>,
    search: &'a Search<'a>,
    demands: &'a Demands,
    from: Place,
    to: Place,
}

/// Where candidates come from.
enum Source {
    /// Rows in order; those of which the claims are true.
    Run(Run, Vec<Claim>),
    /// Places that were collected: of all of them the demand is met.
    Places(BTreeSet<Place>),
}

impl Searching<'_> {
    fn answer(mut self) -> Result<Found, SearchError> {
        if self.demands.event.is_empty() {
            return self.of_heights();
        }
        let Some((meets, source)) = self.cheapest()? else { return Ok(Found::default()) };
        let rest = self.demands.event.iter().enumerate().filter(|(index, _)| *index != meets);
        let order = self.search.order;
        let end = match order {
            Order::Ascending => self.to,
            Order::Descending => self.from,
        };
        let rest = rest.map(|(_, demand)| Lookup::new(&self.reader, demand, order, end));
        let mut rest: Vec<Lookup<'_>> = rest.collect();
        let mut tally = Tally::new(self.search);
        match source {
            Source::Run(run, claims) => {
                let alone = rest.is_empty() && claims.is_empty();
                if alone && self.demands.odd_heights.is_empty() {
                    let (total, hits) = run.page(&mut self.reader, order, tally.window)?;
                    return Ok(Found { total, hits });
                }
                let demands = self.demands;
                self.reader.visit(run.prefix.column, run.span(), order, |reader, row| {
                    let place = run.place_of(&row)?;
                    if tally.lacks(place.hit)
                        && demands.allow(place.hit.height)
                        && (claims.is_empty() || reader.satisfies(&row, &claims)?)
                        && carries_all(reader, place, &mut rest)?
                    {
                        tally.add(place.hit);
                    }
                    Ok(Go::On)
                })?;
            }
            Source::Places(places) => {
                let mut add = |place: Place| -> Result<(), SearchError> {
                    if tally.lacks(place.hit)
                        && self.demands.allow(place.hit.height)
                        && carries_all(&mut self.reader, place, &mut rest)?
                    {
                        tally.add(place.hit);
                    }
                    Ok(())
                };
                match order {
                    Order::Ascending => places.into_iter().try_for_each(&mut add)?,
                    Order::Descending => places.into_iter().rev().try_for_each(&mut add)?,
                }
            }
        }
        Ok(tally.found())
    }

    /// The answer if nothing is demanded but heights.
    fn of_heights(mut self) -> Result<Found, SearchError> {
        let mut tally = Tally::new(self.search);
        let run = HeightsRun { heights: (self.from.hit.height, self.to.hit.height) };
        let order = self.search.order;
        match (self.search.subject, self.demands.odd_heights.is_empty()) {
            (Subject::Txs, true) => {
                let (total, hits) = run.page(&mut self.reader, order, tally.window)?;
                Ok(Found { total, hits })
            }
            (Subject::Blocks, true) => Ok(blocks_between(run.heights, order, tally.window)),
            (subject, false) => {
                run.visit(&mut self.reader, order, |height, txs| {
                    let count = match subject {
                        Subject::Txs => txs,
                        Subject::Blocks => 1,
                    };
                    if self.demands.allow(height) {
                        tally.add_all(height, count, order);
                    }
                    Ok(Go::On)
                })?;
                Ok(tally.found())
            }
        }
    }

    /// The demand that the fewest rows can meet, and those rows; none if one demand has none.
    fn cheapest(&mut self) -> Result<Option<(usize, Source)>, SearchError> {
        let column = self.search.subject.column();
        let mut best: Option<(u64, usize, Source)> = None;
        // Of two runs as long, the one with claims is read: its rows answer them at once.
        let mut rank = (u64::MAX, true);
        for (index, demand) in self.demands.event.iter().enumerate() {
            let (run, claims) = self.run_of(demand);
            let count = run.count(&mut self.reader)?;
            if count == 0 {
                return Ok(None);
            }
            if best.is_none() || (count, claims.is_empty()) < rank {
                rank = (count, claims.is_empty());
                best = Some((count, index, Source::Run(run, claims)));
            }
        }
        // Rows in the order of values may be fewer yet. How many they are is not known beforehand,
        // so they are read until they are as many as the best.
        for (index, demand) in self.demands.event.iter().enumerate() {
            let Some(span) = span_of_values(column, demand) else { continue };
            let Some((least, ..)) = best else { break };
            let limit = least.min(self.reader.rows_left() as u64 / 2);
            if let Some(places) = self.collect(span, demand, limit)? {
                best = Some((places.len() as u64, index, Source::Places(places)));
            }
        }
        Ok(best.map(|(_, index, source)| (index, source)))
    }

    /// The rows in order that can meet a demand, and what must be true of their values.
    fn run_of(&self, demand: &Demand) -> (Run, Vec<Claim>) {
        let (column, name) = (self.search.subject.column(), &demand.name);
        let (form, prefix, claims) = match demand.claims.as_slice() {
            [Claim::Is(text)] => (Form::Text, Prefix::text(column, name, text), vec![]),
            [Claim::Compares(Relation::Equal, Scalar::Number(number))] => {
                (Form::Number, Prefix::number(column, name, number), vec![])
            }
            [Claim::Exists] => (Form::Placed, Prefix::placed(column, name), vec![]),
            claims => (Form::Placed, Prefix::placed(column, name), claims.to_vec()),
        };
        (Run { prefix, form, from: self.from, to: self.to }, claims)
    }

    /// The places of the rows of a span that meet a demand; none if there are `limit` rows or more.
    fn collect(
        &mut self,
        ValueSpan { span, prefix, form }: ValueSpan,
        demand: &Demand,
        limit: u64,
    ) -> Result<Option<BTreeSet<Place>>, SearchError> {
        let (mut places, mut rows) = (BTreeSet::new(), 0);
        let (from, to) = (self.from, self.to);
        self.reader.visit(prefix.column, span, Order::Ascending, |_, (key, _): Row| {
            rows += 1;
            let place = place_at_end(&key)?;
            let within = from <= place && place <= to;
            // Numbers are in order; of texts some lie between others and are no times.
            let meets = form == Form::Number
                || text_in(&key, &prefix)
                    .is_some_and(|text| demand.claims.iter().all(|claim| claim.holds(&text)));
            if within && meets {
                places.insert(place);
            }
            Ok(if rows < limit { Go::On } else { Go::Stop })
        })?;
        Ok((rows < limit).then_some(places))
    }
}

fn carries_all(
    reader: &mut Reader<'_>,
    place: Place,
    demands: &mut [Lookup<'_>],
) -> Result<bool, SearchError> {
    for demand in demands {
        if !demand.is_carried(reader, place)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Blocks need no rows: every height of the index is one.
fn blocks_between((from, to): (Height, Height), order: Order, window: Window) -> Found {
    let total = to.0 - from.0 + 1;
    let ascending = window.ascending(order, total);
    let heights = from.0.saturating_add(ascending.skip)..=to.0;
    let hits = heights.take(ascending.take).map(|it| Hit { height: Height(it), index: 0 });
    let mut hits: Vec<Hit> = hits.collect();
    if order == Order::Descending {
        hits.reverse();
    }
    Found { total, hits }
}

/// Rows in the order of values, and the prefix of their form.
struct ValueSpan {
    span: Span,
    prefix: Prefix,
    form: Form,
}

/// The rows in the order of values that can meet a demand, if it is one of orders.
fn span_of_values(column: crate::schema::Column, demand: &Demand) -> Option<ValueSpan> {
    let scalars = demand.claims.iter().map(|claim| match claim {
        Claim::Compares(relation, scalar) => Some((*relation, scalar)),
        Claim::Exists | Claim::Is(_) | Claim::Contains(_) => None,
    });
    let scalars: Vec<(Relation, &Scalar)> = scalars.collect::<Option<_>>()?;
    let numbers = scalars.iter().map(|(relation, scalar)| match scalar {
        Scalar::Number(number) => Some((*relation, number)),
        Scalar::Time(..) => None,
    });
    if let Some(numbers) = numbers.collect::<Option<Vec<_>>>() {
        if numbers.iter().any(|(relation, _)| *relation == Relation::Equal) {
            return None;
        }
        let prefix = Prefix::form(column, &demand.name, Form::Number);
        let (from, to) = edges(&numbers);
        let span = numbers_between(column, &demand.name, (from.as_ref(), to.as_ref()));
        return Some(ValueSpan { span, prefix, form: Form::Number });
    }
    let times = scalars.iter().map(|(relation, scalar)| match scalar {
        Scalar::Time(_, time) => Some((*relation, *time)),
        Scalar::Number(_) => None,
    });
    let (from, to) = dates(&times.collect::<Option<Vec<_>>>()?);
    let prefix = Prefix::form(column, &demand.name, Form::Text);
    let span = texts_between(column, &demand.name, (&from, &to));
    Some(ValueSpan { span, prefix, form: Form::Text })
}

/// The greatest lower and the least upper bound, each with whether the edge lies after the number.
type Edges = (Option<(Decimal, bool)>, Option<(Decimal, bool)>);

fn edges(numbers: &[(Relation, &Decimal)]) -> Edges {
    let (mut from, mut to): Edges = (None, None);
    for &(relation, number) in numbers {
        let edge = |after| (number.clone(), after);
        match relation {
            Relation::Greater => from = from.max(Some(edge(true))),
            Relation::AtLeast => from = from.max(Some(edge(false))),
            Relation::Less => to = Some(to.map_or(edge(false), |it| it.min(edge(false)))),
            Relation::AtMost => to = Some(to.map_or(edge(true), |it| it.min(edge(true)))),
            Relation::Equal => {}
        }
    }
    (from, to)
}

/// Texts between which all times are that stand in the relations, whatever zone they are told in.
fn dates(times: &[(Relation, Time)]) -> (String, String) {
    let earlier = |time: Time| {
        let span = i128::try_from(DATES_DIFFER.as_nanos()).expect("a few days");
        Time::from_unix_nanos(time.unix_nanos() - span).unwrap_or(Time::ZERO)
    };
    // Greater than every digit.
    let (mut from, mut to) = (String::new(), ":".to_owned());
    for &(relation, time) in times {
        let first = day(earlier(time));
        let last = day(time.after(DATES_DIFFER));
        match relation {
            Relation::Greater | Relation::AtLeast => from = from.max(first),
            Relation::Less | Relation::AtMost => to = to.min(last),
            Relation::Equal => (from, to) = (from.max(first), to.min(last)),
        }
    }
    (from, to)
}

fn day(time: Time) -> String {
    let mut text = time.to_string();
    text.truncate("2013-05-03".len());
    text
}

/// Counts what is found, and keeps what is wanted of it.
struct Tally {
    window: Window,
    total: u64,
    last: Option<Hit>,
    hits: Vec<Hit>,
}

impl Tally {
    fn new(search: &Search<'_>) -> Self {
        let window = Window { skip: search.skip, take: search.take };
        Self { window, total: 0, last: None, hits: vec![] }
    }

    fn of_one(search: &Search<'_>, hit: Hit) -> Found {
        let mut tally = Self::new(search);
        tally.add(hit);
        tally.found()
    }

    /// Whether this is not what was added last: events of one transaction follow each other.
    fn lacks(&self, hit: Hit) -> bool {
        self.last != Some(hit)
    }

    fn add(&mut self, hit: Hit) {
        if self.window.skip <= self.total && self.hits.len() < self.window.take {
            self.hits.push(hit);
        }
        self.total += 1;
        self.last = Some(hit);
    }

    /// Adds the first `count` transactions of a height, all but those that are wanted by their
    /// number alone.
    fn add_all(&mut self, height: Height, count: u32, order: Order) {
        let skip = u32::try_from(self.window.skip.saturating_sub(self.total)).unwrap_or(u32::MAX);
        let left = self.window.take - self.hits.len();
        let wanted = (skip..count).take(left).map(|index| match order {
            Order::Ascending => index,
            Order::Descending => count - 1 - index,
        });
        self.hits.extend(wanted.map(|index| Hit { height, index }));
        self.total += u64::from(count);
    }

    fn found(self) -> Found {
        Found { total: self.total, hits: self.hits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most of a great block's transactions are passed over: one by one they cost what no limit
    /// counts.
    #[test]
    fn many_are_added_as_one_by_one() {
        let heights = [(1, 3), (2, 0), (3, 2), (4, 4)];
        for (skip, take) in (0..11).flat_map(|skip| (0..11).map(move |take| (skip, take))) {
            for order in [Order::Ascending, Order::Descending] {
                let search = Search {
                    subject: Subject::Txs,
                    conditions: &[],
                    order,
                    skip,
                    take,
                    rows_max: 0,
                };
                let (mut at_once, mut one_by_one) = (Tally::new(&search), Tally::new(&search));
                for (height, count) in heights.map(|(height, count)| (Height(height), count)) {
                    at_once.add_all(height, count, order);
                    let add = |index| one_by_one.add(Hit { height, index });
                    match order {
                        Order::Ascending => (0..count).for_each(add),
                        Order::Descending => (0..count).rev().for_each(add),
                    }
                }
                assert_eq!(at_once.found(), one_by_one.found());
            }
        }
        let window = Window { skip: u64::from(u32::MAX) - 1, take: 5 };
        let mut tally = Tally { window, total: 0, last: None, hits: vec![] };
        tally.add_all(Height(1), u32::MAX, Order::Descending);
        tally.add_all(Height(2), u32::MAX, Order::Descending);
        let found = tally.found();
        assert_eq!(found.total, 2 * u64::from(u32::MAX));
        assert_eq!(found.hits[0], Hit { height: Height(1), index: 0 });
        assert_eq!(found.hits[1], Hit { height: Height(2), index: u32::MAX - 1 });
    }
}
