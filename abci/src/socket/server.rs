//! Serves an application on a socket, to a node of any make.
//!
//! One thread accepts, and each connection has one, so the node's four never wait for one another;
//! an [`Application`] is made for that. Answers leave as soon as no further request is at hand.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::answering::{AnswerError, answer};
use crate::application::{Application, ApplicationError};
use crate::endpoint::Endpoint;
use crate::frame::{Frame, FrameError, holds_more, read_frame, write_frame};
use crate::socket::Stream;
use crate::wire::{EXCEPTION, Kind, response};

/// Most connections at one time; a node has four.
pub const CONNECTIONS_MAX: usize = 64;
/// Bytes of answers that are held together.
const ANSWERS_BYTES_MAX: usize = 64 * 1024;
/// How long a node may take to receive an answer.
const WRITE_TIME_MAX: Duration = Duration::from_secs(60);
/// Before the next attempt to accept a connection, after one failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long stopping waits for itself to be noticed.
const STOP_TIME_MAX: Duration = Duration::from_secs(1);

/// Why an application cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be used.
    #[error("{endpoint}: {error}")]
    Listen {
        /// The address.
        endpoint: Endpoint,
        /// The system's word.
        error: io::Error,
    },
    /// The application cannot go on.
    #[error(transparent)]
    Application(#[from] ApplicationError),
}

/// An application that is being served. Dropping it stops it.
pub struct SocketServer {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    application: Arc<dyn Application>,
    stopping: AtomicBool,
    open: Mutex<BTreeMap<u64, Connection>>,
    outcome: Mutex<Option<Result<(), ApplicationError>>>,
    ended: Condvar,
}

struct Connection {
    stream: Stream,
    thread: Option<JoinHandle<()>>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl SocketServer {
    /// Begins to serve. Port 0 is any free one.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub fn start(
        endpoint: &Endpoint,
        application: Arc<dyn Application>,
    ) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Listen { endpoint: endpoint.clone(), error };
        let listener = Listener::open(endpoint).map_err(failed)?;
        let bound = listener.endpoint().map_err(failed)?;
        let shared = Arc::new(Shared {
            application,
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            outcome: Mutex::default(),
            ended: Condvar::new(),
        });
        let accepted = Arc::clone(&shared);
        let thread = thread::Builder::new().name("abci-accept".to_owned());
        let accepting = thread.spawn(move || accepted.accept(&listener)).map_err(failed)?;
        Ok(Self { endpoint: bound, shared, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Waits until the application fails, or the server is told to stop.
    ///
    /// # Errors
    /// The application's: it must not be asked anything more.
    pub fn wait(&self) -> Result<(), ServeError> {
        let mut outcome = lock(&self.shared.outcome);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone().map_err(ServeError::from);
            }
            outcome = self.shared.ended.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A way to stop it from another thread.
    pub fn stopper(&self) -> impl Fn() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.end(Ok(()))
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.end(Ok(()));
        // Wakes whoever accepts.
        if Stream::connect(&self.endpoint, STOP_TIME_MAX).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            drop(accepting.join());
        }
        // A call that runs is finished; its answer has nobody to go to.
        let open: Vec<Connection> =
            std::mem::take(&mut *lock(&self.shared.open)).into_values().collect();
        for connection in &open {
            connection.stream.close();
        }
        for connection in open {
            connection.thread.map(JoinHandle::join).map(drop).unwrap_or_default();
        }
        if let Endpoint::Unix(path) = &self.endpoint {
            drop(std::fs::remove_file(path));
        }
    }
}

