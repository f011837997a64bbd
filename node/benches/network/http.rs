//! Requests over connections that are kept.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A client of one server. Requests made one after the other share one connection.
pub struct Http {
    server: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Http {
    /// A client of this server; nothing is sent yet.
    pub fn new(server: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { server, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// The body under a path, whatever the status.
    pub async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        self.exchange(Request::get(self.uri(path)?).body(Full::default())?).await
    }

    /// The body of the answer to a JSON-RPC request or batch, whatever the status.
    pub async fn post(&self, json: String) -> anyhow::Result<Bytes> {
        let request = Request::post(self.uri("/")?)
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .body(Full::from(json))?;
        self.exchange(request).await
    }

    fn uri(&self, path: &str) -> anyhow::Result<Uri> {
        format!("http://{}{path}", self.server).parse().context("a path that is no path")
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Bytes> {
        let answer = async {
            let response = self.client.request(request).await?;
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok(body.map_err(|error| anyhow!("{error}"))?.to_bytes())
        };
        tokio::time::timeout(ANSWER_WITHIN, answer)
            .await
            .unwrap_or_else(|_| Err(anyhow!("no answer within {ANSWER_WITHIN:?}")))
            .with_context(|| format!("{}", self.server))
    }
}
