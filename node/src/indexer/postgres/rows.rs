//! A block as rows of the reference's tables. spec: `state/indexer/sink/psql/psql.go`.
//!
//! Each table is written by one statement for a thousand transactions, with arrays for columns.

use std::borrow::Cow;

use postgres::{Client, Error, Statement, Transaction};
use types::{Block, BlockOutcome, ChainId, Event, Tx, TxHash, TxResult, codec};

/// Transactions of a block that are written by one statement.
const TXS_AT_A_TIME: usize = 1_000;
/// Longest key of an attribute that is written: the table's index takes rows of some 2,700 bytes.
const KEY_BYTES_MAX: usize = 2_000;

const BLOCK: &str = "
    INSERT INTO blocks (height, chain_id, created_at) VALUES ($1, $2, now())
    ON CONFLICT DO NOTHING RETURNING rowid";
const NUMBERS: &str = "
    SELECT nextval(pg_get_serial_sequence($1::text, 'rowid')) FROM generate_series(1, $2::bigint)";
const TXS: &str = "
    INSERT INTO tx_results (rowid, block_id, index, created_at, tx_hash, tx_result)
    SELECT it.rowid, $1::bigint, it.index, now(), it.hash, it.result
    FROM unnest($2::bigint[], $3::integer[], $4::varchar[], $5::bytea[])
        AS it (rowid, index, hash, result)";
const EVENTS: &str = "
    INSERT INTO events (rowid, block_id, tx_id, type)
    SELECT it.rowid, $1::bigint, it.tx_id, it.type
    FROM unnest($2::bigint[], $3::bigint[], $4::varchar[]) AS it (rowid, tx_id, type)";
/// An event with two values under one name has the first of them, since the table has one at most.
const ATTRIBUTES: &str = "
    INSERT INTO attributes (event_id, key, composite_key, value)
    SELECT it.event_id, it.key, it.composite_key, it.value
    FROM unnest($1::bigint[], $2::varchar[], $3::varchar[], $4::varchar[])
        AS it (event_id, key, composite_key, value)
    ON CONFLICT DO NOTHING";

/// Statements that were prepared on a connection.
pub struct Writing {
    chain_id: String,
    block: Statement,
    numbers: Statement,
    txs: Statement,
    events: Statement,
    attributes: Statement,
}

/// Rows of the tables of events, column by column.
#[derive(Default)]
struct Events<'a> {
    tx_ids: Vec<Option<i64>>,
    kinds: Vec<Cow<'a, str>>,
    /// Which of these events each attribute belongs to.
    owners: Vec<usize>,
    keys: Vec<Cow<'a, str>>,
    composite_keys: Vec<String>,
    values: Vec<Cow<'a, str>>,
}

impl Writing {
    /// Prepares to write blocks of this chain.
    ///
    /// # Errors
    /// If the tables are others.
    pub fn prepare(client: &mut Client, chain_id: &ChainId) -> Result<Self, Error> {
        Ok(Self {
            chain_id: chain_id.to_string(),
            block: client.prepare(BLOCK)?,
            numbers: client.prepare(NUMBERS)?,
            txs: client.prepare(TXS)?,
            events: client.prepare(EVENTS)?,
            attributes: client.prepare(ATTRIBUTES)?,
        })
    }

    /// Writes a block with all that came of it; nothing if it is there already.
    ///
    /// # Errors
    /// If the database does not take it.
    pub fn block(
        &self,
        to: &mut Transaction<'_>,
        block: &Block,
        outcome: &BlockOutcome,
    ) -> Result<(), Error> {
        let height = i64::try_from(block.header.height.0).unwrap_or(i64::MAX);
        let Some(row) = to.query_opt(&self.block, &[&height, &self.chain_id])? else {
            return Ok(());
        };
        let block_id: i64 = row.get(0);
        let height_text = height.to_string();
        let mut events = Events::default();
        events.add_one(None, ("block", "height", &height_text));
        events.add(None, &outcome.events);
        self.events(to, block_id, &events)?;
        let txs = (0..).zip(block.txs.iter().zip(&outcome.tx_results));
        let txs: Vec<(i32, &Tx, &TxResult)> =
            txs.map(|(index, (tx, result))| (index, tx, result)).collect();
        for txs in txs.chunks(TXS_AT_A_TIME) {
            self.txs(to, block_id, block, txs)?;
        }
        Ok(())
    }

