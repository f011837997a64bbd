//! Serves the figures under `/metrics`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::{Metrics, Sources};
use crate::complaint::Complaint;
use crate::config::listen;
use crate::config::sections::Instrumentation;

/// How long a client may take to say what it wants.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Server {
    _accepting: Option<AbortOnDropHandle<()>>,
}

/// Serves the figures, if the config says so.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(
    config: &Instrumentation,
    metrics: Arc<Metrics>,
    sources: Sources,
) -> anyhow::Result<Server> {
    if !config.prometheus {
        return Ok(Server { _accepting: None });
    }
    metrics.watch(sources)?;
    let address = &config.prometheus_listen_addr;
    let complain = |problem: String| {
        let remedy = "stop what listens there, or choose another address";
        Complaint::new("config.toml", "instrumentation.prometheus_listen_addr", problem, remedy)
    };
    let socket = listen::parse(address)
        .ok_or_else(|| complain(format!("{address:?} is no address to listen on")))?;
    let listener =
        TcpListener::bind(socket).await.map_err(|error| complain(format!("{socket}: {error}")))?;
    let connections = match config.max_open_connections {
        0 => Semaphore::MAX_PERMITS,
        limit => limit,
    };
    let accepting = accept(listener, Arc::new(Semaphore::new(connections)), metrics);
    Ok(Server { _accepting: Some(AbortOnDropHandle::new(tokio::spawn(accepting))) })
}

async fn accept(listener: TcpListener, connections: Arc<Semaphore>, metrics: Arc<Metrics>) {
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of file descriptors, for example: others may give some back.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            // A client that is too slow or has gone is no concern of ours.
            drop(tokio::time::timeout(ANSWER_WITHIN, answer(stream, metrics)).await);
            drop(permit);
        });
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, metrics: Arc<Metrics>) -> hyper::Result<()> {
    let respond = service_fn(move |request: Request<hyper::body::Incoming>| {
        let response = respond(request.method(), request.uri().path(), &metrics);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WITHIN)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), respond)
        .await
}

fn respond(method: &Method, path: &str, metrics: &Metrics) -> Response<Full<Bytes>> {
    if method != Method::GET || path != "/metrics" {
        let mut response = Response::new(Full::from("see /metrics\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(Full::from(metrics.text()));
    let format = HeaderValue::from_static(prometheus::TEXT_FORMAT);
    response.headers_mut().insert(CONTENT_TYPE, format);
    response
}
