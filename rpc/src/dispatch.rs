//! From a request to its answer: URI calls, single JSON-RPC requests, batches, notifications.
//! spec: `rpc/jsonrpc/server/http_json_handler.go`, inventory §2.2.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Number, Value};
use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::budget::Budget;
use crate::config::Config;
use crate::error::{Answer, RpcError};
use crate::params::Arguments;
use crate::rate::{Client, TooMany};
use crate::routes::{Call, Lasts, Listening, Offer, Route};
use crate::txs;

/// What answers requests: the node, and how much it does at a time.
#[derive(Clone)]
pub struct Dispatcher {
    backend: Backend,
    patience: Duration,
    batch_max: usize,
    offer: Offer,
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
    /// The response to the request of this id.
    pub fn new(id: Option<Value>, answer: Answer) -> Self {
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

/// What is heard on a websocket.
pub enum Heard {
    /// A notification.
    Nothing,
    /// What has its answer already.
    Answered(Response),
    /// A method that must be worked on.
    Method(Work),
    /// What concerns the connection's subscriptions.
    Listening {
        /// The request's id, which events carry, too.
        id: Value,
        /// What is wanted.
        what: Listening,
        /// By these arguments.
        arguments: Arguments,
    },
}

impl Heard {
    /// What is answered to a client that asks too much.
    pub fn refused(self, error: TooMany) -> Option<Response> {
        let id = match self {
            Heard::Nothing => return None,
            Heard::Answered(response) => response.id,
            Heard::Method(work) => Some(work.id),
            Heard::Listening { id, .. } => Some(id),
        };
        Some(Response::new(id, Err(RpcError::server(error))))
    }
}

/// A request that is understood, and not yet answered.
pub struct Work {
    id: Value,
    asked: Asked,
}

/// A request that is well-formed and wants an answer.
#[derive(Debug)]
pub struct Request {
    /// Text, or a whole number of 64 bits.
    pub id: Value,
    /// What it asks for.
    pub method: String,
    /// By name or in order, or whatever the client wrote.
    pub params: Option<Value>,
}

/// What a request comes to.
enum Asked {
    /// A method that answers at once, or why there is none.
    AtOnce(Result<Reading, RpcError>),
    /// `broadcast_tx_commit`.
    UntilExecuted(Arguments),
}

/// A method that answers at once, and what it is asked.
struct Reading {
    read: fn(&Backend, &Arguments) -> Answer,
    arguments: Arguments,
    /// Whether the answer may be kept.
    lasting: bool,
}

impl Asked {
    fn of(route: &Route, arguments: Arguments) -> Self {
        let lasting = match route.lasts {
            Lasts::Never => false,
            Lasts::AtHeight => arguments.has("height"),
            Lasts::Always => true,
        };
        match route.call {
            Call::Read(read) => Asked::AtOnce(Ok(Reading { read, arguments, lasting })),
            Call::UntilExecuted => Asked::UntilExecuted(arguments),
            Call::Listening(_) => Asked::AtOnce(Err(RpcError::method_not_found())),
        }
    }

    fn by_json(offer: Offer, method: &str, params: Option<&Value>) -> Self {
        let Some(route) = offer.find(method) else {
            return Asked::AtOnce(Err(RpcError::method_not_found()));
        };
        match Arguments::from_json(route.params, params) {
            Ok(arguments) => Self::of(route, arguments),
            Err(error) => Asked::AtOnce(Err(error)),
        }
    }
}

impl Dispatcher {
    /// A dispatcher with the limits of `config`.
    pub fn new(backend: Backend, config: &Config) -> Self {
        let places = Semaphore::new(config.requests_max.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            backend,
            patience: config.commit_timeout,
            batch_max: config.batch_max,
            offer: config.offer,
            places: Arc::new(places),
        }
    }

    /// Answers a call by URI: the path names the method, the query its arguments.
    pub async fn uri(&self, route: &'static Route, pairs: &[(String, String)]) -> Reply {
        let arguments = match Arguments::from_query(route.params, pairs) {
            Ok(arguments) => arguments,
            Err(error) => return Reply::failure(Response::to_uri(Err(error))),
        };
        let answers = self.answer([Asked::of(route, arguments)]).await;
        let mut reply = Reply { responses: Vec::new(), lasting: true, failed: false };
        for (answer, lasting) in answers {
            reply.failed |= answer.is_err();
            reply.lasting &= lasting;
            reply.responses.push(Response::to_uri(answer));
        }
        reply
    }

    /// Answers a body: one request or a batch. As in the reference, one malformed request spoils
    /// its batch.
    pub async fn body(&self, body: &[u8], client: &Client) -> Reply {
        let requests = match requests_in(body) {
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
        // The first was paid for when the head of the request came.
        client.charge_more(requests.len().saturating_sub(1));
        // A notification is dropped, as the reference does: nobody would learn what came of it.
        let requests = requests.into_iter().flatten();
        let offer = self.offer;
        let asked = |it: Request| (it.id, Asked::by_json(offer, &it.method, it.params.as_ref()));
        let (ids, asked): (Vec<Value>, Vec<Asked>) = requests.map(asked).unzip();
        let mut reply = Reply { responses: Vec::new(), lasting: !ids.is_empty(), failed: false };
        for (id, (answer, lasting)) in ids.into_iter().zip(self.answer(asked).await) {
            reply.responses.push(Response::new(Some(id), answer));
            reply.lasting &= lasting;
        }
        reply
    }

    /// Understands what came by websocket. There are no batches there, as in the reference.
    pub fn hear(&self, text: &[u8]) -> Heard {
        let parsed = serde_json::from_slice(text).map_err(|error| error.to_string());
        let request = match parsed.and_then(request_of) {
            Ok(Some(request)) => request,
            Ok(None) => return Heard::Nothing,
            Err(reason) => {
                let error = RpcError::parse(format!("error unmarshaling request: {reason}"));
                return Heard::Answered(Response::to_nobody(error));
            }
        };
        let id = request.id;
        let Some(route) = self.offer.find(&request.method) else {
            let answer = Err(RpcError::method_not_found());
            return Heard::Answered(Response::new(Some(id), answer));
        };
        match Arguments::from_json(route.params, request.params.as_ref()) {
            Ok(arguments) => match route.call {
                Call::Listening(what) => Heard::Listening { id, what, arguments },
                Call::Read(_) | Call::UntilExecuted => {
                    Heard::Method(Work { id, asked: Asked::of(route, arguments) })
                }
            },
            // The reference has another code for them here than over HTTP.
            Err(error) => {
                Heard::Answered(Response::new(Some(id), Err(RpcError::internal(error.data))))
            }
        }
    }

    /// Answers what was heard.
    pub async fn work(&self, work: Work) -> Response {
        let answer = self.answer([work.asked]).await.pop().map(|(answer, _)| answer);
        let nothing = || Err(RpcError::internal("a request was lost"));
        Response::new(Some(work.id), answer.unwrap_or_else(nothing))
    }

    /// What was asked for, in order, each with whether it may be kept.
    async fn answer(&self, asked: impl IntoIterator<Item = Asked>) -> Vec<(Answer, bool)> {
        let mut answers = Vec::new();
        let mut readings = Vec::new();
        let mut budget = Budget::new(self.backend.answer_bytes_max);
        for asked in asked {
            match asked {
                Asked::AtOnce(reading) => readings.push(reading),
                Asked::UntilExecuted(arguments) => {
                    let readings = std::mem::take(&mut readings);
                    answers.extend(self.read(readings, &mut budget).await);
                    answers.push((self.until_executed(arguments).await, false));
                }
            }
        }
        answers.extend(self.read(readings, &mut budget).await);
        answers
    }

    /// Answers requests on one thread: to hand over each by itself costs more than most of them.
    async fn read(
        &self,
        readings: Vec<Result<Reading, RpcError>>,
        budget: &mut Budget,
    ) -> Vec<(Answer, bool)> {
        let count = readings.len();
        if count == 0 {
            return Vec::new();
        }
        let mut left = *budget;
        let all = move |backend: &Backend| {
            let mut read = |reading: Result<Reading, RpcError>| match reading {
                Ok(Reading { read, arguments, lasting }) => {
                    let answer = read(backend, &arguments);
                    let answer = answer.and_then(|it| left.charge(&it).map(|()| it));
                    let lasting = lasting && answer.is_ok();
                    (answer, lasting)
                }
                Err(error) => (Err(error), false),
            };
            let answers: Vec<_> = readings.into_iter().map(&mut read).collect();
            Ok((answers, left))
        };
        match self.run(all).await {
            Ok((answers, left)) => {
                *budget = left;
                answers
            }
            Err(error) => vec![(Err(error), false); count],
        }
    }

    async fn until_executed(&self, arguments: Arguments) -> Answer {
        let submit = move |backend: &Backend| txs::submit_awaited(backend, &arguments);
        let (awaited, checked) = self.run(submit).await?;
        txs::until_executed(awaited, checked, self.patience).await
    }

    /// Does what may wait for the disk or the application on a thread of its own, away from the
    /// few that serve sockets, as soon as there is a place for it.
    ///
    /// # Errors
    /// Those of the work, or that it panicked.
    pub async fn run<T: Send + 'static>(
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
///
/// # Errors
/// If it is no JSON, or one of them is no request.
pub fn requests_in(body: &[u8]) -> Result<Vec<Option<Request>>, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string()).and_then(requests_of)
}

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
