//! Which messages a fault takes: by what they are, where they belong, and who sends them to whom.

use serde::{Deserialize, Serialize};
use types::{Message, VoteKind};

/// What a message is, as far as rules tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// A proposal.
    Proposal,
    /// A part of a block.
    Part,
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
    /// What peers say of what they have and where they are.
    State,
    /// Decided blocks, and what is said about them.
    Blocks,
    /// Evidence and transactions.
    Other,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [MessageKind; 7] = [
        MessageKind::Proposal,
        MessageKind::Part,
        MessageKind::Prevote,
        MessageKind::Precommit,
        MessageKind::State,
        MessageKind::Blocks,
        MessageKind::Other,
    ];
}

/// Some messages: those for which all holds that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// What they are.
    pub kind: Option<MessageKind>,
    /// The height that they are about.
    pub height: Option<u64>,
    /// The round that they are about.
    pub round: Option<u32>,
    /// Who sends them, whoever made them.
    pub from: Option<usize>,
    /// To whom.
    pub to: Option<usize>,
}

impl Rule {
    /// Whether a message is one of them.
    pub fn takes(&self, (from, to): (usize, usize), message: &Message) -> bool {
        let (kind, height, round) = facts(message);
        self.from.is_none_or(|it| it == from)
            && self.to.is_none_or(|it| it == to)
            && self.kind.is_none_or(|it| it == kind)
            && self.height.is_none_or(|it| height == Some(it))
            && self.round.is_none_or(|it| round == Some(it))
    }
}

/// What a message is, and where it belongs if it belongs anywhere.
fn facts(message: &Message) -> (MessageKind, Option<u64>, Option<u32>) {
    match message {
        Message::Proposal(it) => (MessageKind::Proposal, Some(it.height.0), Some(it.round.0)),
        Message::BlockPart { height, round, .. } => {
            (MessageKind::Part, Some(height.0), Some(round.0))
        }
        Message::Vote(it) => {
            let kind = match it.kind {
                VoteKind::Prevote => MessageKind::Prevote,
                VoteKind::Precommit => MessageKind::Precommit,
            };
            (kind, Some(it.height.0), Some(it.round.0))
        }
        Message::NewRoundStep { height, round, .. }
        | Message::NewValidBlock { height, round, .. }
        | Message::HasVote { height, round, .. }
        | Message::VoteSetMaj23 { height, round, .. }
        | Message::VoteSetBits { height, round, .. }
        | Message::ProposalPol { height, pol_round: round, .. } => {
            (MessageKind::State, Some(height.0), Some(round.0))
        }
        Message::BlockRequest(height) | Message::NoBlock(height) => {
            (MessageKind::Blocks, Some(height.0), None)
        }
        Message::BlockResponse { block, .. } => {
            (MessageKind::Blocks, Some(block.header.height.0), None)
        }
        Message::StatusRequest | Message::StatusResponse { .. } => {
            (MessageKind::Blocks, None, None)
        }
        Message::Txs(_) | Message::Evidence(_) => (MessageKind::Other, None, None),
    }
}
