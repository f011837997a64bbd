//! A running node, wired in reading order: files, store, signer, application, handshake, network,
//! then the threads of the task table. Nothing else spawns.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use abci::{Connections, Timings};
use anyhow::{Context, Result, anyhow};
use consensus::Replica;
use execution::handshake::{self, P2P_VERSION};
use execution::start::{check_signed, first_keyring};
use execution::{SharedMemory, Watch};
use mempool::Mempool;
use storage::index::Writer;
use storage::{ChainIdentity, Store};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc;
use types::block::BLOCK_VERSION;
use types::{ChainState, Genesis};

use crate::admission::{Admission, Bell};
use crate::application::{self, Lifeline};
use crate::backend::{self, NodeBackend};
use crate::complaint::Complaint;
use crate::config::Config;
use crate::config::sections::TxIndex;
use crate::crash;
use crate::driver::{self, Driver};
use crate::events::Events;
use crate::executor::Executor;
use crate::home::{Home, NodeKey, load_genesis};
use crate::indexer::postgres::Sink;
use crate::indexer::{IndexBell, IndexPlace, Indexer};
use crate::metrics::{self, Metrics, Sources};
use crate::relay::Relay;
use crate::signer::{MissingState, Signer};
use crate::strangers::Strangers;
use crate::threads::{self, Queues, Table};
use crate::verifier::{SharedKeyring, Verifier};
use crate::watch::Watcher;

/// How long a stop may take before the process ends anyway.
const STOP_TIME_MAX: Duration = Duration::from_millis(1800);
/// How long the process waits, after that, for reads that clients or peers had asked for.
const LAST_READS_TIME_MAX: Duration = Duration::from_secs(1);
/// Threads of the RPC: so many, whatever its clients do, and consensus has the others.
const RPC_THREADS: usize = 2;

/// What a node is started with.
pub struct Options {
    /// Its folder.
    pub home: Home,
    /// Its configuration, flags applied.
    pub config: Config,
    /// What to do if the signer's state file is missing.
    pub missing_state: MissingState,
    /// SHA-256 that the genesis file must have, if the operator says so.
    pub genesis_hash: Option<types::Hash>,
}

/// Runs a node until it is told to stop.
///
/// # Errors
/// Why it could not start, or had to stop: one line.
pub fn run(options: &Options) -> Result<()> {
    let _lock = options.home.lock()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let network = runtime("network", (cores / 2).clamp(1, 4))?;
    let prepared = prepare(options, network.handle())?;
    let rpc = runtime("rpc", RPC_THREADS)?;
    let outcome = network.block_on(live(options, prepared, &rpc));
    // Whoever still reads for a client or a peer holds the store: RocksDB must be closed before the
    // process ends, or it aborts it.
    let until = Instant::now() + LAST_READS_TIME_MAX;
    for runtime in [rpc, network] {
        runtime.shutdown_timeout(until.saturating_duration_since(Instant::now()));
    }
    outcome
}

fn runtime(name: &str, threads: usize) -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .enable_all()
        .build()
        .with_context(|| format!("the {name} threads could not be started"))
}

/// What is known before anything runs.
struct Prepared {
    genesis: Arc<Genesis>,
    store: Store,
    application: Connections,
    lifeline: Option<Lifeline>,
    timings: Arc<Timings>,
    state: Arc<ChainState>,
    signer: Option<Signer>,
    node_key: NodeKey,
}

fn prepare(options: &Options, runtime: &Handle) -> Result<Prepared> {
    let (home, config) = (&options.home, &options.config);
    let genesis = load_genesis(&home.genesis_file(config), options.genesis_hash)?;
    let node_key = NodeKey::load(&home.node_key_file(config))?;
    let identity =
        ChainIdentity { chain_id: genesis.chain_id.clone(), genesis_hash: genesis.hash() };
    // Before the store, so that a wrong file changes nothing on disk.
    let signer = open_signer(options)?;
    let store = Store::open(&home.db_dir(config).join("blocks"), &identity)?;
    let signed = signer.as_ref().and_then(Signer::last_signed).map(|(height, ..)| height);
    check_signed(&store, &genesis, signed)?;
    let timings = Arc::new(Timings::default());
    let (application, lifeline) = application::open(home, config, &timings, runtime)?;
    let state =
        Arc::new(handshake::run(&*application.consensus, &store, &genesis, &crash::Crashes)?);
    Ok(Prepared {
        genesis: Arc::new(genesis),
        store,
        application,
        lifeline,
        timings,
        state,
        signer,
        node_key,
    })
}

