//! Follows the executed blocks from behind, and keeps the rows of each; forgets those of blocks
//! that go.
//!
//! The rows of a block are written in small batches, so that no other write waits long, and the
//! last of them says that the height is indexed: what a crash leaves behind is written again, the
//! same. Nothing is synced: whatever a loss of power takes, it takes the word of it too. Where a
//! replayed block has other events than are indexed, the word is taken too (`txs.rs`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use types::{Event, Height};

use super::decimal::Decimal;
use super::place::{Hit, Place, Subject};
use super::rows::{NAME_BYTES_MAX, Prefix, ordinal_of, ordinal_row, placed_row};
use crate::error::{InRow, StorageError};
use crate::key_value::{Durable, Span};
use crate::schema::{Column, INDEX_KEY, IndexRow, IndexedRow, height_key};
use crate::store::{Step, Store};

/// Rows written or deleted at a time.
const ROWS_AT_A_TIME: usize = 1_000;
/// Runs whose last ordinal is remembered from one block to the next. One block may add any number
/// to them.
const TAILS_MAX: usize = 16_384;

const INDEX_COLUMNS: [Column; 3] = [Column::Indexed, Column::TxEvents, Column::BlockEvents];

impl Store {
    /// First and last height that can be searched, if there is any.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn indexed(&self) -> Result<Option<(Height, Height)>, StorageError> {
        let row = self.index_row()?.filter(|row| row.base <= row.height);
        Ok(row.map(|row| (Height(row.base), Height(row.height))))
    }

    /// From now on nothing is indexed. A [`Writer`] that is opened later begins anew.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn abandon_index(&self) -> Result<(), StorageError> {
        if self.index_row()?.is_some() {
            let mut step = self.step();
            step.batch.delete(Column::Chain, INDEX_KEY);
            step.write(Durable::Now)?;
        }
        Ok(())
    }

    pub(crate) fn index_row(&self) -> Result<Option<IndexRow>, StorageError> {
        let row = self.read(Column::Chain, INDEX_KEY)?;
        row.map(prost::Message::decode).transpose().in_row("chain", "the index")
    }

    pub(crate) fn indexed_row(&self, height: Height) -> Result<Option<IndexedRow>, StorageError> {
        let row = self.read(Column::Indexed, &height_key(height))?;
        row.map(prost::Message::decode).transpose().in_row("index", height)
    }
}

/// The one who writes the index. There is one at a time.
pub struct Writer {
    store: Store,
    range: Option<IndexRow>,
    tails: HashMap<Vec<u8>, Tail>,
}

/// The end of a run.
#[derive(Clone, Copy)]
struct Tail {
    ordinal: u64,
    /// Whose the last row is; none if it is of an earlier block.
    hit: Option<Hit>,
}

