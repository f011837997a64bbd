//! One node of the world: what survives its crashes (disk, signer), and what does not.

pub mod driver;
pub mod light;
mod modelled;
pub mod pool;
pub mod signer;
pub mod trouble;
pub mod verifier;
pub mod whole;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use consensus::{Config, Input, Output, Record, Replica, Start, Timeout};
use execution::Keeping;
use types::verified::Look;
use types::{ChainState, Evidence, Height, Keyring, Message, Offence, PeerId, PublicKey, Verified};

use crate::chance::Chance;
use crate::disk::Ailment;
use crate::model::workshop::Workshop;
use crate::moment::{Clock, Moment};
use crate::network::Network;
use crate::outside::{Note, Outside};
use crate::plan::{Plan, SignerFate, Vice};
use crate::report::{Progress, Stage};

use driver::judge_decided;
use light::Light;
use signer::Signer;
use trouble::{Doom, Ending, PlaceDoom, Restrained, Stop, Trouble};
use verifier::{Past, Verifier};
use whole::guarded::Guarded;
use whole::{Life, Whole};

/// Blocks that a light disk keeps.
const BLOCKS_MAX: usize = 4096;
/// And one of a modelled node.
const MODELLED_BLOCKS_MAX: usize = 16;
/// Streams of chance from here on belong to members.
const STREAMS: u64 = 1000;

/// One node.
pub struct Member {
    number: usize,
    key: Option<PublicKey>,
    config: Config,
    clock: Clock,
    /// What survives.
    machine: Machine,
    signer: Option<Signer>,
    /// What does not.
    running: Option<Running>,
    /// Room for what its replica wants done; empty between turns.
    outputs: Vec<Output>,
    /// How often it was started: what was asked in one life is not answered in another.
    life: u32,
    /// It stops after so many further outputs.
    doom: Option<Doom>,
    trouble: Trouble,
    restrained: Restrained,
    skew_nanos: i64,
    /// The data folder was wiped, so that it may be behind the signer.
    wiped: bool,
    /// It may not vote before this height: what its signer has forgotten is before it.
    careful_until: Option<Height>,
    /// What it works with, if it is modelled.
    workshop: Option<Box<Workshop>>,
    chance: Chance,
}

/// What a node runs on.
enum Machine {
    /// Plain values.
    Light(Light),
    /// The real thing.
    Whole(Box<Whole>),
}

/// A node that runs.
struct Running {
    replica: Replica,
    keyring: Keyring,
    verifier: Verifier,
    /// What has come while the thread was busy.
    inbox: VecDeque<Input>,
    /// What the replica wants kept with the next write.
    keeping: Keeping,
    alarms: BTreeMap<Timeout, Moment>,
    /// The replica's thread waits for the disk or the signer until then.
    busy_until: Moment,
    waking: bool,
    /// The process does not run, and does not know.
    paused: bool,
    /// The application's thread works until then.
    executing_until: Moment,
    /// The last height that was executed.
    height: Option<Height>,
    /// What it has announced of where it is.
    progress: Progress,
}

impl Member {
    /// A node as the plan has it, not running yet.
    pub fn new(plan: &Plan, number: usize, state: Arc<ChainState>, outside: &Outside) -> Self {
        let own = &plan.members[number];
        let clock = Clock { skew_nanos: own.skew_micros * 1000, drift_ppm: own.drift_ppm };
        let stream = STREAMS + u64::try_from(number).expect("few members");
        Self {
            number,
            key: own.key.map(|key| outside.curves.public(key)),
            config: config(plan),
            clock,
            machine: match plan.whole_plan() {
                None => Machine::Light(Light::new(state, blocks_max(plan))),
                Some(whole) => Machine::Whole(Box::new(Whole::new(plan, whole, number))),
            },
            signer: own.key.map(Signer::new),
            running: None,
            outputs: Vec::new(),
            life: 0,
            doom: None,
            trouble: Trouble::default(),
            restrained: Restrained::default(),
            skew_nanos: clock.skew_nanos,
            wiped: false,
            careful_until: None,
            workshop: workshop(plan, number),
            chance: Chance::of(plan.seed, stream),
        }
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The last height that it has executed, or has on its disk if it does not run.
    pub fn height(&self) -> u64 {
        let running = self.running.as_ref().map(|running| running.height);
        running.unwrap_or_else(|| self.machine.tip()).map_or(0, |height| height.0)
    }

    /// Where it is in the protocol.
    pub fn stage(&self) -> Stage {
        self.running.as_ref().map_or(Stage::Down, |running| running.progress.stage())
    }

    /// Which of its lives it is in.
    pub fn life(&self) -> u32 {
        self.life
    }

    /// Whether it can answer: it runs, and is not paused.
    pub fn is_awake(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.paused)
    }

