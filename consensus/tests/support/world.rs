//! A few replicas in one thread: a network that is a list, a clock that is a number, disks that
//! are values. What the driver of a node does for real is done here in the plainest way.

// Every test file makes its own use of the world.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use consensus::{
    Announcement, Config, Input, Judgement, Output, Question, Recipients, Record, Replica,
    SignRequest, Start, StoredBlock, Timeout,
};
use types::{
    Block, BlockId, BlockOutcome, ChainId, ChainState, ConsensusParams, Genesis, Hash, Height,
    Message, Offence, PeerId, PublicKey, Round, Signature, Time, Verified, Vote, VoteKind,
    VotingPower,
};

/// The signature under everything: the replica never looks at one.
pub const SIGNATURE: Signature = Signature([7; 64]);

/// The key of the validator with this number.
pub fn key(number: usize) -> PublicKey {
    PublicKey([u8::try_from(number + 1).expect("few validators"); 32])
}

/// A chain of validators with these powers, before its first block.
pub fn genesis_state(powers: &[u64], params: ConsensusParams) -> ChainState {
    let validators = powers.iter().enumerate().map(|(number, &power)| {
        let (public_key, power) = (key(number), VotingPower(power));
        types::genesis::GenesisValidator { public_key, power, name: String::new() }
    });
    let genesis = Genesis {
        genesis_time: Time::EPOCH,
        chain_id: ChainId::new("world").expect("a short name"),
        initial_height: Height::FIRST,
        params,
        validators: validators.collect(),
        app_hash: types::AppHash::default(),
        app_state: "{}".to_owned(),
    };
    ChainState::genesis(&genesis).expect("few validators of small power")
}

/// What the driver, the store, the signer and the application of one replica hold.
pub struct Member {
    /// The replica, unless it is down.
    pub replica: Option<Replica>,
    /// All that is lost in a crash: answers on their way, alarms, records not yet synced.
    answers: VecDeque<Input>,
    alarms: BTreeMap<Timeout, Time>,
    unsynced: Vec<Record>,
    unsynced_block: Option<(Height, StoredBlock)>,
    /// The state that is on the disk for sure; the one after may be.
    old_state: Arc<ChainState>,
    /// All that stays.
    pub records: Vec<Record>,
    pub state: Arc<ChainState>,
    pub blocks: BTreeMap<Height, StoredBlock>,
    signed: BTreeMap<(Height, Round, VoteKind), Vote>,
    key: PublicKey,
}

/// What a network does to messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// The longest that a message takes, in milliseconds; more than zero lets them overtake.
    pub delay_ms_max: u64,
    /// Messages on one link arrive in the order in which they were sent.
    pub ordered: bool,
    /// Messages lost, of a hundred.
    pub lost: u64,
    /// Messages that arrive twice, of a hundred.
    pub doubled: u64,
}

/// All replicas and what is between them.
pub struct World {
    pub now: Time,
    pub members: Vec<Member>,
    pub config: Config,
    /// Messages on their way, by when they arrive: from, to, what.
    pub wires: BTreeMap<(Time, u64), (usize, usize, Message)>,
    /// What the network does to them.
    pub weather: Weather,
    sent: u64,
    last_arrival: BTreeMap<(usize, usize), Time>,
    /// How many messages of each kind were sent, each link counted.
    pub said: BTreeMap<&'static str, usize>,
    /// What the first replica has announced.
    pub announced: Vec<Announcement>,
    /// Whether messages were ever late or lost: then an answer may seem not to come.
    rough: bool,
    /// Whether any message ever arrived twice: then an answer may seem unasked.
    doubled: bool,
    /// Who stops in the midst of its outputs, and after how many.
    pub doomed: Option<(usize, u64)>,
    /// Whose application refuses every vote extension.
    pub picky: BTreeSet<usize>,
    /// Pairs that cannot hear each other.
    pub cut: BTreeSet<(usize, usize)>,
    /// Each vote that anybody ever signed, to find double signs.
    votes: BTreeMap<(usize, Height, Round, VoteKind), Option<BlockId>>,
    /// Proven misbehaviour that anybody knows of.
    pub caught: BTreeSet<Hash>,
    /// What was decided at each height, by anybody.
    pub decided: BTreeMap<Height, Hash>,
    random: u64,
}

