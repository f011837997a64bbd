//! The explorer: a page that shows the chain live, in files that are part of the program. It asks
//! the same API as everybody else, and nothing outside this node.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

/// The page may run our script and ask this node; it may load nothing from anywhere else, and
/// nobody may put it into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A file of the explorer.
struct File {
    kind: &'static str,
    text: &'static str,
}

const PAGE: File =
    File { kind: "text/html; charset=utf-8", text: include_str!("explorer/index.html") };
const SCRIPT: File =
    File { kind: "text/javascript; charset=utf-8", text: include_str!("explorer/app.js") };
const API: File =
    File { kind: "text/javascript; charset=utf-8", text: include_str!("explorer/api.js") };
const STYLE: File =
    File { kind: "text/css; charset=utf-8", text: include_str!("explorer/style.css") };

/// `/explorer` and its files.
pub fn router() -> Router {
    Router::new()
        .route("/explorer/", get(|| async { Redirect::permanent("/explorer") }))
        .route("/explorer", get(|| send(&PAGE)))
        .route("/explorer/app.js", get(|| send(&SCRIPT)))
        .route("/explorer/api.js", get(|| send(&API)))
        .route("/explorer/style.css", get(|| send(&STYLE)))
}

async fn send(file: &'static File) -> Response {
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The next version of the node brings other files under the same names.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, file.text).into_response()
}
