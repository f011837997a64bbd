//! Frames in a stream of bytes: an unsigned varint length, then that many bytes of message.
//!
//! On a class's stream the channel's number, one byte, comes before the length. A length is
//! compared with the channel's limit before memory is taken, and memory grows with what arrived.

use bytes::Bytes;
use types::{Channel, Offence};

use crate::channels::{Class, channel_of};

/// A message and its channel.
pub(crate) type Frame = (Channel, Bytes);

/// Most bytes before a message: the channel's number and the varint.
pub(crate) const HEAD_BYTES_MAX: usize = 1 + VARINT_BYTES_MAX;
/// Most bytes of a varint length; 35 bits are far above every limit.
const VARINT_BYTES_MAX: usize = 5;
/// Memory taken for a message before any of it arrived.
const FIRST_BYTES_MAX: usize = 64 * 1024;

/// What may come on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Frames that name their channel, which must belong to the class.
    Class(Class),
    /// Messages of one channel.
    Channel(Channel),
}

/// Why bytes are no frames.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FrameError {
    #[error("a varint length does not end within {VARINT_BYTES_MAX} bytes, or is not the shortest")]
    Varint,
    #[error("channel 0x{number:02x} does not belong on this stream")]
    Channel { number: u8 },
    #[error("a message of {bytes} bytes on channel 0x{number:02x}, the limit is {limit}")]
    Oversized { number: u8, bytes: u64, limit: usize },
    #[error("the stream ended within a message")]
    Torn,
}

impl FrameError {
    /// What to hold against the sender.
    pub(crate) fn offence(&self) -> Offence {
        match self {
            FrameError::Oversized { .. } => Offence::Oversized,
            FrameError::Varint | FrameError::Channel { .. } | FrameError::Torn => {
                Offence::Malformed
            }
        }
    }
}

/// Cuts frames out of bytes as they arrive, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Decoder {
    framing: Framing,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Within the bytes before a message.
    Head { channel: Option<Channel>, length: u64, varint_bytes: usize },
    /// Within a message that did not arrive in one piece.
    Body { channel: Channel, length: usize, arrived: Vec<u8> },
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub(crate) fn new(framing: Framing) -> Self {
        Self { framing, state: Self::head(framing) }
    }

    /// Whether the last byte given ended a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(
            (&self.state, self.framing),
            (State::Head { varint_bytes: 0, channel: None, .. }, Framing::Class(_))
                | (State::Head { varint_bytes: 0, .. }, Framing::Channel(_))
        )
    }

    /// Takes the next bytes of the stream, and appends the frames that they complete.
    ///
    /// # Errors
    /// When they are no frames; the stream cannot be read any further.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        frames: &mut Vec<Frame>,
    ) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Head { .. } => self.push_head(bytes, frames)?,
                State::Body { .. } => self.push_body(bytes, frames),
            };
        }
        Ok(())
    }

    fn head(framing: Framing) -> State {
        let channel = match framing {
            Framing::Class(_) => None,
            Framing::Channel(channel) => Some(channel),
        };
        State::Head { channel, length: 0, varint_bytes: 0 }
    }

    /// Takes one byte of a head; after its last, also as much of the message as is there.
    fn push_head<'a>(
        &mut self,
        bytes: &'a [u8],
        frames: &mut Vec<Frame>,
    ) -> Result<&'a [u8], FrameError> {
        let (State::Head { channel, length, varint_bytes }, Some((&byte, rest))) =
            (&mut self.state, bytes.split_first())
        else {
            return Ok(bytes);
        };
        let Some(known) = *channel else {
            *channel = Some(self.framing.admit(byte)?);
            return Ok(rest);
        };
        *length |= u64::from(byte & 0x7f) << (7 * *varint_bytes);
        *varint_bytes += 1;
        if byte & 0x80 != 0 {
            let may_go_on = *varint_bytes < VARINT_BYTES_MAX;
            return if may_go_on { Ok(rest) } else { Err(FrameError::Varint) };
        }
        if byte == 0 && 1 < *varint_bytes {
            return Err(FrameError::Varint);
        }
        let limit = known.message_bytes_max();
        let claimed = *length;
        let length = usize::try_from(claimed)
            .ok()
            .filter(|&it| it <= limit)
            .ok_or(FrameError::Oversized { number: known.number(), bytes: claimed, limit })?;
        match rest.split_at_checked(length) {
            Some((message, rest)) => {
                frames.push((known, Bytes::copy_from_slice(message)));
                self.state = Self::head(self.framing);
                Ok(rest)
            }
            None => {
                let arrived = Vec::with_capacity(length.min(FIRST_BYTES_MAX));
                self.state = State::Body { channel: known, length, arrived };
                Ok(rest)
            }
        }
    }

    fn push_body<'a>(&mut self, bytes: &'a [u8], frames: &mut Vec<Frame>) -> &'a [u8] {
        let State::Body { channel, length, arrived } = &mut self.state else {
            return bytes;
        };
        let missing = *length - arrived.len();
        let (more, rest) = bytes.split_at(missing.min(bytes.len()));
        arrived.extend_from_slice(more);
        if arrived.len() == *length {
            frames.push((*channel, Bytes::from(std::mem::take(arrived))));
            self.state = Self::head(self.framing);
        }
        rest
    }
}