fn open_signer(options: &Options) -> Result<Option<Signer>> {
    let (home, config) = (&options.home, &options.config);
    let key = home.validator_key_file(config);
    if !key.exists() {
        tracing::info!("no validator key: this node follows, and does not vote");
        return Ok(None);
    }
    let state = home.validator_state_file(config);
    Ok(Some(Signer::open(&key, &state, options.missing_state)?))
}

fn open_network(
    options: &Options,
    prepared: &Prepared,
) -> Result<(p2p::Handle, mpsc::Receiver<p2p::Event>)> {
    let local = p2p::Local {
        chain_id: prepared.genesis.chain_id.clone(),
        genesis_hash: prepared.genesis.hash(),
        block_protocol: BLOCK_VERSION,
        p2p_protocol: P2P_VERSION,
        moniker: options.config.moniker.clone(),
        version: format!("lockstep/{}", env!("CARGO_PKG_VERSION")),
    };
    let runtime = tokio::runtime::Handle::current();
    let config = options.config.p2p(&options.home);
    p2p::start(config, &prepared.node_key.key, local, &runtime)
        .map_err(|error| in_config(options, "p2p.laddr or its peers", &error).into())
}

/// What an operator is told who chose an address that cannot be used.
fn in_config(options: &Options, field: &str, error: &dyn std::fmt::Display) -> Complaint {
    let remedy = "stop what uses it, or choose another";
    Complaint::new(options.home.config_file().display(), field, error.to_string(), remedy)
}

/// The replica as it stood, with what it had been told and had said at the current height.
fn restore_replica(prepared: &Prepared, config: &Config) -> Result<Replica> {
    let (start, records) = execution::start(&prepared.store, Arc::clone(&prepared.state))?;
    let key = prepared.signer.as_ref().map(Signer::public_key);
    Ok(Replica::new(config.timeouts(), key, start, records))
}

async fn live(options: &Options, prepared: Prepared, rpc_runtime: &Runtime) -> Result<()> {
    let config = &options.config;
    let metrics =
        Arc::new(Metrics::new(&config.instrumentation.namespace, &prepared.genesis.chain_id)?);
    let (indexer, index_bell) = open_index(config, &prepared, &metrics)?.unzip();
    let events = Arc::new(Events::new(Arc::clone(&metrics), index_bell.clone()));
    let (network, network_events) = open_network(options, &prepared)?;
    let queues = Queues::new();
    let admission = open_admission(config, &prepared, &network, &queues)?;
    let backend = NodeBackend {
        identity: backend::identity(
            options,
            &prepared.node_key,
            prepared.signer.as_ref().map(Signer::public_key),
        ),
        events: Arc::clone(&events),
        admission: Arc::clone(&admission),
        network: network.clone(),
        replica: queues.inputs.0.clone(),
        store: prepared.store.clone(),
        chain_id: prepared.genesis.chain_id.clone(),
        memory: SharedMemory::default(),
    };
    let rpc = open_rpc(options, &prepared, backend, rpc_runtime)
        .map_err(|error| in_config(options, "rpc.laddr", &error))?;
    let watched = Sources {
        signer_syncs: prepared.signer.as_ref().map(Signer::syncs),
        timings: Arc::clone(&prepared.timings),
        store: prepared.store.clone(),
        network: network.clone(),
        admission: Arc::clone(&admission),
    };
    let metrics_server = metrics::serve(&config.instrumentation, metrics, watched).await?;
    let stopping = Stopping {
        replica: queues.inputs.0.clone(),
        admission: Arc::clone(&admission),
        index_bell,
    };
    let (ended, mut endings) = mpsc::channel(threads::COUNT);
    let replica = restore_replica(&prepared, config)?;
    let world =
        World { network: network.clone(), network_events, admission, events, queues, indexer };
    world.table(replica, prepared).start(&ended)?;
    drop(ended);
    let outcome = tokio::select! {
        ending = endings.recv() => ending.unwrap_or_else(|| Err(anyhow!("all threads ended"))),
        () = stop_signal() => Ok(()),
    };
    tracing::info!("stopping");
    let all = async {
        drop(metrics_server);
        tokio::join!(rpc.stop(), network.shutdown());
        stopping.tell();
        // Each thread says that it has ended; the channel closes behind the last.
        while endings.recv().await.is_some() {}
    };
    if tokio::time::timeout(STOP_TIME_MAX, all).await.is_err() {
        tracing::warn!("not everything stopped within {STOP_TIME_MAX:?}");
    }
    outcome
}

