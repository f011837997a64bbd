//! Measures what work costs on this machine, and prints the table that the performance model reads
//! (`lockstep simulate --model --costs FILE`).
//!
//! `cargo bench --locked -p simulator --bench costs > costs.toml`; the disk is that of `TMPDIR`.
//! What a message costs in the transport is measured elsewhere (`cargo run --release -p p2p
//! --example transports`), and is taken over from the table in the tree.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time, and writes files")]

mod replica;
mod stopwatch;

use std::fs::File;
use std::io::Write;

use abci::{Application, BlockRequest, CheckTxKind, CheckTxRequest, InitChainRequest};
use apps::KvStore;
use simulator::model::Costs;
use simulator::model::costs::{
    ApplicationCosts, BlockCosts, DiskCosts, MessageCosts, ReplicaCosts, SignatureCosts, of_bytes,
};
use types::genesis::GenesisValidator;
use types::keys::{Claim, verify_batch};
use types::{
    AppHash, Block, ChainId, ChainState, ConsensusParams, Genesis, Hash, Height, Message, PartSet,
    PrivateKey, Round, Tx, TxKey, ValidatorIndex, ValidatorUpdate, Vote, VoteKind, VotingPower,
};

use stopwatch::{nanos_of, slope};

/// Bytes of a long message, as a part has them.
const LONG: usize = 64 * 1024;
/// Transactions of a block, and the bytes of each.
const TXS: usize = 1024;
const TX_BYTES: usize = 1024;
/// Signatures of a batch.
const BATCH: usize = 128;
/// Validators of a large set.
const VALIDATORS: usize = 100;

fn main() {
    let tree = Costs::measured();
    let costs = Costs {
        measured: date(),
        machine: machine(),
        signature: signature(),
        message: message(tree.message),
        block: block(),
        replica: replica(),
        disk: disk(),
        application: application(),
    };
    print!("{}", toml::to_string(&costs).expect("a table is TOML"));
}

fn signature() -> SignatureCosts {
    let key = PrivateKey::from_seed(&[7; 32].into());
    let claim = |number: usize| {
        let bytes = vote(number).sign_bytes(&chain_id());
        Claim {
            public_key: key_of(number).public_key(),
            signature: key_of(number).sign(&bytes),
            bytes,
        }
    };
    let claims: Vec<Claim> = (0..BATCH).map(claim).collect();
    let bytes = &claims[0].bytes;
    let two = nanos_of(|| verify_batch(&claims[..2]));
    let many = nanos_of(|| verify_batch(&claims));
    let each = slope((2, two), (BATCH as u64, many));
    let mut remembered = types::verified::Remembered::default();
    remembered.check(&claims[..1]);
    SignatureCosts {
        sign: nanos_of(|| key.sign(bytes)),
        verify: nanos_of(|| verify_batch(&claims[..1])),
        batch: two.saturating_sub(2 * each),
        batch_each: each,
        known: nanos_of(|| remembered.check(&claims[..1])),
    }
}

fn message(tree: MessageCosts) -> MessageCosts {
    let short = Message::Vote(vote(3).into());
    let part = PartSet::cut(vec![5; LONG].into()).get(0).expect("the first part").clone();
    let long = Message::BlockPart { height: Height(3), round: Round(0), part };
    let (short_bytes, long_bytes) = (short.encode(), long.encode());
    let ends = (short_bytes.len() as u64, long_bytes.len() as u64);
    let read = |message: &Message, bytes: &bytes::Bytes| {
        nanos_of(|| Message::decode(message.channel(), bytes.clone()))
    };
    let reads = (read(&short, &short_bytes), read(&long, &long_bytes));
    let writes = (nanos_of(|| short.encode()), nanos_of(|| long.encode()));
    MessageCosts {
        read: reads.0,
        read_byte_picos: slope((ends.0, reads.0 * 1000), (ends.1, reads.1 * 1000)),
        write: writes.0,
        write_byte_picos: slope((ends.0, writes.0 * 1000), (ends.1, writes.1 * 1000)),
        ..tree
    }
}

