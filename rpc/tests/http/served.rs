//! A node that is a chain, a list of pending transactions and two peers, served on a free port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use abci::{Application, CheckTxKind, CheckTxRequest, Connections};
use rpc::backend::{
    DecidedTx, DialError, DialTerms, Identity, Index, Peer, PeerRoundState, Pending, RoundState,
    RoundVotes, SubmitError,
};
use rpc::{Backend, Bus, Config, Node, Server, StartError};
use storage::index::Writer;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use types::message::WireStep;
use types::{
    Address, BitArray, DuplicateVoteEvidence, Evidence, Height, Round, Tx, TxHash, TxResult,
    ValidatorIndex, ValidatorSet, VoteKind, VotingPower,
};

use crate::chain::Chain;
use crate::stubborn::Stubborn;

/// How many blocks there are at first.
pub const BLOCKS: u64 = 12;

/// Rows that one search may read.
pub const SEARCH_ROWS_MAX: usize = 200;

/// Bytes that an answer may have, if it is a list.
pub const ANSWER_BYTES_MAX: usize = 4_000_000;

/// What a node does with transactions that CheckTx lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Puts each in a block of its own, at once.
    Decides,
    /// Keeps them waiting for ever.
    Waits,
    /// Refuses them all.
    Full,
}

/// How a node stands, as far as `/readyz` is concerned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// It fetches blocks.
    pub is_behind: bool,
    /// Nobody is connected.
    pub is_alone: bool,
}

struct Inner {
    chain: Chain,
    index: Writer,
    pending: Vec<Tx>,
    evidence: Vec<Evidence>,
    dialed: Vec<(String, DialTerms)>,
    state: Standing,
    waiting: BTreeMap<TxHash, Vec<oneshot::Sender<DecidedTx>>>,
}

/// The node behind the RPC.
pub struct TestNode {
    identity: Identity,
    mood: Mood,
    application: Arc<Stubborn>,
    /// Where it tells what happens.
    pub bus: Bus,
    inner: Mutex<Inner>,
}

/// A node that is served. Stops when dropped.
pub struct Served {
    /// Where.
    pub address: SocketAddr,
    /// What.
    pub node: Arc<TestNode>,
    server: Option<Server>,
    runtime: Runtime,
}

impl Served {
    /// A node in this mood, with the limits of `config`.
    pub fn start(mood: Mood, config: Config) -> Self {
        let mut chain = Chain::new();
        for height in 1..=BLOCKS {
            let txs = if height == 3 { vec!["tx0=value", "tx1=value"] } else { vec![] };
            chain.decide(txs.into_iter().map(Tx::from).collect());
        }
        let index = Writer::open(chain.store.clone()).unwrap();
        let waiting = BTreeMap::new();
        let mut inner = Inner {
            pending: vec![],
            evidence: vec![],
            dialed: vec![],
            state: Standing::default(),
            waiting,
            chain,
            index,
        };
        inner.index_all();
        let node = Arc::new(TestNode {
            identity: identity(&inner.chain),
            mood,
            application: Arc::new(Stubborn::new(inner.chain.application.clone())),
            bus: Bus::default(),
            inner: Mutex::new(inner),
        });
        let backend = node.backend();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..config };
        let server = rpc::start(runtime.handle(), backend, config).unwrap();
        Self { address: server.address(), node, server: Some(server), runtime }
    }

    /// A node that decides, with the defaults.
    pub fn plain() -> Self {
        Self::start(Mood::Decides, Config::default())
    }

    /// Waits for something on the server's runtime.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

impl Inner {
    fn index_all(&mut self) {
        while self.index.advance().unwrap().is_some() {}
    }
}