impl World {
    /// A world of connected replicas.
    pub fn new(powers: &[u64], config: Config, params: ConsensusParams, seed: u64) -> Self {
        let keys: Vec<usize> = (0..powers.len()).collect();
        Self::with_keys(powers, &keys, config, params, seed)
    }

    /// A world in which the replicas hold the keys with these numbers. Two replicas with one key
    /// are a validator who equivocates.
    pub fn with_keys(
        powers: &[u64],
        keys: &[usize],
        config: Config,
        params: ConsensusParams,
        seed: u64,
    ) -> Self {
        let state = Arc::new(genesis_state(powers, params));
        let member = |number| Member {
            replica: None,
            answers: VecDeque::new(),
            alarms: BTreeMap::new(),
            unsynced: Vec::new(),
            unsynced_block: None,
            old_state: Arc::clone(&state),
            records: Vec::new(),
            state: Arc::clone(&state),
            blocks: BTreeMap::new(),
            signed: BTreeMap::new(),
            key: key(keys[number]),
        };
        let mut world = Self {
            now: Time::from_unix(1_000, 0).expect("within the calendar"),
            members: (0..keys.len()).map(member).collect(),
            config,
            wires: BTreeMap::new(),
            weather: Weather::default(),
            sent: 0,
            last_arrival: BTreeMap::new(),
            said: BTreeMap::new(),
            announced: Vec::new(),
            rough: false,
            doubled: false,
            doomed: None,
            picky: BTreeSet::new(),
            cut: BTreeSet::new(),
            votes: BTreeMap::new(),
            caught: BTreeSet::new(),
            decided: BTreeMap::new(),
            random: seed | 1,
        };
        for number in 0..keys.len() {
            world.start(number);
        }
        world
    }

    /// A number that follows from the seed alone.
    pub fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// The last height that a replica has executed.
    pub fn height(&self, number: usize) -> u64 {
        self.members[number].state.last_height().map_or(0, |height| height.0)
    }

    /// Stops a replica as if its power was cut.
    pub fn crash(&mut self, number: usize) {
        let coin = self.random(2) == 0;
        self.doomed = None;
        let member = &mut self.members[number];
        member.replica = None;
        member.answers.clear();
        member.alarms.clear();
        member.unsynced.clear();
        member.unsynced_block = None;
        if coin {
            member.state = Arc::clone(&member.old_state);
        }
        self.wires.retain(|_, (from, to, _)| *from != number && *to != number);
        for other in 0..self.members.len() {
            self.tell(other, Input::PeerDown(peer(number)));
        }
    }

    /// Stops a replica in the midst of what it does next, after so many of its outputs.
    pub fn crash_after(&mut self, number: usize, outputs: u64) {
        self.doomed = Some((number, outputs));
    }

    /// Starts a replica from what its disk holds, and connects it. What the disk holds decided and
    /// the state does not know yet is executed first.
    pub fn start(&mut self, number: usize) {
        let member = &mut self.members[number];
        while let Some(stored) = member.blocks.get(&member.state.next_height()) {
            let block = whole(stored);
            let id = stored.commit.block_id;
            let after = member.state.advance(id, &block.header, block.txs.len(), &outcome(&block));
            member.state = Arc::new(after.expect("it was executed before"));
        }
        member.old_state = Arc::clone(&member.state);
        let first = member.blocks.keys().next().copied();
        let last = member.blocks.keys().next_back().copied();
        let last_header = last.map(|height| whole(&member.blocks[&height]).header);
        let start = Start {
            state: Arc::clone(&member.state),
            last_commit: last.map(|height| member.blocks[&height].commit.clone()),
            last_header,
            stored: first.zip(last),
            evidence: Vec::new(),
        };
        let height = member.state.next_height();
        member.records.retain(|record| record.height() == height);
        let records = member.records.clone();
        let mut replica = Replica::new(self.config.clone(), Some(member.key), start, records);
        let mut outputs = Vec::new();
        replica.begin(self.now, &mut outputs);
        member.replica = Some(replica);
        self.carry_out(number, outputs);
        for other in (0..self.members.len()).filter(|&other| other != number) {
            if self.members[other].replica.is_some() {
                self.tell(other, Input::PeerUp(peer(number)));
                self.tell(number, Input::PeerUp(peer(other)));
            }
        }
    }

