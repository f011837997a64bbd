//! Quotes in a request line, as in `GET /broadcast_tx_commit?tx="a=b"`. The reference's users type
//! them so, though HTTP wants them as `%22`, and the HTTP library refuses what is not escaped. This
//! stands between the socket and the library and escapes them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once while request lines are looked at.
const CHUNK_BYTES: usize = 4096;

/// A stream whose request lines have their quotes escaped on the way in.
pub struct Escaping<S> {
    stream: S,
    place: Place,
    /// Escaped, and not yet taken.
    ready: Vec<u8>,
    taken: usize,
}

/// Where in the requests the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the first four bytes of a request, so many of which said `GET `.
    Method(usize),
    /// In the line of a GET.
    Line,
    /// In the headers of a GET; so many bytes of the blank line that ends them were seen.
    Headers(usize),
    /// In a request with a body, whose end is not looked for: nothing is escaped any more.
    Through,
}

const GET: &[u8; 4] = b"GET ";
const BLANK_LINE: &[u8; 4] = b"\r\n\r\n";

impl<S> Escaping<S> {
    /// Escapes what comes from `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, place: Place::Method(0), ready: vec![], taken: 0 }
    }

    fn escape(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.place == Place::Line && byte == b'"' {
                self.ready.extend_from_slice(b"%22");
            } else {
                self.ready.push(byte);
            }
            self.place = self.place.after(byte);
        }
    }
}

impl Place {
    fn after(self, byte: u8) -> Place {
        match self {
            Place::Method(seen) if byte == GET[seen] => {
                if seen + 1 < GET.len() {
                    Place::Method(seen + 1)
                } else {
                    Place::Line
                }
            }
            // Blank lines before a request are allowed.
            Place::Method(0) if byte == b'\r' || byte == b'\n' => Place::Method(0),
            Place::Line if byte == b'\n' => Place::Headers(2),
            Place::Line => Place::Line,
            Place::Headers(seen) if byte == BLANK_LINE[seen] => {
                if seen + 1 < BLANK_LINE.len() {
                    Place::Headers(seen + 1)
                } else {
                    Place::Method(0)
                }
            }
            Place::Headers(_) => Place::Headers(usize::from(byte == b'\r')),
            Place::Method(_) | Place::Through => Place::Through,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Escaping<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            if this.place == Place::Through {
                return Pin::new(&mut this.stream).poll_read(context, buffer);
            }
            let mut chunk = [0; CHUNK_BYTES];
            let mut chunk = ReadBuf::new(&mut chunk);
            match Pin::new(&mut this.stream).poll_read(context, &mut chunk) {
                Poll::Ready(Ok(())) => this.escape(chunk.filled()),
                other => return other,
            }
        }
        let waiting = &this.ready[this.taken..];
        let count = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..count]);
        this.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Escaping<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn escaped(text: &str) -> String {
        let mut escaping = Escaping::new(text.as_bytes());
        let mut out = String::new();
        escaping.read_to_string(&mut out).await.unwrap();
        out
    }

    #[tokio::test]
    async fn quotes_are_escaped_in_request_lines_and_nowhere_else() {
        let head = "GET /tx?tx=\"a\" HTTP/1.1\r\nx: \"b\"\r\n\r\n";
        let expected = "GET /tx?tx=%22a%22 HTTP/1.1\r\nx: \"b\"\r\n\r\n";
        assert_eq!(escaped(head).await, expected);
        assert_eq!(escaped(&head.repeat(3)).await, expected.repeat(3));
        let post = "POST / HTTP/1.1\r\n\r\n{\"id\": 1}GET \"";
        assert_eq!(escaped(&format!("{head}{post}")).await, format!("{expected}{post}"));
    }
}
