//! Threads that wait for each other. Every queue here is as short as a queue can be, and the other
//! side does not read: whoever must not wait does not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use abci::{Application, Connections};
use apps::KvStore;
use consensus::{Input, Question, Replica, Start};
use mempool::Mempool;
use node::admission::{Admission, Bell};
use node::driver::{Driver, Event};
use node::events::Events;
use node::metrics::Metrics;
use node::verifier::SharedKeyring;
use node::watch::Watcher;
use storage::Store;
use tokio::runtime::Runtime;
use types::genesis::GenesisValidator;
use types::vote::Extension;
use types::{
    AppHash, BlockId, ChainId, ChainState, ConsensusParams, Genesis, Hash, Height, Keyring,
    Message, PartSetHeader, PeerId, PrivateKey, Round, Signature, Time, ValidatorIndex, Verified,
    Vote, VoteKind, VotingPower,
};
use zeroize::Zeroizing;

/// How long something may take that takes no time, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(60);
const HERE: Height = Height(1);

/// A node of which only what is asked about runs.
struct Bench {
    genesis: Genesis,
    state: ChainState,
    store: Store,
    network: p2p::Handle,
    _events: tokio::sync::mpsc::Receiver<p2p::Event>,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        let genesis = genesis();
        let state = ChainState::after_init_chain(&genesis, &[], None, AppHash::default(), 1);
        let state = state.expect("four validators make a set");
        let store = Store::in_memory(Arc::default()).expect("it is empty");
        let runtime = Runtime::new().expect("a runtime");
        let local = p2p::Local {
            chain_id: genesis.chain_id.clone(),
            genesis_hash: genesis.hash(),
            block_protocol: 11,
            p2p_protocol: 8,
            moniker: String::new(),
            version: String::new(),
        };
        let config = p2p::Config { listen: vec![], exchange: false, ..p2p::Config::default() };
        let started = p2p::start(config, &key(5), local, runtime.handle());
        let (network, events) = started.expect("it listens nowhere");
        Self { genesis, state, store, network, _events: events, runtime }
    }

    fn admission(&self, replica: SyncSender<Event>) -> Arc<Admission> {
        let application: Arc<dyn Application> = Arc::new(KvStore::in_memory());
        let (work, _) = sync_channel(1);
        let admission = Admission::new(
            Mempool::new(mempool::Config::default()),
            Connections::local(application, Arc::default()).mempool,
            self.store.clone(),
            self.network.clone(),
            Bell::new(work, replica),
        );
        Arc::new(admission.expect("the store is empty"))
    }

    /// A replica at the first height, whose votes must carry extensions, and its driver.
    fn driver(&self, executor: SyncSender<Question>) -> (Driver, SyncSender<Event>) {
        let mut state = self.state.clone();
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
        let metrics = Metrics::new("test", &self.genesis.chain_id).expect("fresh metrics");
        let events = Arc::new(Events::new(Arc::new(metrics), None));
        let driver = Driver {
            replica: Replica::new(consensus::Config::default(), None, start, vec![]),
            signer: None,
            store: self.store.clone(),
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

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn genesis() -> Genesis {
    let validator = |seed| GenesisValidator {
        public_key: key(seed).public_key(),
        power: VotingPower(10),
        name: String::new(),
    };
    Genesis {
        genesis_time: Time::EPOCH,
        chain_id: ChainId::new("waiting").expect("short enough"),
        initial_height: HERE,
        params: ConsensusParams::default(),
        validators: (1..=4).map(validator).collect(),
        app_hash: AppHash::default(),
        app_state: String::new(),
    }
}

/// A precommit whose extension, told apart by a letter, the application is asked about.
fn precommit(state: &ChainState, index: u32, letter: u8) -> Input {
    let hash = Hash([1; 32]);
    let validator_index = ValidatorIndex(index);
    let validator = state.validators.get(validator_index).expect("there are four");
    let vote = Vote {
        kind: VoteKind::Precommit,
        height: HERE,
        round: Round::FIRST,
        block_id: Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } }),
        timestamp: Time::EPOCH,
        validator_address: validator.address,
        validator_index,
        signature: Signature([1; 64]),
        extension: Some(Extension {
            bytes: vec![letter].into(),
            signature: Signature([letter; 64]),
        }),
    };
    Input::Received { peer: PeerId(1), message: Verified::assume(Message::Vote(vote.into())) }
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
        .map(|(index, letter)| precommit(&bench.state, index, letter))
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
    let taken = admission.submit(types::Tx::from_static(b"name=satoshi"));
    assert_eq!(taken.expect("the kvstore takes it").code, 0);
    replica.send(Event::Stop).expect("there is room for one");
    let (told, heard) = sync_channel(1);
    std::thread::spawn(move || told.send(admission.await_txs(HERE)));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Some(HERE)));
}
