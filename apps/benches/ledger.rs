//! Ledger transfers a second by one node alone, without consensus, and where the time goes.
//!
//! `cargo bench -p apps --bench ledger [-- BLOCKS TRANSFERS]`: blocks of signed transfers among
//! 1,000 accounts are prepared, judged, executed and committed on disk, each stage timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use abci::{
    Application, BlockRequest, CommitInfo, ExtendedCommitInfo, InitChainRequest,
    PrepareProposalRequest,
};
use apps::framework::{Account, Body, DiskRecords, Host, Keeping, MemoryRecords, Message, store};
use apps::ledger::{self, bank::BankMessage};
use types::{
    Address, ChainId, ConsensusParams, Hash, Height, PrivateKey, Time, Tx, ValidatorUpdate,
    VotingPower,
};
use zeroize::Zeroizing;

const ACCOUNTS: u64 = 1_000;
const CHAIN: &str = "ledger-bench";

fn key(number: u64) -> PrivateKey {
    let seed = Hash::of(&number.to_be_bytes());
    PrivateKey::from_seed(&Zeroizing::new(seed.0))
}

fn init(keys: &[PrivateKey]) -> InitChainRequest {
    let funded = |key: &PrivateKey| {
        let account = Account::of(&key.public_key());
        format!(r#"{{"account":"{account}","denom":"stake","amount":1000000000}}"#)
    };
    let balances: Vec<String> = keys.iter().map(funded).collect();
    let validator =
        ValidatorUpdate { public_key: key(u64::MAX).public_key(), power: VotingPower(10) };
    InitChainRequest {
        time: Time::EPOCH,
        chain_id: ChainId::new(CHAIN).expect("a short name"),
        params: ConsensusParams::default(),
        validators: vec![validator],
        app_state: format!(r#"{{"bank":{{"balances":[{}]}}}}"#, balances.join(",")).into(),
        initial_height: Height::FIRST,
    }
}

/// The transfers of a block: each account sends to another in turn.
fn transfers(keys: &[PrivateKey], block: u64, count: u64) -> Vec<Tx> {
    let chain_id = ChainId::new(CHAIN).expect("a short name");
    let transfer = |number: u64| {
        let total = block * count + number;
        let (from, nonce) = (total % ACCOUNTS, total / ACCOUNTS);
        let to = (from + 1 + number % 7) % ACCOUNTS;
        let message = BankMessage::Send {
            to: Account::of(&keys[to as usize].public_key()),
            denom: "stake".to_owned(),
            amount: 1,
        };
        let signer = &keys[from as usize];
        let messages = vec![Message::new("bank", &message)];
        let body = Body { signer: signer.public_key().0, nonce, fee: 1, messages };
        body.signed(&chain_id, signer)
    };
    (0..count).map(transfer).collect()
}

#[derive(Default)]
struct Spent {
    check: Duration,
    prepare: Duration,
    process: Duration,
    finalize: Duration,
    commit: Duration,
}

fn timed<T>(spent: &mut Duration, what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = what();
    *spent += begun.elapsed();
    result
}

/// One block through all stages. `is_known` has its transactions checked one by one beforehand, as
/// the mempool does.
fn run(host: &Host, height: u64, txs: Vec<Tx>, is_known: bool, spent: &mut Spent) {
    let proposer_address = Address([0; 20]);
    let time = Time::EPOCH.after(Duration::from_secs(height));
    if is_known {
        timed(&mut spent.check, || {
            for tx in &txs {
                let kind = abci::CheckTxKind::New;
                let request = abci::CheckTxRequest { tx: tx.clone(), kind };
                assert_eq!(host.check_tx(&request).expect("the ledger works").code, 0);
            }
        });
    }
    let prepare = PrepareProposalRequest {
        txs_bytes_max: u64::MAX,
        txs,
        local_last_commit: ExtendedCommitInfo::default(),
        misbehavior: Vec::new(),
        height: Height(height),
        time,
        next_validators_hash: Hash([0; 32]),
        proposer_address,
    };
    let prepared = timed(&mut spent.prepare, || host.prepare_proposal(&prepare));
    let block = BlockRequest {
        hash: Hash::of(&height.to_be_bytes()),
        height: Height(height),
        time,
        txs: prepared.expect("the ledger works"),
        last_commit: CommitInfo::default(),
        misbehavior: Vec::new(),
        next_validators_hash: Hash([0; 32]),
        proposer_address,
    };
    assert_eq!(block.txs.len(), prepare.txs.len(), "all are admitted");
    timed(&mut spent.process, || host.process_proposal(&block)).expect("the ledger works");
    timed(&mut spent.finalize, || host.finalize_block(&block)).expect("the ledger works");
    timed(&mut spent.commit, || host.commit()).expect("the ledger works");
}

fn measure(name: &str, records: Arc<dyn store::Records>, (blocks, count): (u64, u64), known: bool) {
    let keys: Vec<PrivateKey> = (0..ACCOUNTS).map(key).collect();
    let keeping = Keeping { retained: Some(100), snapshots_every: None };
    let host = Host::open(ledger::router(), records, keeping).expect("an empty folder");
    host.init_chain(&init(&keys)).expect("the genesis is right");
    let mut spent = Spent::default();
    for block in 0..blocks {
        run(&host, block + 1, transfers(&keys, block, count), known, &mut spent);
    }
    let total = spent.prepare + spent.process + spent.finalize + spent.commit;
    let per_second = (blocks * count) as f64 / total.as_secs_f64();
    let share = |part: Duration| 100.0 * part.as_secs_f64() / total.as_secs_f64();
    println!(
        "{name:32} {per_second:8.0} transfers/s: prepare {:4.1} %, process {:4.1} %, tree \
         (finalize) {:4.1} %, store (commit) {:4.1} %; checked before: {:.1} s",
        share(spent.prepare),
        share(spent.process),
        share(spent.finalize),
        share(spent.commit),
        spent.check.as_secs_f64(),
    );
}

fn main() {
    let mut numbers = std::env::args().filter_map(|it| it.parse::<u64>().ok());
    let shape = (numbers.next().unwrap_or(10), numbers.next().unwrap_or(2_000));
    println!("{} blocks of {} transfers", shape.0, shape.1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = |name: &str| {
        Arc::new(DiskRecords::open(&folder.path().join(name)).expect("an empty folder"))
    };
    measure("in memory, signatures known", Arc::new(MemoryRecords::default()), shape, true);
    measure("on disk, signatures known", disk("known"), shape, true);
    measure("on disk, signatures in the block", disk("unknown"), shape, false);
}