    /// It stops after so many further outputs, in the midst of what it does then.
    pub fn doom(&mut self, doom: Doom) {
        if self.doom.is_none_or(|earlier| doom.left < earlier.left) {
            self.doom = Some(doom);
        }
    }

    /// A fault that has not come to pass is over.
    pub fn spare(&mut self, fault: usize) {
        self.doom = self.doom.filter(|doom| doom.stop.fault != fault);
        if let Machine::Whole(whole) = &mut self.machine {
            whole.spare(fault);
        }
    }

    /// It stops at a place; a light machine has none.
    pub fn doom_at(&mut self, doom: PlaceDoom) {
        if let Machine::Whole(whole) = &mut self.machine {
            whole.doom(doom);
        }
    }

    /// What is wrong with its disk and clock is this, from now on.
    pub fn set_trouble(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        self.clock.skew_nanos = self.skew_nanos.saturating_add(trouble.clock_nanos);
        if let Machine::Whole(whole) = &self.machine {
            whole.disk.ail(Ailment::of(&trouble));
        }
    }

    /// It stops at once. Peers find out later.
    pub fn stop(&mut self, outside: &mut Outside, stop: Stop) {
        self.doom = None;
        let stage = self.stage();
        if self.running.take().is_none() {
            return;
        }
        let kind = &outside.plan.faults[stop.fault].kind;
        if kind.waits() {
            outside.counts.met(kind.class(), stage);
        }
        outside.tell(|| format!("n{} stops: {:?}", self.number, stop.ending));
        let number = self.number;
        match &mut self.machine {
            Machine::Light(light) => match stop.ending {
                Ending::PowerCut => {
                    let unsynced = light.unsynced();
                    let taken = self.chance.between(0, unsynced);
                    outside.tell(|| format!("n{number} keeps {taken} of {unsynced} writes"));
                    let taken = usize::try_from(taken).expect("few writes");
                    light.lose_power(taken, |decided| judge_decided(number, outside, decided));
                }
                Ending::Killed => {
                    light.lose_process(|decided| judge_decided(number, outside, decided));
                }
            },
            Machine::Whole(_) => self.end_whole(outside, stop.ending),
        }
        outside.judges.crashed(self.number);
        let fault = Some(stop.fault);
        outside.notes.push(Note::Stopped { member: self.number, fault });
    }

    /// It is stopped in good order by its operator, who starts it again.
    pub fn leave(&mut self, outside: &mut Outside) {
        self.running = None;
        match &mut self.machine {
            Machine::Light(light) => {
                light.lose_process(|decided| judge_decided(self.number, outside, decided));
            }
            Machine::Whole(_) => self.end_whole(outside, Ending::Killed),
        }
        outside.judges.crashed(self.number);
    }

    /// Its data folder is wiped while it does not run.
    pub fn wipe(&mut self, outside: &mut Outside, state: Arc<ChainState>, signer: SignerFate) {
        outside.tell(|| format!("n{} is wiped, its signer's state {signer:?}", self.number));
        let last_signed = self.last_signed();
        if signer == SignerFate::LostWithCare {
            self.careful_until = self.careful_until.max(last_signed.map(Height::next));
        }
        match &mut self.machine {
            Machine::Light(light) => {
                *light = Light::new(state, blocks_max(&outside.plan));
                if signer != SignerFate::Kept {
                    self.signer = self.signer.as_ref().map(|it| Signer::new(it.key()));
                }
            }
            Machine::Whole(whole) => whole.wipe(signer != SignerFate::Kept),
        }
        self.wiped = true;
        outside.judges.wiped(self.number);
    }

    /// The process stands still, and all that comes waits for it.
    pub fn pause(&mut self) {
        if let Some(running) = &mut self.running {
            running.paused = true;
        }
    }

