//! Requests of all shapes on one connection: the HTTP library sees the same through what escapes
//! their lines as without it, so that no body becomes a request, and none is changed.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use proptest::sample::select;
use rpc::quotes::Escaping;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex};

const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "CONNECT"];
/// In a path, quotes and UTF-8 are what we escape and the library takes as it is.
const TARGETS: [&str; 3] = ["/a", "/\"b\"", "/é\"?c"];
/// `LENGTH` is the body's.
const HEADERS: [&str; 16] = [
    "",
    "content-length: LENGTH\n",
    "Content-Length:LENGTH \t\nx: \"y\"\n",
    "content-length: 0LENGTH\n",
    "content-length: LENGTH\ncontent-length: LENGTH\n",
    "content-length: LENGTH\ncontent-length: 1\n",
    "content-length: 3\n",
    "content-length: +LENGTH\n",
    "content-length: LENGTH, LENGTH\n",
    "content-length : LENGTH\n",
    "x: y\n content-length: LENGTH\n",
    "transfer-encoding: chunked\n",
    "content-length: LENGTH\ntransfer-encoding: chunked\n",
    "transfer-encoding: chunked\ncontent-length: LENGTH\n",
    "upgrade: x\ncontent-length: LENGTH\n",
    "expect: 100-continue\ncontent-length: LENGTH\n",
];
const BODIES: [&str; 5] = [
    "",
    "\"<>\"",
    "GET /\"\"\" HTTP/1.1\r\n\r\n",
    "8\r\n/\"<>\"é\r\n\r\n0\r\n\r\n",
    "\r\n\r\nPOST /\" HTTP/1.1\r\ncontent-length: 9\r\n\r\n",
];
const ENDS: [&str; 2] = ["\r\n", "\n"];

/// What a handler gets: the line's method and target, and the body if all of it came.
type Seen = (String, Option<Bytes>);

/// A connection's bytes.
fn bytes_of(requests: &[(&str, &str, &str, &str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (method, target, headers, body, end) in requests {
        let head = headers.replace("LENGTH", &body.len().to_string()).replace('\n', end);
        text.push_str(&format!("{method} {target} HTTP/1.1{end}{head}{end}{body}"));
    }
    text.into_bytes()
}

/// What a handler gets of a connection.
async fn seen<S>(stream: S) -> Vec<Seen>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let all = Arc::new(Mutex::new(Vec::new()));
    let handler = service_fn(|request: Request<Incoming>| {
        let all = all.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(Body::new(body), 1_000).await.ok();
            let target = head.uri.to_string().replace('"', "%22").replace('é', "%C3%A9");
            let line = format!("{} {target}", head.method);
            all.lock().unwrap().push((line, body));
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let mut builder = http1::Builder::new();
    let connection = builder.half_close(true).serve_connection(TokioIo::new(stream), handler);
    // It may well end with what is no HTTP.
    drop(connection.await);
    std::mem::take(&mut *all.lock().unwrap())
}

/// What a handler gets of these bytes, through the escaping or without it.
async fn seen_of(bytes: &[u8], through: bool) -> Vec<Seen> {
    let (mut client, server) = duplex(64 * 1024);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    if through { seen(Escaping::new(server)).await } else { seen(server).await }
}

proptest! {
    #[test]
    fn the_library_sees_what_it_would_see_without_us(requests in proptest::collection::vec(
        (select(&METHODS[..]), select(&TARGETS[..]), select(&HEADERS[..]), select(&BODIES[..]),
         select(&ENDS[..])), 1..5,
    )) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = bytes_of(&requests);
        let ours = runtime.block_on(seen_of(&bytes, true));
        prop_assert_eq!(ours, runtime.block_on(seen_of(&bytes, false)));
    }
}