    /// Runs until every living replica has executed `height`, for at most `steps` steps.
    pub fn run_to(&mut self, height: u64, steps: usize) {
        for _ in 0..steps {
            let living = |number: &usize| self.members[*number].replica.is_some();
            if (0..self.members.len()).filter(living).all(|it| height <= self.height(it)) {
                return;
            }
            self.step();
        }
        let heights: Vec<u64> = (0..self.members.len()).map(|it| self.height(it)).collect();
        panic!("heights are {heights:?} after {steps} steps at {}", self.now);
    }

    /// One thing happens: an answer, a message, or, if there is neither, the next alarm.
    pub fn step(&mut self) {
        for number in 0..self.members.len() {
            if let Some(answer) = self.members[number].answers.pop_front() {
                return self.tell(number, answer);
            }
        }
        let alarms = self.members.iter().enumerate();
        let next = alarms.flat_map(|(number, member)| {
            member.alarms.iter().map(move |(&timeout, &at)| (at, number, timeout))
        });
        let next = next.min();
        if let Some(wire) = self.wires.first_entry()
            && next.is_none_or(|(at, ..)| wire.key().0 <= at.max(self.now))
        {
            self.now = self.now.max(wire.key().0);
            let (from, to, message) = wire.remove();
            if self.cut.contains(&(from, to)) || self.cut.contains(&(to, from)) {
                return;
            }
            let (peer, message) = (peer(from), Verified::assume(message));
            return self.tell(to, Input::Received { peer, message });
        }
        let Some((at, number, timeout)) = next else { return };
        self.now = self.now.max(at);
        self.members[number].alarms.remove(&timeout);
        self.tell(number, Input::Timeout(timeout));
    }

    /// Hands an input to a replica and carries out what it asks for.
    pub fn tell(&mut self, number: usize, input: Input) {
        let mut outputs = Vec::new();
        let Some(replica) = &mut self.members[number].replica else { return };
        replica.handle(self.now, input, &mut outputs);
        self.carry_out(number, outputs);
    }

    fn carry_out(&mut self, number: usize, outputs: Vec<Output>) {
        for output in outputs {
            if let Some((_, left)) = self.doomed.as_mut().filter(|(doomed, _)| *doomed == number) {
                match left.checked_sub(1) {
                    Some(less) => *left = less,
                    None => return self.crash(number),
                }
            }
            if let Some(answer) = self.answer(number, output) {
                self.members[number].answers.push_back(answer);
            }
        }
    }

