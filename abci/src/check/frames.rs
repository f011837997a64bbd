//! How an application takes frames that no ordinary node writes.

use std::io::{self, BufReader, Write};
use std::time::Duration;

use prost::encoding::{WireType, encode_key, encode_varint};

use super::Claim;
use super::instances::Instance;
use super::report::{Board, Evidence};
use crate::application::Call;
use crate::endpoint::Endpoint;
use crate::frame::{Frame, FrameError, read_frame, write_frame};
use crate::request::InfoRequest;
use crate::socket::Stream;
use crate::wire::{EXCEPTION, Kind, request};

/// A number that no field of ABCI has.
const UNKNOWN: u32 = 1000;
/// A length that nobody can send: a tebibyte.
const IMPOSSIBLE: u64 = 1 << 40;
/// How long an application may think about an impossible length. It may as well wait for more.
const THOUGHT_MAX: Duration = Duration::from_millis(500);
/// Between the bytes of a frame that comes in pieces.
const BETWEEN_BYTES: Duration = Duration::from_millis(2);
/// Times that others are answered beside half a frame: the server may not have begun to read it
/// when it answers the first.
const ANSWERS_BESIDE_A_HALF: usize = 20;
/// Rounds of the requests that come in one write.
const JOINED: usize = 50;

const INFO: Kind = Kind::Ask(Call::Info);

/// One way of being strange.
pub(super) type Check = fn(&Place<'_>) -> Result<(), Evidence>;

/// All of them, and what each shows. gRPC has no frames.
pub(super) const CHECKS: [(Claim, Check); 7] = [
    (Claim::FramesSplit, split),
    (Claim::FramesJoined, joined),
    (Claim::HalfFrame, half),
    (Claim::UnknownFields, unknown_fields),
    (Claim::UnknownRequest, unknown_request),
    (Claim::EmptyFrame, empty),
    (Claim::OversizedFrame, oversized),
];

/// Puts strange frames to an instance.
pub(super) fn check_frames(
    board: &mut Board,
    instance: &mut dyn Instance,
    endpoint: &Endpoint,
    limit: Duration,
) {
    let place = Place { endpoint, limit };
    if place.answers().is_err() {
        board.unreached(&CHECKS.map(|(claim, _)| claim), "the application does not answer");
        return;
    }
    for (index, (claim, check)) in CHECKS.into_iter().enumerate() {
        match check(&place) {
            Ok(()) => board.held(claim),
            Err(evidence) => board.failed(claim, evidence),
        }
        if place.answers().is_ok() {
            continue;
        }
        let after = |word: &str| format!("{word} after the check {}", claim.id());
        if !board.has_failed(claim) {
            board.failed(claim, Evidence::new("a new connection gets no answer afterwards"));
        }
        if instance.crash().is_ok_and(|revived| revived) && place.answers().is_ok() {
            continue;
        }
        let rest: Vec<Claim> = CHECKS.iter().skip(index + 1).map(|(claim, _)| *claim).collect();
        board.unreached(&rest, &after("the application is gone"));
        return;
    }
}

/// Where the instance is.
pub(super) struct Place<'a> {
    endpoint: &'a Endpoint,
    limit: Duration,
}

/// What came from the instance.
#[derive(Debug)]
enum Heard {
    Frame(Frame),
    Closed,
    Silence,
    Garbage(String),
}

impl Heard {
    fn shown(&self) -> String {
        match self {
            Heard::Frame(frame) if frame.number == EXCEPTION => "an exception".to_owned(),
            Heard::Frame(frame) => match Kind::of_response(frame.number) {
                Some(kind) => kind.method().to_owned(),
                None => format!("the unknown response {}", frame.number),
            },
            Heard::Closed => "the end of the connection".to_owned(),
            Heard::Silence => "silence".to_owned(),
            Heard::Garbage(reason) => reason.clone(),
        }
    }

    fn refuses(&self) -> bool {
        match self {
            Heard::Frame(frame) => frame.number == EXCEPTION,
            Heard::Closed => true,
            Heard::Silence | Heard::Garbage(_) => false,
        }
    }
}

impl Place<'_> {
    fn open(&self) -> Result<Wire, Evidence> {
        let opened = Stream::connect(self.endpoint, self.limit)
            .and_then(|stream| stream.set_timeouts(Some(self.limit)).map(|()| stream));
        match opened {
            Ok(stream) => Ok(Wire { reader: BufReader::new(stream.clone()), stream }),
            Err(error) => Err(Evidence::new(format!("a new connection is refused: {error}"))),
        }
    }

    /// A new connection is answered.
    fn answers(&self) -> Result<(), Evidence> {
        let mut wire = self.open()?;
        wire.send(&[info(), flush()].concat());
        wire.expect(&[INFO, Kind::Flush])
    }
}

/// A connection on which anything can be written.
struct Wire {
    stream: Stream,
    reader: BufReader<Stream>,
}

impl Wire {
    /// Writes. Whoever does not take it is heard of when we listen.
    fn send(&self, bytes: &[u8]) {
        let mut stream = &self.stream;
        drop(stream.write_all(bytes));
    }

