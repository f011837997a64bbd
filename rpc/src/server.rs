//! HTTP: an accept loop that cuts idle and slow clients, and what a request becomes.
//!
//! The loop is our own because axum's has no timer: a client that never finishes its head, or
//! never says a word, would hold its connection for ever.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;

use crate::backend::Backend;
use crate::config::Config;
use crate::dispatch::{Dispatcher, Lasting, Reply};
use crate::error::RpcError;
use crate::routes::{ROUTES, find};

/// How long open requests may take to end when the server stops.
const STOP_TIME_MAX: Duration = Duration::from_millis(500);
/// Longest query of a URI in bytes.
const QUERY_BYTES_MAX: usize = 1024 * 1024;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[error("rpc.laddr: cannot listen on {address}: {source}; choose a free port")]
pub struct StartError {
    /// Where it should have listened.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
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
/// If the address is in use or not ours.
pub fn start(runtime: &Handle, backend: Backend, config: Config) -> Result<Server, StartError> {
    let address = config.listen;
    let failed = |source| StartError { address, source };
    let _inside = runtime.enter();
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let server = Server { address, stop: stop.clone(), tasks: tasks.clone() };
    let router = router(backend, &config);
    tasks.spawn_on(accept(listener, router, config, stop, tasks.clone()), runtime);
    Ok(server)
}

async fn accept(
    listener: TcpListener,
    router: Router,
    config: Config,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(config.connections_max));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stop.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: let some close.
                tracing::warn!(target: "rpc", %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, config, stop) = (router.clone(), config.clone(), stop.clone());
        tasks.spawn(async move {
            serve(stream, router, &config, stop).await;
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, router: Router, config: &Config, stop: CancellationToken) {
    let first_word = stream.readable();
    if !matches!(tokio::time::timeout(config.read_timeout, first_word).await, Ok(Ok(()))) {
        return;
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(target: "rpc", %error, "a connection was gone at once");
        return;
    }
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.read_timeout)
        .max_buf_size(config.header_bytes_max.max(8192))
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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

fn router(backend: Backend, config: &Config) -> Router {
    let dispatcher =
        Dispatcher { backend, patience: config.commit_timeout, batch_max: config.batch_max };
    let request_time_max = config.commit_timeout + config.read_timeout;
    Router::new()
        .route("/", get(page).post(call))
        .route("/{method}", get(uri))
        .layer(DefaultBodyLimit::max(config.body_bytes_max))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, request_time_max))
        .layer(CatchPanicLayer::new())
        .layer(cors(&config.cors_origins))
        .with_state(dispatcher)
}

fn cors(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::HEAD, Method::GET, Method::POST])
        .allow_headers([header::ORIGIN, header::ACCEPT, header::CONTENT_TYPE]);
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any);
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    layer.allow_origin(AllowOrigin::list(origins))
}

/// `POST /`: JSON-RPC. An empty body gets the page, as the reference does.
async fn call(State(dispatcher): State<Dispatcher>, headers: HeaderMap, body: Bytes) -> Response {
    if body.is_empty() {
        return page(headers).await;
    }
    let reply = dispatcher.body(&body).await;
    // Errors of a method are answers; only what is no request at all is a failure of HTTP.
    let failed = matches!(&reply, Reply::One(it, _) if it.is_parse_error());
    respond(reply, if failed { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK })
}

/// `GET /method?arguments`.
async fn uri(
    State(dispatcher): State<Dispatcher>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(route) = find(&method) else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let query = query.unwrap_or_default();
    if QUERY_BYTES_MAX < query.len() {
        return (StatusCode::URI_TOO_LONG, "the query is too long\n").into_response();
    }
    let pairs = match pairs_of(&query) {
        Ok(pairs) => pairs,
        Err(error) => {
            let response = crate::dispatch::Response::new((-1).into(), Err(error));
            let reply = Reply::One(response.into(), Lasting(false));
            return respond(reply, StatusCode::INTERNAL_SERVER_ERROR);
        }
    };
    let reply = dispatcher.uri(route, &pairs).await;
    let failed = matches!(&reply, Reply::One(it, _) if it.is_error());
    respond(reply, if failed { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK })
}

/// The pairs of a query, percent-decoded.
fn pairs_of(query: &str) -> Result<Vec<(String, String)>, RpcError> {
    serde_urlencoded::from_str(query).map_err(RpcError::invalid_params)
}

fn respond(reply: Reply, status: StatusCode) -> Response {
    let lasting = matches!(&reply, Reply::One(_, Lasting(true)));
    let mut response = match reply {
        Reply::Nothing => status.into_response(),
        Reply::One(one, _) => (status, Json(one)).into_response(),
        Reply::Many(many) => (status, Json(many)).into_response(),
    };
    let headers = response.headers_mut();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    headers.insert("x-server-time", HeaderValue::from(since.as_secs()));
    if lasting {
        let a_day = HeaderValue::from_static("public, max-age=86400");
        headers.insert(header::CACHE_CONTROL, a_day);
    }
    response
}

/// `GET /`: every method as a link.
async fn page(headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host: String =
        host.chars().filter(|it| it.is_ascii_alphanumeric() || ":.-[]".contains(*it)).collect();
    let mut text = String::from("<html><body><br>Available endpoints:<br>");
    for with_arguments in [false, true] {
        if with_arguments {
            text.push_str("<br>Endpoints that require arguments:<br>");
        }
        for route in ROUTES.iter().filter(|route| route.params.is_empty() != with_arguments) {
            let names: Vec<String> =
                route.params.iter().map(|param| format!("{}=_", param.name)).collect();
            let mark = if with_arguments { "?" } else { "" };
            let link = format!("//{host}/{}{mark}{}", route.name, names.join("&amp;"));
            text.push_str(&format!("<a href=\"{link}\">{link}</a></br>"));
        }
    }
    text.push_str("</body></html>");
    Html(text).into_response()
}
