//! Channels, the classes they travel in, and the libp2p protocol of each.
//!
//! Between Lockstep nodes each class has one long-lived stream, on which frames carry their
//! channel's number, so that a message needs no negotiation. A peer that speaks only the
//! reference's protocols is given one stream for each message, on that channel's protocol.

use libp2p::StreamProtocol;
use types::Channel;

/// Channels that share a queue and a stream, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Votes, and where peers are.
    Votes,
    /// Proposals and block parts.
    Proposals,
    /// Decided blocks, evidence, snapshots.
    Blocks,
    /// Transactions.
    Transactions,
}

/// How many classes there are.
pub(crate) const CLASSES: usize = 4;

impl Class {
    /// All classes, the most urgent first.
    pub(crate) const ALL: [Class; CLASSES] =
        [Class::Votes, Class::Proposals, Class::Blocks, Class::Transactions];

    /// The class a channel travels in.
    pub(crate) fn of(channel: Channel) -> Self {
        match channel {
            Channel::State | Channel::Vote | Channel::VoteSetBits => Class::Votes,
            Channel::Data => Class::Proposals,
            Channel::Evidence | Channel::BlockSync | Channel::Snapshot | Channel::Chunk => {
                Class::Blocks
            }
            Channel::Mempool => Class::Transactions,
        }
    }

    /// Position in arrays that hold something for each class.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The protocol of the class's long-lived stream.
    fn protocol(self) -> StreamProtocol {
        StreamProtocol::new(match self {
            Class::Votes => "/lockstep/votes/1",
            Class::Proposals => "/lockstep/proposals/1",
            Class::Blocks => "/lockstep/blocks/1",
            Class::Transactions => "/lockstep/transactions/1",
        })
    }
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Two Lockstep nodes say who they are.
    Hello,
    /// One asks the other for addresses of peers.
    Exchange,
    /// Frames of a class, each with its channel's number.
    Class(Class),
    /// Messages of one channel, as the reference sends them.
    Channel(Channel),
}

impl Purpose {
    /// Everything a peer may open a stream for.
    pub(crate) fn all() -> impl Iterator<Item = Purpose> {
        [Purpose::Hello, Purpose::Exchange]
            .into_iter()
            .chain(Class::ALL.into_iter().map(Purpose::Class))
            .chain(Channel::ALL.into_iter().map(Purpose::Channel))
    }

    /// The name under which it is negotiated.
    pub(crate) fn protocol(self) -> StreamProtocol {
        match self {
            Purpose::Hello => StreamProtocol::new("/lockstep/hello/1"),
            Purpose::Exchange => StreamProtocol::new("/lockstep/peers/1"),
            Purpose::Class(class) => class.protocol(),
            Purpose::Channel(channel) => StreamProtocol::new(match channel {
                Channel::State => "/p2p/cometbft/1.0.0/channel/0x20",
                Channel::Data => "/p2p/cometbft/1.0.0/channel/0x21",
                Channel::Vote => "/p2p/cometbft/1.0.0/channel/0x22",
                Channel::VoteSetBits => "/p2p/cometbft/1.0.0/channel/0x23",
                Channel::Mempool => "/p2p/cometbft/1.0.0/channel/0x30",
                Channel::Evidence => "/p2p/cometbft/1.0.0/channel/0x38",
                Channel::BlockSync => "/p2p/cometbft/1.0.0/channel/0x40",
                Channel::Snapshot => "/p2p/cometbft/1.0.0/channel/0x60",
                Channel::Chunk => "/p2p/cometbft/1.0.0/channel/0x61",
            }),
        }
    }
}

/// The channel with this number on the wire.
pub(crate) fn channel_of(number: u8) -> Option<Channel> {
    Channel::ALL.into_iter().find(|channel| channel.number() == number)
}

/// Position of a channel in arrays that hold something for each channel.
pub(crate) fn channel_index(channel: Channel) -> usize {
    Channel::ALL.iter().position(|&it| it == channel).expect("every channel is in the list of all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_of_a_channel_ends_in_its_number() {
        for channel in Channel::ALL {
            let expected = format!("/p2p/cometbft/1.0.0/channel/0x{:02x}", channel.number());
            assert_eq!(Purpose::Channel(channel).protocol().to_string(), expected);
            assert_eq!(channel_of(channel.number()), Some(channel));
        }
        assert_eq!(channel_of(0x00), None);
    }

    #[test]
    fn no_two_purposes_share_a_protocol() {
        let mut names: Vec<_> = Purpose::all().map(|it| it.protocol().to_string()).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
