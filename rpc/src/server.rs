//! An accept loop that limits connections, and cuts idle and slow clients.
//!
//! The loop is our own because axum's has no timer: a client that never finishes its head, or
//! never says a word, would hold its connection for ever.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use storage::StorageError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::backend::Backend;
use crate::config::Config;
use crate::http::router;
use crate::patient::Patient;
use crate::quotes::Escaping;
use crate::rate::{Client, Limit};
use crate::tls::{self, TlsError};

/// How long open requests may take to end when the server stops.
const STOP_TIME_MAX: Duration = Duration::from_millis(500);
/// The smallest buffer for a request's head with which the HTTP library works.
const HEADER_BYTES_MIN: usize = 8192;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use or not ours.
    #[error("rpc.laddr: cannot listen on {address}: {source}; choose a free port")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There can be no HTTPS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store cannot say where the chain stands.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Where it listens; the port is the real one if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and waits half a second for open requests to end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_TIME_MAX, self.tasks.wait()).await.is_err() {
            tracing::debug!(target: "rpc", "requests were cut at the stop");
        }
    }
}

/// Listens, and serves on `runtime`, which should not be the one that consensus needs.
///
/// # Errors
/// If the address is in use or not ours, the certificate cannot be used, or the store cannot be
/// read.
pub fn start(runtime: &Handle, backend: Backend, config: Config) -> Result<Server, StartError> {
    let address = config.listen;
    let failed = |source| StartError::Listen { address, source };
    backend.bus.begin(&backend.store)?;
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let _inside = runtime.enter();
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let server = Server { address, stop: stop.clone(), tasks: tasks.clone() };
    let telling = backend.bus.clone().tell(backend.store.clone(), config.subscription_buffer);
    let until_stop = stop.clone();
    tasks.spawn_on(async move { until_stop.run_until_cancelled(telling).await }, runtime);
    let limit = config.requests_per_second_max.map(|per_second| Arc::new(Limit::new(per_second)));
    let door = Door { router: router(backend, &config), config, tls, limit };
    tasks.spawn_on(accept(listener, door, stop, tasks.clone()), runtime);
    Ok(server)
}

/// What every connection goes through.
#[derive(Clone)]
struct Door {
    router: Router,
    config: Config,
    tls: Option<TlsAcceptor>,
    limit: Option<Arc<Limit>>,
}

async fn accept(listener: TcpListener, door: Door, stop: CancellationToken, tasks: TaskTracker) {
    let connections_max = door.config.connections_max;
    let places = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => {
                place.expect("the semaphore is never closed")
            }
            () = stop.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: let some close.
                tracing::warn!(target: "rpc", %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let door = door.clone();
        let place = door.place(place, address.ip(), stop.clone());
        tasks.spawn(async move { door.admit(stream, place).await });
    }
}

/// A connection's place among all; requests carry it, as a websocket outlives the request it was.
#[derive(Clone)]
pub struct Place {
    /// Free again once nobody has it any more.
    pub permit: Arc<OwnedSemaphorePermit>,
    /// When everything ends.
    pub stop: CancellationToken,
    /// Who has it.
    pub client: Client,
}

impl Door {
    fn place(&self, permit: OwnedSemaphorePermit, ip: IpAddr, stop: CancellationToken) -> Place {
        let client = Client::new(self.limit.clone(), ip);
        Place { permit: Arc::new(permit), stop, client }
    }

    async fn admit(self, stream: TcpStream, place: Place) {
        let patience = self.config.read_timeout;
        if !matches!(tokio::time::timeout(patience, stream.readable()).await, Ok(Ok(()))) {
            return;
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "rpc", %error, "a connection was gone at once");
            return;
        }
        let Some(tls) = self.tls else {
            return serve(stream, self.router, &self.config, place).await;
        };
        match tokio::time::timeout(patience, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, self.router, &self.config, place).await,
            Ok(Err(error)) => tracing::debug!(target: "rpc", %error, "a connection without TLS"),
            Err(_) => tracing::debug!(target: "rpc", "a connection was too slow for TLS"),
        }
    }
}

async fn serve<S>(stream: S, router: Router, config: &Config, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Patient::new(stream, config.write_timeout);
    let stop = place.stop.clone();
    let answering = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        router.clone().oneshot(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.read_timeout)
        .max_buf_size(config.header_bytes_max.max(HEADER_BYTES_MIN))
        .serve_connection(TokioIo::new(Escaping::new(stream)), answering)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(target: "rpc", %error, "a connection ended badly");
            }
        }
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // What it says at its end concerns nobody any more.
            drop(connection.await);
        }
    }
}
