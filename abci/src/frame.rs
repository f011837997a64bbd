//! Frames of the ABCI socket: an unsigned varint length, then one protobuf message whose one field
//! says by its number what it is, and holds it. spec: `abci/types/messages.go`.
//!
//! Reading takes memory as bytes arrive, never for what a length promises.

use std::io::{self, BufRead, Read};

use bytes::{Buf, Bytes};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

/// Longest message: more than twice the largest block, so that results may be longer than what
/// they are of. The reference's limit is 2^31.
pub const FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;
const _: () = assert!(2 * types::block::BLOCK_BYTES_MAX < FRAME_BYTES_MAX);
/// Longest unsigned varint of 64 bits.
const VARINT_BYTES_MAX: usize = 10;

/// What stands in a frame: which kind of message, and the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The field's number in `tendermint.abci.Request` or `Response`.
    pub number: u32,
    /// The message in the field.
    pub payload: Bytes,
}

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed, or nothing came in time.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended within a frame.
    #[error("the connection ended within a frame")]
    Truncated,
    /// The length is no varint.
    #[error("the length of a frame is no unsigned varint")]
    Length,
    /// More than the limit.
    #[error("a frame of {bytes} bytes was announced, the limit is {limit}")]
    TooLong {
        /// As announced.
        bytes: u64,
        /// What is allowed.
        limit: usize,
    },
    /// Not protobuf.
    #[error("a frame cannot be read: {reason}")]
    Protobuf {
        /// The decoder's word.
        reason: String,
    },
    /// No field that we know.
    #[error("a frame holds no known message (its last field has number {last:?})")]
    Unknown {
        /// Of the last field; none if there is no field.
        last: Option<u32>,
    },
}

/// Appends a frame.
pub fn write_frame(number: u32, payload: &[u8], to: &mut Vec<u8>) {
    let mut head = Vec::with_capacity(2 * VARINT_BYTES_MAX);
    encode_key(number, WireType::LengthDelimited, &mut head);
    encode_varint(payload.len() as u64, &mut head);
    encode_varint((head.len() + payload.len()) as u64, to);
    to.extend_from_slice(&head);
    to.extend_from_slice(payload);
}

/// Reads a frame whose message is one of the `known` numbers; none if the connection ended before
/// it.
///
/// # Errors
/// If the connection fails, or what comes is no such frame.
pub fn read_frame(
    from: &mut impl BufRead,
    known: impl Fn(u32) -> bool,
) -> Result<Option<Frame>, FrameError> {
    let Some(length) = read_length(from)? else { return Ok(None) };
    let mut body = Vec::new();
    // Grows as bytes arrive.
    from.take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        return Err(FrameError::Truncated);
    }
    decode_frame(body.into(), known).map(Some)
}

/// Whether a reader holds bytes that need not be waited for.
pub fn holds_more<R: Read>(from: &io::BufReader<R>) -> bool {
    !from.buffer().is_empty()
}

fn read_length(from: &mut impl BufRead) -> Result<Option<u64>, FrameError> {
    let mut bytes = Vec::with_capacity(VARINT_BYTES_MAX);
    loop {
        let next = match from.fill_buf() {
            Ok([]) if bytes.is_empty() => return Ok(None),
            Ok([]) => return Err(FrameError::Truncated),
            Ok([first, ..]) => *first,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        from.consume(1);
        bytes.push(next);
        if next < 0x80 {
            break;
        }
        if bytes.len() == VARINT_BYTES_MAX {
            return Err(FrameError::Length);
        }
    }
    let length = decode_varint(&mut bytes.as_slice()).map_err(|_| FrameError::Length)?;
    let limit = FRAME_BYTES_MAX;
    if (limit as u64) < length {
        return Err(FrameError::TooLong { bytes: length, limit });
    }
    Ok(Some(length))
}

/// Reads what is in a frame. Unknown fields are skipped; of several known the last counts, as
/// protobuf has it.
///
/// # Errors
/// If it is not protobuf, or holds nothing known.
pub fn decode_frame(mut body: Bytes, known: impl Fn(u32) -> bool) -> Result<Frame, FrameError> {
    let wrong = |error: prost::DecodeError| FrameError::Protobuf { reason: error.to_string() };
    let (mut found, mut last) = (None, None);
    while body.has_remaining() {
        let (number, kind) = decode_key(&mut body).map_err(wrong)?;
        last = Some(number);
        if !known(number) || kind != WireType::LengthDelimited {
            skip_field(kind, number, &mut body, DecodeContext::default()).map_err(wrong)?;
            continue;
        }
        let length = decode_varint(&mut body).map_err(wrong)?;
        let length = usize::try_from(length).ok().filter(|&length| length <= body.len());
        let length = length.ok_or(FrameError::Truncated)?;
        found = Some(Frame { number, payload: body.split_to(length) });
    }
    found.ok_or(FrameError::Unknown { last })
}
