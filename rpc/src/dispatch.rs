//! From a request to its answer: URI calls, single JSON-RPC requests, batches, notifications.
//! spec: `rpc/jsonrpc/server/http_json_handler.go`, inventory §2.2.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Number, Value};
use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::config::Config;
use crate::error::{Answer, RpcError};
use crate::params::Arguments;
use crate::routes::{Call, Lasts, Route, find};
use crate::txs;

/// What answers requests: the node, and how much it does at a time.
#[derive(Clone)]
pub struct Dispatcher {
    backend: Backend,
    patience: Duration,
    batch_max: usize,
    places: Arc<Semaphore>,
}

/// A JSON-RPC response. The order of its fields is the reference's.
#[derive(Clone, Debug, Serialize)]
pub struct Response {
    jsonrpc: &'static str,
    /// None if the request was too broken to have one; the reference then leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RpcError>,
}

impl Response {
    fn new(id: Option<Value>, answer: Answer) -> Self {
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self { jsonrpc: "2.0", id, result, error }
    }

    /// The response to a call by URI, which has no id of its own.
    pub fn to_uri(answer: Answer) -> Self {
        Self::new(Some(Value::from(-1)), answer)
    }

    /// The response to what is no request.
    pub fn to_nobody(error: RpcError) -> Self {
        Self::new(None, Err(error))
    }
}

/// What is to be sent back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// None if all requests were notifications. A single one is sent by itself, even to a batch.
    pub responses: Vec<Response>,
    /// Whether it may be kept for a day.
    pub lasting: bool,
    /// Whether it is a failure of HTTP, too.
    pub failed: bool,
}

impl Reply {
    /// That there is nothing to answer, and why.
    pub fn failure(response: Response) -> Self {
        Self { responses: vec![response], lasting: false, failed: true }
    }
}

/// A request that is well-formed and wants an answer.
struct Request {
    id: Value,
    method: String,
    params: Option<Value>,
}

impl Dispatcher {
    /// A dispatcher with the limits of `config`.
    pub fn new(backend: Backend, config: &Config) -> Self {
        let places = Semaphore::new(config.requests_max.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            backend,
            patience: config.commit_timeout,
            batch_max: config.batch_max,
            places: Arc::new(places),
        }
    }

    /// Answers a call by URI: the path names the method, the query its arguments.
    pub async fn uri(&self, route: &'static Route, pairs: &[(String, String)]) -> Reply {
        let arguments = match Arguments::from_query(route.params, pairs) {
            Ok(arguments) => arguments,
            Err(error) => return Reply::failure(Response::to_uri(Err(error))),
        };
        let (answer, lasting) = self.call(route, arguments).await;
        let failed = answer.is_err();
        Reply { responses: vec![Response::to_uri(answer)], lasting, failed }
    }

    /// Answers a body: one request or a batch. As in the reference, one malformed request spoils
    /// its batch.
    pub async fn body(&self, body: &[u8]) -> Reply {
        let parsed = serde_json::from_slice(body).map_err(|error| error.to_string());
        let requests = match parsed.and_then(requests_of) {
            Ok(requests) => requests,
            Err(reason) => {
                let error = RpcError::parse(format!("error unmarshaling request: {reason}"));
                return Reply::failure(Response::to_nobody(error));
            }
        };
        if self.batch_max < requests.len() {
            let max = self.batch_max;
            let reason =
                format!("batch request exceeds maximum ({max}) allowed number of requests");
            let response = Response::to_nobody(RpcError::invalid_request(reason));
            return Reply { responses: vec![response], lasting: false, failed: false };
        }
        let mut reply = Reply { responses: Vec::new(), lasting: true, failed: false };
        // A notification is dropped, as the reference does: nobody would learn what came of it.
        for request in requests.into_iter().flatten() {
            let (response, lasting) = self.one(request).await;
            reply.responses.push(response);
            reply.lasting &= lasting;
        }
        reply.lasting &= !reply.responses.is_empty();
        reply
    }

    async fn one(&self, request: Request) -> (Response, bool) {
        let Request { id, method, params } = request;
        let Some(route) = find(&method) else {
            return (Response::new(Some(id), Err(RpcError::method_not_found())), false);
        };
        match Arguments::from_json(route.params, params.as_ref()) {
            Ok(arguments) => {
                let (answer, lasting) = self.call(route, arguments).await;
                (Response::new(Some(id), answer), lasting)
            }
            Err(error) => (Response::new(Some(id), Err(error)), false),
        }
    }

