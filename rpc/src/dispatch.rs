//! From a request to its answer: URI calls, single JSON-RPC requests, batches, notifications.
//! spec: `rpc/jsonrpc/server/http_json_handler.go`, inventory §2.2.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::backend::Backend;
use crate::error::{Answer, RpcError};
use crate::params::Arguments;
use crate::routes::{Call, Route, find};
use crate::txs;

/// What answers requests: the node, and how patient its clients may be.
#[derive(Clone)]
pub struct Dispatcher {
    /// The node.
    pub backend: Backend,
    /// How long `broadcast_tx_commit` waits.
    pub patience: Duration,
    /// Most requests in a batch.
    pub batch_max: usize,
}

/// A JSON-RPC response. The order of its fields is the reference's.
#[derive(Clone, Debug, Serialize)]
pub struct Response {
    jsonrpc: &'static str,
    id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RpcError>,
}

impl Response {
    /// The response to a request with this id.
    pub fn new(id: Value, answer: Answer) -> Self {
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self { jsonrpc: "2.0", id, result, error }
    }

    /// Whether the request was no JSON at all.
    pub fn is_parse_error(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.code == RpcError::parse("").code)
    }

    /// Whether it carries an error.
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }
}

/// What is to be sent for a body.
#[derive(Clone, Debug)]
pub enum Reply {
    /// All requests were notifications.
    Nothing,
    /// To a single request.
    One(Box<Response>, Lasting),
    /// To a batch.
    Many(Vec<Response>),
}

/// Whether an answer may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting(pub bool);

impl Dispatcher {
    /// Answers a call by URI: the path names the method, the query its arguments.
    pub async fn uri(&self, route: &'static Route, pairs: &[(String, String)]) -> Reply {
        let id = Value::from(-1);
        let arguments = match Arguments::from_query(route.params, pairs) {
            Ok(arguments) => arguments,
            Err(error) => return Reply::One(Response::new(id, Err(error)).into(), Lasting(false)),
        };
        let (answer, lasting) = self.call(route, arguments).await;
        Reply::One(Response::new(id, answer).into(), lasting)
    }

    /// Answers a body: one request or a batch.
    pub async fn body(&self, body: &[u8]) -> Reply {
        let parsed: Value = match serde_json::from_slice(body) {
            Ok(parsed) => parsed,
            Err(error) => return refusal(RpcError::parse(error)),
        };
        let Value::Array(requests) = parsed else {
            return match self.one(parsed).await {
                Some((response, lasting)) => Reply::One(response.into(), lasting),
                None => Reply::Nothing,
            };
        };
        if self.batch_max < requests.len() {
            return refusal(RpcError::invalid_request(format!(
                "batch request exceeds maximum allowed number of requests ({})",
                self.batch_max
            )));
        }
        if requests.is_empty() {
            return refusal(RpcError::invalid_request("a batch needs a request"));
        }
        let mut responses = Vec::with_capacity(requests.len());
        for request in requests {
            if let Some((response, _)) = self.one(request).await {
                responses.push(response);
            }
        }
        if responses.is_empty() { Reply::Nothing } else { Reply::Many(responses) }
    }

    /// Answers one request; a notification (without an id) is dropped, as the reference does.
    async fn one(&self, request: Value) -> Option<(Response, Lasting)> {
        let Value::Object(request) = request else {
            let error = RpcError::invalid_request("a request must be an object");
            return Some((Response::new(Value::from(-1), Err(error)), Lasting(false)));
        };
        let id = request.get("id").filter(|id| !id.is_null())?.clone();
        let refused = |id, error| Some((Response::new(id, Err(error)), Lasting(false)));
        if !(id.is_string() || id.is_i64() || id.is_u64()) {
            let error = RpcError::invalid_request("id must be a string or a whole number");
            return refused(Value::from(-1), error);
        }
        let Some(name) = request.get("method").and_then(Value::as_str) else {
            return refused(id, RpcError::invalid_request("method is missing"));
        };
        let Some(route) = find(name) else {
            return refused(id, RpcError::method_not_found());
        };
        match Arguments::from_json(route.params, request.get("params")) {
            Ok(arguments) => {
                let (answer, lasting) = self.call(route, arguments).await;
                Some((Response::new(id, answer), lasting))
            }
            Err(error) => refused(id, error),
        }
    }

    async fn call(&self, route: &'static Route, arguments: Arguments) -> (Answer, Lasting) {
        let lasting = route.lasting && !arguments.is_empty();
        let answer = match route.call {
            Call::Read(call) => call(&self.backend, &arguments),
            Call::UntilExecuted => {
                txs::broadcast_tx_commit(self.backend.clone(), arguments, self.patience).await
            }
        };
        let lasting = Lasting(lasting && answer.is_ok());
        (answer, lasting)
    }
}

fn refusal(error: RpcError) -> Reply {
    Reply::One(Response::new(Value::from(-1), Err(error)).into(), Lasting(false))
}
