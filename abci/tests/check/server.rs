//! A server of the ABCI socket that treats frames wrongly in one way.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use abci::answering::answer;
use abci::frame::{FRAME_BYTES_MAX, decode_frame, write_frame};
use abci::wire::{EXCEPTION, Kind, response};
use abci::{Application, Call, Endpoint};
use bytes::Bytes;
use prost::encoding::{decode_key, decode_varint};

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    Nothing,
    AnswersSomethingElse,
    GivesNoVerdict,
    IsSilentAboutBlocks,
    TakesFewPieces,
    TakesFewFrames,
    WaitsForOneAtATime,
    RefusesUnknownFields,
    PassesOverUnknownRequests,
    HangsAtNothing,
    DiesOfLengths,
}

/// Pieces in which whoever takes few takes a frame.
const PIECES_MAX: usize = 4;
/// Frames that whoever takes few takes at once.
const FRAMES_MAX: usize = 8;

/// A server; dropping it kills it.
pub struct Faulty {
    path: std::path::PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    application: Box<dyn Application>,
    fault: FrameFault,
    dead: AtomicBool,
    /// One answers, or reads a frame.
    turn: Mutex<()>,
    open: Mutex<Vec<UnixStream>>,
    /// Held by those who are answered: who kills it waits, and nobody is answered afterwards.
    answering: RwLock<()>,
}

impl Faulty {
    pub fn start(
        endpoint: &Endpoint,
        application: Box<dyn Application>,
        fault: FrameFault,
    ) -> Self {
        let Endpoint::Unix(path) = endpoint else { panic!("it is on a Unix socket") };
        drop(std::fs::remove_file(path));
        let listener = UnixListener::bind(path).unwrap();
        let (dead, turn) = (AtomicBool::new(false), Mutex::default());
        let (open, answering) = (Mutex::default(), RwLock::default());
        let shared = Arc::new(Shared { application, fault, dead, turn, open, answering });
        let accepted = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if accepted.dead.load(Ordering::SeqCst) {
                    return;
                }
                accepted.open.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = Arc::clone(&accepted);
                thread::spawn(move || {
                    shared.serve(&stream);
                    drop(stream.shutdown(std::net::Shutdown::Both));
                });
            }
        });
        Self { path: path.clone(), shared }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.shared.die();
        drop(self.shared.answering.write().unwrap());
        // Wakes whoever accepts.
        drop(UnixStream::connect(&self.path));
        drop(std::fs::remove_file(&self.path));
    }
}

impl Shared {
    fn is(&self, fault: FrameFault) -> bool {
        self.fault == fault
    }

    fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
    }

    /// Serves one connection until it ends, or should.
    fn serve(&self, mut stream: &UnixStream) -> Option<()> {
        let (mut held, mut pieces) = (Vec::new(), 0);
        let mut chunk = vec![0; 1 << 20];
        loop {
            let count = stream.read(&mut chunk).ok().filter(|count| 0 < *count)?;
            held.extend_from_slice(&chunk[..count]);
            pieces += 1;
            if self.is(FrameFault::WaitsForOneAtATime) {
                let _turn = self.turn.lock().unwrap();
                while whole(&held)?.is_none() {
                    let count = stream.read(&mut chunk).ok().filter(|count| 0 < *count)?;
                    held.extend_from_slice(&chunk[..count]);
                }
            }
            let mut frames = 0;
            while let Some((start, end)) = self.whole(&held)? {
                let body = Bytes::copy_from_slice(&held[start..end]);
                held.drain(..end);
                (frames, pieces) = (frames + 1, 0);
                if self.is(FrameFault::TakesFewFrames) && FRAMES_MAX < frames {
                    held.clear();
                    break;
                }
                stream.write_all(&self.answer(body)?).ok()?;
            }
            if self.is(FrameFault::TakesFewPieces) && PIECES_MAX < pieces {
                return None;
            }
        }
    }

    fn whole(&self, held: &[u8]) -> Option<Option<(usize, usize)>> {
        let found = whole(held);
        if found.is_none() && self.is(FrameFault::DiesOfLengths) {
            drop(self.open.lock().unwrap().drain(..));
            self.dead.store(true, Ordering::SeqCst);
        }
        found
    }

    /// The answer to a frame; none ends the connection.
    fn answer(&self, body: Bytes) -> Option<Vec<u8>> {
        if body.is_empty() && self.is(FrameFault::HangsAtNothing) {
            loop {
                thread::park();
            }
        }
        let _answered = self.answering.read().unwrap();
        if self.dead.load(Ordering::SeqCst) {
            return None;
        }
        let mut bytes = vec![];
        let strict = self.is(FrameFault::RefusesUnknownFields);
        let known = |number| strict || Kind::of_request(number).is_some();
        let frame = match decode_frame(body.clone(), known) {
            Ok(frame) => frame,
            Err(_) if self.is(FrameFault::PassesOverUnknownRequests) => return Some(bytes),
            Err(error) => {
                let said = response::encode_exception(&error.to_string());
                write_frame(EXCEPTION, &said, &mut bytes);
                return Some(bytes);
            }
        };
        // Who is strict wants nothing before the request.
        if strict && decode_key(&mut &*body).ok()?.0 != frame.number {
            return None;
        }
        let kind = Kind::of_request(frame.number)?;
        let payload = match kind {
            Kind::Echo => frame.payload.to_vec(),
            Kind::Flush => vec![],
            Kind::Ask(call) => answer(&*self.application, call, frame.payload).ok()?,
        };
        let (number, payload) = match (self.fault, kind) {
            (FrameFault::AnswersSomethingElse, Kind::Ask(Call::ProcessProposal)) => {
                (Kind::Ask(Call::Info).response_number(), vec![])
            }
            (FrameFault::GivesNoVerdict, Kind::Ask(Call::ProcessProposal)) => {
                (kind.response_number(), vec![])
            }
            (FrameFault::IsSilentAboutBlocks, Kind::Ask(Call::FinalizeBlock)) => {
                return Some(bytes);
            }
            _ => (kind.response_number(), payload),
        };
        write_frame(number, &payload, &mut bytes);
        Some(bytes)
    }
}

/// Where the first frame's body begins and ends, if it is whole; none if its length cannot be.
fn whole(held: &[u8]) -> Option<Option<(usize, usize)>> {
    let mut rest = held;
    let Ok(length) = decode_varint(&mut rest) else { return Some(None) };
    let length = usize::try_from(length).ok().filter(|length| *length <= FRAME_BYTES_MAX)?;
    let start = held.len() - rest.len();
    Some((length <= rest.len()).then_some((start, start + length)))
}
