//! Asks a running node over its JSON-RPC.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Uri;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::cli::Surroundings;

/// How long an answer may take; longer than `broadcast_tx_commit` waits for a block.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Where a node's RPC is if nothing else is said.
const DEFAULT_NODE: &str = "http://127.0.0.1:26657";

/// The node to ask.
#[derive(Debug, clap::Args)]
pub struct NodeArg {
    /// The node's RPC [default: as config.toml in the home says, or http://127.0.0.1:26657].
    #[arg(long, value_name = "URL")]
    node: Option<String>,
}

impl NodeArg {
    /// A client for the node that was named, or that the home belongs to.
    ///
    /// # Errors
    /// If the name is no address.
    pub fn client(&self, around: &Surroundings) -> anyhow::Result<Client> {
        match &self.node {
            Some(node) => Client::new(node),
            None => {
                let configured = around.home.load_config().ok().map(|it| it.config.rpc.laddr);
                Client::new(&configured.unwrap_or_else(|| DEFAULT_NODE.into()))
            }
        }
    }
}

/// A client of one node's RPC.
#[derive(Clone, Debug)]
pub struct Client {
    uri: Uri,
    http: Http<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client for `http://host:port`, `tcp://host:port` or `host:port`.
    ///
    /// # Errors
    /// If the text is no such address.
    pub fn new(node: &str) -> anyhow::Result<Self> {
        let bare = node.strip_prefix("tcp://").or_else(|| node.strip_prefix("http://"));
        let bare = bare.unwrap_or(node).trim_end_matches('/');
        if let Some((scheme, _)) = bare.split_once("://") {
            bail!(
                "--node: {node:?} wants {scheme}, and only plain HTTP is spoken here, without \
                 TLS; write such as {DEFAULT_NODE}"
            );
        }
        // A node that listens everywhere listens here too.
        let bare = bare.replacen("0.0.0.0:", "127.0.0.1:", 1);
        let uri: Uri = format!("http://{bare}/")
            .parse()
            .ok()
            .filter(|_| bare.contains(':'))
            .ok_or(anyhow!("--node: {node:?} is no address; write such as {DEFAULT_NODE}"))?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        Ok(Self { uri, http: Http::builder(TokioExecutor::new()).build(connector) })
    }

    /// The node's address.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Calls a method and gives back its result.
    ///
    /// # Errors
    /// If there is no answer in time, or the answer is an error.
    pub async fn call(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let exchange = tokio::time::timeout(ANSWER_WITHIN, self.exchange(method, params));
        let answer = exchange.await.unwrap_or_else(|_| bail!("no answer within {ANSWER_WITHIN:?}"));
        answer.with_context(|| format!("{method} at {}", self.uri))
    }

    async fn exchange(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = hyper::Request::post(&self.uri)
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .body(Full::from(body.to_string()))?;
        let response = self.http.request(request).await.map_err(|error| {
            let reason = std::error::Error::source(&error).map_or(error.to_string(), root_of);
            anyhow!("{reason}; is the node running, and is this its RPC?")
        })?;
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow!("{error}"))?.to_bytes();
        let mut answer: Value =
            serde_json::from_slice(&body).context("the answer is no JSON; is this its RPC?")?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let text = |field: &str| error[field].as_str().unwrap_or_default().to_string();
            bail!("{}: {}", text("message"), text("data"));
        }
        Ok(answer["result"].take())
    }
}

/// How the application refused, if it did: with which code, whose, and in its words.
pub fn refusal_of(result: &Value) -> Option<String> {
    let code = result["code"].as_u64().filter(|code| *code != 0)?;
    let text = |field: &str| result[field].as_str().filter(|it| !it.is_empty());
    let codespace = text("codespace").map(|it| format!(" of {it}")).unwrap_or_default();
    let log = text("log").map(|it| format!(": {it}")).unwrap_or_default();
    Some(format!("code {code}{codespace}{log}"))
}

/// The first cause of an error, in the system's words.
fn root_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Waits for one answer, on this thread.
///
/// # Errors
/// If the future fails, or no runtime can be made.
pub fn wait_for<T>(answer: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_what_is_there_to_name() {
        let refusal = |it: Value| refusal_of(&it);
        let whole = json!({ "code": 4, "codespace": "bank", "log": "too many" });
        assert_eq!(refusal(whole).as_deref(), Some("code 4 of bank: too many"));
        assert_eq!(refusal(json!({ "code": 4, "log": "" })).as_deref(), Some("code 4"));
        assert_eq!(refusal(json!({ "code": 0, "codespace": "bank" })), None);
        assert_eq!(refusal(json!({})), None);
    }

    #[test]
    fn addresses_are_taken_in_every_form() {
        for (text, expected) in [
            ("http://127.0.0.1:26657", "http://127.0.0.1:26657/"),
            ("tcp://0.0.0.0:26667", "http://127.0.0.1:26667/"),
            ("node0:1/", "http://node0:1/"),
        ] {
            let client = Client::new(text).expect("a good address");
            assert_eq!(client.uri().to_string(), expected);
        }
        assert!(Client::new("nowhere").is_err());
        assert!(Client::new("a b:1").is_err());
        for text in ["https://node0:1", "ws://node0:1", "tcp://https://node0:1"] {
            let error = Client::new(text).expect_err("no such scheme").to_string();
            assert!(error.contains("without TLS"), "{error}");
        }
    }
}
