//! Peers that cannot say which chain they are of: the reference has no greeting over libp2p. The
//! first block that such a peer shows says it, and whoever is of another chain is refused.

use std::collections::BTreeMap;

use types::{ChainId, Height, Message, PeerId};

/// Peers whose chain is not known.
pub struct Strangers {
    ours: ChainId,
    /// The block that each was asked for.
    asked: BTreeMap<PeerId, Option<Height>>,
}

/// What a message says of the chain of its sender.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: it is for others.
    Nothing,
    /// That it has this block, which would say it.
    Has(Height),
    /// The answer to what only we asked.
    Answer,
    /// That it is of another chain.
    Foreign {
        /// Its own.
        theirs: ChainId,
    },
}

impl Strangers {
    /// Knows nobody yet.
    pub fn new(ours: ChainId) -> Self {
        Self { ours, asked: BTreeMap::new() }
    }

    /// A peer that has said no hello.
    pub fn arrived(&mut self, peer: PeerId) {
        self.asked.insert(peer, None);
    }

    /// A peer is gone.
    pub fn left(&mut self, peer: PeerId) {
        self.asked.remove(&peer);
    }

    /// Whether a peer has not shown its chain yet.
    pub fn has(&self, peer: PeerId) -> bool {
        self.asked.contains_key(&peer)
    }

    /// Takes from a message what it says of its sender's chain.
    pub fn hear(&mut self, peer: PeerId, message: &Message) -> Heard {
        let Some(asked) = self.asked.get_mut(&peer) else { return Heard::Nothing };
        match message {
            Message::StatusResponse { range: Some((_, last)) } if asked.is_none() => {
                *asked = Some(*last);
                Heard::Has(*last)
            }
            Message::NoBlock(height) if *asked == Some(*height) => {
                *asked = None;
                Heard::Answer
            }
            Message::BlockResponse { block, .. } => {
                let theirs = &block.header.chain_id;
                if *theirs != self.ours {
                    return Heard::Foreign { theirs: theirs.clone() };
                }
                let only_ours = *asked == Some(block.header.height);
                self.asked.remove(&peer);
                if only_ours { Heard::Answer } else { Heard::Nothing }
            }
            Message::NewRoundStep { .. }
            | Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. }
            | Message::Proposal(_)
            | Message::ProposalPol { .. }
            | Message::BlockPart { .. }
            | Message::Vote(_)
            | Message::VoteSetBits { .. }
            | Message::Txs(_)
            | Message::Evidence(_)
            | Message::BlockRequest(_)
            | Message::NoBlock(_)
            | Message::StatusRequest
            | Message::StatusResponse { .. } => Heard::Nothing,
        }
    }
}
