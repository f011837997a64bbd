//! One node of the world: what survives its crashes (disk, signer), and what does not.

pub mod driver;
pub mod light;
pub mod signer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use consensus::{Config, Input, Output, Replica, Timeout};
use types::{ChainState, Height, Keyring, Message, PeerId, PublicKey, Verified};

use crate::chance::Chance;
use crate::moment::{Clock, Moment};
use crate::outside::Outside;
use crate::plan::{Plan, WaitsPlan};
use crate::report::{Progress, Stage};

use light::Light;
use signer::Signer;

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
    doom: Option<u64>,
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
            config: config(&plan.waits),
            clock,
            disk: Light::new(state),
            signer: own.key.map(Signer::new),
            running: None,
            life: 0,
            doom: None,
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

    /// Where it is in the protocol.
    pub fn stage(&self) -> Stage {
        self.running.as_ref().map_or(Stage::Down, |running| running.progress.stage())
    }

    /// Which of its lives it is in.
    pub fn life(&self) -> u32 {
        self.life
    }

    /// It stops after so many further outputs, in the midst of what it does then.
    pub fn doom(&mut self, outputs: u64) {
        self.doom = Some(outputs);
    }

    /// The power is cut. Peers find out later.
    pub fn crash(&mut self, outside: &mut Outside) {
        self.doom = None;
        if self.running.take().is_none() {
            return;
        }
        let unsynced = self.disk.unsynced();
        let taken = self.chance.between(0, unsynced);
        outside.note(|| format!("n{} loses power; {taken} of {unsynced} writes", self.number));
        let taken = usize::try_from(taken).expect("few writes");
        for decided in self.disk.lose_power(taken) {
            self.judge_decided(outside, &decided);
        }
    }

    /// The power is back: it goes on from what its disk holds.
    pub fn start(&mut self, outside: &mut Outside) {
        if self.running.is_some() {
            return;
        }
        let (start, records) = self.disk.start(&outside.word);
        self.life += 1;
        outside.note(|| {
            let (number, life, height) = (self.number, self.life, start.state.next_height());
            format!("n{number} starts life {life} at {height} with {} records", records.len())
        });
        let height = start.state.last_height();
        let mut replica = Replica::new(self.config.clone(), self.key, start, records);
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
            executing_until: outside.now,
            height,
            progress: Progress::BEGUN,
        });
        self.go_on(outside, outputs);
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
        ..Config::default()
    }
}
