//! One participant as a value, across heights: decide, execute, next.

use types::{PublicKey, Time};

use crate::input::{Input, Start};
use crate::output::Output;
use crate::replay::Record;
use crate::timeouts::Config;

/// One participant.
pub struct Replica {}

impl Replica {
    /// A participant as it stands after its last executed block. `key` is the validator key, if
    /// this node has one. `records` are those of the next height, from the store: they are taken
    /// in silently, so that what was promised is known. Call [`Replica::begin`] next.
    pub fn new(config: Config, key: Option<PublicKey>, start: Start, records: Vec<Record>) -> Self {
        let _ = (config, key, start, records);
        unimplemented!()
    }

    /// The first outputs: keys, alarms, and what the state after replay asks for.
    pub fn begin(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let _ = (now, outputs);
        unimplemented!()
    }

    /// Applies one input and appends what must be done, in order. Never blocks, never reads a
    /// clock, never draws a random number, never panics on anything a peer can send.
    pub fn handle(&mut self, now: Time, input: Input, outputs: &mut Vec<Output>) {
        let _ = (now, input, outputs);
        unimplemented!()
    }

    /// What the RPC shows: a picture of rounds, votes, locks and peers, cheap enough to be taken
    /// at every request.
    pub fn snapshot(&self) -> crate::snapshot::Snapshot {
        unimplemented!()
    }
}
