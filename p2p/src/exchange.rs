//! `/lockstep/peers/1`: nodes tell each other whom they know. One asks, the other answers once.

use std::io;
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;

use crate::stream::{read_note, write_note};

pub(crate) mod book;

/// Most addresses in one answer.
pub(crate) const ADDRESSES_TOLD_MAX: usize = 32;
/// How often we ask the same peer.
pub(crate) const ASK_INTERVAL: Duration = Duration::from_secs(60);
/// A peer that asks more often than this floods us. Far below our own interval, so that a node
/// with a fast clock does not offend.
pub(crate) const ASKED_INTERVAL_MIN: Duration = Duration::from_secs(20);
/// Largest answer in bytes.
const NOTE_BYTES_MAX: usize = 16 * 1024;
/// How long asking and answering may take.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A question, which has no words.
#[derive(Clone, PartialEq, prost::Message)]
struct QuestionNote {}

/// Multiaddresses that end in `/p2p/<id>`.
#[derive(Clone, PartialEq, prost::Message)]
struct AnswerNote {
    #[prost(string, repeated, tag = "1")]
    addresses: Vec<String>,
}

/// Asks on a fresh stream.
///
/// # Errors
/// If the stream fails or the answer is too long or too late.
pub(crate) async fn ask<S>(mut stream: S) -> io::Result<Vec<String>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let asking = async {
        write_note(&mut stream, &QuestionNote {}).await?;
        let mut answer: AnswerNote = read_note(&mut stream, NOTE_BYTES_MAX).await?;
        answer.addresses.truncate(ADDRESSES_TOLD_MAX);
        Ok(answer.addresses)
    };
    in_time(asking).await
}

/// Answers on a stream that the peer opened, once it is known what, if anything, it may be told.
pub(crate) async fn answer<S>(mut stream: S, addresses: oneshot::Receiver<Vec<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answering = async {
        let _: QuestionNote = read_note(&mut stream, NOTE_BYTES_MAX).await?;
        let addresses = addresses.await.map_err(io::Error::other)?;
        write_note(&mut stream, &AnswerNote { addresses }).await?;
        stream.close().await
    };
    if let Err(error) = in_time(answering).await {
        tracing::debug!(%error, "a question for peers is not answered");
    }
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "took too long");
    tokio::time::timeout(TIME_MAX, work).await.unwrap_or_else(|_| Err(late()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node whose own cadence of questions was above what it allowed others held every honest
    /// peer to be bad.
    #[test]
    fn advisory_59_our_own_questions_are_no_flood() {
        assert!(ASKED_INTERVAL_MIN * 2 <= ASK_INTERVAL);
        let longest = "/dns/".len() + 255 + "/udp/65535/quic-v1/p2p/".len() + 64;
        assert!(ADDRESSES_TOLD_MAX * (longest + 3) <= NOTE_BYTES_MAX, "our answers can be read");
    }
}
