//! Where the kvstore keeps its committed state: on disk, or in memory for tests and simulations.
//!
//! On disk a commit is one batch with one sync, which holds the pairs, the validators, and the
//! height they belong to. Readers look at a snapshot of the last commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use types::keys::PUBLIC_KEY_BYTES;
use types::{Address, Height, PublicKey, ValidatorUpdate, VotingPower};

/// Of what this module writes. A newer one is refused.
const FORMAT: u64 = 1;
/// Key of the record of format, height and size.
const CHAIN_KEY: &[u8] = b"chain";
/// Before the public key of each validator.
const VALIDATOR_PREFIX: &[u8] = b"validator:";
/// Before the key of each pair.
const PAIR_PREFIX: &[u8] = b"pair:";
/// Bytes of blocks of the store's files that are kept in memory.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of new records that are kept in memory before they get a file of their own. As much is
/// read again when the store is opened.
const UNSORTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why a kvstore cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KvStoreError {
    /// The store under the kvstore says so.
    #[error("cannot open the kvstore in {}", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: fjall::Error,
    },
    /// Somebody else has it open.
    #[error(
        "cannot open the kvstore in {}: another process uses it; stop it, or choose another folder",
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Written by a later version of this software.
    #[error("the kvstore in {} has format {actual}, this software knows {FORMAT}", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// What was found.
        actual: u64,
    },
    /// A record is not as it was written.
    #[error("the kvstore in {} is damaged: {record}", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// Which record.
        record: &'static str,
    },
}

/// Validators by address.
pub type Validators = BTreeMap<Address, ValidatorUpdate>;

/// What is known of the state without looking up a pair.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Summary {
    /// The last height; none before the first.
    pub height: Option<Height>,
    /// How many transactions were ever executed.
    pub size: u64,
    /// Who votes two heights later.
    pub validators: Arc<Validators>,
}

/// What a block changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// What is true after it.
    pub summary: Summary,
    /// Keys that get a value.
    pub pairs: BTreeMap<Bytes, Bytes>,
    /// Validators that get another power, each named once.
    pub updates: Vec<ValidatorUpdate>,
}

/// The committed pairs, as they were at one commit.
pub enum Pairs {
    /// On disk.
    Disk {
        /// When.
        snapshot: Snapshot,
        /// Where.
        records: Keyspace,
    },
    /// In memory.
    Memory(BTreeMap<Bytes, Bytes>),
}

impl Pairs {
    /// All of those in memory, once more; none of those on disk.
    pub fn in_memory(&self) -> Self {
        match self {
            Pairs::Disk { .. } => Pairs::Memory(BTreeMap::new()),
            Pairs::Memory(pairs) => Pairs::Memory(pairs.clone()),
        }
    }

    /// The value of a key.
    pub fn find(&self, key: &[u8]) -> Result<Option<Bytes>, fjall::Error> {
        match self {
            Pairs::Disk { snapshot, records } => {
                let value = snapshot.get(records, [PAIR_PREFIX, key].concat())?;
                Ok(value.map(|value| Bytes::copy_from_slice(&value)))
            }
            Pairs::Memory(pairs) => Ok(pairs.get(key).cloned()),
        }
    }
}

/// The store on disk.
pub struct Disk {
    database: Database,
    /// All in one keyspace, so that the journal never waits for a part that is seldom written.
    records: Keyspace,
}

impl Disk {
    /// Opens the store in a folder, which is made if it is not there.
    pub fn open(path: &Path) -> Result<(Self, Summary), KvStoreError> {
        let open = || -> Result<Self, fjall::Error> {
            let database = Database::builder(path).cache_size(CACHE_BYTES).open()?;
            let options = || KeyspaceCreateOptions::default().max_memtable_size(UNSORTED_BYTES_MAX);
            let records = database.keyspace("records", options)?;
            Ok(Self { database, records })
        };
        let failed = |source| match source {
            fjall::Error::Locked => KvStoreError::Locked { path: path.to_owned() },
            source => KvStoreError::Open { path: path.to_owned(), source },
        };
        let disk = open().map_err(failed)?;
        let damaged = |record| KvStoreError::Damaged { path: path.to_owned(), record };
        let mut summary = Summary::default();
        if let Some(record) = disk.records.get(CHAIN_KEY).map_err(failed)? {
            let [format, height, size] = decode_chain(&record).ok_or(damaged("chain"))?;
            if format != FORMAT {
                return Err(KvStoreError::Format { path: path.to_owned(), actual: format });
            }
            summary.height = (0 < height).then_some(Height(height));
            summary.size = size;
        }
        let mut validators = Validators::new();
        for entry in disk.records.prefix(VALIDATOR_PREFIX) {
            let (key, power) = entry.into_inner().map_err(failed)?;
            let update = decode_validator(&key, &power).ok_or(damaged("validator"))?;
            validators.insert(update.public_key.address(), update);
        }
        summary.validators = Arc::new(validators);
        Ok((disk, summary))
    }

    /// Writes what a block changes, in one synced batch. Returns the pairs as they are after it.
    pub fn write(&self, changes: &Changes) -> Result<Pairs, fjall::Error> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, value) in &changes.pairs {
            batch.insert(&self.records, [PAIR_PREFIX, key].concat(), &value[..]);
        }
        for update in &changes.updates {
            let key = [VALIDATOR_PREFIX, &update.public_key.0].concat();
            if update.power == VotingPower::ZERO {
                batch.remove(&self.records, key);
            } else {
                batch.insert(&self.records, key, update.power.0.to_be_bytes());
            }
        }
        batch.insert(&self.records, CHAIN_KEY, encode_chain(&changes.summary));
        batch.commit()?;
        Ok(self.pairs())
    }

    /// The pairs as they are now.
    pub fn pairs(&self) -> Pairs {
        Pairs::Disk { snapshot: self.database.snapshot(), records: self.records.clone() }
    }
}

fn encode_chain(summary: &Summary) -> [u8; 24] {
    let mut record = [0; 24];
    record[..8].copy_from_slice(&FORMAT.to_be_bytes());
    let height = summary.height.map_or(0, |height| height.0);
    record[8..16].copy_from_slice(&height.to_be_bytes());
    record[16..].copy_from_slice(&summary.size.to_be_bytes());
    record
}

/// Format, height (0 is none), size.
fn decode_chain(record: &[u8]) -> Option<[u64; 3]> {
    let (words, rest) = record.as_chunks::<8>();
    let words: [[u8; 8]; 3] = words.try_into().ok()?;
    rest.is_empty().then(|| words.map(u64::from_be_bytes))
}

fn decode_validator(key: &[u8], power: &[u8]) -> Option<ValidatorUpdate> {
    let key: [u8; PUBLIC_KEY_BYTES] = key.strip_prefix(VALIDATOR_PREFIX)?.try_into().ok()?;
    let power = u64::from_be_bytes(power.try_into().ok()?);
    Some(ValidatorUpdate { public_key: PublicKey(key), power: VotingPower(power) })
}
