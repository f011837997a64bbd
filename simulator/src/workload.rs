//! Clients of the nodes: they submit transactions, wait for them, and read. What they are told is
//! for the judges. An operator changes the validators.

use apps::kvstore::update_tx;
use bytes::Bytes;
use types::{Height, Tx, ValidatorUpdate, VotingPower};

use crate::application::UNTIL;
use crate::chance::Chance;
use crate::moment::Moment;
use crate::outside::{Happening, Outside};
use crate::plan::Plan;
use crate::plan::whole::WorkloadPlan;
use crate::world::World;

/// Streams of chance from here on belong to clients.
const STREAMS: u64 = 1 << 48;

/// Names what a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which client.
    pub client: usize,
    /// The how-manieth thing that it does.
    pub number: u64,
}

/// Something happens to a client.
#[derive(Clone, Debug)]
pub enum Errand {
    /// It does the next thing.
    Begin,
    /// The node that it waits at has executed its transaction.
    Told {
        /// In which block.
        height: Height,
        /// The application's word.
        code: u32,
    },
    /// Its patience is over.
    GiveUp,
}

/// All clients. The last of them is the operator, if there is one.
pub struct Workload {
    plan: WorkloadPlan,
    clients: Vec<Client>,
}

/// One client. It does one thing after the other.
struct Client {
    chance: Chance,
    /// How many things it has begun.
    number: u64,
    waits: Option<Waiting>,
}

/// What a client waits for.
struct Waiting {
    tx: Tx,
    /// At which member, and in which of its lives.
    member: usize,
    life: u32,
    /// What it reads there afterwards: a read that nothing decided before it may be missing from.
    then: Option<Bytes>,
}

impl Workload {
    /// The clients of a plan, who have not begun.
    pub fn new(plan: &Plan) -> Self {
        let own = plan.whole_plan().map(|whole| whole.workload.clone());
        let operator = own.as_ref().is_some_and(|own| own.validators_every_ms.is_some());
        let count = own.as_ref().map_or(0, |own| own.clients + usize::from(operator));
        let client = |number: usize| {
            let stream = STREAMS + u64::try_from(number).expect("few clients");
            Client { chance: Chance::of(plan.seed, stream), number: 0, waits: None }
        };
        Self { plan: own.unwrap_or_default(), clients: (0..count).map(client).collect() }
    }

    /// All begin.
    pub fn begin(&mut self, outside: &mut Outside) {
        for number in 0..self.clients.len() {
            self.pause(outside, number);
        }
    }

    /// A client does nothing for a while, and then the next thing.
    fn pause(&mut self, outside: &mut Outside, client: usize) {
        let span = match self.plan.validators_every_ms {
            Some(every) if self.is_operator(client) => every,
            Some(_) | None => self.plan.pause_ms,
        };
        let it = &mut self.clients[client];
        (it.waits, it.number) = (None, it.number + 1);
        let at = outside.now.after_nanos(it.chance.between(1, span.max(1) * 1_000_000));
        let ticket = Ticket { client, number: it.number };
        outside.queue.push(at, Happening::Errand { ticket, errand: Errand::Begin });
    }

    fn is_operator(&self, client: usize) -> bool {
        client == self.plan.clients
    }

    /// A transaction that nobody has sent before, and the key that it sets.
    fn next_tx(&mut self, client: usize, height: u64) -> (Tx, Bytes) {
        let WorkloadPlan { keys, value_bytes_max, .. } = self.plan;
        let it = &mut self.clients[client];
        let own = format!("c{client}n{}", it.number);
        let more = usize::try_from(it.chance.below(value_bytes_max + 1)).expect("small");
        let value = format!("{own}{}", "x".repeat(more));
        let key = if it.chance.permille(50) {
            format!("{UNTIL}{}-{own}", height + it.chance.below(3))
        } else {
            key_of(&mut it.chance, keys)
        };
        (format!("{key}={value}").into_bytes().into(), key.into_bytes().into())
    }
}

impl World {
    /// Something happens to a client.
    pub(crate) fn errand(&mut self, ticket: Ticket, errand: &Errand) {
        let Ticket { client, number } = ticket;
        if self.workload.clients[client].number != number {
            return;
        }
        match errand {
            Errand::Begin if self.workload.is_operator(client) => self.change_validators(client),
            Errand::Begin => self.do_something(client),
            Errand::Told { height, code } => self.told(client, *height, *code),
            Errand::GiveUp => {
                self.outside.counts.client("unknown outcomes");
                self.workload.pause(&mut self.outside, client);
            }
        }
    }

