//! The reference's kvstore: transactions set keys, or change the validators.
//!
//! It answers byte for byte as the reference release does, so that a network may mix the two. It
//! differs only where the reference would stop: a change of the validators that no chain could
//! take is refused with a code, a vote against an unknown culprit is passed over, and what only a
//! faulty proposer can put into a block has a code too.

mod store;
mod transaction;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxRequest, CommitResponse, InfoRequest,
    InfoResponse, InitChainRequest, InitChainResponse, Misbehavior, MisbehaviorKind,
    PrepareProposalRequest, QueryRequest, QueryResponse, Verdict,
};
use bytes::Bytes;
use types::validator::ValidatorSetError;
use types::{
    AppHash, BlockOutcome, Event, EventAttribute, Height, PublicKey, Tx, TxResult, ValidatorSet,
    ValidatorUpdate, VotingPower,
};

pub use store::KvStoreError;
use store::{Changes, Disk, Pairs, Summary, Validators};
pub use transaction::update_tx;
use transaction::{Transaction, canonical, shown};

/// Done.
pub const CODE_OK: u32 = 0;
/// Neither a pair nor a change of the validators.
pub const CODE_INVALID_FORMAT: u32 = 2;
/// The block's changes of the validators make no set. Of our own; the reference stops.
pub const CODE_UNAUTHORIZED: u32 = 3;
/// Of the rules above; goes into headers.
pub const APP_VERSION: u64 = 1;

/// What the application says of its software. spec: `ABCIVersion`.
const VERSION: &str = "2.0.0";

/// The application.
pub struct KvStore {
    /// None keeps the state in memory only.
    disk: Option<Disk>,
    committed: RwLock<Committed>,
    /// The executed block that waits for its commit.
    staged: Mutex<Option<Changes>>,
    retain_blocks: u64,
}

/// What readers see.
struct Committed {
    summary: Summary,
    pairs: Pairs,
}

impl KvStore {
    /// A kvstore that forgets everything when it is dropped.
    pub fn in_memory() -> Self {
        Self::new(None, Summary::default(), Pairs::Memory(Default::default()))
    }

    /// A kvstore in a folder of its own, which is made if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be used, or holds something else.
    pub fn open(path: &Path) -> Result<Self, KvStoreError> {
        let (disk, summary) = Disk::open(path)?;
        let pairs = disk.pairs();
        Ok(Self::new(Some(disk), summary, pairs))
    }

    fn new(disk: Option<Disk>, summary: Summary, pairs: Pairs) -> Self {
        let committed = RwLock::new(Committed { summary, pairs });
        Self { disk, committed, staged: Mutex::new(None), retain_blocks: 0 }
    }

    /// Lets the node forget all but the last `blocks` blocks; 0, the default, keeps all.
    #[must_use]
    pub fn retaining(self, blocks: u64) -> Self {
        Self { retain_blocks: blocks, ..self }
    }

