//! One node of the world: what survives its crashes (disk, signer), and what does not.

pub mod driver;
pub mod light;
pub mod signer;
pub mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use consensus::{Config, Input, Output, Replica, Timeout};
use types::{ChainState, Height, Keyring, Message, PeerId, PublicKey, Verified};

use crate::chance::Chance;
use crate::moment::{Clock, Moment};
use crate::outside::{Note, Outside};
use crate::plan::{Plan, SignerFate, WaitsPlan};

use light::Light;
use signer::Signer;
use trouble::{Doom, Ending, Restrained, Stop, Trouble};

/// Streams of chance from here on belong to members.
const STREAMS: u64 = 1000;

/// One node.
pub struct Member {
    number: usize,
    key: Option<PublicKey>,
    config: Config,
    clock: Clock,
    /// What survives.
    disk: Light,
    signer: Option<Signer>,
    /// What does not.
    running: Option<Running>,
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
    chance: Chance,
}

/// A node that runs.
struct Running {
    replica: Replica,
    keyring: Keyring,
    /// What has come while the thread was busy.
    inbox: VecDeque<Input>,
    /// What the replica wants kept with the next write.
    keeping: Vec<Output>,
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
            config: config(&plan.waits),
            clock,
            disk: Light::new(state),
            signer: own.key.map(Signer::new),
            running: None,
            life: 0,
            doom: None,
            trouble: Trouble::default(),
            restrained: Restrained::default(),
            skew_nanos: clock.skew_nanos,
            wiped: false,
            careful_until: None,
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
        running.unwrap_or_else(|| self.disk.tip()).map_or(0, |height| height.0)
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
    }

    /// What is wrong with its disk and clock is this, from now on.
    pub fn set_trouble(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        self.clock.skew_nanos = self.skew_nanos.saturating_add(trouble.clock_nanos);
    }

    /// It stops at once. Peers find out later.
    pub fn stop(&mut self, outside: &mut Outside, stop: Stop) {
        self.doom = None;
        if self.running.take().is_none() {
            return;
        }
        let kept = match stop.ending {
            Ending::PowerCut => {
                let taken = self.chance.between(0, self.disk.unsynced());
                self.disk.lose_power(usize::try_from(taken).expect("few writes"))
            }
            Ending::Killed => self.disk.lose_process(),
        };
        for decided in kept {
            self.judge_decided(outside, &decided);
        }
        let fault = Some(stop.fault);
        outside.notes.push(Note::Stopped { member: self.number, fault });
    }

    /// It is stopped in good order by its operator, who starts it again.
    pub fn leave(&mut self, outside: &mut Outside) {
        self.running = None;
        for decided in self.disk.lose_process() {
            self.judge_decided(outside, &decided);
        }
    }

    /// Its data folder is wiped while it does not run.
    pub fn wipe(&mut self, outside: &mut Outside, state: Arc<ChainState>, signer: SignerFate) {
        self.disk = Light::new(state);
        self.wiped = true;
        outside.judges.wiped(self.number);
        if signer == SignerFate::LostWithCare {
            let last_signed = self.signer.as_ref().and_then(Signer::height);
            self.careful_until = self.careful_until.max(last_signed.map(Height::next));
        }
        if signer != SignerFate::Kept {
            self.signer = self.signer.as_ref().map(|it| Signer::new(it.key()));
        }
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
        self.work(outside);
        paused
    }

    /// The power is back: it goes on from what its disk holds.
    pub fn start(&mut self, outside: &mut Outside) {
        if self.running.is_some() {
            return;
        }
        let (start, records) = self.disk.start(&outside.word);
        self.life += 1;
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
            inbox: VecDeque::new(),
            keeping: Vec::new(),
            alarms: BTreeMap::new(),
            busy_until: outside.now,
            waking: false,
            paused: false,
            executing_until: outside.now,
            height,
        });
        self.go_on(outside, outputs);
    }

    /// The key that it votes with, if it may: a node refuses to vote from a store that is behind
    /// its signer, and its operator runs it without the key until that is over.
    fn voting_key(&mut self, outside: &mut Outside, next: Height) -> Option<PublicKey> {
        let signed = self.signer.as_ref().and_then(Signer::height);
        if let Some(signed) = signed.filter(|&signed| next < signed && !self.wiped) {
            let what = format!("{}: store before {next}, signer at {signed}", self.number);
            outside.judges.fail("store behind signer", what);
        }
        self.restrained = Restrained::until(signed.max(self.careful_until));
        self.key.filter(|_| self.restrained.may_vote(next))
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

    /// A message has arrived from a peer. Its signatures are checked as the verifier would.
    pub fn receive(&mut self, outside: &mut Outside, peer: PeerId, message: Message) {
        let message = Verified::assume(message);
        self.hear(outside, Input::Received { peer, message });
    }
}

/// The waits of a plan, as the replica takes them.
fn config(waits: &WaitsPlan) -> Config {
    let ms = Duration::from_millis;
    Config {
        propose: ms(waits.propose),
        propose_delta: ms(waits.delta),
        propose_silent: ms(waits.propose.min(300)),
        prevote: ms(waits.prevote),
        prevote_delta: ms(waits.delta),
        precommit: ms(waits.precommit),
        precommit_delta: ms(waits.delta),
        commit: ms(waits.commit),
        gossip: ms(waits.gossip),
        relay: ms(waits.relay),
        catch_up: ms(waits.catch_up),
        ..Config::default()
    }
}