fn block() -> BlockCosts {
    let state = state(4);
    let made = || state.make_block(txs(), None, vec![], key_of(0).public_key().address());
    let block = made();
    let parts = block.part_set();
    let bytes = parts.bytes_count() as u64;
    let part = parts.get(0).expect("the first part").clone();
    let long = vec![3; 1024 * 1024];
    let per_byte = |nanos: u64, bytes: u64| (nanos * 1000 / bytes).max(1);
    let make = nanos_of(|| made().part_set());
    let check = nanos_of(|| {
        let mut awaiting = PartSet::awaiting(parts.header());
        awaiting.add(part.clone())
    });
    let read = nanos_of(|| {
        let whole = parts.assemble().expect("all parts are here");
        let block: Block = types::codec::decode_block(whole).expect("it was just encoded");
        state.check_block(&block).expect("it is the next")
    });
    BlockCosts {
        hash_byte_picos: per_byte(nanos_of(|| Hash::of(&long)), long.len() as u64),
        make_byte_picos: per_byte(make, bytes),
        part_byte_picos: per_byte(check, part.bytes.len() as u64),
        read_byte_picos: per_byte(read, bytes),
    }
}

fn replica() -> ReplicaCosts {
    let (few, many) = (replica::measure(4), replica::measure(64));
    let (before, after) = (state(VALIDATORS), outcome());
    let block = before.make_block(vec![], None, vec![], key_of(0).public_key().address());
    let id = block.id(&block.part_set());
    let height = nanos_of(|| before.advance(id, &block.header, 0, &after));
    let commit = before.validators.validators().iter().map(|it| it.public_key.0.to_vec());
    let commit: Vec<Vec<u8>> = commit.collect();
    // The leaves of a commit are about as long as those of the set.
    let hashes = nanos_of(|| types::merkle::root(&commit));
    let input_peer = slope((3, few.input), (63, many.input));
    ReplicaCosts {
        input: few.input.saturating_sub(3 * input_peer),
        input_peer: input_peer.max(1),
        tick_peer: many.tick / 63,
        height_validator: (height + 3 * hashes) / VALIDATORS as u64,
    }
}

fn disk() -> DiskCosts {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut file = File::create(folder.path().join("written")).expect("a writable folder");
    let mut write = |bytes: usize| {
        let what = vec![7; bytes];
        stopwatch::nanos_of_slow(|| {
            file.write_all(&what).expect("there is room");
            file.sync_data().expect("the disk works");
        })
    };
    let (short, long) = (write(200), write(1024 * 1024));
    let byte_picos = slope((200, short * 1000), (1024 * 1024, long * 1000));
    DiskCosts { sync: short, byte_picos: byte_picos.max(1) }
}

fn application() -> ApplicationCosts {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let on_disk = KvStore::open(&folder.path().join("kvstore")).expect("an empty folder");
    let in_memory = KvStore::in_memory();
    let block = state(4).make_block(txs(), None, vec![], key_of(0).public_key().address());
    let request = BlockRequest::of(&block, None);
    let check = CheckTxRequest { tx: block.txs[0].clone(), kind: CheckTxKind::New };
    let prepare = abci::PrepareProposalRequest {
        txs_bytes_max: u64::MAX,
        txs: block.txs.clone(),
        local_last_commit: Default::default(),
        misbehavior: vec![],
        height: Height(1),
        time: block.header.time,
        next_validators_hash: block.header.next_validators_hash,
        proposer_address: block.header.proposer_address,
    };
    let (mut stored, mut forgotten) = (Chain::new(&on_disk), Chain::new(&in_memory));
    let (empty, full) = (stored.execute(&request, &[]), stored.execute(&request, &block.txs));
    // The disk is charged on its own.
    let bytes = block.txs.iter().map(|tx| tx.len() as u64).sum();
    let written = of_bytes(disk().byte_picos, bytes);
    let count = TXS as u64;
    ApplicationCosts {
        check: nanos_of(|| on_disk.check_tx(&check)),
        prepare: nanos_of(|| on_disk.prepare_proposal(&prepare)) / count,
        judge: nanos_of(|| on_disk.process_proposal(&request)) / count,
        execute: (full.saturating_sub(empty + written) / count).max(1),
        commit: forgotten.execute(&request, &[]),
        pool: pool(&block.txs),
    }
}

