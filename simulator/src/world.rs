//! The world: takes the next thing that happens from the queue, again and again, until the goal is
//! reached, a judge objects, or time is up.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use consensus::Input;
use types::genesis::GenesisValidator;
use types::{AppHash, ChainId, ChainState, ConsensusParams, Genesis, Height, Message, VotingPower};

use crate::application::Needed;
use crate::byzantine::Adversary;
use crate::curves::Curves;
use crate::faults::Course;
use crate::judges::Judges;
use crate::member::Member;
use crate::member::light::Word;
use crate::model::Modelling;
use crate::model::workshop::Parcel;
use crate::moment::{Moment, genesis_time};
use crate::network::{Link, Network, size};
use crate::outside::{Happening, Inside, Outside};
use crate::plan::{FaultClass, Plan};
use crate::queue::Queue;
use crate::report::{Counts, Digest, Report};
use crate::trace::{Trace, words};
use crate::workload::Workload;

/// As many things for each height of the goal as are enough where a third or more is Byzantine, and
/// nobody need get on.
const EVENTS_PER_HEIGHT_EXCUSED: u64 = 3_000;
/// Largest block in bytes: a limit that an adversary can exceed without much work.
pub const BLOCK_BYTES_MAX: u64 = 1024 * 1024;

/// A whole network.
pub struct World {
    pub(crate) members: Vec<Member>,
    pub(crate) workload: Workload,
    pub(crate) outside: Outside,
    /// Faults of the plan that are not over.
    pub(crate) faults_left: usize,
    /// What each fault of the plan does just now.
    pub(crate) under_way: Vec<Course>,
    /// The state of the chain before its first block.
    pub(crate) genesis: Arc<ChainState>,
}

impl World {
    /// A world as a plan has it, before anything has happened.
    pub fn new(plan: Plan) -> Self {
        let curves = Curves::new(plan.keys_count(), plan.real_signatures);
        let genesis = genesis(&plan, &curves);
        let state = ChainState::genesis(&genesis).expect("a plan has validators of sane powers");
        let state = Arc::new(state);
        let outside = Outside {
            judges: Judges::new(&plan, &genesis),
            genesis,
            now: Moment::START,
            queue: if plan.model().is_some() { Queue::wide() } else { Queue::new() },
            network: Network::new(&plan),
            word: Word::new(&plan, &curves),
            notes: vec![],
            needed: Needed::default(),
            adversaries: adversaries(&plan, &curves),
            modelling: Modelling::new(&plan),
            curves,
            counts: Counts::default(),
            digest: Digest::default(),
            trace: None,
            plan: plan.clone(),
        };
        let count = plan.members.len();
        let member = |number| Member::new(&plan, number, Arc::clone(&state), &outside);
        let members: Vec<Member> = (0..count).map(member).collect();
        let faults_left = plan.faults.len();
        let under_way = vec![Course::default(); faults_left];
        let workload = Workload::new(&plan);
        let genesis = state;
        let mut world = Self { members, workload, outside, faults_left, under_way, genesis };
        for (index, fault) in plan.faults.iter().enumerate() {
            world.outside.queue.push(Moment::from_millis(fault.at_ms), Happening::Begin(index));
        }
        world
    }

    /// Lets everything happen.
    pub fn run(mut self) -> Report {
        self.last(&mut |_| {});
        self.end_of_world().0
    }

    /// `watch` looks after each thing that has happened.
    pub(crate) fn last(&mut self, watch: &mut dyn FnMut(&Outside)) {
        for member in &mut self.members {
            member.start(&mut self.outside);
        }
        self.connect_all();
        self.heed_notes();
        self.workload.begin(&mut self.outside);
        self.outside.submit_later();
        self.set_goal();
        while !self.is_over() {
            let Some((at, what)) = self.outside.queue.pop() else {
                self.fail("liveness", "nothing will ever happen again".to_owned());
                break;
            };
            self.outside.now = at;
            self.outside.judges.now = at;
            self.outside.counts.events += 1;
            self.happen(what);
            watch(&self.outside);
        }
    }

