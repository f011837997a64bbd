//! Serves an application over gRPC, to a node of any make.
//!
//! Calls are answered on threads that may wait, each call on one, since an application's calls do.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use hyper::http;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::{Raw, SERVICE};
use crate::answering::{AnswerError, answer};
use crate::application::{Application, ApplicationError};
use crate::endpoint::Endpoint;
use crate::frame::FRAME_BYTES_MAX;
use crate::socket::ServeError;
use crate::wire::Kind;

/// Threads for the sockets; the application's calls have others.
const THREADS: usize = 2;
/// Most calls of one connection that run at one time.
const CALLS_AT_ONCE: usize = 64;
/// How long a stop waits for calls that run.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// An application that is being served. Dropping it stops it.
pub struct GrpcServer {
    endpoint: Endpoint,
    outcome: Receiver<Result<(), ApplicationError>>,
    ended: SyncSender<Result<(), ApplicationError>>,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
}

impl GrpcServer {
    /// Begins to serve at `host:port`. Port 0 is any free one.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub fn start(address: &str, application: Arc<dyn Application>) -> Result<Self, ServeError> {
        let endpoint = Endpoint::Tcp(address.to_owned());
        let failed = |error: io::Error| ServeError::Listen { endpoint: endpoint.clone(), error };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("abci-grpc")
            .enable_all()
            .build()
            .map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        // One outcome is enough; those behind it are of the same failure.
        let (ended, outcome) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        runtime.spawn(serve(listener, application, ended.clone(), stopped));
        let endpoint = Endpoint::Tcp(bound.to_string());
        Ok(Self { endpoint, outcome, ended, stop: Some(stop), runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Waits until the application fails, or the server is told to stop.
    ///
    /// # Errors
    /// The application's: it must not be asked anything more.
    pub fn wait(&self) -> Result<(), ServeError> {
        self.outcome.recv().unwrap_or(Ok(())).map_err(ServeError::from)
    }

    /// A way to stop it from another thread.
    pub fn stopper(&self) -> impl Fn() + Send + 'static {
        let ended = self.ended.clone();
        move || drop(ended.try_send(Ok(())))
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_TIME_MAX);
        }
    }
}

async fn serve(
    listener: TcpListener,
    application: Arc<dyn Application>,
    ended: SyncSender<Result<(), ApplicationError>>,
    stopped: oneshot::Receiver<()>,
) {
    let incoming = futures::stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        Some((accepted, listener))
    });
    let answering = tower::service_fn(move |request: http::Request<Body>| {
        let (application, ended) = (Arc::clone(&application), ended.clone());
        async move { Ok::<_, Infallible>(respond(application, ended, request).await) }
    });
    let server = Server::builder().concurrency_limit_per_connection(CALLS_AT_ONCE);
    // It comes when the server is dropped.
    let signal = async { drop(stopped.await) };
    if let Err(error) = server.serve_with_incoming_shutdown(answering, incoming, signal).await {
        tracing::warn!(%error, "gRPC is not served any more");
    }
}

async fn respond(
    application: Arc<dyn Application>,
    ended: SyncSender<Result<(), ApplicationError>>,
    request: http::Request<Body>,
) -> http::Response<Body> {
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let method = path.strip_prefix(SERVICE).and_then(|it| it.strip_prefix('/'));
    let Some(kind) = method.and_then(Kind::of_method) else {
        return Status::unimplemented(format!("there is no {path}")).into_http();
    };
    let work = tower::service_fn(move |request: Request<Bytes>| {
        let (application, ended) = (Arc::clone(&application), ended.clone());
        async move {
            let asked = move || put(&*application, kind, request.into_inner(), &ended);
            let answered = tokio::task::spawn_blocking(asked).await;
            answered.map_err(|error| Status::internal(error.to_string()))?.map(Response::new)
        }
    });
    let mut grpc = tonic::server::Grpc::new(Raw).max_decoding_message_size(FRAME_BYTES_MAX);
    grpc.unary(work, request).await
}

fn put(
    application: &dyn Application,
    kind: Kind,
    request: Bytes,
    ended: &SyncSender<Result<(), ApplicationError>>,
) -> Result<Bytes, Status> {
    match kind {
        // The message is the same both ways.
        Kind::Echo => Ok(request),
        Kind::Flush => Ok(Bytes::new()),
        Kind::Ask(call) => match answer(application, call, request) {
            Ok(bytes) => Ok(bytes.into()),
            Err(AnswerError::Application(error)) => {
                let status = Status::internal(error.reason.clone());
                drop(ended.try_send(Err(error)));
                Err(status)
            }
            Err(error @ AnswerError::Request(_)) => {
                Err(Status::invalid_argument(error.to_string()))
            }
        },
    }
}
