//! Threads that wait for each other. Every queue here is as short as a queue can be, and the other
//! side does not read: whoever must not wait does not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use abci::{Application, Connections};
use apps::KvStore;
use consensus::{Input, Question, Replica, Start};
use mempool::{Mempool, Source};
use node::admission::{Admission, Bell};
use node::driver::{Driver, Event};
use node::events::Events;
use node::metrics::Metrics;
use node::verifier::SharedKeyring;
use node::watch::Watcher;
use tokio::runtime::Runtime;
use types::vote::Extension;
use types::{
    BlockId, ChainState, Hash, Height, Keyring, Message, PartSetHeader, PeerId, Round, Signature,
    ValidatorIndex, Verified, Vote, VoteKind,
};

use crate::chain::Chain;

/// How long something may take that takes no time, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);
const HERE: Height = Height(1);

/// A node of which only what is asked about runs.
struct Bench {
    chain: Chain,
    network: p2p::Handle,
    _events: tokio::sync::mpsc::Receiver<p2p::Event>,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        let chain = Chain::new();
        let runtime = Runtime::new().expect("a runtime");
        let local = p2p::Local {
            chain_id: chain.genesis.chain_id.clone(),
            genesis_hash: chain.genesis.hash(),
            block_protocol: 11,
            p2p_protocol: 8,
            moniker: String::new(),
            version: String::new(),
        };
        let config = p2p::Config { listen: vec![], exchange: false, ..p2p::Config::default() };
        let key = types::PrivateKey::from_seed(&zeroize::Zeroizing::new([5; 32]));
        let started = p2p::start(config, &key, local, runtime.handle());
        let (network, events) = started.expect("it listens nowhere");
        Self { chain, network, _events: events, runtime }
    }

    fn admission(&self, replica: SyncSender<Event>) -> Arc<Admission> {
        let application: Arc<dyn Application> = Arc::new(KvStore::in_memory());
        let (work, _) = sync_channel(1);
        Arc::new(Admission::new(
            Mempool::new(mempool::Config::default()),
            Connections::local(application, Arc::default()).mempool,
            self.chain.store.clone(),
            self.network.clone(),
            Bell::new(work, replica),
        ))
    }

    /// A replica at the first height, whose votes must carry extensions, and its driver.
    fn driver(&self, executor: SyncSender<Question>) -> (Driver, SyncSender<Event>) {
        let mut state: ChainState = self.chain.state.clone();
        state.params.abci.extensions_from = Some(HERE);
        let state = Arc::new(state);
        let (answers, queue) = sync_channel(1);
        let keyring = Keyring {
            chain_id: state.chain_id.clone(),
            height: HERE,
            round: Round::FIRST,
            last: None,
            current: Arc::clone(&state.validators),
            next: Arc::clone(&state.next_validators),
            extensions_enabled: true,
        };
        let start =
            Start { state, last_commit: None, last_header: None, stored: None, evidence: vec![] };
        let metrics = Metrics::new("test", &self.chain.genesis.chain_id).expect("fresh metrics");
        let events = Arc::new(Events::new(Arc::new(metrics)));
        let driver = Driver {
            replica: Replica::new(consensus::Config::default(), None, start, vec![]),
            signer: None,
            store: self.chain.store.clone(),
            network: self.network.clone(),
            executor,
            admission: self.admission(answers.clone()),
            keyring: SharedKeyring::new(keyring),
            watch: Arc::new(Watcher::new(Arc::clone(&events))),
            events,
            queue,
            answers: answers.clone(),
            runtime: self.runtime.handle().clone(),
        };
        (driver, answers)
    }
}

fn precommit(chain: &Chain, index: u32, letter: u8) -> Input {
    let hash = Hash([1; 32]);
    let block_id = Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } });
    let time = chain.state.last_block_time;
    let vote = chain.vote(VoteKind::Precommit, HERE, block_id, ValidatorIndex(index), time);
    let extension = Extension { bytes: vec![letter].into(), signature: Signature([letter; 64]) };
    let vote = Vote { extension: Some(extension), ..vote };
    Input::Received { peer: PeerId(1), message: Verified::assume(Message::Vote(vote)) }
}

/// A picture of the replica, which only a thread that does not wait can give.
fn asks_for_picture(replica: &SyncSender<Event>) {
    let (answer, picture) = sync_channel(1);
    let (told, heard) = sync_channel(1);
    let replica = replica.clone();
    std::thread::spawn(move || told.send(replica.send(Event::Snapshot(answer)).is_ok()));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(true), "the replica's queue is full for ever");
    picture.recv_timeout(PATIENCE).expect("the replica's thread waits for somebody");
}

fn answer_all(questions: &Receiver<Question>, replica: &SyncSender<Event>, count: usize) {
    for _ in 0..count {
        let question = questions.recv_timeout(PATIENCE).expect("every question is asked");
        let Question::VerifyExtension { vote, .. } = question else { panic!("another question") };
        let answer = Input::ExtensionVerified { vote, accept: false };
        replica.send(Event::Input(answer)).expect("the replica runs");
    }
}

/// A lock was held, or a full queue waited on, by the only one who could have emptied it. The
/// replica and the application's thread talk both ways: when the application is slow and questions
/// pile up, the replica goes on, and asks them as there is room.
#[test]
fn advisory_43_a_busy_application_never_stops_the_replica() {
    let bench = Bench::new();
    let (executor, questions) = sync_channel(1);
    let (driver, replica) = bench.driver(executor);
    let running = std::thread::spawn(move || driver.run());
    let feeding = replica.clone();
    let inputs: Vec<Input> = (0..4)
        .flat_map(|index| (0..3).map(move |letter| (index, letter)))
        .map(|(index, letter)| precommit(&bench.chain, index, letter))
        .collect();
    let count = inputs.len();
    let feeder = std::thread::spawn(move || {
        inputs.into_iter().all(|input| feeding.send(Event::Input(input)).is_ok())
    });
    asks_for_picture(&replica);
    answer_all(&questions, &replica, count);
    assert!(feeder.join().expect("it only sends"), "all inputs were taken");
    asks_for_picture(&replica);
    replica.send(Event::Stop).expect("the replica runs");
    running.join().expect("it does not panic").expect("it stops in peace");
}

/// The replica itself asks for transactions. To tell it through its own queue, when that is full,
/// would be to wait for itself.
#[test]
fn advisory_43_the_replica_never_waits_for_room_in_its_own_queue() {
    let bench = Bench::new();
    let (replica, _inbox) = sync_channel(1);
    let admission = bench.admission(replica.clone());
    let taken = admission.submit(types::Tx::from_static(b"name=satoshi"), Source::Local);
    assert_eq!(taken.expect("the kvstore takes it").code, 0);
    replica.send(Event::Stop).expect("there is room for one");
    let (told, heard) = sync_channel(1);
    std::thread::spawn(move || told.send(admission.await_txs(HERE)));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Some(HERE)));
}
