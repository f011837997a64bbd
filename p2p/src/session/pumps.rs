//! What moves frames: a writer for each class, a reader for each stream.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{AsyncWriteExt, StreamExt};
use libp2p::Stream;
use tokio::sync::mpsc;

use super::Outcome;
use crate::behaviour::Opener;
use crate::channels::{Class, Purpose};
use crate::exchange;
use crate::framing::{Frame, Framing};
use crate::handle::{Connected, Event};
use crate::outbox::Drain;
use crate::rate::Bucket;
use crate::stream::{FrameReader, ReadError, pace, write_frames};

/// Most streams that are open at once to a peer that wants one for each message, by class.
const SINGLE_STREAMS_MAX: usize = 32;
/// How long such a stream may take. spec: the reference's transport allows as long.
const SINGLE_TIME_MAX: Duration = Duration::from_secs(10);

/// Sends what is queued for a peer in one class.
pub(super) struct Writer {
    pub(super) class: Class,
    pub(super) opener: Opener,
    pub(super) drain: Drain,
    pub(super) connected: Arc<Connected>,
    pub(super) bucket: Mutex<Bucket>,
}

impl Writer {
    /// On one long-lived stream: whatever is queued goes out in one write and one flush.
    pub(super) async fn run(mut self) -> Outcome {
        let mut stream = match self.opener.open(Purpose::Class(self.class)).await {
            Ok(stream) => stream,
            Err(error) => return Outcome::End(format!("no stream to it: {error}"), None),
        };
        let framing = Framing::Class(self.class);
        let (mut batch, mut buffer) = (Vec::new(), Vec::new());
        while self.drain.take(&mut batch).await {
            if let Err(error) = write_frames(&mut stream, framing, &batch, &mut buffer).await {
                return Outcome::End(format!("sending to it failed: {error}"), None);
            }
            self.count_and_pace(&batch).await;
            batch.clear();
        }
        Outcome::Done
    }

    /// On one stream for each message, as the reference's peers want it. A message whose stream
    /// fails is lost, as there; gossip offers it again.
    pub(super) async fn run_single(mut self) -> Outcome {
        let mut batch = Vec::new();
        while self.drain.take(&mut batch).await {
            self.count_and_pace(&batch).await;
            let writes = batch.drain(..).map(|frame| write_single(&self.opener, frame));
            futures::stream::iter(writes)
                .for_each_concurrent(SINGLE_STREAMS_MAX, |write| write)
                .await;
        }
        Outcome::Done
    }

    async fn count_and_pace(&self, batch: &[Frame]) {
        let mut bytes = 0;
        for (channel, message) in batch {
            self.connected.sent.count(*channel, message.len());
            bytes += message.len();
        }
        pace(&self.bucket, bytes).await;
    }
}

async fn write_single(opener: &Opener, frame: Frame) {
    let (channel, length) = (frame.0, frame.1.len());
    let write = async {
        let mut stream = opener.open(Purpose::Channel(channel)).await?;
        let framing = Framing::Channel(channel);
        write_frames(&mut stream, framing, &[frame], &mut Vec::with_capacity(length.min(4096)))
            .await?;
        stream.close().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    let error = match tokio::time::timeout(SINGLE_TIME_MAX, write).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("took longer than {SINGLE_TIME_MAX:?}"),
    };
    tracing::debug!(?channel, error, "a message to a peer is lost");
}

/// Reads a stream that the peer opened, and hands on what it carries.
pub(super) struct Reader {
    pub(super) framing: Framing,
    pub(super) stream: Stream,
    pub(super) chunk_bytes: usize,
    pub(super) connected: Arc<Connected>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) bucket: Arc<Mutex<Bucket>>,
}

impl Reader {
    /// Reads to the end of the stream. While the node does not take events, nothing is read, and
    /// the transport holds the peer back.
    pub(super) async fn run(self) -> Outcome {
        let Self { framing, stream, chunk_bytes, connected, events, bucket } = self;
        let mut reader = FrameReader::new(stream, framing, chunk_bytes);
        loop {
            let mut messages = Vec::new();
            let read = reader.read(&mut messages).await;
            // What came before a mistake is still good.
            if !messages.is_empty() {
                for (channel, message) in &messages {
                    connected.received.count(*channel, message.len());
                }
                let peer = connected.peer;
                if events.send(Event::Messages { peer, messages }).await.is_err() {
                    return Outcome::Done;
                }
            }
            match read {
                Ok(0) => return Outcome::Done,
                Ok(bytes) => pace(&bucket, bytes).await,
                Err(ReadError::Frame(error)) => return misread(framing, error),
                Err(error) => {
                    tracing::debug!(peer = %connected.peer, ?framing, %error, "a stream broke");
                    return Outcome::Done;
                }
            }
        }
    }
}

/// A class's only stream is lost with its framing; of a channel's streams there are more.
fn misread(framing: Framing, error: crate::framing::FrameError) -> Outcome {
    match framing {
        Framing::Class(_) => Outcome::End(error.to_string(), Some(error.offence())),
        Framing::Channel(_) => Outcome::Misread(error),
    }
}

/// Asks the peer for addresses of others.
pub(super) async fn ask(opener: Opener) -> Outcome {
    match opener.open(Purpose::Exchange).await {
        Ok(stream) => match exchange::ask(stream).await {
            Ok(addresses) => return Outcome::Told(addresses),
            Err(error) => tracing::debug!(%error, "no answer about other peers"),
        },
        Err(error) => tracing::debug!(%error, "cannot ask for other peers"),
    }
    Outcome::Done
}