    fn txs(
        &self,
        to: &mut Transaction<'_>,
        block_id: i64,
        block: &Block,
        txs: &[(i32, &Tx, &TxResult)],
    ) -> Result<(), Error> {
        let height = block.header.height;
        let ids = self.ids(to, "tx_results", txs.len())?;
        let indices: Vec<i32> = txs.iter().map(|(index, ..)| *index).collect();
        let hashes: Vec<String> = txs.iter().map(|(_, tx, _)| TxHash::of(tx).to_string()).collect();
        let encode = |(index, tx, result): &(i32, &Tx, &TxResult)| {
            codec::encode_executed_tx(height, index.unsigned_abs(), tx, result)
        };
        let results: Vec<Vec<u8>> = txs.iter().map(encode).collect();
        to.execute(&self.txs, &[&block_id, &ids, &indices, &hashes, &results])?;
        let height_text = height.to_string();
        let mut events = Events::default();
        for ((id, hash), (_, _, result)) in ids.iter().zip(&hashes).zip(txs) {
            events.add_one(Some(*id), ("tx", "hash", hash));
            events.add_one(Some(*id), ("tx", "height", &height_text));
            events.add(Some(*id), &result.events);
        }
        self.events(to, block_id, &events)
    }

    fn events(
        &self,
        to: &mut Transaction<'_>,
        block_id: i64,
        events: &Events<'_>,
    ) -> Result<(), Error> {
        let ids = self.ids(to, "events", events.kinds.len())?;
        to.execute(&self.events, &[&block_id, &ids, &events.tx_ids, &events.kinds])?;
        let owners: Vec<i64> = events.owners.iter().map(|owner| ids[*owner]).collect();
        let Events { keys, composite_keys, values, .. } = events;
        to.execute(&self.attributes, &[&owners, keys, composite_keys, values])?;
        Ok(())
    }

    /// Numbers for so many new rows of a table.
    fn ids(&self, to: &mut Transaction<'_>, table: &str, count: usize) -> Result<Vec<i64>, Error> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = to.query(&self.numbers, &[&table, &count])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl<'a> Events<'a> {
    /// Events that the application told of. Those without a type are left out, and so are
    /// attributes that it does not want to be found.
    fn add(&mut self, tx_id: Option<i64>, events: &'a [Event]) {
        for event in events.iter().filter(|event| !event.kind.is_empty()) {
            self.begin(tx_id, &event.kind);
            for attribute in event.attributes.iter().filter(|it| it.index) {
                self.attribute(&event.kind, &attribute.key, &attribute.value);
            }
        }
    }

    /// An event with one attribute, which says where the others are.
    fn add_one(&mut self, tx_id: Option<i64>, (kind, key, value): (&'a str, &'a str, &'a str)) {
        self.begin(tx_id, kind);
        self.attribute(kind, key, value);
    }

    fn begin(&mut self, tx_id: Option<i64>, kind: &'a str) {
        self.tx_ids.push(tx_id);
        self.kinds.push(storable(kind));
    }

    fn attribute(&mut self, kind: &str, key: &'a str, value: &'a str) {
        let stored = storable(key);
        if KEY_BYTES_MAX < stored.len() {
            return;
        }
        self.owners.push(self.kinds.len() - 1);
        self.keys.push(stored);
        self.composite_keys.push(storable(&format!("{kind}.{key}")).into_owned());
        self.values.push(storable(value));
    }
}

/// A text without zeros, which PostgreSQL has no place for.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { text.into() }
}
