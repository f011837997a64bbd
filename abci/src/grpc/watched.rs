//! A stream whose end is noticed: whoever reads it drops it then.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::End;
use crate::endpoint::Endpoint;
use crate::remote::Fault;

/// A stream to an application.
pub struct Watched<S> {
    stream: S,
    endpoint: Endpoint,
    end: Arc<End>,
}

impl<S> Watched<S> {
    /// Watches a stream.
    pub fn new(stream: S, endpoint: Endpoint, end: Arc<End>) -> Self {
        Self { stream, endpoint, end }
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        self.end.comes(&self.endpoint, Fault::Closed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
