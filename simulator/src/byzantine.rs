//! A Byzantine member: it runs the real replica, and an adversary stands between that and the
//! world. It hears what the replica hears, sees what the replica would say to each peer, and says
//! what it likes instead. It signs with the member's key whatever it wants, with nobody to guard
//! it; in the names of others it can sign nothing.

mod forge;
mod lying;
mod memory;
mod mutation;
mod proposing;
mod serving;
mod voting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{Address, Block, ChainId, Height, Keyring, Message, Round, Time, VoteKind};

use crate::chance::Chance;
use crate::curves::Curves;
use crate::plan::{Plan, Vice};

use memory::Memory;
use proposing::Scheme;

/// Streams of chance from here on belong to adversaries.
const STREAMS: u64 = 2000;
/// Of a thousand places of a height and round, those in which a vice takes hold.
const MOODY_PERMILLE: u64 = 750;
/// Of a thousand steps told to a peer, those that come with a lie.
const LIES_PERMILLE: u64 = 250;

/// Where something is said.
type Place = (Height, Round);

/// What of the world an adversary may use.
pub struct Scene<'a> {
    /// Its pen, among others that it may not use.
    pub curves: &'a Curves,
    /// The chain.
    pub chain_id: &'a ChainId,
    /// Whom it is connected with.
    pub peers: &'a [usize],
    /// The true time.
    pub time: Time,
}

/// A message to a peer.
#[derive(Debug)]
pub struct Sent {
    /// To whom.
    pub to: usize,
    /// What.
    pub message: Message,
    /// How much later than the replica would have said it.
    pub after_nanos: u64,
}

/// What an adversary says, and out of which vices.
#[derive(Debug, Default)]
pub struct Said {
    /// The messages, in order.
    pub sent: Vec<Sent>,
    /// What it did.
    pub acts: Vec<Vice>,
}

/// What an adversary does at one height and round.
#[derive(Clone, Copy, Debug)]
struct Mood {
    proposal: Option<Vice>,
    votes: Option<Vice>,
    /// Makes choices that must be the same for all messages of the round.
    salt: usize,
}

/// Stands between a member's replica and the world.
#[derive(Debug)]
pub struct Adversary {
    member: usize,
    key: Option<usize>,
    vices: BTreeSet<Vice>,
    /// The address of each member's key.
    addresses: Vec<Option<Address>>,
    chance: Chance,
    memory: Memory,
    moods: BTreeMap<Place, Mood>,
    schemes: BTreeMap<Place, Option<Scheme>>,
    /// Whose votes were answered with their like.
    echoed: BTreeSet<(usize, Place, VoteKind)>,
    floods: u32,
    /// Who was sent a block that it had not asked for: more of them end in a ban, and nobody would
    /// ever ask.
    forced: BTreeSet<usize>,
    /// How long others wait for a block that they asked for, in milliseconds.
    patience_ms: u64,
}

impl Said {
    fn say(&mut self, to: usize, message: Message) {
        self.sent.push(Sent { to, message, after_nanos: 0 });
    }
}

impl Adversary {
    /// The adversary of a member; none if the member is honest.
    pub fn new(plan: &Plan, member: usize, curves: &Curves) -> Option<Self> {
        let own = &plan.members[member];
        let address = |key: Option<usize>| key.map(|key| curves.public(key).address());
        let stream = STREAMS + u64::try_from(member).expect("few members");
        (!own.vices.is_empty()).then(|| Self {
            member,
            key: own.key,
            vices: own.vices.iter().copied().collect(),
            addresses: plan.members.iter().map(|it| address(it.key)).collect(),
            chance: Chance::of(plan.seed, stream),
            memory: Memory::default(),
            moods: BTreeMap::new(),
            schemes: BTreeMap::new(),
            echoed: BTreeSet::new(),
            floods: 0,
            forced: BTreeSet::new(),
            patience_ms: plan.waits.catch_up,
        })
    }

    /// Its replica goes on to other keys: another height or round.
    pub fn rekey(&mut self, keyring: &Keyring) {
        let oldest = keyring.height.previous().unwrap_or(keyring.height);
        self.memory.rekey(keyring.clone(), oldest);
        self.moods.retain(|&(height, _), _| oldest <= height);
        self.schemes.retain(|&(height, _), _| oldest <= height);
        self.echoed.retain(|&(_, (height, _), _)| oldest <= height);
    }

    /// Its replica has made or judged a block.
    pub fn learn(&mut self, block: &Arc<Block>) {
        self.memory.block = Some(Arc::clone(block));
    }

    /// A peer says something to its replica.
    pub fn hear(&mut self, scene: &Scene<'_>, from: usize, message: &Message, said: &mut Said) {
        self.memory.hear(message);
        if let Message::Vote(vote) = message
            && self.addresses[from] == Some(vote.validator_address)
        {
            self.echo(scene, from, vote, said);
        }
    }

    /// Its replica would say this to a peer.
    pub fn speak(&mut self, scene: &Scene<'_>, to: usize, message: &Message, said: &mut Said) {
        if self.vices.contains(&Vice::Silent) {
            return said.acts.push(Vice::Silent);
        }
        self.memory.hear(message);
        let first = said.sent.len();
        match message {
            Message::Proposal(proposal) if self.is_mine_to_propose(proposal) => {
                self.propose(scene, to, proposal, said);
            }
            Message::BlockPart { height, round, part } => {
                self.show_part(to, (*height, *round), part, said);
            }
            Message::Vote(vote) => self.vote(scene, to, vote, said),
            Message::StatusResponse { .. }
            | Message::BlockResponse { .. }
            | Message::NoBlock(_)
            | Message::BlockRequest(_)
            | Message::StatusRequest => self.serve(to, message, said),
            Message::NewRoundStep { .. } => {
                self.tell_step(to, message, said);
                if self.chance.permille(LIES_PERMILLE) {
                    self.lie(scene, to, said);
                }
            }
            Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. }
            | Message::Proposal(_)
            | Message::ProposalPol { .. }
            | Message::VoteSetBits { .. }
            | Message::Txs(_)
            | Message::Evidence(_) => said.say(to, message.clone()),
        }
        if self.vices.contains(&Vice::SmallScope) {
            self.mutate(scene, first, said);
        }
    }

    /// Whether it has this vice; it forgets what it signed when it starts again.
    pub fn forgets(&self) -> bool {
        self.vices.contains(&Vice::ForgetOnRestart)
    }

    /// What it is up to at a height and round.
    fn mood(&mut self, place: Place) -> Mood {
        if let Some(mood) = self.moods.get(&place) {
            return *mood;
        }
        let proposal = self.draw(&proposing::VICES);
        let votes = self.draw(&voting::VICES);
        let mood = Mood { proposal, votes, salt: self.chance.index(1 << 16) };
        self.moods.insert(place, mood);
        mood
    }

    /// One of its vices that are among these, or none this time.
    fn draw(&mut self, among: &[Vice]) -> Option<Vice> {
        let own: Vec<Vice> = among.iter().copied().filter(|it| self.vices.contains(it)).collect();
        let takes_hold = !own.is_empty() && self.chance.permille(MOODY_PERMILLE);
        takes_hold.then(|| self.chance.pick(&own))
    }
}