impl Shared {
    fn end(&self, outcome: Result<(), ApplicationError>) {
        lock(&self.outcome).get_or_insert(outcome);
        self.ended.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &Listener) {
        let mut number = 0;
        while !self.stopping.load(Ordering::SeqCst) {
            let stream = match listener.accept() {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file handles, as a rule, which does not change at once.
                    thread::sleep(ACCEPT_PAUSE);
                    continue;
                }
            };
            if self.stopping.load(Ordering::SeqCst) {
                break;
            }
            number += 1;
            self.admit(number, stream);
        }
    }

    fn admit(self: &Arc<Self>, number: u64, stream: Stream) {
        let mut open = lock(&self.open);
        if CONNECTIONS_MAX <= open.len() {
            tracing::warn!(limit = CONNECTIONS_MAX, "too many connections; the newest is closed");
            stream.close();
            return;
        }
        let (shared, its) = (Arc::clone(self), stream.clone());
        let work = move || {
            let outcome = shared.serve(&its);
            its.close();
            lock(&shared.open).remove(&number);
            if let Err(Ended::Application(error)) = outcome {
                shared.end(Err(error));
            } else if let Err(Ended::Node(reason)) = outcome {
                tracing::warn!(reason, "a connection was closed");
            }
        };
        match thread::Builder::new().name(format!("abci-{number}")).spawn(work) {
            Ok(thread) => {
                open.insert(number, Connection { stream, thread: Some(thread) });
                tracing::info!(number, "a node connected");
            }
            Err(error) => tracing::warn!(%error, "a connection has no thread"),
        }
    }

    /// Answers one connection's requests, in order.
    fn serve(&self, stream: &Stream) -> Result<(), Ended> {
        stream.set_write_limit(Some(WRITE_TIME_MAX)).map_err(Ended::node)?;
        let mut reader = BufReader::with_capacity(64 * 1024, stream.clone());
        let mut answers = Vec::new();
        let known = |number| Kind::of_request(number).is_some();
        loop {
            if !holds_more(&reader) || ANSWERS_BYTES_MAX < answers.len() {
                (&*stream).write_all(&answers).map_err(Ended::node)?;
                answers.clear();
            }
            let frame = match read_frame(&mut reader, known) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(FrameError::Io(error)) => return Err(Ended::node(error)),
                Err(error) => {
                    except(stream, &mut answers, &error.to_string());
                    return Err(Ended::node(error));
                }
            };
            if let Err(ended) = self.answer(frame, &mut answers) {
                except(stream, &mut answers, ended.reason());
                return Err(ended);
            }
        }
    }

    fn answer(&self, frame: Frame, to: &mut Vec<u8>) -> Result<(), Ended> {
        let kind = Kind::of_request(frame.number).expect("only known ones are read");
        let payload = match kind {
            // The message is the same both ways.
            Kind::Echo => frame.payload.to_vec(),
            Kind::Flush => Vec::new(),
            Kind::Ask(call) => match answer(&*self.application, call, frame.payload) {
                Ok(payload) => payload,
                Err(AnswerError::Application(error)) => return Err(Ended::Application(error)),
                Err(error @ AnswerError::Request(_)) => return Err(Ended::node(error)),
            },
        };
        write_frame(kind.response_number(), &payload, to);
        Ok(())
    }
}

/// Why a connection has ended.
enum Ended {
    /// By the node's fault, or the network's.
    Node(String),
    /// The application cannot go on.
    Application(ApplicationError),
}

impl Ended {
    fn node(error: impl std::fmt::Display) -> Self {
        Ended::Node(error.to_string())
    }

    fn reason(&self) -> &str {
        match self {
            Ended::Node(reason) => reason,
            Ended::Application(error) => &error.reason,
        }
    }
}

/// Says why the connection ends, if anybody still listens.
fn except(stream: &Stream, answers: &mut Vec<u8>, reason: &str) {
    write_frame(EXCEPTION, &response::encode_exception(reason), answers);
    drop((&*stream).write_all(answers));
}

impl Listener {
    fn open(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp),
            Endpoint::Unix(path) => {
                // The socket of a server that was killed stays, and nobody answers there.
                let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
                if Stream::connect(endpoint, STOP_TIME_MAX).is_err_and(refused) {
                    std::fs::remove_file(path)?;
                }
                UnixListener::bind(path).map(|it| Listener::Unix(it, path.clone()))
            }
        }
    }

    fn endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Listener::Tcp(it) => Ok(Endpoint::Tcp(it.local_addr()?.to_string())),
            Listener::Unix(_, path) => Ok(Endpoint::Unix(path.clone())),
        }
    }

    fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(it) => it.accept().and_then(|(stream, _)| Stream::of_tcp(stream)),
            Listener::Unix(it, _) => it.accept().map(|(stream, _)| Stream::Unix(Arc::new(stream))),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
