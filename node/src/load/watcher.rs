//! Follows the chain while transactions are sent: by a subscription to NewBlock where it works, by
//! asking again and again where it does not. No height is left out: what a subscription has
//! skipped is asked for.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use types::Time;

use super::answer::Fault;
use super::endpoint::Endpoint;
use super::news::{News, Seen, Way};
use super::payload::Mint;
use super::socket::{self, Socket};
use crate::client::Client;
use crate::clock;

/// What is subscribed to.
const QUERY: &str = "tm.event='NewBlock'";
/// How long the subscription may take to be confirmed.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(5);
/// After so much silence, without even a ping, the connection is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Largest event in bytes: a block of the default size in base64, its results, and their events
/// twice.
const EVENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Between two questions for the height where there are no events.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// How long a node that does not answer is left alone.
const BACKOFF: Duration = Duration::from_millis(500);

/// Follows the chain.
pub struct Watcher {
    /// Whose blocks are looked at; the next if one fails.
    pub endpoints: Vec<Endpoint>,
    /// Knows our transactions.
    pub mint: Arc<Mint>,
    /// Where blocks are told.
    pub news: mpsc::Sender<News>,
    /// The first height that was not seen yet.
    pub next: u64,
}

#[derive(Deserialize)]
struct Frame {
    result: Option<EventResult>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct EventResult {
    data: Option<EventContent>,
}

#[derive(Deserialize)]
struct EventContent {
    value: EventValue,
}

#[derive(Deserialize)]
struct EventValue {
    block: RawBlock,
}

#[derive(Deserialize)]
struct BlockResult {
    block: RawBlock,
}

/// A block in JSON, as far as it is looked at.
#[derive(Deserialize)]
struct RawBlock {
    header: RawHeader,
    data: RawTransactions,
}

#[derive(Deserialize)]
struct RawHeader {
    height: String,
    time: String,
}

#[derive(Deserialize)]
struct RawTransactions {
    /// Null where there are none.
    txs: Option<Vec<String>>,
}

impl Watcher {
    /// Follows the chain until it is dropped.
    pub async fn run(mut self) {
        for endpoint in self.endpoints.clone().iter().cycle() {
            let fault = self.follow(endpoint).await;
            self.tell(News::Fault(fault)).await;
            tokio::time::sleep(BACKOFF).await;
        }
    }

    /// Follows one node as long as it answers, and says why it does not any more.
    async fn follow(&mut self, endpoint: &Endpoint) -> Fault {
        let client = match Client::new(&endpoint.http_url()) {
            Ok(client) => client,
            Err(error) => return Fault::new("watching", format!("{error:#}")),
        };
        match tokio::time::timeout(SUBSCRIBED_WITHIN, subscribe(endpoint)).await {
            Ok(Ok(socket)) => {
                self.tell(News::Following(Way::Events)).await;
                self.listen(socket, &client).await
            }
            Ok(Err(_)) | Err(_) => self.poll(&client).await,
        }
    }

