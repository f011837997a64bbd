//! Sending over HTTP: one kept connection, one request after the other.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{ANSWER_WITHIN, CONNECT_WITHIN, Loss, Shared, within};
use crate::load::answer::{self, Answer, Fault};
use crate::load::endpoint::Endpoint;
use crate::load::news::News;

/// Largest answer to a transaction in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Connects and sends. Ends well at the end only; sets `stood` once the connection is made.
pub async fn run(endpoint: &Endpoint, shared: &Shared, stood: &mut bool) -> Result<(), Loss> {
    let mut drivers = JoinSet::new();
    let connecting = connect(endpoint, &mut drivers);
    let mut sender = within(CONNECT_WITHIN, "connection", connecting).await?;
    *stood = true;
    shared.tell(News::Connected).await;
    while shared.turn().await {
        // It may have been closed while there was nothing to send.
        if let Err(error) = sender.ready().await {
            shared.return_turn();
            return Err(fault_of(&error).into());
        }
        let Some((number, request)) = shared.next_request().await else { break };
        let begun = Instant::now();
        let exchange = exchange(&mut sender, endpoint, request);
        match within(ANSWER_WITHIN, "answer", exchange).await {
            Ok(answer) => shared.tell_answer(number, answer, begun).await,
            Err(fault) => {
                shared.tell_answer(number, Answer::Failed(fault), begun).await;
                return Err(Loss::Told);
            }
        }
    }
    Ok(())
}

async fn connect(
    endpoint: &Endpoint,
    drivers: &mut JoinSet<Result<(), hyper::Error>>,
) -> Result<SendRequest<Full<Bytes>>, Fault> {
    let stream = TcpStream::connect(&endpoint.address).await;
    let stream = stream.map_err(|error| Fault::of_connection(&error))?;
    stream.set_nodelay(true).map_err(|error| Fault::of_connection(&error))?;
    let shaken = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| fault_of(&error))?;
    drivers.spawn(connection);
    Ok(sender)
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    endpoint: &Endpoint,
    request: String,
) -> Result<Answer, Fault> {
    let request = hyper::Request::post(endpoint.path())
        .header(HOST, &endpoint.address)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(request))
        .expect("addresses were checked when they were read");
    let response = sender.send_request(request).await.map_err(|error| fault_of(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Fault::new("connection lost", error.to_string()))?.to_bytes();
    let (_, answer) = answer::read(&body);
    Ok(match answer {
        // A proxy or a limit, rather than a node's word on the transaction.
        Answer::Failed(_) if !status.is_success() => {
            let text = String::from_utf8_lossy(&body).into_owned();
            Answer::Failed(Fault::new(format!("HTTP {}", status.as_u16()), text))
        }
        answer => answer,
    })
}

fn fault_of(error: &hyper::Error) -> Fault {
    let kind = if error.is_timeout() { "timeout" } else { "connection lost" };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = error.to_string();
    Fault::new(kind, cause.map_or(text.clone(), |cause| format!("{text}: {cause}")))
}
