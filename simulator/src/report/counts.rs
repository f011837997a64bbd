//! What is counted while a world lasts. Nothing here looks at a message's content.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use types::Message;

use super::Stage;
use crate::plan::{FaultClass, Vice};

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Things that happened.
    pub events: u64,
    /// Heights that were decided by anybody.
    pub heights: u64,
    /// Rounds in which blocks were decided, added up; round 0 counts as 1.
    pub rounds: u64,
    /// How many heights were decided in which round.
    pub decided_in: BTreeMap<u32, u64>,
    /// Messages sent, by kind.
    pub messages: MessageCounts,
    /// Faults that began, by class.
    pub faults: BTreeMap<&'static str, u64>,
    /// What faults have hit, by class: messages, connections, processes.
    pub hits: BTreeMap<&'static str, u64>,
    /// Messages that did not fit through a line and were dropped.
    pub dropped: u64,
    /// What the judges found out, by name: nothing that is wrong.
    pub findings: BTreeMap<&'static str, u64>,
    /// Peers that were cut and banned.
    pub bans: u64,
    /// In which stage the members concerned were when a fault of a class began.
    pub coverage: BTreeMap<&'static str, BTreeMap<Stage, u64>>,
    /// How often a vice was acted on.
    pub vices: BTreeMap<Vice, u64>,
    /// What clients did, by kind.
    pub clients: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// A message was sent.
    pub fn sent(&mut self, message: &Message) {
        self.messages.0[index(message)] += 1;
    }

    /// A height was decided for the first time, in this round.
    pub fn decided(&mut self, round: types::Round) {
        self.heights += 1;
        self.rounds += u64::from(round.0) + 1;
        *self.decided_in.entry(round.0).or_default() += 1;
    }

    /// A client did something.
    pub fn client(&mut self, what: &'static str) {
        *self.clients.entry(what).or_default() += 1;
    }

    /// A fault of a class began.
    pub fn began(&mut self, class: FaultClass) {
        *self.faults.entry(class.name()).or_default() += 1;
    }

    /// A fault has hit something so many times.
    pub fn hit(&mut self, class: FaultClass, times: u64) {
        if 0 < times {
            *self.hits.entry(class.name()).or_default() += times;
        }
    }

    /// A fault met a member that was there in the protocol.
    pub fn met(&mut self, class: FaultClass, stage: Stage) {
        *self.coverage.entry(class.name()).or_default().entry(stage).or_default() += 1;
    }

    /// A member acted on a vice.
    pub fn acted(&mut self, vice: Vice) {
        *self.vices.entry(vice).or_default() += 1;
    }

    /// What was counted in another run, too.
    pub fn add(&mut self, other: &Counts) {
        // Taken apart, so that a new count does not compile until somebody adds it here.
        let Counts {
            events,
            heights,
            rounds,
            decided_in,
            messages,
            faults,
            hits,
            dropped,
            findings,
            bans,
            coverage,
            vices,
            clients,
        } = other;
        self.events += events;
        self.heights += heights;
        self.rounds += rounds;
        add_all(&mut self.decided_in, decided_in);
        for (sum, count) in self.messages.0.iter_mut().zip(messages.0) {
            *sum += count;
        }
        add_all(&mut self.faults, faults);
        add_all(&mut self.hits, hits);
        self.dropped += dropped;
        for (&what, &count) in findings {
            let sum = self.findings.entry(what).or_default();
            let greatest = GREATEST.iter().any(|begins| what.starts_with(begins));
            *sum = if greatest { count.max(*sum) } else { *sum + count };
        }
        self.bans += bans;
        for (class, stages) in coverage {
            add_all(self.coverage.entry(class).or_default(), stages);
        }
        add_all(&mut self.vices, vices);
        add_all(&mut self.clients, clients);
    }
}

/// Findings that begin so are not added up: of several runs the greatest counts.
const GREATEST: [&str; 2] = ["slowest ", "bound "];

fn add_all<K: Copy + Ord>(sums: &mut BTreeMap<K, u64>, counts: &BTreeMap<K, u64>) {
    for (&key, count) in counts {
        *sums.entry(key).or_default() += count;
    }
}

/// What messages are called in tables, by their index.
const KINDS: [&str; 16] = [
    "step",
    "valid block",
    "has vote",
    "maj23",
    "vote bits",
    "proposal",
    "proposal pol",
    "part",
    "vote",
    "transactions",
    "evidence",
    "block request",
    "no block",
    "block",
    "status request",
    "status",
];

/// How many messages of each kind: a row of numbers, since every message is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts([u64; KINDS.len()]);

impl MessageCounts {
    /// Each kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.into_iter().zip(self.0)
    }

    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Only the kinds that occur.
impl Serialize for MessageCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|&(_, count)| 0 < count))
    }
}

/// What a message is called in tables.
pub fn kind(message: &Message) -> &'static str {
    KINDS[index(message)]
}

fn index(message: &Message) -> usize {
    match message {
        Message::NewRoundStep { .. } => 0,
        Message::NewValidBlock { .. } => 1,
        Message::HasVote { .. } => 2,
        Message::VoteSetMaj23 { .. } => 3,
        Message::VoteSetBits { .. } => 4,
        Message::Proposal(_) => 5,
        Message::ProposalPol { .. } => 6,
        Message::BlockPart { .. } => 7,
        Message::Vote(_) => 8,
        Message::Txs(_) => 9,
        Message::Evidence(_) => 10,
        Message::BlockRequest(_) => 11,
        Message::NoBlock(_) => 12,
        Message::BlockResponse { .. } => 13,
        Message::StatusRequest => 14,
        Message::StatusResponse { .. } => 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_two_runs_add_up() {
        let mut one = Counts::default();
        one.sent(&Message::StatusRequest);
        one.decided(types::Round(2));
        one.began(FaultClass::Crash);
        one.hit(FaultClass::Loss, 7);
        one.met(FaultClass::Crash, Stage::Propose);
        one.acted(Vice::ALL[0]);
        one.findings = BTreeMap::from([("forks", 1), ("slowest block", 30)]);
        let mut both = one.clone();
        both.add(&one);
        assert_eq!((both.heights, both.rounds, both.messages.total()), (2, 6, 2));
        assert_eq!(both.decided_in, BTreeMap::from([(2, 2)]));
        assert_eq!(both.faults, BTreeMap::from([("crash", 2)]));
        assert_eq!(both.hits, BTreeMap::from([("loss", 14)]));
        assert_eq!(both.coverage["crash"], BTreeMap::from([(Stage::Propose, 2)]));
        assert_eq!(both.findings, BTreeMap::from([("forks", 2), ("slowest block", 30)]));
        assert_eq!(both.vices, BTreeMap::from([(Vice::ALL[0], 2)]));
    }
}