/// A kvstore that executes one block after the other.
struct Chain<'a> {
    store: &'a KvStore,
    height: u64,
}

impl<'a> Chain<'a> {
    fn new(store: &'a KvStore) -> Self {
        let genesis = genesis(4);
        let validator =
            |it: &GenesisValidator| ValidatorUpdate { public_key: it.public_key, power: it.power };
        let init = InitChainRequest {
            time: genesis.genesis_time,
            chain_id: genesis.chain_id,
            params: genesis.params,
            validators: genesis.validators.iter().map(validator).collect(),
            app_state: bytes::Bytes::from_static(b"{}"),
            initial_height: Height::FIRST,
        };
        store.init_chain(&init).expect("it is new");
        Self { store, height: 0 }
    }

    /// What FinalizeBlock and Commit take.
    fn execute(&mut self, request: &BlockRequest, txs: &[Tx]) -> u64 {
        stopwatch::nanos_of_slow(|| {
            self.height += 1;
            let (height, txs) = (Height(self.height), txs.to_vec());
            let request = BlockRequest { height, txs, ..request.clone() };
            self.store.finalize_block(&request).expect("the kvstore works");
            self.store.commit().expect("the kvstore works")
        })
    }
}

/// To put a transaction into the pool; its hash is counted by its bytes.
fn pool(txs: &[Tx]) -> u64 {
    let nanos = nanos_of(|| {
        let mut pool = mempool::Mempool::new(mempool::Config::default());
        for tx in txs {
            let key = pool.admit(tx.clone(), mempool::Source::Local).expect("there is room");
            pool.checked(&key, mempool::Checked { code: 0, gas_wanted: 1 }).expect("it waits");
        }
    });
    let hashes = nanos_of(|| txs.iter().map(|tx| TxKey::of(tx)).max());
    (nanos.saturating_sub(hashes) / txs.len() as u64).max(1)
}

fn txs() -> Vec<Tx> {
    let tx = |number: usize| {
        let mut tx = format!("key-{number}=").into_bytes();
        tx.resize(TX_BYTES, b'v');
        Tx::from(tx)
    };
    (0..TXS).map(tx).collect()
}

fn outcome() -> types::BlockOutcome {
    types::BlockOutcome::default()
}

fn vote(number: usize) -> Vote {
    let address = key_of(number).public_key().address();
    let id = types::BlockId { hash: Hash([3; 32]), parts: PartSet::cut(vec![1].into()).header() };
    Vote {
        kind: VoteKind::Precommit,
        height: Height(1_000_000),
        round: Round(0),
        block_id: Some(id),
        timestamp: genesis(1).genesis_time,
        validator_address: address,
        validator_index: ValidatorIndex(u32::try_from(number).expect("few validators")),
        signature: key_of(number).sign(&[]),
        extension: None,
    }
}

fn key_of(number: usize) -> PrivateKey {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    PrivateKey::from_seed(&seed.into())
}

fn chain_id() -> ChainId {
    ChainId::new("measured").expect("a short name")
}

fn state(validators: usize) -> ChainState {
    ChainState::genesis(&genesis(validators)).expect("a chain begins")
}

fn genesis(validators: usize) -> Genesis {
    let validator = |number: usize| GenesisValidator {
        public_key: key_of(number).public_key(),
        power: VotingPower(10),
        name: String::new(),
    };
    Genesis {
        genesis_time: types::Time::from_unix(1_900_000_000, 0).expect("within the calendar"),
        chain_id: chain_id(),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators: (0..validators).map(validator).collect(),
        app_hash: AppHash::default(),
        app_state: "{}".to_owned(),
    }
}

/// Today, by this machine's clock.
fn date() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = i64::try_from(seconds.map_or(0, |it| it.as_secs())).unwrap_or(0);
    let text = types::Time::from_unix(seconds, 0).map(|it| it.to_string()).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// The kind of machine.
fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |it| it.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {model}")
}