    /// A member that runs, by chance.
    fn some_member(&mut self, client: usize) -> Option<usize> {
        let running = |&it: &usize| self.members[it].is_awake();
        let running: Vec<usize> = (0..self.members.len()).filter(running).collect();
        let chance = &mut self.workload.clients[client].chance;
        (!running.is_empty()).then(|| chance.pick(&running))
    }

    fn do_something(&mut self, client: usize) {
        let Some(member) = self.some_member(client) else {
            return self.workload.pause(&mut self.outside, client);
        };
        let keys = self.workload.plan.keys;
        let chance = &mut self.workload.clients[client].chance;
        let (draw, key) = (chance.below(4), key_of(chance, keys));
        let key = Bytes::from(key.into_bytes());
        match draw {
            0 => {
                self.outside.judges.moved(client);
                self.outside.judges.asks(client, &key);
                self.read(client, member, &key);
                self.workload.pause(&mut self.outside, client);
            }
            1 => self.submit(client, member, Some(key)),
            _ => self.submit(client, member, None),
        }
    }

    /// Reads a key at a member, in one go.
    fn read(&mut self, client: usize, member: usize, key: &Bytes) {
        let Some((value, height)) = self.members[member].query(key) else { return };
        self.outside.counts.client("reads");
        if self.outside.judges.is_honest(member) {
            self.outside.judges.read(client, key, value.as_ref(), height);
        }
    }

    /// Submits a transaction and waits for it, as `broadcast_tx_commit` does.
    fn submit(&mut self, client: usize, member: usize, then: Option<Bytes>) {
        let height = self.members[member].height();
        let (tx, _) = self.workload.next_tx(client, height);
        let ticket = Ticket { client, number: self.workload.clients[client].number };
        let outside = &mut self.outside;
        outside.counts.client("submitted");
        outside.judges.moved(client);
        outside.judges.submitted(client, &tx);
        if let Some(key) = &then {
            outside.judges.asks(client, key);
        }
        let code = self.members[member].submit(outside, tx.clone(), ticket);
        if code != Some(0) {
            outside.counts.client("refused");
            if outside.judges.is_honest(member) {
                outside.judges.refused(client, &tx);
            }
            return self.workload.pause(outside, client);
        }
        outside.counts.client("admitted");
        let life = self.members[member].life();
        let patience = Moment::from_millis(self.workload.plan.patience_ms);
        self.workload.clients[client].waits = Some(Waiting { tx, member, life, then });
        let at = outside.now.after_nanos(patience.0);
        outside.queue.push(at, Happening::Errand { ticket, errand: Errand::GiveUp });
    }

    /// A client's transaction was executed at the member that it waits at.
    fn told(&mut self, client: usize, height: Height, code: u32) {
        let Some(waiting) = self.workload.clients[client].waits.take() else { return };
        let Waiting { tx, member, life, then } = waiting;
        self.outside.counts.client("acknowledged");
        if self.outside.judges.is_honest(member) {
            self.outside.judges.acknowledged(client, &tx, height);
        }
        if let Some(key) = then
            && code == 0
            && self.members[member].life() == life
        {
            self.read(client, member, &key);
        }
        self.workload.pause(&mut self.outside, client);
    }

    /// Some validator's power changes, or somebody becomes one, or ceases to be.
    fn change_validators(&mut self, client: usize) {
        let Some(member) = self.some_member(client) else {
            return self.workload.pause(&mut self.outside, client);
        };
        let (keys, powers) = (self.outside.plan.keys_count(), self.outside.plan.powers.clone());
        let chance = &mut self.workload.clients[client].chance;
        let number = chance.index(keys);
        let usual = powers.get(number).copied().unwrap_or(powers[0]);
        let power = match chance.below(4) {
            // Never all: the first stays.
            0 if number != 0 => 0,
            1 => usual,
            _ => chance.between(1, usual.saturating_mul(2)),
        };
        let public_key = self.outside.curves.public(number);
        let tx = update_tx(&ValidatorUpdate { public_key, power: VotingPower(power) });
        let tx = padded(&tx, self.workload.clients[client].number);
        let ticket = Ticket { client, number: self.workload.clients[client].number };
        self.outside.counts.client("validator updates");
        self.members[member].submit(&mut self.outside, tx, ticket);
        self.workload.pause(&mut self.outside, client);
    }
}

/// The same update with zeros before the power, so that no two are equal.
fn padded(tx: &Tx, zeros: u64) -> Tx {
    let middle = tx.iter().rposition(|&byte| byte == b'!').expect("an update has two");
    let (before, power) = tx.split_at(middle + 1);
    let zeros = vec![b'0'; usize::try_from(zeros).expect("few updates")];
    [before, &zeros, power].concat().into()
}

fn key_of(chance: &mut Chance, keys: u64) -> String {
    format!("k{}", chance.below(keys.max(1)))
}