/// The door for transactions: to our pool, or to the application's.
fn open_admission(
    config: &Config,
    prepared: &Prepared,
    network: &p2p::Handle,
    queues: &Queues,
) -> anyhow::Result<Arc<Admission>> {
    let application = &prepared.application.mempool;
    let admission = Admission::new(
        Mempool::new(config.mempool()),
        application.clone(),
        prepared.store.clone(),
        network.clone(),
        Bell::new(queues.work.0.clone(), queues.inputs.0.clone()),
    )?;
    let relay = config.relay().map(|config| Relay::new(application.clone(), config));
    Ok(Arc::new(admission.relayed(relay)))
}

/// What the threads share.
struct World {
    network: p2p::Handle,
    network_events: mpsc::Receiver<p2p::Event>,
    admission: Arc<Admission>,
    events: Arc<Events>,
    queues: Queues,
    indexer: Option<Indexer>,
}

impl World {
    fn table(self, replica: Replica, prepared: Prepared) -> Table {
        let World { network, network_events, admission, events, queues, indexer } = self;
        let Queues { inputs: (answers, inputs), questions: (asked, questions), work: (_, work) } =
            queues;
        let Prepared { store, application, lifeline, state, signer, .. } = prepared;
        let keyring = SharedKeyring::new(first_keyring(&state));
        let memory = SharedMemory::default();
        let address = signer.as_ref().map(|signer| signer.public_key().address());
        let watch: Arc<dyn Watch> = Arc::new(Watcher::new(Arc::clone(&events)));
        let answering = execution::Executor {
            application: application.consensus,
            chain_id: state.chain_id.clone(),
            store: store.clone(),
            memory: memory.clone(),
            pool: admission.rules(),
            address,
            watch: Arc::clone(&watch),
        };
        let executor = Executor { answering, questions, replica: answers.clone() };
        let verifier = Verifier {
            network: network_events,
            peers: network.clone(),
            keyring: keyring.clone(),
            memory,
            store: store.clone(),
            strangers: Strangers::new(keyring.chain_id()),
            admission: Arc::clone(&admission),
            replica: answers.clone(),
        };
        let driver = Driver {
            replica,
            signer,
            store,
            network,
            executor: asked,
            admission: Arc::clone(&admission),
            keyring,
            events,
            watch,
            queue: inputs,
            answers,
            runtime: tokio::runtime::Handle::current(),
        };
        Table { driver, executor, verifier, admission, work, indexer, lifeline }
    }
}

/// The indexer, as far as the operator wants one.
fn open_index(
    config: &Config,
    prepared: &Prepared,
    metrics: &Arc<Metrics>,
) -> Result<Option<(Indexer, IndexBell)>> {
    let TxIndex { indexer, psql_conn } = &config.tx_index;
    let store = prepared.store.clone();
    let place = match indexer.as_str() {
        "kv" => {
            let retain_blocks = config.lockstep.index_retain_blocks;
            let retain_blocks = Some(retain_blocks).filter(|blocks| 0 < *blocks);
            IndexPlace::Store { writer: Writer::open(store)?, retain_blocks }
        }
        other => {
            store.abandon_index()?;
            if other == "null" {
                return Ok(None);
            }
            let chain_id = prepared.genesis.chain_id.clone();
            IndexPlace::Database(Box::new(Sink::new(store, chain_id, psql_conn)?))
        }
    };
    Ok(Some(Indexer::new(place, Arc::clone(metrics))))
}

fn open_rpc(
    options: &Options,
    prepared: &Prepared,
    node: NodeBackend,
    runtime: &Runtime,
) -> Result<rpc::Server> {
    let backend = rpc::Backend {
        store: prepared.store.clone(),
        application: prepared.application.clone(),
        genesis: Arc::clone(&prepared.genesis),
        genesis_file: Arc::default(),
        bus: node.events.bus().clone(),
        node: Arc::new(node),
        search_rows_max: options.config.lockstep.search_rows_max,
        answer_bytes_max: options.config.lockstep.answer_bytes_max,
    };
    let server = rpc::start(runtime.handle(), backend, options.config.rpc(&options.home))?;
    tracing::info!(address = %server.address(), "RPC is up");
    Ok(server)
}

/// What is told to the threads when the node stops.
struct Stopping {
    replica: SyncSender<driver::Event>,
    admission: Arc<Admission>,
    index_bell: Option<IndexBell>,
}

impl Stopping {
    fn tell(self) {
        if let Some(bell) = self.index_bell {
            bell.stop();
        }
        self.admission.stop();
        // A replica that is gone needs no telling.
        drop(self.replica.send(driver::Event::Stop));
    }
}

/// Completes when the operator wants the node to stop.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; stop the node with kill -9");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