    /// Lets everything happen, come what may.
    fn play_out(mut self) -> (Report, Option<Trace>) {
        let last = std::panic::AssertUnwindSafe(|| self.last(&mut |_| {}));
        if let Err(panic) = std::panic::catch_unwind(last) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            self.fail("assertion", text.unwrap_or_else(|| "a panic without words".to_owned()));
        }
        self.end_of_world()
    }

    /// What is left of it, and what was told.
    fn end_of_world(self) -> (Report, Option<Trace>) {
        let Outside { mut judges, mut counts, digest, now, network, trace, .. } = self.outside;
        for (class, hits) in FaultClass::all().zip(network.hits()) {
            counts.hit(class, *hits);
        }
        counts.dropped += network.dropped();
        counts.findings = judges.finish();
        let failure = judges.failure().cloned();
        (Report { failure, digest: digest.finish(), counts, lasted: now }, trace)
    }

    fn is_over(&mut self) -> bool {
        if self.outside.is_measured() {
            return true;
        }
        let (events, heights) = (self.outside.counts.events, self.outside.plan.heights.max(10));
        let enough = EVENTS_PER_HEIGHT_EXCUSED.saturating_mul(heights);
        if enough < events && self.outside.judges.excuse() {
            return true;
        }
        let events_max = self.outside.plan.events_max();
        if events_max < events {
            let awaited = self.outside.judges.awaited();
            self.fail("storm", format!("{events_max} things have happened{awaited}"));
            return true;
        }
        self.outside.judges.is_over()
    }

    fn fail(&mut self, judge: &'static str, what: String) {
        self.outside.judges.fail(judge, what);
    }

    fn happen(&mut self, what: Happening) {
        let now = self.outside.now;
        match what {
            Happening::Arrive { from, to, connection, message } => {
                let network = &mut self.outside.network;
                if network.has_lines() && network.connection(from, to) == Some(connection) {
                    let Some(at) = network.land(now, to, size::of(&message)) else { return };
                    let land = Happening::Land { from, to, connection, message };
                    return self.outside.queue.push(at, land);
                }
                self.arrive((from, to), connection, message);
            }
            Happening::Reach { from, to, connection, message } => {
                self.take_in((from, to), connection, message);
            }
            Happening::Land { from, to, connection, message } => {
                self.arrive((from, to), connection, message);
            }
            Happening::Inside { member, life, event } => {
                if self.members[member].life() != life {
                    return;
                }
                self.outside.digest.add(now, &[2, number(member), inside(&event)]);
                self.happen_inside(member, event);
            }
            Happening::Submit => self.submit_next(),
            Happening::Errand { ticket, errand } => {
                self.outside.digest.add(now, &[8, number(ticket.client), ticket.number]);
                self.errand(ticket, &errand);
            }
            Happening::Garbage { from, to, connection } => {
                self.outside.digest.add(now, &[5, number(from), number(to)]);
                if self.outside.network.connection(from, to) == Some(connection) {
                    self.members[to].receive_garbage(&mut self.outside, from);
                }
            }
            Happening::Ban { member, peer } => {
                self.outside.digest.add(now, &[6, number(member), number(peer)]);
                self.disconnect(member, peer);
            }
            Happening::Forgive { member, peer } => {
                self.outside.digest.add(now, &[7, number(member), number(peer)]);
                self.outside.network.scores.forgive((member, peer));
                self.connect_all();
            }
            Happening::Begin(index) => {
                self.outside.digest.add(now, &[3, number(index)]);
                self.begin(index);
            }
            Happening::End(index) => {
                self.outside.digest.add(now, &[4, number(index)]);
                self.end(index);
            }
            Happening::Toggle(index) => {
                self.outside.digest.add(now, &[8, number(index)]);
                self.toggle(index);
            }
            Happening::Notice { member, life } => {
                self.outside.digest.add(now, &[9, number(member)]);
                self.notice(member, life);
            }
        }
        self.heed_notes();
    }

    fn happen_inside(&mut self, member: usize, event: Inside) {
        let (it, outside) = (&mut self.members[member], &mut self.outside);
        match event {
            Inside::Ring(timeout) => it.ring(outside, timeout),
            Inside::Answer(input) => it.hear(outside, *input),
            Inside::Wake => it.wake(outside),
            Inside::Execute => {
                it.execute(outside);
                self.note_needed();
            }
            Inside::Admit => it.admit(outside),
            Inside::Look => it.look(outside),
            Inside::Checked(peer, message) => {
                it.take_checked(outside, std::iter::once((peer, message)));
            }
            Inside::AllChecked(batch) => it.take_checked(outside, batch),
            Inside::Speak(said) => it.speak(outside, said),
            Inside::Gossip => it.gossip(outside),
        }
        self.begin_to_measure();
    }

    /// Once the warm-up is over, all that was counted is forgotten.
    fn begin_to_measure(&mut self) {
        if self.outside.modelling.as_mut().is_some_and(|it| it.meter.begins()) {
            self.members.iter_mut().for_each(Member::forget_measured);
        }
    }

    /// A client of modelled members sends a transaction.
    fn submit_next(&mut self) {
        let now = self.outside.now;
        let Some(modelling) = &mut self.outside.modelling else { return };
        let (number, tx, member) = modelling.load.send(now);
        self.outside.digest.add(now, &[10, number]);
        self.members[member].submit_modelled(&mut self.outside, &tx);
        self.outside.submit_later();
    }

    /// A message comes to a modelled member.
    fn take_in(&mut self, (from, to): Link, connection: u32, message: Parcel) {
        let now = self.outside.now;
        let fact = fact(&message.message);
        self.outside.digest.add(now, &[1, number(from), number(to), fact]);
        let network = &mut self.outside.network;
        if network.connection(from, to) != Some(connection) {
            return;
        }
        let peer = network.peer_id(to, from).expect("they are connected");
        if let Some(at) = network.land(now, to, message.bytes) {
            self.members[to].take_in(&mut self.outside, at, peer, message);
        }
    }

    /// Applications that let their nodes forget blocks know which others lack.
    fn note_needed(&mut self) {
        let whole = self.outside.plan.whole_plan();
        if whole.is_some_and(|whole| 0 < whole.application.retain_blocks) {
            let lowest = self.members.iter().map(Member::height).min().unwrap_or(0);
            self.outside.needed.store(lowest + 1, Ordering::Relaxed);
        }
    }

    fn arrive(&mut self, (from, to): Link, connection: u32, message: Box<Message>) {
        let now = self.outside.now;
        self.outside.digest.add(now, &[1, number(from), number(to), fact(&message)]);
        if self.outside.network.connection(from, to) == Some(connection) {
            self.outside.tell(|| format!("n{to} <- n{from} {}", words::message(&message)));
            let peer = self.outside.network.peer_id(to, from);
            let peer = peer.expect("they are connected");
            self.outside.overhear(from, to, &message);
            self.members[to].receive(&mut self.outside, peer, message);
        }
    }

    /// Once the last fault is over, everybody must get on.
    pub(crate) fn set_goal(&mut self) {
        if self.faults_left == 0 {
            self.outside.judges.healed();
        }
    }

    pub(crate) fn connect_all(&mut self) {
        for (a, b) in pairs(self.members.len()) {
            let both = self.members[a].is_awake() && self.members[b].is_awake();
            if both && self.outside.network.connect(a, b) {
                for (one, other) in [(a, b), (b, a)] {
                    let peer = self.outside.network.peer_id(one, other);
                    let peer = peer.expect("they were just connected");
                    self.members[one].hear(&mut self.outside, Input::PeerUp(peer));
                }
            }
        }
    }

    pub(crate) fn disconnect(&mut self, a: usize, b: usize) {
        let ids =
            [(a, b), (b, a)].map(|(one, other)| (one, self.outside.network.peer_id(one, other)));
        if self.outside.network.disconnect(a, b) {
            for (one, peer) in ids {
                let peer = peer.expect("they were connected");
                self.members[one].hear(&mut self.outside, Input::PeerDown(peer));
            }
        }
    }
}

