//! What a modelled node works with: its threads, its disk, its pool, and what waits for each.

use std::collections::VecDeque;
use std::sync::Arc;

use consensus::{Input, Output, Recipients, Record};
use types::{Block, Message, PeerId};

use super::Costs;
use super::costs::of_bytes;
use super::pool::Pool;
use super::seen::Seen;
use super::station::{Resource, Station};
use crate::moment::Moment;
use crate::network::size;
use crate::plan::model::ModelPlan;

/// A vote as the disk has it.
const VOTE_BYTES: u64 = 220;
/// What the disk has beside a block's parts, for each signature of its commit.
const SIGNATURE_BYTES: u64 = 120;

/// A message, counted once for all who get it.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// What.
    pub message: Arc<Message>,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Parcel {
    /// Counts a message.
    pub fn new(message: Message) -> Self {
        Self { bytes: size::of(&message), message: Arc::new(message) }
    }

    /// The message alone.
    pub fn into_inner(self) -> Message {
        Arc::unwrap_or_clone(self.message)
    }
}

/// A message that waits to be checked.
#[derive(Debug)]
pub struct Arrived {
    /// Since when.
    pub at: Moment,
    /// Who sent it.
    pub peer: PeerId,
    /// What.
    pub message: Parcel,
}

/// What has crossed a node's lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Bytes that it sent.
    pub bytes_out: u64,
    /// Bytes that it received.
    pub bytes_in: u64,
    /// Messages that it sent.
    pub messages_out: u64,
    /// Messages that it received.
    pub messages_in: u64,
    /// Bytes of transactions that wait, among those that it sent.
    pub txs_bytes_out: u64,
}

/// What a node works with.
pub struct Workshop {
    /// What work costs.
    pub costs: Costs,
    /// How many peers it has.
    pub peers: u64,
    replica: Station,
    pub(crate) application: Station,
    pub(crate) admission: Station,
    pub(crate) disk: Station,
    pub(crate) verifiers: Vec<Station>,
    carriers: Vec<Station>,
    /// What crossed its lines, since it was forgotten last.
    pub traffic: Traffic,
    /// Bytes that it sent and received before.
    before: (u64, u64),
    pub(crate) arrived: VecDeque<Arrived>,
    /// When it looks for something to check.
    pub(crate) looks_at: Option<Moment>,
    /// What was checked.
    pub seen: Seen,
    /// What waits for a block.
    pub pool: Pool,
    /// When it last told peers of transactions.
    pub(crate) gossiped: Moment,
    /// It will tell them.
    pub(crate) gossips: bool,
    /// What the application was asked to execute.
    pub(crate) executing: VecDeque<Arc<Block>>,
    /// What the replica says once its thread is that far.
    pub(crate) outbox: Vec<(Recipients, Parcel)>,
}

impl Workshop {
    /// Everything is idle.
    pub fn new(plan: &ModelPlan, peers: usize) -> Self {
        Self {
            costs: plan.costs.clone(),
            peers: length(peers),
            replica: Station::default(),
            application: Station::default(),
            admission: Station::default(),
            disk: Station::default(),
            verifiers: vec![Station::default(); plan.verifiers],
            carriers: vec![Station::default(); plan.carriers],
            traffic: Traffic::default(),
            before: (0, 0),
            arrived: VecDeque::new(),
            looks_at: None,
            seen: Seen::default(),
            pool: Pool::new(plan.pool_txs_max, peers),
            gossiped: Moment::START,
            gossips: false,
            executing: VecDeque::new(),
            outbox: vec![],
        }
    }

    /// How busy each of its resources was, in nanoseconds. Lines know that themselves.
    pub fn busy_nanos(&self, resource: Resource) -> u64 {
        let mean = |stations: &[Station]| {
            let sum: u64 = stations.iter().map(Station::busy_nanos).sum();
            sum / length(stations.len()).max(1)
        };
        match resource {
            Resource::Replica => self.replica.busy_nanos(),
            Resource::Verifier => mean(&self.verifiers),
            Resource::Application => self.application.busy_nanos(),
            Resource::Admission => self.admission.busy_nanos(),
            Resource::Network => mean(&self.carriers),
            Resource::Disk => self.disk.busy_nanos(),
            Resource::Uplink | Resource::Downlink => 0,
        }
    }

    /// Bytes that it has sent and received since the world began.
    pub fn bytes_of_all_time(&self) -> (u64, u64) {
        let Traffic { bytes_out, bytes_in, .. } = self.traffic;
        (self.before.0 + bytes_out, self.before.1 + bytes_in)
    }

    /// What was measured so far does not count.
    pub fn forget(&mut self) {
        self.before = self.bytes_of_all_time();
        self.traffic = Traffic::default();
        for station in
            [&mut self.replica, &mut self.application, &mut self.admission, &mut self.disk]
        {
            station.forget();
        }
        self.verifiers.iter_mut().chain(&mut self.carriers).for_each(Station::forget);
    }

    /// The replica's thread works for so long. Returns when it is through; it may have waited
    /// before, for the disk.
    pub fn think(&mut self, at: Moment, nanos: u64) -> Moment {
        self.replica.work(at, nanos)
    }

    /// A message goes through the transport. Returns when it is through.
    pub fn carry(&mut self, at: Moment, bytes: u64) -> Moment {
        let nanos = self.costs.message.carries(bytes);
        let carrier = self.carriers.iter_mut().min_by_key(|it| it.free());
        carrier.expect("there is one at least").work(at, nanos)
    }

    /// What the replica's code takes for an input.
    pub fn input_nanos(&self, input: &Input, validators: u64) -> u64 {
        let Costs { replica, block, .. } = &self.costs;
        let each = replica.input + replica.input_peer * self.peers;
        match input {
            Input::Received { message, .. } => match message.get() {
                Message::BlockPart { part, .. } => {
                    let picos = block.part_byte_picos + block.read_byte_picos;
                    each + of_bytes(picos, length(part.bytes.len()))
                }
                _ => each,
            },
            Input::Timeout(timeout) if timeout.wait == consensus::Wait::Gossip => {
                each + replica.tick_peer * self.peers
            }
            Input::Executed { .. } => each + replica.height_validator * validators,
            _ => each,
        }
    }

    /// A synced write of the replica. Returns when it is durable.
    pub fn keep(&mut self, at: Moment, held: &[Output]) -> Moment {
        let bytes = held.iter().map(kept_bytes).sum();
        self.disk.work(at, self.costs.disk.writes(bytes))
    }

    /// A signature, and the signer's two syncs: its file, and the folder. Returns when it is made.
    pub fn sign(&mut self, at: Moment) -> Moment {
        let signed = self.think(at, self.costs.signature.sign);
        self.disk.work(signed, 2 * self.costs.disk.sync)
    }
}

/// Bytes that the disk gets of something that is to be kept.
fn kept_bytes(output: &Output) -> u64 {
    match output {
        Output::Record(Record::Part { part, .. }) => length(part.bytes.len()),
        Output::Record(_) => VOTE_BYTES,
        Output::Decide(decided) => {
            let commit = length(decided.commit.signatures.len());
            length(decided.parts.bytes_count()) + SIGNATURE_BYTES * commit
        }
        _ => 0,
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}
