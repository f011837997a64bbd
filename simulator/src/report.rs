//! What is left of a run: whether it failed and how, what was counted, and a digest of all that
//! happened.

use std::collections::BTreeMap;

use types::Message;

use crate::moment::Moment;
use crate::plan::FaultClass;

/// A judge's verdict: something happened that must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{judge} at {at}: {what}")]
pub struct Failure {
    /// Which judge.
    pub judge: &'static str,
    /// When.
    pub at: Moment,
    /// What happened.
    pub what: String,
}

/// What is left of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    /// Of all that happened: equal for equal histories.
    pub digest: [u8; 32],
    /// What was counted.
    pub counts: Counts,
    /// How long the world lasted.
    pub lasted: Moment,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Things that happened.
    pub events: u64,
    /// Heights that were decided by anybody.
    pub heights: u64,
    /// Rounds in which blocks were decided, added up; round 0 counts as 1.
    pub rounds: u64,
    /// Messages sent, by kind.
    pub messages: BTreeMap<&'static str, u64>,
    /// Faults that began, by class.
    pub faults: BTreeMap<&'static str, u64>,
    /// What faults have hit, by class: messages, connections, processes.
    pub hits: BTreeMap<&'static str, u64>,
    /// Messages that did not fit through a line and were dropped.
    pub dropped: u64,
    /// What clients did, by kind.
    pub clients: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// A message was sent.
    pub fn sent(&mut self, message: &Message) {
        *self.messages.entry(kind(message)).or_default() += 1;
    }

    /// A fault has hit something so many times.
    pub fn hit(&mut self, class: FaultClass, times: u64) {
        if 0 < times {
            *self.hits.entry(class.name()).or_default() += times;
        }
    }

    /// A client did something.
    pub fn client(&mut self, what: &'static str) {
        *self.clients.entry(what).or_default() += 1;
    }

    /// What was counted in another run, too.
    pub fn add(&mut self, other: &Counts) {
        self.events += other.events;
        self.heights += other.heights;
        self.rounds += other.rounds;
        for (kind, count) in &other.messages {
            *self.messages.entry(kind).or_default() += count;
        }
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (kind, count) in &other.hits {
            *self.hits.entry(kind).or_default() += count;
        }
        self.dropped += other.dropped;
        for (kind, count) in &other.clients {
            *self.clients.entry(kind).or_default() += count;
        }
    }
}

/// A digest of a history, as it grows.
#[derive(Clone, Debug, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// Something happened.
    pub fn add(&mut self, at: Moment, facts: &[u64]) {
        self.0.update(&at.0.to_le_bytes());
        for fact in facts {
            self.0.update(&fact.to_le_bytes());
        }
    }

    /// Of all so far.
    pub fn finish(&self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// What a message is called in tables.
pub fn kind(message: &Message) -> &'static str {
    match message {
        Message::NewRoundStep { .. } => "step",
        Message::NewValidBlock { .. } => "valid block",
        Message::HasVote { .. } => "has vote",
        Message::VoteSetMaj23 { .. } => "maj23",
        Message::VoteSetBits { .. } => "vote bits",
        Message::Proposal(_) => "proposal",
        Message::ProposalPol { .. } => "proposal pol",
        Message::BlockPart { .. } => "part",
        Message::Vote(_) => "vote",
        Message::Txs(_) => "transactions",
        Message::Evidence(_) => "evidence",
        Message::BlockRequest(_) => "block request",
        Message::NoBlock(_) => "no block",
        Message::BlockResponse { .. } => "block",
        Message::StatusRequest => "status request",
        Message::StatusResponse { .. } => "status",
    }
}
