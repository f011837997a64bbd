//! Applications that keep pending transactions themselves: clients' reach theirs by CheckTx, the
//! others' by InsertTx, and blocks hold what they choose.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use abci::grpc::GrpcServer;
use abci::{
    Application, ApplicationError, BlockRequest, CheckTxRequest, CommitResponse, Endpoint,
    InfoRequest, InfoResponse, InitChainRequest, InitChainResponse, PrepareProposalRequest,
    QueryRequest, QueryResponse, ReapTxsRequest, SocketServer,
};
use apps::KvStore;
use types::{BlockOutcome, Tx, TxResult};

use crate::checks::end_and_check;
use crate::network::Network;

/// How many transactions are sent.
const TXS: usize = 100;
/// Code of what has been decided.
const CODE_DECIDED: u32 = 9;

/// A kvstore with a mempool of its own.
struct Pooled {
    kvstore: KvStore,
    pool: Mutex<Pool>,
    inserted: AtomicUsize,
}

#[derive(Default)]
struct Pool {
    waiting: Vec<Tx>,
    /// What peers were not told of yet.
    untold: Vec<Tx>,
    executed: Vec<Tx>,
    decided: BTreeSet<Tx>,
}

impl Pool {
    /// Keeps what is new; whether it is.
    fn keep(&mut self, tx: &Tx) -> bool {
        let is_new = !self.decided.contains(tx) && !self.waiting.contains(tx);
        if is_new {
            self.waiting.push(tx.clone());
            self.untold.push(tx.clone());
        }
        is_new
    }
}

impl Pooled {
    fn new() -> Arc<Self> {
        let kvstore = KvStore::in_memory();
        Arc::new(Self { kvstore, pool: Mutex::default(), inserted: AtomicUsize::new(0) })
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().expect("no call has failed")
    }
}

impl Application for Pooled {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.kvstore.info(request)
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.kvstore.init_chain(request)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        let result = self.kvstore.check_tx(request)?;
        let taken = result.code != 0 || self.pool().keep(&request.tx);
        Ok(TxResult { code: if taken { result.code } else { CODE_DECIDED }, ..result })
    }

    fn insert_tx(&self, tx: &Tx) -> Result<u32, ApplicationError> {
        self.inserted.fetch_add(1, Ordering::Relaxed);
        Ok(if self.pool().keep(tx) { 0 } else { CODE_DECIDED })
    }

    fn reap_txs(&self, _: &ReapTxsRequest) -> Result<Vec<Tx>, ApplicationError> {
        Ok(std::mem::take(&mut self.pool().untold))
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.kvstore.query(request)
    }

    fn prepare_proposal(
        &self,
        request: &PrepareProposalRequest,
    ) -> Result<Vec<Tx>, ApplicationError> {
        assert!(request.txs.is_empty(), "the node keeps none");
        let txs = self.pool().waiting.clone();
        self.kvstore.prepare_proposal(&PrepareProposalRequest { txs, ..request.clone() })
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.pool().executed = block.txs.clone();
        self.kvstore.finalize_block(block)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        let mut pool = self.pool();
        let executed = std::mem::take(&mut pool.executed);
        pool.decided.extend(executed);
        let Pool { waiting, untold, decided, .. } = &mut *pool;
        waiting.retain(|tx| !decided.contains(tx));
        untold.retain(|tx| !decided.contains(tx));
        self.kvstore.commit()
    }
}

#[test]
fn transactions_that_applications_keep_reach_all_and_are_decided_once() {
    // Where the applications listen is written behind this.
    let nowhere = "proxy_app=tcp://127.0.0.1:1";
    let settings = ["consensus.timeout_commit=50ms", "mempool.type=app", nowhere];
    let settings = [&settings[..], &["mempool.reap_interval=20ms"]].concat();
    let mut network = Network::make(4, 0, &settings);
    let applications: [Arc<Pooled>; 4] = std::array::from_fn(|_| Pooled::new());
    // Three on sockets, one behind gRPC.
    let sockets: Vec<SocketServer> = (0..3)
        .map(|index| {
            let endpoint = Endpoint::Unix(network.home(index).join("app.sock"));
            network.configure(index, "proxy_app", &endpoint.to_string());
            let application = Arc::clone(&applications[index]);
            SocketServer::start(&endpoint, application).expect("a folder of our own")
        })
        .collect();
    let behind_grpc = Arc::clone(&applications[3]);
    let grpc = GrpcServer::start("127.0.0.1:0", behind_grpc).expect("a free port");
    network.configure(3, "proxy_app", &grpc.endpoint().to_string());
    network.configure(3, "abci", "grpc");

    network.start_all();
    network.await_height(2);
    let clients: Vec<_> = (0..4).map(|index| network.client(index)).collect();
    let mut committed = vec![];
    for number in 0..TXS {
        let tx = format!("kept-{number}={number}");
        committed.push(clients[number % 4].commit(&tx).expect("the network runs"));
    }
    // Once more: the node has seen it, or the application has decided it.
    assert!(clients[0].commit(&committed[0].tx).is_err());
    assert!(clients[1].commit(&committed[0].tx).is_err());
    for (index, application) in applications.iter().enumerate() {
        let inserted = application.inserted.load(Ordering::Relaxed);
        assert!(0 < inserted && inserted <= TXS, "node {index} brought {inserted}");
    }
    network.stop_all();
    let kept = end_and_check(network);
    kept.has_kept(&committed);
    drop((sockets, grpc));
}
