//! One client's websocket: requests in, answers and events out.
//! spec: `rpc/jsonrpc/server/ws_handler.go`.
//!
//! Requests are answered one after the other, in order, as in the reference; events go out between
//! them, also while a `broadcast_tx_commit` waits. Nobody waits for a client that does not read:
//! its socket fails after `write_timeout` ([`crate::patient`]), and what it misses meanwhile ends
//! its subscriptions with an error that says so.

use std::pin::Pin;
use std::time::Duration;

use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, close_code};
use futures::SinkExt;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

use crate::bus::Missed;
use crate::dispatch::{Dispatcher, Heard, Response};
use crate::error::RpcError;
use crate::events::Batch;
use crate::rate::Client;
use crate::subscribe::{Hall, Subscriptions};

/// Manners of websockets.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How often we ask whether somebody is there.
    pub ping_period: Duration,
    /// How long a client may say nothing at all, not even answer a ping.
    pub silence_max: Duration,
    /// Whether a client that missed events is hung up on.
    pub close_on_slow_client: bool,
}

/// Why a connection ends.
enum End {
    /// It is gone, or says nothing.
    Gone,
    /// We hang up, with this code and these words.
    Closed(CloseCode, &'static str),
}

impl End {
    /// Why nothing more can be read.
    fn after(error: axum::Error) -> Self {
        match error.into_inner().downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => {
                End::Closed(close_code::SIZE, "the message is too long")
            }
            Some(_) | None => End::Gone,
        }
    }
}

/// A connection is gone when something cannot be written to it.
impl From<axum::Error> for End {
    fn from(_: axum::Error) -> Self {
        End::Gone
    }
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// One connection.
pub struct Conversation {
    socket: WebSocket,
    dispatcher: Dispatcher,
    subscriptions: Subscriptions,
    manners: Manners,
    client: Client,
    /// The request that is worked on; none is read meanwhile.
    answering: Option<Answering>,
    heard_at: Instant,
}

impl Conversation {
    /// A connection that was just opened.
    pub fn new(
        socket: WebSocket,
        dispatcher: Dispatcher,
        hall: Hall,
        manners: Manners,
        client: Client,
    ) -> Self {
        Self {
            socket,
            dispatcher,
            subscriptions: Subscriptions::new(hall),
            manners,
            client,
            answering: None,
            heard_at: Instant::now(),
        }
    }

    /// Serves it until it ends, or until we stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let end = tokio::select! {
            end = self.serve() => end,
            () = stop.cancelled() => End::Closed(close_code::AWAY, "the node stops"),
        };
        if let End::Closed(code, reason) = end {
            let frame = CloseFrame { code, reason: reason.into() };
            // It may be gone already.
            drop(self.socket.send(Message::Close(Some(frame))).await);
        }
    }

    async fn serve(&mut self) -> End {
        let mut pings = tokio::time::interval(self.manners.ping_period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        loop {
            let step = tokio::select! {
                message = self.socket.recv(), if self.answering.is_none() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(error)) => Err(End::after(error)),
                    None => Err(End::Gone),
                },
                response = answer(&mut self.answering) => {
                    self.answering = None;
                    // Nothing was read meanwhile.
                    self.heard_at = Instant::now();
                    self.say(&response).await
                }
                events = self.subscriptions.next() => match events {
                    Ok(batch) => self.tell(&batch).await,
                    Err(missed) => self.cancel(missed).await,
                },
                _ = pings.tick() => self.ping().await,
                () = tokio::time::sleep_until(self.heard_at + self.manners.silence_max),
                    if self.answering.is_none() => Err(End::Gone),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard_at = Instant::now();
        let text = match message {
            Message::Text(text) => axum::body::Bytes::from(text),
            Message::Binary(bytes) => bytes,
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => {
                // The library has put its farewell where the next write takes it along.
                self.socket.flush().await?;
                return Err(End::Gone);
            }
        };
        let heard = self.dispatcher.hear(&text);
        if let Err(error) = self.client.charge() {
            return match heard.refused(error) {
                Some(response) => self.say(&response).await,
                None => Ok(()),
            };
        }
        match heard {
            Heard::Nothing => Ok(()),
            Heard::Answered(response) => self.say(&response).await,
            Heard::Method(work) => {
                let dispatcher = self.dispatcher.clone();
                self.answering = Some(Box::pin(async move { dispatcher.work(work).await }));
                Ok(())
            }
            Heard::Listening { id, what, arguments } => {
                let answer = self.subscriptions.change(id.clone(), what, &arguments);
                self.say(&Response::new(Some(id), answer)).await
            }
        }
    }

    async fn say(&mut self, response: &Response) -> Result<(), End> {
        let text = serde_json::to_string(response).expect("a response is made of JSON values");
        self.heard_at += write(&mut self.socket, [Message::from(text)]).await?;
        Ok(())
    }

    async fn tell(&mut self, batch: &Batch) -> Result<(), End> {
        let messages = self.subscriptions.texts(batch).map(Message::from);
        self.heard_at += write(&mut self.socket, messages).await?;
        Ok(())
    }

    /// The client has missed some: its subscriptions end, and it may begin others.
    async fn cancel(&mut self, missed: Missed) -> Result<(), End> {
        for id in self.subscriptions.cancel() {
            let reason = format!("subscription was canceled (reason: {missed})");
            self.say(&Response::new(Some(id), Err(RpcError::server(reason)))).await?;
        }
        if self.manners.close_on_slow_client {
            return Err(End::Closed(close_code::AWAY, "slow client"));
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        let message = Message::Ping(axum::body::Bytes::new());
        self.heard_at += write(&mut self.socket, [message]).await?;
        Ok(())
    }
}

/// Writes messages, and returns how long that took. The client is not silent meanwhile: we do not
/// listen, and who reads slowly has not come to our ping yet.
async fn write(
    socket: &mut WebSocket,
    messages: impl IntoIterator<Item = Message>,
) -> Result<Duration, End> {
    let begun = Instant::now();
    for message in messages {
        socket.feed(message).await?;
    }
    socket.flush().await?;
    Ok(begun.elapsed())
}

/// Waits for the answer that is worked on; for ever if there is none.
async fn answer(answering: &mut Option<Answering>) -> Response {
    match answering {
        Some(answering) => answering.await,
        None => std::future::pending().await,
    }
}