impl Writer {
    /// Goes on where the index ends. If there is none, or blocks are missing between it and the
    /// first that is in the store, it begins anew there.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(store: Store) -> Result<Self, StorageError> {
        let blocks = store.range()?.map(|(base, _)| base);
        let range = store.index_row()?.filter(|row| {
            // Rows of blocks that went meanwhile could not be found any more to be deleted.
            blocks.is_none_or(|base| base.0 <= row.base)
        });
        let writer = Self { store, range, tails: HashMap::new() };
        if writer.range.is_none() {
            writer.clear()?;
        }
        Ok(writer)
    }

    fn clear(&self) -> Result<(), StorageError> {
        let mut step = self.store.step();
        step.batch.delete(Column::Chain, INDEX_KEY);
        for column in INDEX_COLUMNS {
            // No UTF-8 begins with this byte, and no height, as a height has 63 bits.
            step.batch.delete_range(column, [], [0xFF_u8]);
        }
        step.write(Durable::Now)
    }

    /// Indexes the next block, if it was executed. Returns its height.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn advance(&mut self) -> Result<Option<Height>, StorageError> {
        let (range, height, outcome) = loop {
            let Some(range) = self.begun()? else { return Ok(None) };
            let height = Height(range.height).next();
            if let Some(outcome) = self.store.outcome(height)? {
                break (range, height, outcome);
            }
            if self.store.range()?.is_none_or(|(base, _)| base <= height) {
                return Ok(None);
            }
            self.begin_anew()?;
        };
        self.forget_tails();
        let mut batches = Batches::new(self.store.clone());
        let block = Hit { height, index: 0 };
        self.add(Subject::Blocks, block, &outcome.events, &mut batches)?;
        let mut txs = 0;
        for result in &outcome.tx_results {
            self.add(Subject::Txs, Hit { height, index: txs }, &result.events, &mut batches)?;
            txs += 1;
        }
        let before = height.previous().map(|it| self.store.indexed_row(it)).transpose()?.flatten();
        let txs_before = before.map_or(0, |row| row.txs_before + u64::from(row.txs));
        let range = IndexRow { height: height.0, ..range };
        let row = prost::Message::encode_to_vec(&IndexedRow { txs_before, txs });
        batches.step.batch.put(Column::Indexed, height_key(height), row);
        batches.step.keep_index_row(range);
        batches.step.write(Durable::Later)?;
        self.range = Some(range);
        Ok(Some(height))
    }

    /// Remembers no more than the ends of runs that are written to again and again.
    fn forget_tails(&mut self) {
        if TAILS_MAX < self.tails.len() {
            self.tails.retain(|_, tail| 1 < tail.ordinal);
        }
        if TAILS_MAX < self.tails.len() {
            self.tails.clear();
        }
    }

    /// Forgets all, for there was a prune that had begun before the index had, and so took blocks
    /// without regard to it.
    fn begin_anew(&mut self) -> Result<(), StorageError> {
        self.range = None;
        self.tails.clear();
        self.clear()
    }

    /// The range, which begins with the first block that there is.
    fn begun(&mut self) -> Result<Option<IndexRow>, StorageError> {
        if self.range.is_none()
            && let Some((base, _)) = self.store.range()?
        {
            let range = IndexRow { base: base.0, height: base.0.saturating_sub(1) };
            // From now on the store keeps the blocks until their rows can be deleted.
            let mut step = self.store.step();
            step.keep_index_row(range);
            step.write(Durable::Later)?;
            self.range = Some(range);
        }
        Ok(self.range)
    }

    /// Gathers the rows of events.
    fn add(
        &mut self,
        subject: Subject,
        hit: Hit,
        events: &[Event],
        batches: &mut Batches,
    ) -> Result<(), StorageError> {
        for attribute in attributes(subject, hit, events) {
            let Prefixes { placed, text, number } = attribute.prefixes();
            let place = attribute.place;
            let ordinal = self.ordinal(&placed, hit)?;
            let key = placed.placed_key(place, attribute.number);
            batches.put(placed.column, key, placed_row(ordinal, attribute.value))?;
            for prefix in [Some(text), number].into_iter().flatten() {
                let ordinal = self.ordinal(&prefix, hit)?;
                batches.put(prefix.column, prefix.key(place), ordinal_row(ordinal))?;
            }
        }
        Ok(())
    }

    /// The ordinal of the next row of a run.
    fn ordinal(&mut self, prefix: &Prefix, hit: Hit) -> Result<u64, StorageError> {
        let key = [&[prefix.column as u8], prefix.bytes.as_slice()].concat();
        let tail = match self.tails.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                // Where the index begins, as there may be many deleted rows before. What a crash
                // has left of this block does not count.
                let base = self.range.map_or(0, |range| range.base);
                let from = prefix.key(Place::first_of(Height(base)));
                let span = Span::between(from, prefix.key(Place::first_of(hit.height)));
                let row = self.store.last_in_run(prefix.column, &span)?;
                let ordinal = row.map(|(_, row)| ordinal_of(&row)).transpose()?;
                entry.insert(Tail { ordinal: ordinal.unwrap_or(0), hit: None })
            }
        };
        if tail.hit != Some(hit) {
            *tail = Tail { ordinal: tail.ordinal + 1, hit: Some(hit) };
        }
        Ok(tail.ordinal)
    }

    /// Deletes the rows of the first indexed block, if it is to go: because its block is to be
    /// pruned, or because more than `retain_blocks` are indexed. Returns its height.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn forget(&mut self, retain_blocks: Option<u64>) -> Result<Option<Height>, StorageError> {
        let Some(range) = self.range.filter(|range| range.base <= range.height) else {
            return Ok(None);
        };
        let too_many = retain_blocks.is_some_and(|most| most <= range.height - range.base);
        let height = Height(range.base);
        // One stays, so that the transactions before the next are known.
        if range.base == range.height || !(too_many || height < self.store.wanted_base()) {
            return Ok(None);
        }
        let Some(outcome) = self.store.outcome(height)? else {
            // Nobody knows any more which rows it has.
            self.begin_anew()?;
            return Ok(Some(height));
        };
        let mut batches = Batches::new(self.store.clone());
        let block = Hit { height, index: 0 };
        delete(Subject::Blocks, block, &outcome.events, &mut batches)?;
        for (index, result) in (0..).zip(&outcome.tx_results) {
            delete(Subject::Txs, Hit { height, index }, &result.events, &mut batches)?;
        }
        let range = IndexRow { base: height.next().0, ..range };
        batches.step.batch.delete(Column::Indexed, height_key(height));
        batches.step.keep_index_row(range);
        batches.step.write(Durable::Later)?;
        self.range = Some(range);
        Ok(Some(height))
    }
}