impl TestNode {
    /// Why a node with this configuration does not start.
    pub fn refuses(config: Config) -> StartError {
        let served = Served::plain();
        let config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..config };
        let started = rpc::start(served.runtime.handle(), served.node.backend(), config);
        started.err().expect("it does not start")
    }

    /// Decides and executes one more block.
    pub fn decide(&self, txs: Vec<Tx>) {
        let inner = &mut *self.inner.lock().unwrap();
        inner.chain.decide(txs);
        inner.index_all();
    }

    fn backend(self: &Arc<Self>) -> Backend {
        let inner = self.inner.lock().unwrap();
        let application: Arc<dyn Application> = self.application.clone();
        Backend {
            store: inner.chain.store.clone(),
            application: Connections::local(application, Arc::default()),
            genesis: Arc::new(inner.chain.genesis.clone()),
            genesis_file: Arc::default(),
            node: Arc::clone(self) as Arc<dyn Node>,
            search_rows_max: SEARCH_ROWS_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            bus: self.bus.clone(),
        }
    }

    /// Decides and executes so many blocks that are not indexed.
    pub fn execute_without_index(&self, blocks: u64) {
        let inner = &mut *self.inner.lock().unwrap();
        (0..blocks).for_each(|_| drop(inner.chain.decide(vec![])));
    }

    /// Indexes what is not yet.
    pub fn index_all(&self) {
        self.inner.lock().unwrap().index_all();
    }

    /// Until this is dropped the application does not say who it is.
    pub fn hold_application(&self) -> MutexGuard<'_, ()> {
        self.application.gate.lock().unwrap()
    }

    /// From now on the application fails when it is asked who it is.
    pub fn break_application(&self) {
        self.application.is_broken.store(true, Ordering::Relaxed);
    }

    /// Forgets the blocks below a height.
    pub fn prune(&self, below: Height) {
        let inner = &mut *self.inner.lock().unwrap();
        inner.chain.store.prune(below).unwrap();
        while inner.index.forget(None).unwrap().is_some() {}
        inner.chain.store.prune(below).unwrap();
    }

    /// Decides one more block, which is not executed yet.
    pub fn decide_only(&self) {
        self.inner.lock().unwrap().chain.decide_only(vec![], vec![]);
    }

    /// The first validator of the next height.
    pub fn proposer(&self) -> Address {
        self.inner.lock().unwrap().chain.state.validators.validators()[0].address
    }

    /// Evidence that the second validator prevoted twice at the next height.
    pub fn equivocation(&self) -> Evidence {
        let chain = &self.inner.lock().unwrap().chain;
        let (height, at) = (chain.state.next_height(), chain.state.last_block_time);
        let block = chain.state.last_block.as_ref().map(|it| it.id);
        let vote = |id| chain.vote(VoteKind::Prevote, height, id, ValidatorIndex(1), at);
        let votes = (vote(None), vote(block));
        let found = DuplicateVoteEvidence::new(votes.0, votes.1, &chain.state.validators, at);
        Evidence::DuplicateVote(Box::new(found.unwrap()))
    }

    /// What was brought as evidence.
    pub fn evidence(&self) -> Vec<Evidence> {
        self.inner.lock().unwrap().evidence.clone()
    }

    /// Who was dialed, and how.
    pub fn dialed(&self) -> Vec<(String, DialTerms)> {
        self.inner.lock().unwrap().dialed.clone()
    }

    /// From now on the node stands like this.
    pub fn stands(&self, state: Standing) {
        self.inner.lock().unwrap().state = state;
    }

    /// How many clients wait for a transaction.
    pub fn waiting_count(&self) -> usize {
        self.inner.lock().unwrap().waiting.values().map(Vec::len).sum()
    }
}

impl Node for TestNode {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn catching_up(&self) -> bool {
        self.inner.lock().unwrap().state.is_behind
    }

    fn peers(&self) -> Vec<Peer> {
        if self.inner.lock().unwrap().state.is_alone {
            return vec![];
        }
        ["first", "second"].map(peer).to_vec()
    }

    fn consensus(&self) -> Option<RoundState> {
        Some(round_state(&self.inner.lock().unwrap().chain))
    }

    fn submit(&self, tx: Tx) -> Result<TxResult, SubmitError> {
        if self.mood == Mood::Full {
            return Err(SubmitError { reason: "mempool is full".to_owned() });
        }
        let inner = &mut *self.inner.lock().unwrap();
        let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
        let checked = inner.chain.application.check_tx(&request).unwrap();
        if checked.code != 0 {
            return Ok(checked);
        }
        if self.mood == Mood::Waits {
            inner.pending.push(tx);
            return Ok(checked);
        }
        let (height, outcome) = inner.chain.decide(vec![tx.clone()]);
        inner.index_all();
        self.bus.executed(height);
        for sender in inner.waiting.remove(&TxHash::of(&tx)).unwrap_or_default() {
            let result = outcome.tx_results[0].clone();
            sender.send(DecidedTx { height, index: 0, result }).unwrap();
        }
        Ok(checked)
    }

    fn submit_later(&self, tx: Tx) -> Result<(), SubmitError> {
        self.submit(tx).map(|_| ())
    }

    fn submit_evidence(&self, evidence: Evidence) -> Result<(), SubmitError> {
        let inner = &mut *self.inner.lock().unwrap();
        inner.evidence.push(evidence);
        Ok(())
    }

