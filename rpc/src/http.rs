//! What a request of HTTP becomes: a call by URI, a body of JSON-RPC, or a page.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{
    DefaultBodyLimit, Extension, FromRef, FromRequest, Path, RawQuery, Request, State,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::backend::Backend;
use crate::config::Config;
use crate::dispatch::{Dispatcher, Reply};
use crate::error::RpcError;
use crate::nowhere::nowhere;
use crate::probes::{self, Watchman};
use crate::routes::{Call, Offer, PAGES, Page, PageKind, Route};
use crate::server::Place;
use crate::subscribe::Hall;
use crate::websocket::{Conversation, Manners};
use crate::{explorer, openapi, origins, stream};

/// When an answer was given, in whole seconds since 1970.
const SERVER_TIME: HeaderName = HeaderName::from_static("x-server-time");
/// Longest query of a URI in bytes.
const QUERY_BYTES_MAX: usize = 1024 * 1024;
/// The content type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// What handlers need.
#[derive(Clone, FromRef)]
struct Desk {
    dispatcher: Dispatcher,
    hall: Hall,
    sockets: Sockets,
    document: Document,
    watchman: Watchman,
    offer: Offer,
}

/// The OpenAPI document.
#[derive(Clone)]
struct Document(Arc<serde_json::Value>);

/// What holds for each websocket.
#[derive(Clone, Copy)]
struct Sockets {
    message_bytes_max: usize,
    manners: Manners,
}

/// Everything that is served, within the limits of `config`.
pub fn router(backend: Backend, config: &Config) -> Router {
    let request_time_max = config.commit_timeout + config.read_timeout;
    let manners = Manners {
        ping_period: config.websocket_ping_period,
        silence_max: config.websocket_silence_max,
        close_on_slow_client: config.close_on_slow_client,
    };
    let version = &backend.node.identity().lockstep_version;
    let desk = Desk {
        document: Document(Arc::new(openapi::document(version, config.offer))),
        watchman: Watchman::new(backend.clone(), config.ready_timeout),
        offer: config.offer,
        hall: Hall::new(backend.bus.clone(), config),
        dispatcher: Dispatcher::new(backend.clone(), config),
        sockets: Sockets { message_bytes_max: config.body_bytes_max, manners },
    };
    let router = PAGES.iter().fold(Router::new(), |router, page| {
        let answering = match page.kind {
            PageKind::Document => get(describe),
            PageKind::Events => get(stream::events),
            PageKind::Live => get(probes::live),
            PageKind::Ready => get(probes::ready),
        };
        router.route(page.path, answering)
    });
    router
        .route("/", get(list).post(call))
        .route("/websocket", get(websocket))
        .route("/{method}", get(uri).post(uri))
        .with_state(desk)
        .merge(explorer::router())
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(config.body_bytes_max))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, request_time_max))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(meter))
        .layer(origins::layer(&config.cors_origins, SERVER_TIME))
        .layer(map_response(stamp))
}

/// Counts a request, if the operator limits them. Probes pass: a busy client must not make a node
/// look dead to what watches it from the same address.
async fn meter(Extension(place): Extension<Place>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_probe = |page: &Page| matches!(page.kind, PageKind::Live | PageKind::Ready);
    if PAGES.iter().any(|page| is_probe(page) && page.path == path) {
        return next.run(request).await;
    }
    let Err(error) = place.client.charge() else { return next.run(request).await };
    let response = crate::dispatch::Response::to_nobody(RpcError::server(error));
    let mut refusal = (StatusCode::TOO_MANY_REQUESTS, Json(response)).into_response();
    let wait = HeaderValue::from(error.wait_seconds);
    refusal.headers_mut().insert(header::RETRY_AFTER, wait);
    refusal
}

async fn stamp(mut response: Response) -> Response {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    response.headers_mut().insert(SERVER_TIME, HeaderValue::from(since.as_secs()));
    response
}

/// `POST /`: JSON-RPC. An empty body gets the list, as in the reference.
async fn call(
    State(dispatcher): State<Dispatcher>,
    State(offer): State<Offer>,
    Extension(place): Extension<Place>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match body {
        Ok(body) if body.is_empty() => list(State(offer), headers).await,
        Ok(body) => respond(dispatcher.body(&body, &place.client).await),
        Err(rejection) => unread(&rejection),
    }
}

