//! Opens the application that config.toml names: in this process, or wherever it listens.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use abci::grpc::{Bell, GrpcConnection};
use abci::{Application, ConnectionLost, Connections, Endpoint, SocketConnection, Timings};
use anyhow::Result;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::home::Home;

/// The names of the applications that are built in; the first two are CometBFT's for the same one.
pub const IN_PROCESS: [&str; 3] = ["kvstore", "persistent_kvstore", LEDGER];
/// Proof-of-stake.
pub const LEDGER: &str = "ledger";

/// Pause between two attempts to reach an application that does not listen yet.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How often the operator is told that the node still waits for it.
const REMINDER: Duration = Duration::from_secs(10);

/// Waits until an application outside is gone, and says how that came.
pub type Lifeline = Box<dyn FnOnce() -> ConnectionLost + Send>;

/// The connections to the application, and what tells if it is gone, unless it is in this process.
/// What gRPC needs to wait for runs on `runtime`.
///
/// # Errors
/// If its store or its address cannot be used.
pub fn open(
    home: &Home,
    config: &Config,
    timings: &Arc<Timings>,
    runtime: &Handle,
) -> Result<(Connections, Option<Lifeline>)> {
    if IN_PROCESS.contains(&config.proxy_app.as_str()) {
        let folder = home.db_dir(config);
        let application: Arc<dyn Application> = match config.proxy_app.as_str() {
            LEDGER => Arc::new(apps::ledger::open(&folder.join(LEDGER))?),
            _ => Arc::new(apps::KvStore::open(&folder.join("kvstore"))?),
        };
        return Ok((Connections::local(application, Arc::clone(timings)), None));
    }
    let endpoint: Endpoint = config.proxy_app.parse()?;
    let limit = Some(config.lockstep.abci_timeout).filter(|limit| !limit.is_zero());
    let (connections, lifeline): (_, Lifeline) = if config.abci == "grpc" {
        let bell = Arc::new(Bell::default());
        let connections = Connections::remote(timings, |name| {
            wait_for(&endpoint, || GrpcConnection::open(name, &endpoint, limit, runtime, &bell))
        });
        (connections, Box::new(move || bell.wait()))
    } else {
        let mut opened = vec![];
        let connections = Connections::remote(timings, |name| {
            let connect = || SocketConnection::open(name, &endpoint, limit);
            let connection = wait_for(&endpoint, connect);
            opened.push(Arc::clone(&connection));
            connection
        });
        let lifeline = abci::Lifeline::new(opened);
        (connections, Box::new(move || lifeline.wait()))
    };
    tracing::info!(address = %endpoint, abci = config.abci, "connected to the application");
    Ok((connections, Some(lifeline)))
}

/// Tries until somebody listens. The operator decides how long that may take.
fn wait_for<T>(endpoint: &Endpoint, connect: impl Fn() -> io::Result<T>) -> Arc<T> {
    let begun = Instant::now();
    let mut told = None;
    loop {
        let error = match connect() {
            Ok(connection) => return Arc::new(connection),
            Err(error) => error,
        };
        let waited = begun.elapsed();
        if told.is_none_or(|told| REMINDER <= waited.saturating_sub(told)) {
            let seconds = waited.as_secs();
            tracing::info!(address = %endpoint, seconds, %error, "waiting for the application");
            told = Some(waited);
        }
        thread::sleep(RETRY_PAUSE);
    }
}
