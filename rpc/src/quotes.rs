//! Quotes in a request line, as in `GET /broadcast_tx_commit?tx="a=b"`. The reference's users type
//! them so, and `"tx.height>5"` as well, though HTTP wants them as `%22` and `%3E`, and the HTTP
//! library refuses what is not escaped. This stands between the socket and the library and escapes
//! them.
//!
//! To find the line of the next request, it passes over the body of the one before. It must not
//! take a body for a line: what it changes there, the library would no longer count as the client
//! did, and the rest would be another request. So it passes over a body only if there is one way
//! to count it, and else changes nothing any more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once while heads are looked at.
const CHUNK_BYTES: usize = 4096;
/// How much of a header's line is looked at: its name, and a length if it is one.
const HEADER_BYTES_KEPT: usize = 64;
const HEX_DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// A stream whose request lines have their quotes escaped on the way in.
pub struct Escaping<S> {
    stream: S,
    place: Place,
    /// The header that is being read, up to [`HEADER_BYTES_KEPT`], and what those before it said.
    header: Vec<u8>,
    body: Body,
    /// Escaped, and not yet taken.
    ready: Vec<u8>,
    taken: usize,
}

/// Where in the requests the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a request, where blank lines are allowed.
    Start,
    /// In the method of a request.
    Method,
    /// In the rest of a request's first line.
    Line,
    /// In a line of a head that is a header, or blank and its end.
    Header,
    /// In a body that goes on for so many bytes.
    Body(u64),
    /// In what has no end that we can be sure of: nothing is escaped any more.
    Through,
}

/// What headers say of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Nothing, so there is none.
    Unsaid,
    /// That it has so many bytes.
    Bytes(u64),
    /// That it comes in chunks, or more than one thing.
    Unclear,
}

impl<S> Escaping<S> {
    /// Escapes what comes from `stream`.
    pub fn new(stream: S) -> Self {
        let (place, body) = (Place::Start, Body::Unsaid);
        Self { stream, place, header: vec![], body, ready: vec![], taken: 0 }
    }

    fn escape(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.place {
                Place::Through => return self.ready.extend_from_slice(bytes),
                Place::Body(left) => {
                    let count = up_to(left, bytes.len());
                    self.ready.extend_from_slice(&bytes[..count]);
                    self.pass(left, count);
                    bytes = &bytes[count..];
                    continue;
                }
                Place::Line if is_escaped(byte) => {
                    let digits = [byte >> 4, byte & 0xF].map(|it| HEX_DIGITS[usize::from(it)]);
                    self.ready.push(b'%');
                    self.ready.extend_from_slice(&digits);
                }
                Place::Start | Place::Method | Place::Line | Place::Header => self.ready.push(byte),
            }
            self.place = self.after(byte);
            bytes = rest;
        }
    }

    /// Where the byte after this one of a head is.
    fn after(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            (Place::Start, b'\r' | b'\n') => Place::Start,
            (Place::Method, b' ') => Place::Line,
            // A websocket's frames begin otherwise.
            (Place::Start | Place::Method, _) if byte.is_ascii_graphic() => Place::Method,
            (Place::Line, b'\n') => {
                self.body = Body::Unsaid;
                Place::Header
            }
            (Place::Line, _) => Place::Line,
            (Place::Header, b'\n') => {
                let header = std::mem::take(&mut self.header);
                match header.strip_suffix(b"\r").unwrap_or(&header) {
                    [] => self.body.place(),
                    header => {
                        self.body = self.body.after(header);
                        Place::Header
                    }
                }
            }
            (Place::Header, _) => {
                if self.header.len() < HEADER_BYTES_KEPT {
                    self.header.push(byte);
                }
                Place::Header
            }
            (Place::Start | Place::Method | Place::Body(_) | Place::Through, _) => Place::Through,
        }
    }

    /// Passes over `count` of the `left` bytes of a body.
    fn pass(&mut self, left: u64, count: usize) {
        self.place = match left.saturating_sub(count as u64) {
            0 => Place::Start,
            left => Place::Body(left),
        };
    }
}

impl Body {
    /// What is known after one more header.
    fn after(self, header: &[u8]) -> Body {
        let colon = header.iter().position(|byte| *byte == b':').unwrap_or(header.len());
        let (name, value) = header.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Body::Unclear;
        }
        if !name.eq_ignore_ascii_case(b"content-length") {
            return self;
        }
        match (self, length(value)) {
            (Body::Unsaid, Some(length)) if header.len() < HEADER_BYTES_KEPT => Body::Bytes(length),
            (Body::Unsaid | Body::Bytes(_) | Body::Unclear, _) => Body::Unclear,
        }
    }

    /// Where the head's next byte is, once it has ended.
    fn place(self) -> Place {
        match self {
            Body::Unsaid | Body::Bytes(0) => Place::Start,
            Body::Bytes(left) => Place::Body(left),
            Body::Unclear => Place::Through,
        }
    }
}

