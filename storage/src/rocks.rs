//! Rows on disk, by RocksDB: one database, a column family for each column, one write batch for
//! each write.
//!
//! The write-ahead log is never off. After a crash the database opens with all that was synced and
//! a prefix of what was not (`PointInTime`): a torn tail is cut off, nothing is skipped.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRecoveryMode, Direction, IteratorMode, LogLevel, Options, ReadOptions,
    SliceTransform, WriteBatch, WriteOptions,
};

use crate::error::StorageError;
use crate::index::run_of;
use crate::key_value::{Batch, Change, Durable, KeyValue, Order, Row, Span};
use crate::schema::Column;

const MIB: usize = 1024 * 1024;
/// Blocks of tables, their indices and filters, kept in memory for reading.
const CACHE_BYTES: usize = 32 * MIB;
/// Rows kept in memory before they go to tables, of one column.
const COLUMN_BUFFER_BYTES: usize = 16 * MIB;
/// The same, of all columns together.
const BUFFERS_BYTES: usize = 48 * MIB;
/// Write-ahead log that a quiet column may hold back from deletion.
const LOG_BYTES_MAX: u64 = 128 * MIB as u64;
/// Open table files; each costs a descriptor.
const OPEN_FILES_MAX: i32 = 256;
/// Bits per key in the filters that spare a read for an absent key: one in a hundred is not spared.
const FILTER_BITS: f64 = 10.0;
/// The same for runs of the index in memory: its share of the rows' memory.
const RUN_FILTER_SHARE: f64 = 0.05;
/// Bytes of a block of the index's tables: rows of a run are short and alike.
const RUN_BLOCK_BYTES: usize = 16 * 1024;
/// Flushes and compactions at once.
const BACKGROUND_JOBS: i32 = 2;
/// RocksDB's own log, for its experts: size of a file and how many are kept.
const OWN_LOG_BYTES: usize = MIB;
const OWN_LOGS: usize = 2;

const _: () = assert!(COLUMN_BUFFER_BYTES < BUFFERS_BYTES);

/// Rows on disk.
pub struct Rocks {
    db: DB,
    synced: WriteOptions,
    unsynced: WriteOptions,
}

impl Rocks {
    /// Opens the database in `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// If another process has it open, or RocksDB refuses it.
    pub fn open(folder: &Path) -> Result<Self, StorageError> {
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let columns = Column::ALL
            .map(|column| ColumnFamilyDescriptor::new(column.name(), options_of(column, &cache)));
        let db = DB::open_cf_descriptors(&options(), folder, columns)
            .map_err(|error| open_error(folder.to_owned(), &error))?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Self { db, synced, unsynced: WriteOptions::default() })
    }

    fn column(&self, column: Column) -> &ColumnFamily {
        self.db.cf_handle(column.name()).expect("all columns were opened together")
    }
}

impl KeyValue for Rocks {
    fn read(&self, column: Column, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let value = self.db.get_cf(self.column(column), key);
        value.map(|value| value.map(Bytes::from)).map_err(|error| read_error(column, &error))
    }

    fn scan(
        &self,
        column: Column,
        span: &Span,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        if span.to.as_ref().is_some_and(|to| *to <= span.from) {
            return Ok(vec![]);
        }
        let mut options = within(span);
        // Spans may begin in one run of the index and end in another.
        options.set_total_order_seek(true);
        let mode = match order {
            Order::Ascending => IteratorMode::From(&span.from, Direction::Forward),
            Order::Descending => IteratorMode::End,
        };
        self.db
            .iterator_cf_opt(self.column(column), options, mode)
            .take(limit)
            .map(|row| row.map(|(key, value)| (Bytes::from(key), Bytes::from(value))))
            .collect::<Result<_, _>>()
            .map_err(|error| read_error(column, &error))
    }

    /// A filter knows of most runs that do not exist; but only if it is asked for the first row.
    /// Backwards, RocksDB goes on to the table before.
    fn last_in_run(&self, column: Column, span: &Span) -> Result<Option<Row>, StorageError> {
        let mut options = within(span);
        options.set_prefix_same_as_start(true);
        let first = IteratorMode::From(&span.from, Direction::Forward);
        let mut rows = self.db.iterator_cf_opt(self.column(column), options, first);
        match rows.next().transpose().map_err(|error| read_error(column, &error))? {
            Some(_) => Ok(self.scan(column, span, Order::Descending, 1)?.pop()),
            None => Ok(None),
        }
    }

    fn write(&self, batch: Batch, durable: Durable) -> Result<(), StorageError> {
        let written = match (batch.is_empty(), durable) {
            (true, Durable::Later) => Ok(()),
            // RocksDB skips an empty batch; the log before it must be synced all the same.
            (true, Durable::Now) => self.db.flush_wal(true),
            (false, Durable::Later) => self.db.write_opt(self.convert(&batch), &self.unsynced),
            (false, Durable::Now) => self.db.write_opt(self.convert(&batch), &self.synced),
        };
        written.map_err(|error| StorageError::Write { reason: error.to_string() })
    }
}

impl Rocks {
    fn convert(&self, batch: &Batch) -> WriteBatch {
        let mut converted = WriteBatch::default();
        for change in batch.changes() {
            match change {
                Change::Put { column, key, value } => {
                    converted.put_cf(self.column(*column), key, value);
                }
                Change::Delete { column, key } => converted.delete_cf(self.column(*column), key),
                Change::DeleteRange { column, from, to } => {
                    converted.delete_range_cf(self.column(*column), from, to);
                }
            }
        }
        converted
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_paranoid_checks(true);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_db_write_buffer_size(BUFFERS_BYTES);
    options.set_max_total_wal_size(LOG_BYTES_MAX);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_background_jobs(BACKGROUND_JOBS);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(OWN_LOG_BYTES);
    options.set_keep_log_file_num(OWN_LOGS);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// Keys from the beginning of a span to its end.
fn within(span: &Span) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(span.from.clone());
    if let Some(to) = &span.to {
        options.set_iterate_upper_bound(to.clone());
    }
    options
}

fn options_of(column: Column, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(FILTER_BITS, false);
    let mut options = Options::default();
    if let Column::TxEvents | Column::BlockEvents = column {
        // Nobody asks for a row; the writer asks whether there is a run. The tables are many, and
        // of their own indices and filters only parts fit into memory.
        table.set_whole_key_filtering(false);
        table.set_block_size(RUN_BLOCK_BYTES);
        table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        table.set_partition_filters(true);
        let run = |key| run_of(key).unwrap_or_default();
        let runs = SliceTransform::create("run", run, Some(|key| run_of(key).is_some()));
        options.set_prefix_extractor(runs);
        options.set_memtable_prefix_bloom_ratio(RUN_FILTER_SHARE);
    }
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(COLUMN_BUFFER_BYTES);
    options
}

fn open_error(folder: PathBuf, error: &rocksdb::Error) -> StorageError {
    let reason = error.to_string();
    if error.kind() == rocksdb::ErrorKind::IOError && reason.contains("lock") {
        StorageError::Locked { folder }
    } else {
        StorageError::Open { folder, reason }
    }
}

fn read_error(column: Column, error: &rocksdb::Error) -> StorageError {
    StorageError::Read { column: column.name(), reason: error.to_string() }
}
