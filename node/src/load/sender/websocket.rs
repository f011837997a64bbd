//! Sending over a websocket: many requests under way at once, and answers as they come.

use std::collections::BTreeMap;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{ANSWER_WITHIN, CONNECT_WITHIN, Loss, Shared, within};
use crate::load::answer::{self, Answer, Fault};
use crate::load::endpoint::Endpoint;
use crate::load::news::News;
use crate::load::socket::{self, Socket};

/// Most transactions under way over one connection in an open loop.
const UNANSWERED_MAX: usize = 4096;
/// Largest answer to a transaction in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A transaction under way: its number, and since when.
type Sent = (u64, Instant);

/// Connects and sends. Ends well at the end only; sets `stood` once the connection is made.
pub async fn run(endpoint: &Endpoint, shared: &Shared, stood: &mut bool) -> Result<(), Loss> {
    let connecting = socket::connect(endpoint, ANSWER_BYTES_MAX);
    let socket = within(CONNECT_WITHIN, "connection", connecting).await?;
    *stood = true;
    shared.tell(News::Connected).await;
    let (sink, stream) = socket.split();
    let unanswered_max = if shared.is_closed_loop() { 1 } else { UNANSWERED_MAX };
    let room = Semaphore::new(unanswered_max);
    let (tell, mut told) = mpsc::channel(unanswered_max);
    let mut under_way = BTreeMap::new();
    let reader = Reader { shared, room: &room, told: &mut told, under_way: &mut under_way };
    let outcome = tokio::try_join!(write(shared, sink, &room, tell), reader.read(stream));
    let fault = match outcome {
        Ok((mut sink, ())) => {
            // A polite end. Perhaps the node has gone.
            let _ = within(CONNECT_WITHIN, "end", async { Ok(sink.close().await) }).await;
            return Ok(());
        }
        Err(fault) => fault,
    };
    while let Ok((number, begun)) = told.try_recv() {
        under_way.insert(number, begun);
    }
    if under_way.is_empty() {
        return Err(fault.into());
    }
    for (number, begun) in under_way {
        shared.tell_answer(number, Answer::Failed(fault.clone()), begun).await;
    }
    Err(Loss::Told)
}

/// Sends at each turn, as long as there is room. Gives back what it was sent with at the end.
async fn write(
    shared: &Shared,
    mut sink: SplitSink<Socket, Message>,
    room: &Semaphore,
    tell: mpsc::Sender<Sent>,
) -> Result<SplitSink<Socket, Message>, Fault> {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => break,
            place = room.acquire() => place.expect("the room is never closed").forget(),
        }
        if !shared.turn().await {
            break;
        }
        let Some((number, request)) = shared.next_request().await else { break };
        // The reader lives as long as we do, and there is a place for each in the room.
        let _ = tell.send((number, Instant::now())).await;
        let sending = async { sink.send(Message::text(request)).await.map_err(socket::fault_of) };
        within(ANSWER_WITHIN, "room to write", sending).await?;
    }
    Ok(sink)
}

/// Who takes the answers of one connection.
struct Reader<'a> {
    shared: &'a Shared,
    room: &'a Semaphore,
    told: &'a mut mpsc::Receiver<Sent>,
    under_way: &'a mut BTreeMap<u64, Instant>,
}

impl Reader<'_> {
    /// Takes answers until nothing more is sent and all is answered, or too late.
    async fn read(mut self, mut stream: SplitStream<Socket>) -> Result<(), Fault> {
        let mut is_open = true;
        while is_open || !self.under_way.is_empty() {
            let oldest = self.under_way.first_key_value().map(|(&number, &begun)| (number, begun));
            let deadline = oldest.map_or_else(Instant::now, |(_, begun)| begun) + ANSWER_WITHIN;
            tokio::select! {
                // First, so that what is answered is known.
                biased;
                sent = self.told.recv(), if is_open => match sent {
                    Some((number, begun)) => {
                        self.under_way.insert(number, begun);
                    }
                    None => is_open = false,
                },
                frame = stream.next() => match frame.transpose().map_err(socket::fault_of)? {
                    Some(Message::Text(text)) => self.take(text.as_bytes()).await,
                    Some(Message::Binary(bytes)) => self.take(&bytes).await,
                    Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                    Some(Message::Close(_)) | None => return Err(socket::closed()),
                },
                () = tokio::time::sleep_until(deadline), if oldest.is_some() => {
                    let (number, _) = oldest.expect("it is the condition");
                    let text = format!("no answer within {ANSWER_WITHIN:?}");
                    self.settle(number, Answer::Failed(Fault::new("timeout", text))).await;
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, frame: &[u8]) {
        match answer::read(frame) {
            (Some(number), answer) => self.settle(number, answer).await,
            (
                None,
                Answer::AcceptedBut(fault) | Answer::Rejected(fault) | Answer::Failed(fault),
            ) => {
                self.shared.tell(News::Fault(fault)).await;
            }
            (None, Answer::Accepted) => {}
        }
    }

    async fn settle(&mut self, number: u64, answer: Answer) {
        // What comes too late was given up already, and its place is taken.
        let Some(begun) = self.under_way.remove(&number) else { return };
        self.shared.tell_answer(number, answer, begun).await;
        self.room.add_permits(1);
    }
}