fn delete(
    subject: Subject,
    hit: Hit,
    events: &[Event],
    batches: &mut Batches,
) -> Result<(), StorageError> {
    for attribute in attributes(subject, hit, events) {
        let Prefixes { placed, text, number } = attribute.prefixes();
        let place = attribute.place;
        batches.delete(placed.column, placed.placed_key(place, attribute.number))?;
        for prefix in [Some(text), number].into_iter().flatten() {
            batches.delete(prefix.column, prefix.key(place))?;
        }
    }
    Ok(())
}

impl Step {
    fn keep_index_row(&mut self, row: IndexRow) {
        self.batch.put(Column::Chain, INDEX_KEY, prost::Message::encode_to_vec(&row));
    }
}

/// Rows on their way to the disk.
struct Batches {
    store: Store,
    step: Step,
    rows: usize,
}

impl Batches {
    fn new(store: Store) -> Self {
        let step = store.step();
        Self { store, step, rows: 0 }
    }

    fn put(&mut self, column: Column, key: Vec<u8>, row: Vec<u8>) -> Result<(), StorageError> {
        self.step.batch.put(column, key, row);
        self.written()
    }

    fn delete(&mut self, column: Column, key: Vec<u8>) -> Result<(), StorageError> {
        self.step.batch.delete(column, key);
        self.written()
    }

    fn written(&mut self) -> Result<(), StorageError> {
        self.rows += 1;
        if self.rows < ROWS_AT_A_TIME {
            return Ok(());
        }
        self.rows = 0;
        std::mem::replace(&mut self.step, self.store.step()).write(Durable::Later)
    }
}

/// An attribute that can be found.
struct Attribute<'a> {
    column: Column,
    name: String,
    value: &'a str,
    place: Place,
    /// Which of its event's attributes.
    number: u32,
}

/// The runs that an attribute has a row in.
struct Prefixes {
    placed: Prefix,
    text: Prefix,
    number: Option<Prefix>,
}

impl Attribute<'_> {
    fn prefixes(&self) -> Prefixes {
        let Attribute { column, name, value, .. } = self;
        let number = Decimal::leading(value);
        Prefixes {
            placed: Prefix::placed(*column, name),
            text: Prefix::text(*column, name, value),
            number: number.map(|number| Prefix::number(*column, name, &number)),
        }
    }
}

/// The attributes that the application wants to be found. spec: `indexEvents`: an event without a
/// type, an attribute without a name and the names that are reserved are left out.
fn attributes(subject: Subject, hit: Hit, events: &[Event]) -> impl Iterator<Item = Attribute<'_>> {
    let column = subject.column();
    let events = (0..).zip(events).filter(|(_, event)| !event.kind.is_empty());
    let all = events.flat_map(move |(event_index, event)| {
        let indexed = (0..).zip(&event.attributes).filter(|(_, it)| it.index && !it.key.is_empty());
        indexed.map(move |(number, attribute)| Attribute {
            column,
            name: format!("{}.{}", event.kind, attribute.key),
            value: &attribute.value,
            place: Place { hit, event: event_index },
            number,
        })
    });
    all.filter(move |it| it.name.len() <= NAME_BYTES_MAX && !subject.is_reserved(&it.name))
}