    fn hear(&mut self) -> Heard {
        match read_frame(&mut self.reader, |_| true) {
            Ok(Some(frame)) => Heard::Frame(frame),
            Ok(None) | Err(FrameError::Truncated) => Heard::Closed,
            Err(FrameError::Io(error)) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Heard::Silence,
                _ => Heard::Closed,
            },
            Err(error) => Heard::Garbage(error.to_string()),
        }
    }

    fn expect(&mut self, kinds: &[Kind]) -> Result<(), Evidence> {
        for (index, kind) in kinds.iter().enumerate() {
            let heard = self.hear();
            let due = kind.response_number();
            if !matches!(&heard, Heard::Frame(frame) if frame.number == due) {
                let evidence = Evidence::new(format!("answer {} on a connection", index + 1));
                return Err(evidence.between(kind.method(), heard.shown()));
            }
        }
        Ok(())
    }
}

fn echo() -> Vec<u8> {
    let mut frame = vec![];
    // Field 1, a text.
    write_frame(Kind::Echo.request_number(), b"\x0a\x08lockstep", &mut frame);
    frame
}

fn info() -> Vec<u8> {
    let mut frame = vec![];
    let payload = request::encode_info(&InfoRequest::default());
    write_frame(INFO.request_number(), &payload, &mut frame);
    frame
}

fn flush() -> Vec<u8> {
    let mut frame = vec![];
    write_frame(Kind::Flush.request_number(), &[], &mut frame);
    frame
}

/// A frame with this body.
fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![];
    encode_varint(body.len() as u64, &mut frame);
    frame.extend_from_slice(body);
    frame
}

fn split(place: &Place<'_>) -> Result<(), Evidence> {
    let mut wire = place.open()?;
    for byte in [echo(), info(), flush()].concat() {
        wire.send(&[byte]);
        // Or the system puts them together.
        std::thread::sleep(BETWEEN_BYTES);
    }
    wire.expect(&[Kind::Echo, INFO, Kind::Flush])
}

fn joined(place: &Place<'_>) -> Result<(), Evidence> {
    let mut wire = place.open()?;
    let mut bytes = [echo(), info()].concat().repeat(JOINED);
    bytes.extend(flush());
    wire.send(&bytes);
    let mut due = [Kind::Echo, INFO].repeat(JOINED);
    due.push(Kind::Flush);
    wire.expect(&due)
}

fn half(place: &Place<'_>) -> Result<(), Evidence> {
    let mut wire = place.open()?;
    let whole = echo();
    let (first, second) = whole.split_at(whole.len() / 2);
    wire.send(first);
    for _ in 0..ANSWERS_BESIDE_A_HALF {
        place.answers().map_err(|evidence| {
            let what = format!("{} beside another that has sent half a frame", evidence.what);
            Evidence { what, ..evidence }
        })?;
    }
    wire.send(&[second, &flush()].concat());
    wire.expect(&[Kind::Echo, Kind::Flush])
}

fn unknown_fields(place: &Place<'_>) -> Result<(), Evidence> {
    let mut payload = request::encode_info(&InfoRequest::default());
    encode_key(UNKNOWN, WireType::LengthDelimited, &mut payload);
    encode_varint(1, &mut payload);
    payload.push(b'?');
    let mut body = vec![];
    encode_key(UNKNOWN, WireType::Varint, &mut body);
    encode_varint(7, &mut body);
    encode_key(INFO.request_number(), WireType::LengthDelimited, &mut body);
    encode_varint(payload.len() as u64, &mut body);
    body.extend(payload);
    let mut wire = place.open()?;
    wire.send(&[frame(&body), flush()].concat());
    wire.expect(&[INFO, Kind::Flush])
}

fn unknown_request(place: &Place<'_>) -> Result<(), Evidence> {
    let mut request = vec![];
    write_frame(UNKNOWN, b"?", &mut request);
    let mut wire = place.open()?;
    wire.send(&[request, flush()].concat());
    let heard = wire.hear();
    if !heard.refuses() {
        let evidence = Evidence::new("after a request that nobody knows");
        return Err(evidence.between("an exception or the end", heard.shown()));
    }
    place.answers()
}

fn empty(place: &Place<'_>) -> Result<(), Evidence> {
    let mut wire = place.open()?;
    wire.send(&[frame(&[]), echo(), flush()].concat());
    let heard = wire.hear();
    let passed_over =
        matches!(&heard, Heard::Frame(it) if it.number == Kind::Echo.response_number());
    if !passed_over && !heard.refuses() {
        let evidence = Evidence::new("after an empty frame");
        return Err(evidence.between("an exception, the end, or nothing", heard.shown()));
    }
    place.answers()
}

fn oversized(place: &Place<'_>) -> Result<(), Evidence> {
    let mut wire = place.open()?;
    let mut bytes = vec![];
    encode_varint(IMPOSSIBLE, &mut bytes);
    bytes.extend([0; 16]);
    wire.send(&bytes);
    let limit = place.limit.min(THOUGHT_MAX);
    if wire.stream.set_timeouts(Some(limit)).is_ok() {
        // Whatever comes, or nothing: only what comes after it counts.
        wire.hear();
    }
    place.answers()
}
