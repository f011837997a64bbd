//! The reference's tables and views, made where they are missing.
//! spec: `state/indexer/sink/psql/schema.sql`.

use anyhow::{Context, Result};
use postgres::Client;
use types::{ChainId, Height};

/// Names and types are the reference's, so that what reads its databases reads ours.
const TABLES: &str = "
CREATE TABLE blocks (
    rowid BIGSERIAL PRIMARY KEY,
    height BIGINT NOT NULL,
    chain_id VARCHAR NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (height, chain_id)
);
CREATE INDEX idx_blocks_height_chain ON blocks (height, chain_id);
CREATE TABLE tx_results (
    rowid BIGSERIAL PRIMARY KEY,
    block_id BIGINT NOT NULL REFERENCES blocks (rowid),
    index INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    tx_hash VARCHAR NOT NULL,
    tx_result BYTEA NOT NULL,
    UNIQUE (block_id, index)
);
CREATE TABLE events (
    rowid BIGSERIAL PRIMARY KEY,
    block_id BIGINT NOT NULL REFERENCES blocks (rowid),
    tx_id BIGINT NULL REFERENCES tx_results (rowid),
    type VARCHAR NOT NULL
);
CREATE TABLE attributes (
    event_id BIGINT NOT NULL REFERENCES events (rowid),
    key VARCHAR NOT NULL,
    composite_key VARCHAR NOT NULL,
    value VARCHAR NULL,
    UNIQUE (event_id, key)
);
CREATE VIEW event_attributes AS
    SELECT block_id, tx_id, type, key, composite_key, value
    FROM events LEFT JOIN attributes ON events.rowid = attributes.event_id;
CREATE VIEW block_events AS
    SELECT blocks.rowid AS block_id, height, chain_id, type, key, composite_key, value
    FROM blocks JOIN event_attributes ON blocks.rowid = event_attributes.block_id
    WHERE event_attributes.tx_id IS NULL;
CREATE VIEW tx_events AS
    SELECT height, index, chain_id, type, key, composite_key, value, tx_results.created_at
    FROM blocks
    JOIN tx_results ON blocks.rowid = tx_results.block_id
    JOIN event_attributes ON tx_results.rowid = event_attributes.tx_id
    WHERE event_attributes.tx_id IS NOT NULL;
";

/// Makes tables and views in a database that has none.
///
/// # Errors
/// If the database does not let us.
pub fn install(client: &mut Client) -> Result<()> {
    let there = client.query_one("SELECT to_regclass('blocks') IS NOT NULL", &[])?;
    if there.get(0) {
        return Ok(());
    }
    let mut transaction = client.transaction()?;
    transaction.batch_execute(TABLES).context("the tables cannot be made")?;
    transaction.commit()?;
    tracing::info!(target: "index", "made the tables in PostgreSQL");
    Ok(())
}

/// The last block of a chain that the database has.
///
/// # Errors
/// If the database does not say.
pub fn last_height(client: &mut Client, chain_id: &ChainId) -> Result<Option<Height>> {
    let query = "SELECT max(height) FROM blocks WHERE chain_id = $1";
    let last: Option<i64> = client.query_one(query, &[&chain_id.as_str()])?.get(0);
    last.map(|height| u64::try_from(height).map(Height).context("a negative height")).transpose()
}