    /// It goes on. Returns whether it stood still.
    pub fn resume(&mut self, outside: &mut Outside) -> bool {
        let Some(running) = &mut self.running else { return false };
        let paused = std::mem::replace(&mut running.paused, false);
        if paused {
            self.resume_whole(outside);
        }
        self.work(outside);
        paused
    }

    /// The power is back: it goes on from what its disk holds.
    pub fn start(&mut self, outside: &mut Outside) {
        if self.running.is_some() {
            return;
        }
        let forgets = 0 < self.life
            && outside.adversary(self.number).is_some_and(|adversary| adversary.forgets());
        self.life += 1;
        let Some((start, mut records)) = self.begin(outside) else { return };
        if forgets {
            outside.counts.acted(Vice::ForgetOnRestart);
            records.clear();
            self.forget_signed();
        }
        outside.tell(|| {
            let (number, life, height) = (self.number, self.life, start.state.next_height());
            format!("n{number} starts life {life} at {height} with {} records", records.len())
        });
        let height = start.state.last_height();
        let key = self.voting_key(outside, start.state.next_height());
        let mut replica = Replica::new(self.config.clone(), key, start, records);
        let mut outputs = Vec::new();
        replica.begin(self.clock.read(outside.now), &mut outputs);
        let keyring = outputs.iter().find_map(|output| match output {
            Output::Rekey(keyring) => Some((**keyring).clone()),
            _ => None,
        });
        self.running = Some(Running {
            replica,
            keyring: keyring.expect("a replica begins with its keys"),
            verifier: Verifier::new(&outside.curves),
            inbox: VecDeque::new(),
            keeping: Keeping::default(),
            alarms: BTreeMap::new(),
            busy_until: outside.now,
            waking: false,
            paused: false,
            executing_until: outside.now,
            height,
            progress: Progress::BEGUN,
        });
        let now = outside.now;
        self.go_on(outside, now, outputs);
    }

    /// The key that it votes with, if it may: a node refuses to vote from a store that is behind
    /// its signer, and its operator runs it without the key until that is over.
    fn voting_key(&mut self, outside: &mut Outside, next: Height) -> Option<PublicKey> {
        let signed = self.last_signed();
        if let Some(signed) = signed.filter(|&signed| next < signed && !self.wiped) {
            let what = format!("{}: store before {next}, signer at {signed}", self.number);
            outside.judges.fail("store behind signer", what);
        }
        self.restrained = Restrained::until(signed.max(self.careful_until));
        self.key.filter(|_| self.restrained.may_vote(next))
    }

    /// The height at which its signer signed last.
    fn last_signed(&self) -> Option<Height> {
        match &self.machine {
            Machine::Light(_) => self.signer.as_ref().and_then(Signer::height),
            Machine::Whole(whole) => whole.signer.as_ref().and_then(Guarded::height),
        }
    }