    fn wait_for(&self, tx: TxHash) -> oneshot::Receiver<DecidedTx> {
        let (sender, receiver) = oneshot::channel();
        self.inner.lock().unwrap().waiting.entry(tx).or_default().push(sender);
        receiver
    }

    fn give_up(&self, tx: TxHash) {
        let mut inner = self.inner.lock().unwrap();
        if let Some(senders) = inner.waiting.get_mut(&tx) {
            senders.retain(|sender| !sender.is_closed());
        }
    }

    fn dial(&self, peers: &[String], terms: DialTerms) -> Result<(), DialError> {
        if let Some(bad) = peers.iter().find(|peer| !peer.contains('@')) {
            return Err(DialError { reason: format!("`{bad}` is no peer") });
        }
        let inner = &mut *self.inner.lock().unwrap();
        inner.dialed.extend(peers.iter().map(|peer| (peer.clone(), terms)));
        Ok(())
    }

    fn flush(&self) {
        self.inner.lock().unwrap().pending.clear();
    }

    fn pending(&self, limit: usize) -> Pending {
        let inner = self.inner.lock().unwrap();
        Pending {
            txs: inner.pending.iter().take(limit).cloned().collect(),
            total: inner.pending.len(),
            total_bytes: inner.pending.iter().map(|tx| tx.len() as u64).sum(),
        }
    }
}

fn identity(chain: &Chain) -> Identity {
    Identity {
        node_id: "cf4a66aa29e5123abfdfbdf485da6788bb8e46d1".to_owned(),
        peer_id: "12D3KooW".to_owned(),
        listen_address: "tcp://0.0.0.0:26656".to_owned(),
        rpc_address: "tcp://0.0.0.0:26657".to_owned(),
        moniker: "tester".to_owned(),
        version: "0.38.0".to_owned(),
        lockstep_version: "0.1.0".to_owned(),
        channels: "2021222330384060".to_owned(),
        p2p_version: 8,
        validator_key: Some(chain.validator_key()),
        index: Index::Here,
    }
}

fn peer(moniker: &str) -> Peer {
    Peer {
        node_id: "0011223344556677889900112233445566778899".to_owned(),
        peer_id: "12D3KooX".to_owned(),
        listen_address: "tcp://10.0.0.2:26656".to_owned(),
        moniker: moniker.to_owned(),
        version: "0.38.0".to_owned(),
        network: "rpc-test".to_owned(),
        remote_ip: "10.0.0.2".to_owned(),
        is_outbound: true,
        connected_at: SystemTime::now() - Duration::from_secs(60),
        sent_bytes: 1000,
        received_bytes: 2000,
    }
}

/// The next height, in which one validator of four has prevoted nil. As if there had been two
/// validators at the last, of whom we have heard one.
fn round_state(chain: &Chain) -> RoundState {
    let validators = chain.state.validators.clone();
    let height = chain.state.next_height();
    let time = chain.state.last_block_time;
    let mut prevotes = vec![None; validators.count()];
    let vote = chain.vote(VoteKind::Prevote, height, None, ValidatorIndex(1), time);
    prevotes[1] = Some(Arc::new(vote));
    let vote = |index| {
        chain.vote(VoteKind::Precommit, Height(height.0 - 1), None, ValidatorIndex(index), time)
    };
    let precommit = vote(0);
    let of = |index: usize, power| (validators.validators()[index].public_key, VotingPower(power));
    let last_validators = ValidatorSet::new(&[of(0, 30), of(1, 10)]).unwrap();
    let votes =
        RoundVotes { round: Round::FIRST, precommits: vec![None; validators.count()], prevotes };
    RoundState {
        height,
        round: Round::FIRST,
        step: WireStep::Prevote,
        start_time: time,
        commit_time: Some(time),
        proposer: validators.proposer().address,
        proposal: None,
        proposal_block: None,
        proposal_parts: None,
        locked: None,
        valid: None,
        votes: vec![votes],
        last_commit: vec![Some(Arc::new(precommit)), None],
        last_validators: Some(Arc::new(last_validators)),
        peers: vec![PeerRoundState {
            node_address: "0011223344556677889900112233445566778899@10.0.0.2".to_owned(),
            height: Height(height.0 - 1),
            round: Round::FIRST,
            step: WireStep::Commit,
            proposal_parts: None,
            prevotes: Some(BitArray::new(validators.count())),
            precommits: None,
        }],
        validators,
    }
}