    fn committed(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes changes durable, then visible.
    fn keep(&self, changes: Changes) -> Result<(), fjall::Error> {
        let pairs = match &self.disk {
            Some(disk) => {
                disk.write(&changes)?;
                Some(disk.pairs())
            }
            None => None,
        };
        let mut committed = self.committed.write().unwrap_or_else(PoisonError::into_inner);
        committed.summary = changes.summary;
        match (&mut committed.pairs, pairs) {
            (Pairs::Memory(known), _) => known.extend(changes.pairs),
            (Pairs::Disk { .. }, Some(now)) => committed.pairs = now,
            (Pairs::Disk { .. }, None) => unreachable!("pairs on disk have a disk"),
        }
        Ok(())
    }

    fn retain_height(&self, height: Height) -> Option<Height> {
        let kept = 0 < self.retain_blocks && self.retain_blocks <= height.0;
        kept.then(|| Height(height.0 - self.retain_blocks).next())
    }
}

impl Application for KvStore {
    fn info(&self, _request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        let committed = self.committed();
        Ok(InfoResponse {
            data: format!("{{\"size\":{}}}", committed.summary.size),
            version: VERSION.to_owned(),
            app_version: APP_VERSION,
            last_block_height: committed.summary.height,
            last_block_app_hash: app_hash(committed.summary.size),
        })
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        let known = Arc::clone(&self.committed().summary.validators);
        let gone =
            known.values().map(|it| ValidatorUpdate { power: VotingPower::ZERO, ..it.clone() });
        let updates = gone.chain(request.validators.iter().cloned()).collect();
        let named = request.validators.iter().map(|it| (it.public_key.address(), it.clone()));
        let summary = Summary { validators: Arc::new(named.collect()), ..Summary::default() };
        self.keep(Changes { summary, pairs: Default::default(), updates })
            .map_err(|error| ApplicationError::new(Call::InitChain, error))?;
        Ok(InitChainResponse { app_hash: app_hash(0), ..InitChainResponse::default() })
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        Ok(match canonical(&request.tx) {
            Some(_) => TxResult { code: CODE_OK, gas_wanted: 1, ..TxResult::default() },
            None => TxResult { code: CODE_INVALID_FORMAT, ..TxResult::default() },
        })
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        let key = request.data.clone();
        let committed = self.committed();
        if request.path == "/val" {
            let value = validator_record(&committed.summary.validators, &key);
            return Ok(QueryResponse { key, value, ..QueryResponse::default() });
        }
        let found = committed.pairs.find(&key);
        let value = found.map_err(|error| ApplicationError::new(Call::Query, error))?;
        Ok(QueryResponse {
            log: if value.is_some() { "exists" } else { "does not exist" }.to_owned(),
            // There are no proofs. The reference says so with this index.
            index: if request.prove { -1 } else { 0 },
            key,
            value: value.unwrap_or_default(),
            height: committed.summary.height,
            ..QueryResponse::default()
        })
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        Ok(request.txs_that_fit().iter().filter_map(canonical).collect())
    }

    fn process_proposal(&self, block: &BlockRequest) -> Result<Verdict, ApplicationError> {
        let well_formed = block.txs.iter().all(|tx| Transaction::parse(tx).is_some());
        Ok(if well_formed { Verdict::Accept } else { Verdict::Reject })
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        let summary = self.committed().summary.clone();
        let (changes, outcome) = execute(summary, block);
        *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = Some(changes);
        Ok(outcome)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        let failed = |reason: String| ApplicationError::new(Call::Commit, reason);
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).take();
        let changes = staged.ok_or_else(|| failed("no block was executed".to_owned()))?;
        let height = changes.summary.height;
        self.keep(changes).map_err(|error| failed(error.to_string()))?;
        Ok(CommitResponse { retain_height: height.and_then(|it| self.retain_height(it)) })
    }
}

/// What a block changes, and what is said of it.
fn execute(mut summary: Summary, block: &BlockRequest) -> (Changes, BlockOutcome) {
    let mut updates = punishments(&summary.validators, &block.misbehavior);
    let mut updating = Vec::new();
    let mut pairs = std::collections::BTreeMap::new();
    let mut tx_results = Vec::with_capacity(block.txs.len());
    for (index, tx) in block.txs.iter().enumerate() {
        let Some(transaction) = Transaction::parse(tx) else {
            tx_results.push(TxResult { code: CODE_INVALID_FORMAT, ..TxResult::default() });
            continue;
        };
        match transaction {
            Transaction::Set { key, value } => {
                pairs.insert(tx.slice_ref(key), tx.slice_ref(value));
            }
            Transaction::Update(update) => {
                updates.push(update);
                updating.push(index);
            }
        }
        tx_results.push(TxResult { events: events(tx), ..TxResult::default() });
        summary.size += 1;
    }
    match validators_after(&summary.validators, &updates) {
        Ok(validators) => summary.validators = validators,
        Err(error) => {
            updates.clear();
            for index in updating {
                let log = error.to_string();
                tx_results[index] =
                    TxResult { code: CODE_UNAUTHORIZED, log, ..TxResult::default() };
            }
        }
    }
    summary.height = Some(block.height);
    let outcome = BlockOutcome {
        tx_results,
        validator_updates: updates.clone(),
        app_hash: app_hash(summary.size),
        ..BlockOutcome::default()
    };
    (Changes { summary, pairs, updates }, outcome)
}