    /// Does what an output asks for. What asks for an answer is answered at once.
    fn answer(&mut self, number: usize, output: Output) -> Option<Input> {
        let now = self.now;
        let member = &mut self.members[number];
        match output {
            Output::Record(record) => member.unsynced.push(record),
            Output::Persist => {
                member.records.append(&mut member.unsynced);
                member.blocks.extend(member.unsynced_block.take());
            }
            Output::Send { to, message } => self.send(number, to, &message),
            Output::Serve { peer, height } => self.serve(number, peer, height),
            Output::Schedule(alarm) => {
                member.alarms.insert(alarm.timeout, now.after(alarm.after));
            }
            Output::Sign(request) => return Some(self.sign(number, request)),
            Output::Decide(decided) => {
                let height = decided.block.header.height;
                let hash = *self.decided.entry(height).or_insert(decided.id.hash);
                assert_eq!(hash, decided.id.hash, "agreement at height {height}");
                let stored = StoredBlock { parts: decided.parts, commit: decided.commit };
                member.unsynced_block = Some((height, stored));
            }
            Output::KeepState(state) => {
                member.old_state = std::mem::replace(&mut member.state, state);
            }
            Output::Load { height } => {
                let stored = member.blocks.get(&height).cloned();
                return Some(Input::Loaded { height, stored });
            }
            Output::Halt { reason } => panic!("replica {number} halts: {reason}"),
            // Honest peers are blamed for what the weather does.
            Output::Penalise { offence: Offence::Silent, .. } if self.rough => {}
            Output::Penalise { offence: Offence::Flood, .. } if self.doubled => {}
            Output::Penalise { peer, offence, reason } => {
                panic!("replica {number} blames {peer}: {offence}, {reason}");
            }
            Output::KeepEvidence(evidence) => {
                self.caught.insert(evidence.hash());
            }
            Output::Announce(it) if number == 0 => self.announced.push(it),
            Output::DropEvidence(_) | Output::Rekey(_) | Output::Announce(_) => {}
            Output::AwaitTxs { height } => return Some(Input::TxsAvailable { height }),
            Output::Ask(Question::VerifyExtension { vote, .. }) => {
                let accept = !self.picky.contains(&number);
                return Some(Input::ExtensionVerified { vote, accept });
            }
            Output::Ask(question) => return Some(ask_application(member, number, question)),
        }
        None
    }

    fn send(&mut self, from: usize, to: Recipients, message: &Message) {
        let everybody = 0..self.members.len();
        let receivers: Vec<usize> = match to {
            Recipients::All => everybody.filter(|&to| to != from).collect(),
            Recipients::One(peer) => everybody.filter(|&to| self::peer(to) == peer).collect(),
        };
        for to in receivers {
            if self.members[to].replica.is_some() {
                self.put_on_wire(from, to, message);
            }
        }
    }

    fn put_on_wire(&mut self, from: usize, to: usize, message: &Message) {
        *self.said.entry(name(message)).or_default() += 1;
        let Weather { delay_ms_max, ordered, lost, doubled } = self.weather;
        self.rough |= 0 < delay_ms_max + lost;
        if 0 < lost && self.random(100) < lost {
            return;
        }
        let copies = if 0 < doubled && self.random(100) < doubled { 2 } else { 1 };
        self.doubled |= copies == 2;
        for _ in 0..copies {
            let delay = Duration::from_millis(self.random(delay_ms_max + 1));
            self.sent += 1;
            let mut arrives = self.now.after(delay);
            if ordered {
                let last = self.last_arrival.entry((from, to)).or_insert(arrives);
                arrives = arrives.max(*last);
                *last = arrives;
            }
            let at = (arrives, self.sent);
            self.wires.insert(at, (from, to, message.clone()));
        }
    }

    fn serve(&mut self, number: usize, peer: PeerId, height: Height) {
        let message = match self.members[number].blocks.get(&height) {
            Some(stored) => {
                let extended = stored.commit.signatures.iter().any(|it| it.extension.is_some());
                let extended_commit = extended.then(|| stored.commit.clone());
                Message::BlockResponse { block: Arc::new(whole(stored)), extended_commit }
            }
            None => Message::NoBlock(height),
        };
        self.send(number, Recipients::One(peer), &message);
    }

