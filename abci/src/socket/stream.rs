//! A stream of either kind, TCP or Unix, shared by whoever reads and whoever writes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;

/// A connected socket. Cloning shares it.
#[derive(Clone)]
pub enum Stream {
    /// Over TCP.
    Tcp(Arc<TcpStream>),
    /// In the file system.
    Unix(Arc<UnixStream>),
}

impl Stream {
    /// Connects within a time, for each address that a host has.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn connect(endpoint: &Endpoint, limit: Duration) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let mut failure =
                    io::Error::new(io::ErrorKind::NotFound, "the host has no address");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, limit) {
                        Ok(stream) => return Self::of_tcp(stream),
                        Err(error) => failure = error,
                    }
                }
                Err(failure)
            }
            Endpoint::Unix(path) => Ok(Stream::Unix(Arc::new(UnixStream::connect(path)?))),
        }
    }

    /// A connected TCP stream, whose small messages are not held back.
    ///
    /// # Errors
    /// If it is gone already.
    pub fn of_tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Stream::Tcp(Arc::new(stream)))
    }

    /// How long a read or a write may take; none is for ever.
    ///
    /// # Errors
    /// If the time is zero.
    pub fn set_timeouts(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(it) => {
                it.set_read_timeout(limit).and_then(|()| it.set_write_timeout(limit))
            }
            Stream::Unix(it) => {
                it.set_read_timeout(limit).and_then(|()| it.set_write_timeout(limit))
            }
        }
    }

    /// How long a write may take; none is for ever.
    ///
    /// # Errors
    /// If the time is zero.
    pub fn set_write_limit(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(it) => it.set_write_timeout(limit),
            Stream::Unix(it) => it.set_write_timeout(limit),
        }
    }

    /// Says that nothing more will come. What is gone already needs no telling.
    pub fn stop_writing(&self) {
        self.shut(Shutdown::Write);
    }

    /// Ends it in both directions; whoever reads or writes is woken.
    pub fn close(&self) {
        self.shut(Shutdown::Both);
    }

    fn shut(&self, how: Shutdown) {
        // It fails only if the other end was faster.
        drop(match self {
            Stream::Tcp(it) => it.shutdown(how),
            Stream::Unix(it) => it.shutdown(how),
        });
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(it) => (&**it).read(to),
            Stream::Unix(it) => (&**it).read(to),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(it) => (&**it).write(from),
            Stream::Unix(it) => (&**it).write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(it) => it.as_fd(),
            Stream::Unix(it) => it.as_fd(),
        }
    }
}