    /// Whether the power stays on for one more output.
    pub(crate) fn live_on(&mut self) -> Result<(), Stop> {
        match &mut self.doom {
            Some(Doom { left: 0, stop }) => Err(*stop),
            Some(Doom { left, .. }) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What the replica begins with; none if the node cannot begin.
    fn begin(&mut self, outside: &mut Outside) -> Option<(Start, Vec<Record>)> {
        match &mut self.machine {
            Machine::Light(light) => {
                let (start, records, executed) = light.start(&outside.word);
                for (height, outcome) in executed {
                    outside.judges.executed(self.number, height, &Arc::new(outcome));
                }
                Some((start, records))
            }
            Machine::Whole(_) => self.begin_whole(outside),
        }
    }

    /// Its signer knows no longer what it signed last.
    fn forget_signed(&mut self) {
        match &mut self.machine {
            Machine::Light(_) => {
                self.signer = self.signer.take().map(|signer| Signer::new(signer.key()));
            }
            Machine::Whole(whole) => {
                if let Some(signer) = &mut whole.signer {
                    signer.forget();
                }
            }
        }
    }

    /// A message has arrived from a peer. Its signatures are checked as the verifier would.
    pub fn receive(&mut self, outside: &mut Outside, peer: PeerId, message: Box<Message>) {
        if matches!(self.machine, Machine::Whole(_)) {
            return self.receive_whole(outside, peer, *message);
        }
        let mut message = message;
        if let Message::Evidence(list) = &mut *message {
            let mut verdicts = Vec::new();
            for piece in list.iter() {
                verdicts.push(self.proves(outside, piece));
            }
            if verdicts.contains(&Some(false)) {
                let peer = Network::member_of(peer);
                outside.penalise(self.number, peer, Offence::BadBlock, "false evidence");
                return;
            }
            let mut verdicts = verdicts.into_iter();
            list.retain(|_| verdicts.next() == Some(Some(true)));
            if list.is_empty() {
                return;
            }
        }
        let Some(running) = &mut self.running else { return };
        match running.verifier.message(&running.keyring, &message) {
            Look::Right => {
                let message = Verified::assume(*message);
                self.hear(outside, Input::Received { peer, message });
            }
            Look::Unknown => {}
            Look::Refused(offence) => {
                let peer = Network::member_of(peer);
                let reason = "a message with a wrong signature";
                outside.penalise(self.number, peer, offence, reason);
            }
        }
    }

    /// A peer has sent what is no message.
    pub fn receive_garbage(&mut self, outside: &mut Outside, peer: usize) {
        if self.running.is_some() {
            let reason = "a message that cannot be read";
            outside.penalise(self.number, peer, Offence::Malformed, reason);
        }
    }

    /// Whether a piece of evidence proves something, if it is news and can be judged here.
    fn proves(&self, outside: &Outside, piece: &Evidence) -> Option<bool> {
        let Machine::Light(light) = &self.machine else { return None };
        let (validators, time) = light.past(piece.height())?;
        if light.is_committed(piece) {
            return None;
        }
        let chain_id = &outside.genesis.chain_id;
        let past = Past { chain_id, validators: &validators, time };
        Some(self.running.as_ref()?.verifier.evidence(&past, piece))
    }
}

impl Machine {
    /// The last block on the disk.
    fn tip(&self) -> Option<Height> {
        match self {
            Machine::Light(light) => light.tip(),
            Machine::Whole(whole) => whole.tip(),
        }
    }

    /// What runs on a whole machine.
    fn life_mut(&mut self) -> Option<&mut Life> {
        match self {
            Machine::Light(_) => None,
            Machine::Whole(whole) => whole.life.as_mut(),
        }
    }
}

impl Running {
    /// How many validators there are.
    fn validators(&self) -> u64 {
        u64::try_from(self.keyring.current.count()).expect("counts fit 64 bits")
    }
}

/// What a modelled node works with.
fn workshop(plan: &Plan, number: usize) -> Option<Box<Workshop>> {
    let model = plan.model()?;
    let is_end = |&&(a, b): &&(usize, usize)| a == number || b == number;
    let all = plan.members.len() - 1;
    let peers = plan.network.links.as_ref().map_or(all, |it| it.iter().filter(is_end).count());
    Some(Box::new(Workshop::new(model, peers)))
}

/// Blocks that a light disk keeps: modelled members do not fall far behind, and there are many.
fn blocks_max(plan: &Plan) -> usize {
    if plan.model().is_some() { MODELLED_BLOCKS_MAX } else { BLOCKS_MAX }
}

/// The waits of a plan, as the replica takes them.
fn config(plan: &Plan) -> Config {
    let ms = Duration::from_millis;
    let waits = &plan.waits;
    let empty_blocks_ms = plan.whole_plan().map_or(Some(0), |whole| whole.empty_blocks_ms);
    Config {
        propose: ms(waits.propose),
        propose_delta: ms(waits.delta),
        propose_silent: ms(waits.propose.min(300)),
        prevote: ms(waits.prevote),
        prevote_delta: ms(waits.delta),
        precommit: ms(waits.precommit),
        precommit_delta: ms(waits.delta),
        commit: ms(waits.commit),
        skip_commit: waits.skip_commit,
        gossip: ms(waits.gossip),
        relay: ms(waits.relay),
        catch_up: ms(waits.catch_up),
        create_empty_blocks: empty_blocks_ms.is_some(),
        create_empty_blocks_interval: ms(empty_blocks_ms.unwrap_or(0)),
    }
}
