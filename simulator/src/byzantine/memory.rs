//! What an adversary remembers of all that it heard and said.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use types::{
    Block, BlockId, Height, Keyring, Message, Proposal, Round, ValidatorIndex, ValidatorSet, Vote,
    VoteKind,
};

use super::Place;

/// Messages remembered, to be said again.
const HEARD_MAX: usize = 64;
/// One in so many messages is remembered.
const HEARD_EVERY: u64 = 7;
/// Votes beyond which no more are remembered.
const VOTES_MAX: usize = 4096;

/// What an adversary remembers.
#[derive(Debug, Default)]
pub struct Memory {
    /// The keys of its replica's height.
    pub keyring: Option<Keyring>,
    /// The last block that its replica made or judged.
    pub block: Option<Arc<Block>>,
    /// Proposals of this height and the last.
    pub proposals: BTreeMap<Place, Proposal>,
    /// Votes of this height and the last: the first of each validator.
    pub votes: BTreeMap<(Place, VoteKind, ValidatorIndex), Vote>,
    /// Its last precommit for a block at this height.
    pub locked: Option<(Place, BlockId)>,
    /// Some of the messages of all heights.
    pub heard: VecDeque<Message>,
    count: u64,
}

impl Memory {
    /// Goes on to another height or round.
    pub fn rekey(&mut self, keyring: Keyring, oldest: Height) {
        let here = keyring.height;
        self.proposals.retain(|&(height, _), _| oldest <= height);
        self.votes.retain(|&((height, _), ..), _| oldest <= height);
        self.locked = self.locked.filter(|&((height, _), _)| height == here);
        self.keyring = Some(keyring);
    }

    /// Takes note of a message.
    pub fn hear(&mut self, message: &Message) {
        match message {
            Message::Proposal(it) => {
                self.proposals.entry((it.height, it.round)).or_insert_with(|| Proposal::clone(it));
            }
            Message::Vote(it) if self.votes.len() < VOTES_MAX => {
                let key = ((it.height, it.round), it.kind, it.validator_index);
                self.votes.entry(key).or_insert_with(|| Vote::clone(it));
            }
            Message::BlockResponse { .. } => return,
            _ => {}
        }
        self.count += 1;
        if self.count.is_multiple_of(HEARD_EVERY) {
            if HEARD_MAX <= self.heard.len() {
                self.heard.pop_front();
            }
            self.heard.push_back(message.clone());
        }
    }

    /// Who votes at a height, if that is one of those around this one.
    pub fn validators(&self, height: Height) -> Option<&Arc<ValidatorSet>> {
        let keyring = self.keyring.as_ref()?;
        if height == keyring.height {
            Some(&keyring.current)
        } else if height == keyring.height.next() {
            Some(&keyring.next)
        } else if Some(height) == keyring.height.previous() {
            keyring.last.as_ref()
        } else {
            None
        }
    }

    /// Where its replica is.
    pub fn place(&self) -> Option<Place> {
        self.keyring.as_ref().map(|it| (it.height, it.round))
    }

    /// What was proposed or voted for at a height, each once.
    pub fn ids(&self, height: Height) -> Vec<BlockId> {
        let from = (height, Round(0));
        let proposed = self.proposals.range(from..).take_while(|((at, _), _)| *at == height);
        let mut ids: Vec<BlockId> = proposed.map(|(_, it)| it.block_id).collect();
        let votes = self.votes.iter().filter(|(((at, _), ..), _)| *at == height);
        ids.extend(votes.filter_map(|(_, vote)| vote.block_id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
