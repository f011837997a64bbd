//! ABCI over a socket: the node's end of one connection.
//!
//! Any number of threads may ask at once. Each writes its request with a Flush behind it, in turn;
//! then one of those who wait reads for all, in the order in which they asked, until it has its own
//! answer. So requests are pipelined, and there is no thread but the callers'.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Write};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::application::Call;
use crate::endpoint::Endpoint;
use crate::frame::{FrameError, read_frame, write_frame};
use crate::remote::{Fault, Transport};
use crate::wire::{EXCEPTION, Kind, response};

pub mod lifeline;
pub mod server;
pub mod stream;

pub use lifeline::{ConnectionLost, Lifeline};
pub use server::{ServeError, SocketServer};
pub use stream::Stream;

/// How long reaching a host that does not answer may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// How many requests share a journey.
const ASKS_AT_ONCE: usize = 16;
/// Most bytes of requests that one caller puts before it takes an answer, unless the first alone
/// has more: fewer than lie between the two ends, so that an application may answer before it has
/// read all.
const BYTES_AT_ONCE: usize = 16 * 1024;

/// One connection to an application on a socket.
pub struct SocketConnection {
    /// Which of the four, for people.
    name: &'static str,
    endpoint: Endpoint,
    stream: Stream,
    /// How long the application may be silent; none is for ever.
    limit: Option<Duration>,
    /// Whoever holds it writes.
    writing: Mutex<()>,
    /// Whoever holds it reads; taken only by the one who said so at the desk.
    reader: Mutex<BufReader<Stream>>,
    desk: Mutex<Desk>,
    /// Rung when an answer, or the end, has come.
    bell: Condvar,
}

/// Who waits for what.
#[derive(Default)]
struct Desk {
    next_ticket: u64,
    /// What was asked and not answered, in order.
    waiting: VecDeque<(u64, Call)>,
    /// What was answered and not taken.
    answers: BTreeMap<u64, Bytes>,
    somebody_reads: bool,
    /// What ended the connection.
    fault: Option<Fault>,
}

impl SocketConnection {
    /// Connects to an application, which may be silent for as long as `limit`.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn open(
        name: &'static str,
        endpoint: &Endpoint,
        limit: Option<Duration>,
    ) -> io::Result<Self> {
        let stream = Stream::connect(endpoint, CONNECT_TIME_MAX)?;
        stream.set_timeouts(limit)?;
        Ok(Self {
            name,
            endpoint: endpoint.clone(),
            reader: Mutex::new(BufReader::with_capacity(64 * 1024, stream.clone())),
            stream,
            limit,
            writing: Mutex::default(),
            desk: Mutex::default(),
            bell: Condvar::new(),
        })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes requests of one call, and returns the tickets for their answers.
    fn write(&self, call: Call, requests: &[&[u8]]) -> Result<Range<u64>, Fault> {
        let bytes: usize = requests.iter().map(|request| request.len() + 32).sum();
        let mut frames = Vec::with_capacity(bytes);
        for request in requests {
            write_frame(Kind::Ask(call).request_number(), request, &mut frames);
            write_frame(Kind::Flush.request_number(), &[], &mut frames);
        }
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let tickets = {
            let mut desk = self.desk();
            if let Some(fault) = &desk.fault {
                return Err(fault.clone());
            }
            let first = desk.next_ticket;
            desk.waiting.extend((first..).zip(requests.iter().map(|_| call)));
            desk.next_ticket += requests.len() as u64;
            first..desk.next_ticket
        };
        match (&self.stream).write_all(&frames) {
            Ok(()) => {}
            Err(error) if is_timeout(&error) => {
                return Err(self.ended(self.silence()));
            }
            // It may have said why before it went: whoever reads will find out.
            Err(_) => self.stream.stop_writing(),
        }
        Ok(tickets)
    }

    /// Waits for an answer, and reads for all if nobody else does.
    fn take(&self, ticket: u64) -> Result<Bytes, Fault> {
        let mut desk = self.desk();
        loop {
            if let Some(answer) = desk.answers.remove(&ticket) {
                return Ok(answer);
            }
            if let Some(fault) = &desk.fault {
                return Err(fault.clone());
            }
            if desk.somebody_reads {
                desk = self.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let &(_, call) = desk.waiting.front().expect("our own ticket waits");
            desk.somebody_reads = true;
            drop(desk);
            let read = self.read(call);
            desk = self.desk();
            desk.somebody_reads = false;
            match read {
                Ok(answer) => {
                    let (asked, _) = desk.waiting.pop_front().expect("only readers take it away");
                    desk.answers.insert(asked, answer);
                    self.bell.notify_all();
                }
                Err(fault) => {
                    drop(desk);
                    self.end(fault);
                    desk = self.desk();
                }
            }
        }
    }

    /// Reads one answer, and that of the Flush behind it.
    fn read(&self, call: Call) -> Result<Bytes, Fault> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.read_kind(&mut reader, Kind::Ask(call))?;
        self.read_kind(&mut reader, Kind::Flush)?;
        Ok(answer)
    }

    fn read_kind(&self, reader: &mut BufReader<Stream>, due: Kind) -> Result<Bytes, Fault> {
        let known = |number| number == EXCEPTION || Kind::of_response(number).is_some();
        let frame = match read_frame(reader, known) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(Fault::Closed),
            Err(FrameError::Io(error)) if is_timeout(&error) => return Err(self.silence()),
            Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err(Fault::Closed);
            }
            Err(FrameError::Io(error)) => return Err(Fault::Broken { reason: error.to_string() }),
            Err(error) => return Err(Fault::Malformed { reason: error.to_string() }),
        };
        if frame.number == due.response_number() {
            return Ok(frame.payload);
        }
        if frame.number == EXCEPTION {
            let error = response::decode_exception(frame.payload);
            return Err(match error {
                Ok(error) => Fault::Exception { error },
                Err(error) => Fault::Malformed { reason: error.to_string() },
            });
        }
        let given = Kind::of_response(frame.number).map_or("an exception", Kind::method);
        Err(Fault::Unexpected { expected: due.method(), given: given.to_owned() })
    }

    fn silence(&self) -> Fault {
        self.limit.map_or(Fault::Closed, |limit| Fault::Silent { limit })
    }

    /// Ends the connection, and returns what had ended it first.
    fn ended(&self, fault: Fault) -> Fault {
        let first = self.desk().fault.get_or_insert(fault).clone();
        self.bell.notify_all();
        self.stream.close();
        first
    }
}

impl Transport for SocketConnection {
    fn ask(&self, call: Call, request: &[u8]) -> Result<Bytes, Fault> {
        let tickets = self.write(call, &[request])?;
        self.take(tickets.start)
    }

    fn ask_all(
        &self,
        call: Call,
        requests: &[Vec<u8>],
        heard: &mut dyn FnMut(Bytes) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut left = requests;
        while !left.is_empty() {
            let mut bytes = 0_usize;
            let few = left.iter().take_while(|request| {
                bytes += request.len();
                bytes <= BYTES_AT_ONCE
            });
            let (now, later) = left.split_at(few.count().max(1));
            let now: Vec<&[u8]> = now.iter().map(Vec::as_slice).collect();
            for ticket in self.write(call, &now)? {
                heard(self.take(ticket)?)?;
            }
            left = later;
        }
        Ok(())
    }

    fn asks_at_once(&self) -> usize {
        ASKS_AT_ONCE
    }

    fn end(&self, fault: Fault) {
        self.ended(fault);
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// A socket with a timeout says that it would block.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