    /// Signs as the double-sign guard allows: the same again, or nothing.
    fn sign(&mut self, number: usize, request: SignRequest) -> Input {
        match request {
            SignRequest::Proposal(it) => {
                let timestamp = it.timestamp;
                Input::SignedProposal(it.signed(timestamp, SIGNATURE).into())
            }
            SignRequest::Vote(it) => {
                let place = (it.height, it.round, it.kind);
                let signed = &mut self.members[number].signed;
                let last = signed.keys().next_back().copied();
                let refused = |reason: &str| Input::SignRefused {
                    height: it.height,
                    round: it.round,
                    reason: reason.to_owned(),
                    reached: last.filter(|it| it.0 == place.0).map(|it| it.1),
                };
                match signed.get(&place) {
                    Some(vote) => return Input::SignedVote(vote.clone().into()),
                    None if last.is_some_and(|last| place < last) => return refused("too late"),
                    None => {}
                }
                let timestamp = it.timestamp;
                let extension = it.extension.is_some().then_some(SIGNATURE);
                let vote = it.signed(timestamp, SIGNATURE, extension);
                signed.insert(place, vote.clone());
                let key = (number, vote.height, vote.round, vote.kind);
                let before = self.votes.insert(key, vote.block_id);
                assert!(before.is_none(), "replica {number} signs twice at {place:?}");
                Input::SignedVote(vote.into())
            }
        }
    }
}

/// The block that its parts make.
pub fn whole(stored: &StoredBlock) -> Block {
    let bytes = stored.parts.assemble().expect("stored blocks are whole");
    types::codec::decode_block(bytes).expect("stored blocks are sound")
}

/// The application's answer, and the verifier's.
fn ask_application(member: &Member, number: usize, question: Question) -> Input {
    match question {
        Question::Build { height, round, state, last_commit, evidence } => {
            let tx = types::Tx::from(format!("{height}/{round}/{number}").into_bytes());
            let commit = last_commit.map(|commit| commit.commit());
            let block = state.make_block(vec![tx], commit, evidence, member.key.address());
            let parts = block.part_set();
            let built = Some((Arc::new(block), Arc::new(parts)));
            Input::Built { height, round, built }
        }
        Question::Judge { block, .. } => {
            let (height, block) = (block.header.height, block.hash());
            Input::Judged { height, block, judgement: Judgement::Accept }
        }
        Question::Extend { round, block, .. } => {
            let extension = types::Tx::from_static(b"extension");
            Input::Extended { height: block.header.height, round, extension }
        }
        Question::VerifyExtension { vote, .. } => Input::ExtensionVerified { vote, accept: true },
        Question::VerifyCommit { height, block_id, commit, validators, .. } => {
            let power = commit.votes().filter(|vote| vote.block_id == Some(block_id));
            let power = power.filter_map(|vote| validators.get(vote.validator_index));
            let power = power.fold(VotingPower::ZERO, |sum, it| sum.plus(it.power));
            let valid = validators.quorum().reached_by(power);
            Input::CommitVerified { height, block: block_id.hash, valid }
        }
        Question::Execute { block, .. } => {
            let (height, outcome) = (block.header.height, Arc::new(outcome(&block)));
            Input::Executed { height, outcome }
        }
    }
}

/// How others know the replica with this number.
pub fn peer(number: usize) -> PeerId {
    PeerId(u64::try_from(number).expect("few replicas"))
}

/// What the application makes of a block: its hash is the application's state.
fn outcome(block: &types::Block) -> BlockOutcome {
    BlockOutcome {
        tx_results: vec![types::TxResult::default(); block.txs.len()],
        app_hash: types::AppHash(types::Tx::copy_from_slice(block.hash().as_bytes())),
        ..BlockOutcome::default()
    }
}

/// Short waits, so that a test's clock stays near.
pub fn brisk() -> Config {
    Config { commit: Duration::ZERO, ..Config::default() }
}

fn name(message: &Message) -> &'static str {
    match message {
        Message::NewRoundStep { .. } => "step",
        Message::NewValidBlock { .. } => "valid block",
        Message::HasVote { .. } | Message::VoteSetBits { .. } => "has votes",
        Message::Proposal(_) => "proposal",
        Message::BlockPart { .. } => "part",
        Message::Vote(_) => "vote",
        Message::BlockRequest(_) | Message::BlockResponse { .. } => "block",
        Message::VoteSetMaj23 { .. }
        | Message::ProposalPol { .. }
        | Message::Txs(_)
        | Message::Evidence(_)
        | Message::NoBlock(_)
        | Message::StatusRequest
        | Message::StatusResponse { .. } => "other",
    }
}
