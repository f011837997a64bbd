//! The index in a PostgreSQL database, with the reference's tables, for programs that search there.
//!
//! Several blocks are written in one transaction, and none is written in parts. So the database
//! itself says where to go on, whenever this node or the server ended. The server may come and go:
//! it is asked again, ever less often, and nobody but this thread waits for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postgres::{Client, Config, NoTls};
use storage::Store;
use types::{ChainId, Height};

mod rows;
mod schema;

use super::Progress;
use rows::Writing;

/// How long to wait for the server to take a connection, and to acknowledge what it was sent.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(30);
/// For how long a statement may wait, for others' locks too, before it is tried again.
const STATEMENT_LIMIT: &str = "SET statement_timeout = '5min'";
/// How long to wait before the server is tried again: after the first failure, and at most.
const RETRY_AFTER: Duration = Duration::from_millis(250);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// A transaction ends with the block that brings it to so many transactions or blocks.
const TXS_AT_ONCE: usize = 2_000;
const BLOCKS_AT_ONCE: usize = 100;

/// Writes executed blocks into a database.
pub struct Sink {
    store: Store,
    chain_id: ChainId,
    config: Config,
    connection: Option<Connection>,
    retry_after: Duration,
}

/// An open connection.
struct Connection {
    client: Client,
    writing: Writing,
    /// The height that is written next.
    next: Height,
}

impl Sink {
    /// A sink of the database that these settings name. Nothing is connected yet. From now on the
    /// store keeps blocks until they are written.
    ///
    /// # Errors
    /// If the settings cannot be read, or ask for what is not supported.
    pub fn new(store: Store, chain_id: ChainId, settings: &str) -> Result<Self> {
        let mut config = read_settings(settings).map_err(anyhow::Error::msg)?;
        config.connect_timeout(CONNECT_WITHIN);
        config.tcp_user_timeout(ACKNOWLEDGE_WITHIN);
        // While we wait for an answer nothing is sent that could go without acknowledgement.
        config.keepalives_idle(ACKNOWLEDGE_WITHIN);
        config.application_name("lockstep");
        store.hold_from(Height(0));
        Ok(Self { store, chain_id, config, connection: None, retry_after: RETRY_AFTER })
    }

    /// Writes the next blocks, if there are any.
    ///
    /// # Errors
    /// If the store fails. What fails in the database is tried again.
    pub fn advance(&mut self) -> Result<Progress> {
        let Some((base, tip)) = self.store.range()? else { return Ok(Progress::Idle) };
        match self.write_on(base, tip) {
            Ok(progress) => {
                self.retry_after = RETRY_AFTER;
                Ok(progress)
            }
            Err(Failure::Store(error)) => Err(error),
            Err(Failure::Database(error)) => {
                self.connection = None;
                let wait = self.retry_after;
                self.retry_after = (wait * 2).min(RETRY_AFTER_MAX);
                tracing::warn!(
                    target: "index",
                    error = %format!("{error:#}"),
                    "PostgreSQL did not take the next blocks; trying again in {wait:?}"
                );
                Ok(Progress::Wait(Instant::now() + wait))
            }
        }
    }

    fn write_on(&mut self, base: Height, tip: Height) -> Result<Progress, Failure> {
        if self.connection.is_none() {
            let opened = Connection::open(&self.config, &self.chain_id, base)?;
            if tip.next() < opened.next {
                tracing::warn!(
                    target: "index", %tip, next = %opened.next,
                    "PostgreSQL has later blocks of this chain than the store: \
                     a chain that begins anew needs a new database"
                );
            }
            self.store.hold_from(opened.next);
            self.connection = Some(opened);
        }
        let open = self.connection.as_mut().expect("it was opened just now, or before");
        let Connection { client, writing, next } = open;
        if tip < *next {
            return Ok(Progress::Idle);
        }
        let mut transaction = client.transaction().map_err(Failure::database)?;
        let (mut height, mut blocks, mut txs) = (*next, 0, 0);
        while height <= tip && blocks < BLOCKS_AT_ONCE && txs < TXS_AT_ONCE {
            let block = self.store.block(height).map_err(Failure::store)?;
            let outcome = self.store.outcome(height).map_err(Failure::store)?;
            // The last block may not be executed yet.
            let Some((block, outcome)) = block.zip(outcome) else { break };
            txs += block.txs.len();
            writing.block(&mut transaction, &block, &outcome).map_err(Failure::database)?;
            blocks += 1;
            height = height.next();
        }
        transaction.commit().map_err(Failure::database)?;
        *next = height;
        self.store.hold_from(height);
        Ok(match height.previous() {
            Some(last) if 0 < blocks => Progress::Indexed(last),
            _ => Progress::Idle,
        })
    }
}

impl Connection {
    fn open(config: &Config, chain_id: &ChainId, base: Height) -> Result<Self, Failure> {
        let open = || -> Result<Self> {
            let mut client = config.connect(NoTls).context("no connection")?;
            client.batch_execute(STATEMENT_LIMIT).context("no limit of time can be set")?;
            schema::install(&mut client)?;
            let last = schema::last_height(&mut client, chain_id)?;
            let next = last.map_or(base, Height::next);
            if next < base {
                tracing::warn!(
                    target: "index", from = %next, to = %base,
                    "PostgreSQL will not have the blocks before: they were pruned"
                );
            }
            let next = next.max(base);
            tracing::info!(target: "index", %next, "connected with PostgreSQL");
            let writing = Writing::prepare(&mut client, chain_id)?;
            Ok(Self { client, writing, next })
        };
        open().map_err(Failure::Database)
    }
}

/// What can go wrong, by who stops for it.
enum Failure {
    /// The node.
    Store(anyhow::Error),
    /// Nobody: the server is tried again.
    Database(anyhow::Error),
}

impl Failure {
    fn store(error: storage::StorageError) -> Self {
        Self::Store(error.into())
    }

    fn database(error: postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Reads the settings of a connection, as a URL or as `name=value` pairs.
///
/// # Errors
/// Why they cannot be used. They may have a password in them, and so are not repeated.
pub fn read_settings(settings: &str) -> Result<Config, String> {
    let config: Config = settings.parse().map_err(|error| format!("it cannot be read: {error}"))?;
    if config.get_ssl_mode() == postgres::config::SslMode::Require {
        return Err("TLS to the database is not supported by this version".to_owned());
    }
    Ok(config)
}