/// The reference says 400 to a body of any size; 413 tells the client what to change.
fn unread(rejection: &BytesRejection) -> Response {
    let reason = format!("error reading request body: {}", rejection.body_text());
    let response = crate::dispatch::Response::to_nobody(RpcError::invalid_request(reason));
    (rejection.status(), Json(response)).into_response()
}

/// `/v1/openapi.json`: the API for machines.
async fn describe(State(document): State<Document>) -> Response {
    Json(&*document.0).into_response()
}

/// `/websocket`: the connection becomes one, and keeps its place until it ends.
async fn websocket(
    State(dispatcher): State<Dispatcher>,
    State(hall): State<Hall>,
    State(sockets): State<Sockets>,
    Extension(place): Extension<Place>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(sockets.message_bytes_max)
        .max_frame_size(sockets.message_bytes_max)
        .on_upgrade(move |socket| async move {
            let Place { permit, stop, client } = place;
            let talk = Conversation::new(socket, dispatcher, hall, sockets.manners, client);
            talk.run(stop).await;
            drop(permit);
        })
}

/// `/method?arguments`, by GET or POST, whose arguments may also be a form.
async fn uri(
    State(dispatcher): State<Dispatcher>,
    State(offer): State<Offer>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let Some(route) = offer.find(&method) else { return nowhere(request.uri().clone()).await };
    if matches!(route.call, Call::Listening(_)) {
        let answer = Err(RpcError::method_not_found());
        let response = crate::dispatch::Response::to_uri(answer);
        return (StatusCode::NOT_FOUND, Json(response)).into_response();
    }
    let query = query.unwrap_or_default();
    if QUERY_BYTES_MAX < query.len() {
        return (StatusCode::URI_TOO_LONG, "the query is too long\n").into_response();
    }
    let form = match form_of(request).await {
        Ok(form) => form,
        Err(rejection) => return unread(&rejection),
    };
    let pairs = [query.as_bytes(), b"&", &form].concat();
    match serde_urlencoded::from_bytes::<Vec<(String, String)>>(&pairs) {
        Ok(pairs) => respond(dispatcher.uri(route, &pairs).await),
        Err(error) => {
            let answer = Err(RpcError::invalid_params(error));
            respond(Reply::failure(crate::dispatch::Response::to_uri(answer)))
        }
    }
}

/// The body of a form; empty if it is none. spec: Go's `http.Request.ParseForm`.
async fn form_of(request: Request) -> Result<Bytes, BytesRejection> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    if request.method() != Method::POST || !kind.trim().eq_ignore_ascii_case(FORM) {
        return Ok(Bytes::new());
    }
    Bytes::from_request(request, &()).await
}

/// Errors of a method are answers to a body, and failures of a call by URI: see [`Reply::failed`].
fn respond(reply: Reply) -> Response {
    let Reply { mut responses, lasting, failed } = reply;
    let status = if failed { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    let mut response = match responses.len() {
        0 => status.into_response(),
        1 => (status, Json(responses.pop())).into_response(),
        _ => (status, Json(responses)).into_response(),
    };
    if lasting {
        let a_day = HeaderValue::from_static("public, max-age=86400");
        response.headers_mut().insert(header::CACHE_CONTROL, a_day);
    }
    response
}

/// `GET /`: every method as a link.
async fn list(State(offer): State<Offer>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // It stands in the page, so nothing of it may be markup.
    let host: String =
        host.chars().filter(|it| it.is_ascii_alphanumeric() || ":.-[]".contains(*it)).collect();
    let mut routes: Vec<&Route> = offer.routes().collect();
    routes.sort_by_key(|route| route.name);
    let (with, without): (Vec<&Route>, Vec<&Route>) =
        routes.into_iter().partition(|route| !route.params.is_empty());
    let mut text = String::from("<html><body><br>Available endpoints:<br>");
    without.iter().for_each(|route| text.push_str(&link(&format!("//{host}/{}", route.name))));
    text.push_str("<br>Endpoints that require arguments:<br>");
    for route in with {
        let names: Vec<_> = route.params.iter().map(|it| format!("{}=_", it.name)).collect();
        text.push_str(&link(&format!("//{host}/{}?{}", route.name, names.join("&amp;"))));
    }
    text.push_str("<br>Others:<br>");
    PAGES.iter().for_each(|page| text.push_str(&link(&format!("//{host}{}", page.path))));
    text.push_str("<br><a href=\"/explorer\">Explorer</a></body></html>");
    Html(text).into_response()
}

fn link(address: &str) -> String {
    format!("<a href=\"{address}\">{address}</a></br>")
}