/// The number behind a colon; none unless it is digits, as the library wants it.
fn length(value: &[u8]) -> Option<u64> {
    let value = value.strip_prefix(b":")?;
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte))?;
    let end = value.iter().rposition(|byte| !is_blank(byte))?;
    let digits = &value[start..=end];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What the reference takes in a request line and the library does not, or not as it is: it wants
/// some escaped, what is no ASCII only if it is UTF-8, and drops what stands behind a `#`.
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | b'#') || !byte.is_ascii()
}

/// How many of `count` bytes belong to what goes on for `left`.
fn up_to(left: u64, count: usize) -> usize {
    usize::try_from(left).map_or(count, |left| left.min(count))
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
            match this.place {
                Place::Through => return Pin::new(&mut this.stream).poll_read(context, buffer),
                Place::Body(left) => {
                    let room = up_to(left, buffer.remaining());
                    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
                    ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
                    let count = part.filled().len();
                    buffer.advance(count);
                    this.pass(left, count);
                    return Poll::Ready(Ok(()));
                }
                Place::Start | Place::Method | Place::Line | Place::Header => {}
            }
            let mut chunk = [0; CHUNK_BYTES];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
            this.escape(chunk.filled());
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

    /// What becomes of bytes that come in two pieces, wherever they are cut.
    async fn escaped(text: &str) -> String {
        let mut whole = None;
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            let mut escaping = Escaping::new(first.chain(second));
            let mut out = Vec::new();
            escaping.read_to_end(&mut out).await.unwrap();
            let out = String::from_utf8(out).unwrap();
            assert_eq!(*whole.get_or_insert_with(|| out.clone()), out, "cut at {cut}");
        }
        whole.unwrap()
    }

    /// Whether the line of a request behind this one is still looked at; nothing else may change.
    async fn passes_over(request: &str) -> bool {
        let next = "\r\nGET /a?\"b\" HTTP/1.1\r\n\r\n";
        let out = escaped(&format!("{request}{next}")).await;
        let behind = out.strip_prefix(request).expect("nothing of it is changed");
        let is_escaped = behind == next.replace('"', "%22");
        assert!(is_escaped || behind == next, "{behind}");
        is_escaped
    }

    #[tokio::test]
    async fn quotes_are_escaped_in_request_lines_and_nowhere_else() {
        for method in ["GET", "POST", "HEAD", "OPTIONS"] {
            let head = format!("{method} /tx?tx=\"a\" HTTP/1.1\r\nx: \"b\"\r\n\r\n");
            let expected = format!("{method} /tx?tx=%22a%22 HTTP/1.1\r\nx: \"b\"\r\n\r\n");
            assert_eq!(escaped(&head).await, expected);
            assert_eq!(escaped(&head.repeat(3)).await, expected.repeat(3));
        }
        let line = "GET /`<a>`?q={\"x\"|^[<>]}\\&é#'!~ HTTP/1.1\n\n";
        let expected = "GET /%60%3Ca%3E%60?q={%22x%22|^[%3C%3E]}\\&%C3%A9%23'!~ HTTP/1.1\n\n";
        assert_eq!(escaped(line).await, expected);
    }

    #[tokio::test]
    async fn bodies_of_one_length_are_passed_over_unchanged() {
        for request in [
            "POST / HTTP/1.1\r\ncontent-length: 16\r\n\r\nGET \"<>\" {}\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length:\t 3 \t\r\nx: y\r\n\r\n\"\"\"",
            "POST / HTTP/1.1\nCONTENT-LENGTH:007\n\nGET \"\"\"",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
            "\r\n\r\nPOST / HTTP/1.1\r\nx-content-length: 9\r\n\r\n",
        ] {
            assert!(passes_over(request).await, "{request:?}");
        }
    }

    #[tokio::test]
    async fn behind_what_may_be_counted_in_two_ways_nothing_is_escaped() {
        let long = format!("content-length: {}1", "0".repeat(HEADER_BYTES_KEPT));
        for headers in [
            "transfer-encoding: chunked",
            "Transfer-Encoding: gzip\r\ncontent-length: 1",
            "content-length: 1\r\ntransfer-encoding:",
            "content-length: 1\r\ncontent-length: 1",
            "content-length: 1\r\nx: y\r\ncontent-length: 2",
            "content-length: 1, 1",
            "content-length: +1",
            "content-length: 1 1",
            "content-length:",
            "content-length: 18446744073709551616",
            &long,
        ] {
            let request = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n\"");
            assert!(!passes_over(&request).await, "{headers:?}");
        }
        // What is no request, such as frames of a websocket.
        for bytes in ["\u{1}\"", "G\u{1}\"", "GET\n\""] {
            assert!(!passes_over(bytes).await, "{bytes:?}");
        }
    }
}