/// Takes one from the power of everybody who voted twice. As the reference, from the power at that
/// time, whatever it is by now.
fn punishments(validators: &Validators, misbehavior: &[Misbehavior]) -> Vec<ValidatorUpdate> {
    let twice = misbehavior.iter().filter(|it| it.kind == MisbehaviorKind::DuplicateVote);
    let known = twice.filter_map(|it| validators.get(&it.address).zip(Some(it.power)));
    known
        .map(|(culprit, power)| ValidatorUpdate {
            public_key: culprit.public_key,
            power: VotingPower(power.0.saturating_sub(1)),
        })
        .collect()
}

/// The validators after a block's updates, by the rules of the chain, which would stop if it were
/// told anything else.
fn validators_after(
    validators: &Arc<Validators>,
    updates: &[ValidatorUpdate],
) -> Result<Arc<Validators>, ValidatorSetError> {
    if updates.is_empty() {
        return Ok(Arc::clone(validators));
    }
    let members = |of: &mut dyn Iterator<Item = &ValidatorUpdate>| {
        of.map(|it| (it.public_key, it.power)).collect::<Vec<(PublicKey, VotingPower)>>()
    };
    let set = if validators.is_empty() {
        ValidatorSet::new(&members(&mut updates.iter()))?
    } else {
        ValidatorSet::new(&members(&mut validators.values()))?.updated(updates)?
    };
    let after = set
        .validators()
        .iter()
        .map(|it| (it.address, ValidatorUpdate { public_key: it.public_key, power: it.power }));
    Ok(Arc::new(after.collect()))
}

/// What `/val` answers for a public key: the update that was last made, as a length and a protobuf
/// message. spec: `WriteMessage(ValidatorUpdate)`.
fn validator_record(validators: &Validators, key: &[u8]) -> Bytes {
    let Ok(key) = <[u8; types::keys::PUBLIC_KEY_BYTES]>::try_from(key) else {
        return Bytes::new();
    };
    let Some(validator) = validators.get(&PublicKey(key).address()) else {
        return Bytes::new();
    };
    // Field 1 holds the key, which is field 1 of its own message; field 2 is the power.
    let mut message = vec![0x0a, 34, 0x0a, 32];
    message.extend_from_slice(&key);
    message.push(0x10);
    push_varint(&mut message, validator.power.0);
    let length = u8::try_from(message.len()).expect("36 bytes, and a varint of at most 10");
    message.insert(0, length);
    message.into()
}

/// The digest of the state: how many transactions were executed, as Go's signed varint in eight
/// bytes. spec: `State.Hash`.
fn app_hash(size: u64) -> AppHash {
    let mut hash = Vec::with_capacity(8);
    push_varint(&mut hash, size << 1);
    assert!(hash.len() <= 8, "no chain executes 2^55 transactions");
    hash.resize(8, 0);
    AppHash(hash.into())
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while 0x80 <= number {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The two events of every transaction.
fn events(tx: &[u8]) -> Vec<Event> {
    let (key, value) = shown(tx);
    vec![event("Cosmoshi Netowoko", key), event("Cosmoshi", value)]
}

fn event(creator: &str, key: &[u8]) -> Event {
    let attribute =
        |name: &str, value: String, index| EventAttribute { key: name.to_owned(), value, index };
    Event {
        kind: "app".to_owned(),
        attributes: vec![
            attribute("creator", creator.to_owned(), true),
            attribute("key", String::from_utf8_lossy(key).into_owned(), true),
            attribute("index_key", "index is working".to_owned(), true),
            attribute("noindex_key", "index is working".to_owned(), false),
        ],
    }
}