/// The adversaries of a plan's members; nobody if all are honest.
fn adversaries(plan: &Plan, curves: &Curves) -> Vec<Option<Box<Adversary>>> {
    let adversary = |member| Adversary::new(plan, member, curves).map(Box::new);
    let adversaries: Vec<_> = (0..plan.members.len()).map(adversary).collect();
    if adversaries.iter().all(Option::is_none) { Vec::new() } else { adversaries }
}

/// Runs a plan. A broken assertion inside a replica is a failure, too.
pub fn run(plan: &Plan) -> Report {
    run_told(plan, None).0
}

/// Runs a plan while one judge's word does not count.
pub fn run_without(plan: &Plan, judge: &str) -> Report {
    let mut world = World::new(plan.clone());
    world.outside.judges.deafen(judge);
    world.play_out().0
}

/// Runs a plan and tells what happens, in at most so many lines; then the earliest are forgotten.
pub fn run_traced(plan: &Plan, lines_max: usize) -> (Report, Trace) {
    let (report, trace) = run_told(plan, Some(Trace::new(lines_max)));
    (report, trace.unwrap_or_default())
}

fn run_told(plan: &Plan, trace: Option<Trace>) -> (Report, Option<Trace>) {
    let mut world = World::new(plan.clone());
    world.outside.trace = trace;
    world.play_out()
}