    /// What the method answers, and whether that may be kept.
    async fn call(&self, route: &'static Route, arguments: Arguments) -> (Answer, bool) {
        let lasting = match route.lasts {
            Lasts::Never => false,
            Lasts::AtHeight => arguments.has("height"),
            Lasts::Always => true,
        };
        let answer = match route.call {
            Call::Read(read) => self.run(move |backend| read(backend, &arguments)).await,
            Call::UntilExecuted => self.until_executed(arguments).await,
        };
        let lasting = lasting && answer.is_ok();
        (answer, lasting)
    }

    async fn until_executed(&self, arguments: Arguments) -> Answer {
        let submit = move |backend: &Backend| txs::submit_awaited(backend, &arguments);
        let (awaited, checked) = self.run(submit).await?;
        txs::until_executed(awaited, checked, self.patience).await
    }

    /// Does what may wait for the disk or the application on a thread of its own, away from the
    /// few that serve sockets, as soon as there is a place for it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Backend) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let backend = self.backend.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the client, who may go away before it is done.
            let _place = place;
            work(&backend)
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(target: "rpc", %error, "a request made its handler panic");
            Err(RpcError::internal(error))
        })
    }
}

/// The requests of a body; none stands for a notification.
fn requests_of(body: Value) -> Result<Vec<Option<Request>>, String> {
    match body {
        Value::Null => Ok(Vec::new()),
        Value::Array(requests) => requests.into_iter().map(request_of).collect(),
        single => Ok(vec![request_of(single)?]),
    }
}

fn request_of(request: Value) -> Result<Option<Request>, String> {
    let mut fields = match request {
        Value::Null => return Ok(None),
        Value::Object(fields) => fields,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("a request must be an object".to_owned());
        }
    };
    let method = text_of(&mut fields, "method")?;
    text_of(&mut fields, "jsonrpc")?;
    let Some(id) = fields.remove("id").filter(|id| !id.is_null()) else { return Ok(None) };
    Ok(Some(Request { id: checked_id(id)?, method, params: fields.remove("params") }))
}

/// A field that must be text if it is there at all.
fn text_of(fields: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{name} must be text")),
    }
}

/// An id as it is to be sent back: text, or a whole number of 64 bits.
fn checked_id(id: Value) -> Result<Value, String> {
    match id {
        Value::String(_) => Ok(id),
        Value::Number(number) => whole(&number).map(Value::from),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("json-rpc ID ({id}) is of unknown type"))
        }
    }
}

fn whole(number: &Number) -> Result<i64, String> {
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return Err(format!("json-rpc ID out of int64 range, got {number}"));
    };
    if float.fract() != 0.0 {
        return Err(format!("json-rpc ID must be a whole number, got {number}"));
    }
    // The first float beyond 64 bits, either way.
    let end = 9_223_372_036_854_775_808.0;
    if float < -end || end <= float {
        return Err(format!("json-rpc ID out of int64 range, got {number}"));
    }
    Ok(float as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_text_or_whole_numbers_of_64_bits() {
        for (given, sent) in [
            (json!("a"), json!("a")),
            (json!(""), json!("")),
            (json!(-1), json!(-1)),
            (json!(2.0), json!(2)),
            (json!(i64::MAX), json!(i64::MAX)),
        ] {
            assert_eq!(checked_id(given), Ok(sent));
        }
        for (given, problem) in [
            (json!(1.5), "whole number"),
            (json!(u64::MAX), "out of int64 range"),
            (json!(1e300), "out of int64 range"),
            (json!(true), "unknown type"),
            (json!({}), "unknown type"),
        ] {
            assert!(checked_id(given.clone()).unwrap_err().contains(problem), "{given}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_from_a_notification() {
        let notifications = [json!(null), json!({}), json!({"id": null, "method": "health"})];
        for given in notifications {
            assert!(matches!(request_of(given), Ok(None)));
        }
        for given in [json!(1), json!("x"), json!([[]]), json!({"id": 1, "method": 2})] {
            assert!(requests_of(given).is_err());
        }
    }
}