impl Framing {
    /// The channel with this number, if it belongs on the stream.
    fn admit(self, number: u8) -> Result<Channel, FrameError> {
        let allowed = |channel: &Channel| match self {
            Framing::Class(class) => Class::of(*channel) == class,
            Framing::Channel(only) => *channel == only,
        };
        channel_of(number).filter(allowed).ok_or(FrameError::Channel { number })
    }
}

/// Appends what goes before a message of `length` bytes.
pub(crate) fn put_head(framing: Framing, channel: Channel, length: usize, to: &mut Vec<u8>) {
    if let Framing::Class(_) = framing {
        to.push(channel.number());
    }
    put_varint(length, to);
}

/// Appends an unsigned varint.
pub(crate) fn put_varint(mut number: usize, to: &mut Vec<u8>) {
    while 0x7f < number {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOTES: Framing = Framing::Class(Class::Votes);

    fn encoded(framing: Framing, frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (channel, message) in frames {
            put_head(framing, *channel, message.len(), &mut bytes);
            bytes.extend_from_slice(message);
        }
        bytes
    }

    #[test]
    fn frames_survive_being_cut_anywhere() {
        let frames = vec![
            (Channel::Vote, Bytes::from(vec![1; 3])),
            (Channel::State, Bytes::new()),
            (Channel::Vote, Bytes::from(vec![2; 200])),
            (Channel::VoteSetBits, Bytes::from(vec![3; 20_000])),
        ];
        let bytes = encoded(VOTES, &frames);
        for piece in [1, 2, 7, 201, 4096, bytes.len()] {
            let mut decoder = Decoder::new(VOTES);
            let mut read = Vec::new();
            for chunk in bytes.chunks(piece) {
                decoder.push(chunk, &mut read).expect("good frames");
            }
            assert_eq!(read, frames);
            assert!(decoder.is_between_frames());
        }
    }

    #[test]
    fn channel_streams_carry_bare_messages() {
        let framing = Framing::Channel(Channel::Vote);
        let mut decoder = Decoder::new(framing);
        let mut read = Vec::new();
        decoder.push(&[2, 7], &mut read).expect("the beginning of a frame");
        assert!(read.is_empty() && !decoder.is_between_frames());
        decoder.push(&[8, 0], &mut read).expect("the rest, and an empty message");
        let expected =
            [(Channel::Vote, Bytes::from_static(&[7, 8])), (Channel::Vote, Bytes::new())];
        assert_eq!(read, expected);
    }

    #[test]
    fn advisory_48_length_above_the_limit_is_refused_before_the_message() {
        let mut bytes = Vec::new();
        let limit = Channel::Vote.message_bytes_max();
        put_head(VOTES, Channel::Vote, limit + 1, &mut bytes);
        let error = Decoder::new(VOTES).push(&bytes, &mut Vec::new()).expect_err("too large");
        let bytes = limit as u64 + 1;
        assert_eq!(error, FrameError::Oversized { number: 0x22, bytes, limit });
        assert_eq!(error.offence(), Offence::Oversized);
    }

    #[test]
    fn only_shortest_varints_and_channels_of_the_class_are_read() {
        let refuse = |bytes: &[u8]| {
            Decoder::new(VOTES).push(bytes, &mut Vec::new()).expect_err("is refused")
        };
        assert_eq!(refuse(&[0x22, 0xff, 0xff, 0xff, 0xff, 0xff]), FrameError::Varint);
        assert_eq!(refuse(&[0x22, 0x81, 0x00]), FrameError::Varint);
        assert_eq!(refuse(&[0x30]), FrameError::Channel { number: 0x30 });
        assert_eq!(refuse(&[0x00]), FrameError::Channel { number: 0x00 });
    }
}