/// How the chain of a plan begins.
pub(crate) fn genesis(plan: &Plan, curves: &Curves) -> Genesis {
    let validators = plan.powers.iter().enumerate().map(|(number, &power)| GenesisValidator {
        public_key: curves.public(number),
        power: VotingPower(power),
        name: String::new(),
    });
    let mut params = ConsensusParams::default();
    let mut app_hash = AppHash::default();
    params.block.bytes_max = Some(plan.model().map_or(BLOCK_BYTES_MAX, |it| it.block_bytes));
    if let Some(whole) = plan.whole_plan() {
        params.evidence = crate::application::evidence_params(&whole.application);
        params.version.app = apps::kvstore::APP_VERSION;
        // What the kvstore says in InitChain.
        app_hash = AppHash(Bytes::from_static(&[0; 8]));
    }
    params.abci.extensions_from = plan.machine.extensions_from.map(Height);
    Genesis {
        genesis_time: genesis_time(),
        chain_id: ChainId::new("simulated").expect("a short name"),
        initial_height: Height::FIRST,
        params,
        validators: validators.collect(),
        app_hash,
        app_state: "{}".to_owned(),
    }
}

pub(crate) fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
}

fn number(number: usize) -> u64 {
    u64::try_from(number).expect("fits 64 bits")
}

/// A number for a message's content, for the digest.
fn fact(message: &Message) -> u64 {
    match message {
        Message::Vote(vote) => {
            let id = vote.block_id.map_or(0, |id| u64::from(id.hash.0[0]));
            id << 48 | vote.height.0 << 16 | u64::from(vote.round.0) << 1 | vote.kind as u64
        }
        other => crate::report::kind(other).len() as u64,
    }
}

fn inside(event: &Inside) -> u64 {
    match event {
        Inside::Ring(timeout) => timeout.height.0 << 8 | u64::from(timeout.round.0),
        Inside::Answer(_) => 1,
        Inside::Wake => 2,
        Inside::Execute => 3,
        Inside::Admit => 4,
        Inside::Look => 5,
        Inside::Checked(..) => 9,
        Inside::AllChecked(batch) => 6 | number(batch.len()) << 8,
        Inside::Speak(said) => 7 | number(said.len()) << 8,
        Inside::Gossip => 8,
    }
}
