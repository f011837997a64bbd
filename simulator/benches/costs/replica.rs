//! What the replica's own code takes: so many replicas decide a few heights, everything they say
//! arrives at once, and only the time within `Replica::handle` counts.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use consensus::{Config, Input, Output, Recipients, Replica, Start, Timeout, Wait};
use simulator::Plan;
use simulator::curves::Curves;
use simulator::member::light::Word;
use simulator::member::signer::Signer;
use types::{ChainState, Genesis, Message, PeerId, Time, Verified};

/// Heights that are decided.
const HEIGHTS: u64 = 12;

/// Nanoseconds, on the average of all but the slowest tenth: those were interrupted.
pub struct Measured {
    /// For a message of a peer that is no part of a block.
    pub input: u64,
    /// For an alarm of gossip.
    pub tick: u64,
}

struct Net {
    replicas: Vec<Replica>,
    signers: Vec<Signer>,
    alarms: Vec<BTreeMap<Timeout, Time>>,
    queue: VecDeque<(usize, Input)>,
    curves: Curves,
    word: Word,
    genesis: Genesis,
    now: Time,
    decided: u64,
    inputs: Times,
    ticks: Times,
}

#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn mean(mut self) -> u64 {
        self.0.sort_unstable();
        self.0.truncate(self.0.len() * 9 / 10);
        self.0.iter().sum::<u64>() / (self.0.len() as u64).max(1)
    }
}

/// Measures with so many validators, each a peer of each.
pub fn measure(count: usize) -> Measured {
    let mut net = Net::new(count);
    for member in 0..count {
        let mut outputs = vec![];
        net.replicas[member].begin(net.now, &mut outputs);
        net.carry_out(member, outputs);
        for peer in (0..count).filter(|&it| it != member) {
            net.queue.push_back((member, Input::PeerUp(id_of(peer))));
        }
    }
    while net.decided < HEIGHTS * count as u64 {
        match net.queue.pop_front() {
            Some((member, input)) => net.handle(member, input),
            None => net.ring(),
        }
    }
    Measured { input: net.inputs.mean(), tick: net.ticks.mean() }
}

impl Net {
    fn new(count: usize) -> Self {
        let plan = Plan::fair(1, &vec![10; count], HEIGHTS);
        let curves = Curves::new(count, false);
        let mut genesis = super::genesis(count);
        for (number, validator) in genesis.validators.iter_mut().enumerate() {
            validator.public_key = curves.public(number);
        }
        let state = Arc::new(ChainState::genesis(&genesis).expect("a chain begins"));
        let replica = |number: usize| {
            let start = Start {
                state: Arc::clone(&state),
                last_commit: None,
                last_header: None,
                stored: None,
                evidence: vec![],
            };
            Replica::new(Config::default(), Some(curves.public(number)), start, vec![])
        };
        Self {
            replicas: (0..count).map(replica).collect(),
            signers: (0..count).map(Signer::new).collect(),
            alarms: vec![BTreeMap::new(); count],
            queue: VecDeque::new(),
            word: Word::new(&plan, &curves),
            now: genesis.genesis_time,
            curves,
            genesis,
            decided: 0,
            inputs: Times::default(),
            ticks: Times::default(),
        }
    }

    fn handle(&mut self, member: usize, input: Input) {
        let times = match &input {
            Input::Received { message, .. } => match message.get() {
                Message::BlockPart { .. } => None,
                _ => Some(&mut self.inputs),
            },
            Input::Timeout(Timeout { wait: Wait::Gossip, .. }) => Some(&mut self.ticks),
            _ => None,
        };
        let mut outputs = Vec::with_capacity(64);
        let began = Instant::now();
        self.replicas[member].handle(self.now, input, &mut outputs);
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(times) = times {
            times.0.push(nanos);
        }
        self.carry_out(member, outputs);
    }

    fn carry_out(&mut self, member: usize, outputs: Vec<Output>) {
        for output in outputs {
            let answer = match output {
                Output::Send { to, message } => {
                    self.send(member, to, message);
                    continue;
                }
                Output::Schedule(alarm) => {
                    self.alarms[member].insert(alarm.timeout, self.now.after(alarm.after));
                    continue;
                }
                Output::Sign(request) => {
                    self.signers[member].sign(&self.curves, &self.genesis.chain_id, request)
                }
                Output::AwaitTxs { height } => Input::TxsAvailable { height },
                Output::Ask(question) => {
                    self.word.answer(question, Some(self.curves.public(member)))
                }
                Output::Load { height } => Input::Loaded { height, stored: None },
                Output::Decide(_) => {
                    self.decided += 1;
                    continue;
                }
                _ => continue,
            };
            self.queue.push_back((member, answer));
        }
    }

    fn send(&mut self, from: usize, to: Recipients, message: Message) {
        let members = match to {
            Recipients::One(peer) => {
                let member = usize::try_from(peer.0).expect("few members");
                member..member + 1
            }
            Recipients::All => 0..self.replicas.len(),
        };
        for member in members.filter(|&it| it != from) {
            let message = Verified::assume(message.clone());
            self.queue.push_back((member, Input::Received { peer: id_of(from), message }));
        }
    }

    /// Nothing is under way: the next alarm rings.
    fn ring(&mut self) {
        let each = self.alarms.iter().enumerate();
        let all = each.flat_map(|(member, alarms)| {
            alarms.iter().map(move |(&timeout, &at)| (at, member, timeout))
        });
        let (at, member, timeout) = all.min().expect("gossip has an alarm at least");
        self.alarms[member].remove(&timeout);
        self.now = self.now.max(at);
        self.handle(member, Input::Timeout(timeout));
    }
}

fn id_of(member: usize) -> PeerId {
    PeerId(u64::try_from(member).expect("few members"))
}
