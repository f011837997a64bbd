//! Reading and writing streams: single notes of the `/lockstep/…` protocols, and frames.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::framing::{Decoder, Frame, FrameError, Framing, HEAD_BYTES_MAX, put_head, put_varint};
use crate::rate::Bucket;

/// Bytes read at once, and small frames joined into one write.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// How long a peer may take from one piece of a message to the next.
const STALL_TIME_MAX: Duration = Duration::from_secs(10);

/// Writes one protobuf message with its length before it, and flushes.
pub(crate) async fn write_note<S>(stream: &mut S, note: &impl prost::Message) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    put_varint(note.encoded_len(), &mut bytes);
    note.encode_raw(&mut bytes);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads one protobuf message of at most `bytes_max` bytes.
pub(crate) async fn read_note<M, S>(stream: &mut S, bytes_max: usize) -> io::Result<M>
where
    M: prost::Message + Default,
    S: AsyncRead + Unpin,
{
    let mut length = 0_usize;
    let mut shift = 0;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 || bytes_max < length || 28 < shift {
            break;
        }
    }
    if bytes_max < length {
        return Err(io::Error::other(format!("a note of {length} bytes; limit {bytes_max}")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    M::decode(bytes.as_slice()).map_err(io::Error::other)
}

/// Frames of one stream, as they arrive.
#[derive(Debug)]
pub(crate) struct FrameReader<S> {
    stream: S,
    decoder: Decoder,
    chunk: Vec<u8>,
}

/// Why a stream gives no more frames.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the stream failed: {0}")]
    Stream(#[from] io::Error),
    #[error("a message did not go on for {STALL_TIME_MAX:?}")]
    Stalled,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    /// A reader at the beginning of a stream. Its buffer is `chunk_bytes` large.
    pub(crate) fn new(stream: S, framing: Framing, chunk_bytes: usize) -> Self {
        Self { stream, decoder: Decoder::new(framing), chunk: vec![0; chunk_bytes] }
    }

    /// Waits for bytes, and appends the frames they complete. Returns the number of bytes; 0 at
    /// the end of the stream.
    pub(crate) async fn read(&mut self, frames: &mut Vec<Frame>) -> Result<usize, ReadError> {
        let read = self.stream.read(&mut self.chunk);
        let count = if self.decoder.is_between_frames() {
            read.await?
        } else {
            tokio::time::timeout(STALL_TIME_MAX, read).await.map_err(|_| ReadError::Stalled)??
        };
        if count == 0 && !self.decoder.is_between_frames() {
            return Err(FrameError::Torn.into());
        }
        self.decoder.push(&self.chunk[..count], frames)?;
        Ok(count)
    }
}

/// Writes frames to a stream: small ones joined, large ones without a copy. Then flushes.
pub(crate) async fn write_frames<S>(
    stream: &mut S,
    framing: Framing,
    frames: &[Frame],
    buffer: &mut Vec<u8>,
) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    buffer.clear();
    for (channel, message) in frames {
        let fits = buffer.len() + HEAD_BYTES_MAX + message.len() <= CHUNK_BYTES;
        if !fits && !buffer.is_empty() {
            write_in_time(stream, buffer).await?;
            buffer.clear();
        }
        put_head(framing, *channel, message.len(), buffer);
        if buffer.len() + message.len() <= CHUNK_BYTES {
            buffer.extend_from_slice(message);
        } else {
            write_in_time(stream, buffer).await?;
            buffer.clear();
            for piece in message.chunks(CHUNK_BYTES) {
                write_in_time(stream, piece).await?;
            }
        }
    }
    write_in_time(stream, buffer).await?;
    stream.flush().await
}

/// Writes at most a chunk, as long as the peer takes it within [`STALL_TIME_MAX`].
async fn write_in_time<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    match tokio::time::timeout(STALL_TIME_MAX, stream.write_all(bytes)).await {
        Ok(written) => written,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")),
    }
}

/// Waits until `bytes` more may pass.
pub(crate) async fn pace(bucket: &Mutex<Bucket>, bytes: usize) {
    let wait = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(bytes, Instant::now());
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