    /// Takes events until the subscription ends.
    async fn listen(&mut self, mut socket: Socket, client: &Client) -> Fault {
        // What came before the subscription.
        if let Err(fault) = self.catch_up(client, None).await {
            return fault;
        }
        loop {
            let silence = || Fault::new("watching", format!("silence for {SILENCE_MAX:?}"));
            let frame = match tokio::time::timeout(SILENCE_MAX, socket.next()).await {
                Err(_) => return silence(),
                Ok(None | Some(Ok(Message::Close(_)))) => return socket::closed(),
                Ok(Some(Err(error))) => return socket::fault_of(error),
                Ok(Some(Ok(frame))) => frame,
            };
            let arrived = clock::now();
            if !frame.is_text() && !frame.is_binary() {
                continue;
            }
            let event = read_event(&frame.into_data());
            let outcome = match event {
                Ok(Some(block)) => self.take_event(&block, arrived, client).await,
                Ok(None) => Ok(()),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = outcome {
                return fault;
            }
        }
    }

    async fn take_event(
        &mut self,
        block: &RawBlock,
        arrived: Time,
        client: &Client,
    ) -> Result<(), Fault> {
        let seen = self.seen(block, arrived, false)?;
        if self.next < seen.height {
            self.catch_up(client, Some(seen.height - 1)).await?;
        }
        self.take(seen).await;
        Ok(())
    }

    /// Asks for the height, and for each new block, until the node does not answer.
    async fn poll(&mut self, client: &Client) -> Fault {
        let mut is_told = false;
        loop {
            if let Err(fault) = self.catch_up(client, None).await {
                return fault;
            }
            // Not of a node that is down: the next one may have events.
            if !is_told {
                is_told = true;
                self.tell(News::Following(Way::Polling)).await;
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Asks for all blocks that were not seen, up to a height or to the latest.
    async fn catch_up(&mut self, client: &Client, to: Option<u64>) -> Result<(), Fault> {
        let failed = |error: anyhow::Error| Fault::new("watching", format!("{error:#}"));
        let to = match to {
            Some(to) => to,
            None => {
                let status = client.call("status", json!({})).await.map_err(failed)?;
                height_of(&status["sync_info"]["latest_block_height"])
            }
        };
        while self.next <= to {
            let params = json!({ "height": self.next.to_string() });
            let answer = client.call("block", params).await.map_err(failed)?;
            let answer: Result<BlockResult, _> = serde_json::from_value(answer);
            let block = answer.map_err(|error| failed(error.into()))?.block;
            let seen = self.seen(&block, clock::now(), true)?;
            if seen.height != self.next {
                let text = format!("block {} instead of {}", seen.height, self.next);
                return Err(Fault::new("watching", text));
            }
            self.take(seen).await;
        }
        Ok(())
    }

    async fn take(&mut self, seen: Seen) {
        if self.next <= seen.height {
            self.next = seen.height.saturating_add(1);
            self.tell(News::Block(seen)).await;
        }
    }

    fn seen(&self, block: &RawBlock, arrived: Time, polled: bool) -> Result<Seen, Fault> {
        let malformed = || Fault::new("watching", "a block without height or time");
        let height = block.header.height.parse().map_err(|_| malformed())?;
        let time = Time::parse_rfc3339(&block.header.time).ok_or_else(malformed)?;
        let mut seen = Seen { height, time, arrived, polled, txs: 0, bytes: 0, ours: Vec::new() };
        for text in block.data.txs.iter().flatten() {
            let tx = BASE64.decode(text).map_err(|_| malformed())?;
            seen.txs += 1;
            seen.bytes += u64::try_from(tx.len()).expect("a length fits 64 bits");
            seen.ours.extend(self.mint.read(&tx));
        }
        Ok(seen)
    }

    async fn tell(&self, news: News) {
        // Nobody listens any more once the run is over.
        let _ = self.news.send(news).await;
    }
}

/// A height in JSON; 0 if there is none.
pub fn height_of(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn subscribe(endpoint: &Endpoint) -> Result<Socket, Fault> {
    let mut socket = socket::connect(endpoint, EVENT_BYTES_MAX).await?;
    let params = json!({ "query": QUERY });
    let request = json!({ "jsonrpc": "2.0", "id": 0, "method": "subscribe", "params": params });
    socket.send(Message::text(request.to_string())).await.map_err(socket::fault_of)?;
    while let Some(frame) = socket.next().await {
        let frame = frame.map_err(socket::fault_of)?;
        if frame.is_text() || frame.is_binary() {
            read_event(&frame.into_data())?;
            return Ok(socket);
        }
    }
    Err(socket::closed())
}

/// The block of an event; none if it is an answer without one.
fn read_event(frame: &[u8]) -> Result<Option<RawBlock>, Fault> {
    let frame: Frame = serde_json::from_slice(frame)
        .map_err(|error| Fault::new("watching", format!("no NewBlock: {error}")))?;
    match frame.error {
        Some(error) => Err(Fault::new("watching", error.to_string())),
        None => Ok(frame.result.and_then(|it| it.data).map(|it| it.value.block)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_blocks_and_answers_are_told_apart() {
        let (news, _heard) = mpsc::channel(1);
        let mint = Arc::new(Mint::new(100).unwrap());
        let ours = super::super::payload::Stamp { number: 4, sent_at: Time::EPOCH };
        let tx = BASE64.encode(mint.transaction(ours));
        let watcher = Watcher { endpoints: vec![], mint, news, next: 1 };
        let header = json!({ "height": "7", "time": "2026-11-26T10:00:00.5Z", "chain_id": "c" });
        let mut block = json!({ "header": header, "data": { "txs": [tx, "YT1i"] } });
        let frame = |block: &Value| {
            let content =
                json!({ "type": "tendermint/event/NewBlock", "value": { "block": block } });
            json!({ "id": 0, "result": { "data": content, "query": QUERY } }).to_string()
        };
        let raw = read_event(frame(&block).as_bytes()).unwrap().unwrap();
        let seen = watcher.seen(&raw, Time::EPOCH, false).unwrap();
        assert_eq!((seen.height, seen.txs, seen.bytes), (7, 2, 103));
        assert_eq!(seen.ours, [ours]);
        block["data"]["txs"] = Value::Null;
        let raw = read_event(frame(&block).as_bytes()).unwrap().unwrap();
        assert_eq!(watcher.seen(&raw, Time::EPOCH, false).unwrap().txs, 0);
        assert!(read_event(br#"{"id":0,"result":{}}"#).unwrap().is_none());
        assert!(read_event(br#"{"id":0,"error":{"code":-32603}}"#).is_err());
        assert!(read_event(b"nonsense").is_err());
    }
}
