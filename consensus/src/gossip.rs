//! What each peer knows, and what to send it next. spec: the reference's consensus reactor.
//!
//! What this replica makes itself (votes, proposal, parts) goes to all peers at once. What others
//! made is relayed only to peers who still lack it after `Config::relay`: in a well-connected
//! network everybody gets it from its maker, and relaying at once would send everything n times.
//! For the same reason votes are not acknowledged one by one; if a round lasts that long, one
//! message says which votes are here. Whatever a peer was sent and did not confirm is sent again
//! when the peer does not get on: it may have been at another height and dropped it.
//!
//! Peers who stay behind are fed the stored block and its precommits.

mod announce;
mod feed;
mod learn;
mod offer;
mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use types::message::WireStep;
use types::{
    BitArray, BlockId, Height, Message, Offence, PartSet, PartSetHeader, PeerId, Proposal, Round,
    Time, ValidatorIndex, ValidatorSet, VotingPower,
};

use crate::input::{Alarm, StoredBlock, Timeout, Wait};
use crate::output::{Output, Recipients};
use crate::snapshot::PeerSnapshot;
use crate::tally::Tally;
use crate::timeouts::Config;
use crate::votes::Votes;
use peer::{Ballot, Peer, Place};

/// Ticks after which a peer has had its time to get things from their makers; a tick is half of
/// `Config::relay`.
const RIPE_TICKS: u64 = 2;

/// The facts about the current height that gossip speaks of.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Where we are.
    pub height: Height,
    /// Where we are.
    pub round: Round,
    /// Where we are.
    pub step: WireStep,
    /// When this height began here.
    pub start_time: Time,
    /// Our place in the validator set, if we are in it.
    pub me: Option<ValidatorIndex>,
    /// The round in which the last height was decided; none at the first height.
    pub last_commit_round: Option<Round>,
    /// Precommits of the last height, of the round in which it was decided.
    pub last_commit: Option<&'a Tally>,
    /// Votes of this height.
    pub votes: &'a Votes,
    /// Who votes at the next height.
    pub next_validators: &'a ValidatorSet,
    /// The proposal of this round.
    pub proposal: Option<&'a Arc<Proposal>>,
    /// Whether it is ours.
    pub own_proposal: bool,
    /// Parts of the block that is proposed, valid or decided.
    pub parts: Option<&'a PartSet>,
    /// What is decided at this height.
    pub decided: Option<&'a BlockId>,
    /// First and last block in the store.
    pub stored: Option<(Height, Height)>,
}

impl<'a> View<'a> {
    fn place(&self) -> Place {
        Place { height: self.height, round: self.round, step: self.step }
    }

    /// How many validators vote at a height, where it is known.
    fn count_at(&self, height: Height) -> Option<usize> {
        if height == self.height {
            Some(self.votes.validators().count())
        } else if height == self.height.next() {
            Some(self.next_validators.count())
        } else if height.next() == self.height {
            self.last_commit.map(|tally| tally.validators().count())
        } else {
            None
        }
    }

    /// The tally of a ballot, of this height or the last.
    fn tally(&self, (height, round, kind): Ballot) -> Option<&'a Tally> {
        if height == self.height {
            return self.votes.tally(round, kind);
        }
        self.last_commit.filter(|it| (it.height(), it.round(), it.kind()) == (height, round, kind))
    }
}

/// Our own votes and parts by age, so that those who were in time for others are told apart.
#[derive(Clone, Debug)]
struct Aged {
    /// Seen at all, and looked at.
    seen: BitArray,
    /// Said to be here.
    announced: BitArray,
    /// Here at the last tick.
    older: BitArray,
    /// Here at the tick before.
    ripe: BitArray,
}

/// What is known of peers, and what they were told.
#[derive(Debug)]
pub struct Gossip {
    initial_height: Height,
    tick_every: Duration,
    slow_every: Duration,
    peers: BTreeMap<PeerId, Peer>,
    ticks: u64,
    /// When the alarm that we asked for rings.
    due: Option<Time>,
    /// When peers that do not get on are looked at again.
    slow_due: Option<Time>,
    /// The place that peers were told.
    told_place: Option<Place>,
    /// Whether it was still the same at the last slow tick.
    idle: bool,
    /// The valid block that peers were told of, and whether it was decided, and whole.
    told_block: Option<(Height, Round, PartSetHeader, (bool, bool))>,
    /// The block of which we last said that parts are missing.
    lacked: Option<PartSetHeader>,
    /// The round of our own proposal that went to all.
    said_proposal: Option<(Height, Round)>,
    votes: BTreeMap<Ballot, Aged>,
    /// How far votes were looked at: the height, how many were counted, and the power of the last
    /// commit. There may be thousands of rounds.
    votes_seen: Option<(Height, u64, Option<VotingPower>)>,
    /// Ballots to which votes have come of late.
    young: BTreeSet<Ballot>,
    /// Parts of the block with this header, and the tick at which its proposal was first here.
    parts: Option<(PartSetHeader, Aged)>,
    proposal_since: Option<(Height, Round, u64)>,
    /// Blocks read from the store for peers who are behind.
    stored: BTreeMap<Height, StoredBlock>,
    loading: BTreeSet<Height>,
}

impl Gossip {
    /// No peers yet. `initial_height` is that of the chain's first block.
    pub fn new(config: &Config, initial_height: Height) -> Self {
        Self {
            initial_height,
            tick_every: config.relay / 2,
            slow_every: config.gossip,
            peers: BTreeMap::new(),
            ticks: 0,
            due: None,
            slow_due: None,
            told_place: None,
            idle: false,
            told_block: None,
            lacked: None,
            said_proposal: None,
            votes: BTreeMap::new(),
            votes_seen: None,
            young: BTreeSet::new(),
            parts: None,
            proposal_since: None,
            stored: BTreeMap::new(),
            loading: BTreeSet::new(),
        }
    }

    /// A peer has connected: it is told where we are.
    pub fn peer_up(&mut self, now: Time, peer: PeerId, view: &View<'_>, outputs: &mut Vec<Output>) {
        self.peers.insert(peer, Peer::default());
        send(outputs, Recipients::One(peer), view.new_round_step(now));
        if let Some(message) = view.new_valid_block() {
            send(outputs, Recipients::One(peer), message);
        }
    }

    /// A peer is gone.
    pub fn peer_down(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    /// The peers and where they are, as far as they said.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, Option<Height>)> + '_ {
        self.peers.iter().map(|(&id, peer)| (id, peer.height()))
    }

    /// Says at once what is new here, and sends peers what they are now known to lack. To be
    /// called after every input that may have changed what is here.
    pub fn changed(&mut self, now: Time, view: &View<'_>, outputs: &mut Vec<Output>) {
        self.announce_place(now, view, outputs);
        self.announce_block(view, outputs);
        self.say_proposal(view, outputs);
        let mut later = self.see_votes(view, outputs);
        later |= self.see_parts(view);
        later |= self.visit(view, outputs, |peer| peer.dirty);
        self.ring(now, later, outputs);
    }

    /// Sends peers what they are now known to lack, when nothing else is new: nothing here has
    /// changed since [`Gossip::changed`]. To be called after every other input.
    pub fn learned<'a>(
        &mut self,
        now: Time,
        view: impl FnOnce() -> View<'a>,
        outputs: &mut Vec<Output>,
    ) {
        let dirty = self.peers.values().any(|peer| peer.dirty);
        let later = dirty && self.visit(&view(), outputs, |peer| peer.dirty);
        self.ring(now, later, outputs);
    }

    /// The alarm rings: relays what others made, and offers again what may have been lost.
    pub fn tick(&mut self, now: Time, view: &View<'_>, outputs: &mut Vec<Output>) {
        self.due = None;
        self.ticks += 1;
        self.announce_votes(view, outputs);
        self.age(view);
        // If it is due later than that, the clock was set back.
        let latest = now.after(self.slow_every);
        if self.slow_due.is_none_or(|due| due <= now || latest < due) {
            self.slow_due = Some(now.after(self.slow_every));
            self.doubt(now, view, outputs);
        }
        let ticks = self.ticks;
        let later = self.visit(view, outputs, |peer| {
            if peer.since + RIPE_TICKS <= ticks {
                peer.doubt_early();
            }
            true
        });
        self.ring(now, later, outputs);
    }

    /// Offers to those peers whom `chosen` wants visited what they lack. Returns whether something
    /// is left for later.
    fn visit(
        &mut self,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
        mut chosen: impl FnMut(&mut Peer) -> bool,
    ) -> bool {
        let mut later = false;
        // Whoever visits one peer looks at no other.
        let mut peers = std::mem::take(&mut self.peers);
        for (&id, peer) in &mut peers {
            if chosen(peer) {
                later |= self.offer(id, peer, view, outputs);
            }
        }
        self.peers = peers;
        later
    }

    /// What is known of each peer, for pictures. `stored` says which blocks a peer claims to have.
    pub fn snapshot(
        &self,
        stored: impl Fn(PeerId) -> Option<(Height, Height)>,
    ) -> Vec<PeerSnapshot> {
        let pictures = self.peers.iter().map(|(&id, peer)| peer.snapshot(id, stored(id)));
        pictures.flatten().collect()
    }

    /// Peers that did not move for a whole slow tick may have lost what they were sent; they are
    /// asked what they have of what decides, less and less often.
    fn doubt(&mut self, now: Time, view: &View<'_>, outputs: &mut Vec<Output>) {
        if std::mem::replace(&mut self.idle, true) {
            self.repeat(now, view, outputs);
        }
        self.say_what_lacks(view, outputs);
        for (&id, peer) in &mut self.peers {
            peer.messages = 0;
            peer.stalled = peer.stalled.saturating_add(1);
            let often = peer.stalled.is_power_of_two() || peer.stalled.is_multiple_of(16);
            if 1 < peer.stalled && often {
                peer.doubt_all();
                query(id, peer, view, outputs);
                claim_decided(id, peer, view, &self.stored, outputs);
            }
        }
    }

    /// Asks for the alarm, soon if something is left for later, unless an earlier one is under way.
    fn ring(&mut self, now: Time, soon: bool, outputs: &mut Vec<Output>) {
        let slow = self.slow_due.map_or(self.slow_every, |due| due.since(now));
        let slow = slow.min(self.slow_every);
        let after = if soon { self.tick_every } else { slow.max(self.tick_every) };
        let at = now.after(after);
        if self.due.is_some_and(|due| due <= at && now <= due) {
            return;
        }
        self.due = Some(at);
        let timeout = Timeout { height: Height::FIRST, round: Round::FIRST, wait: Wait::Gossip };
        outputs.push(Output::Schedule(Alarm { timeout, after }));
    }
}

impl Aged {
    fn new(count: usize) -> Self {
        let none = BitArray::new(count);
        Self { seen: none.clone(), announced: none.clone(), older: none.clone(), ripe: none }
    }

    fn age(&mut self, have: &BitArray) {
        self.ripe = std::mem::replace(&mut self.older, have.clone());
    }
}

/// Asks a peer which votes it has for what we know to have a quorum, so that it gets the rest.
fn query(id: PeerId, peer: &Peer, view: &View<'_>, outputs: &mut Vec<Output>) {
    use types::VoteKind::{Precommit, Prevote};
    let Some(place) = peer.place.filter(|place| place.height == view.height) else { return };
    let pol = peer.pol_round.map(|round| (round, Prevote));
    let ballots = [(place.round, Prevote), (place.round, Precommit)].into_iter().chain(pol);
    for (round, kind) in ballots {
        if let Some(block_id) = view.votes.tally(round, kind).and_then(Tally::polka) {
            let message = Message::VoteSetMaj23 { height: view.height, round, kind, block_id };
            send(outputs, Recipients::One(id), message);
        }
    }
}

/// Tells a peer behind us what a quorum precommitted at its height. Without that it would not count
/// the precommits of validators from whom it has others: one who equivocates could keep it from
/// deciding for ever. spec: `queryMaj23Routine`, for catch-up commits.
fn claim_decided(
    id: PeerId,
    peer: &Peer,
    view: &View<'_>,
    stored: &BTreeMap<Height, StoredBlock>,
    outputs: &mut Vec<Output>,
) {
    let Some(height) = peer.height().filter(|&height| height < view.height) else { return };
    let last = view.last_commit.filter(|tally| tally.height() == height);
    let last = last.and_then(|tally| Some((tally.round(), tally.polka()?)));
    let stored = stored.get(&height).map(|it| (it.commit.round, Some(it.commit.block_id)));
    if let Some((round, block_id)) = last.or(stored) {
        let kind = types::VoteKind::Precommit;
        let message = Message::VoteSetMaj23 { height, round, kind, block_id };
        send(outputs, Recipients::One(id), message);
    }
}

fn send(outputs: &mut Vec<Output>, to: Recipients, message: Message) {
    outputs.push(Output::Send { to, message });
}

fn penalise(outputs: &mut Vec<Output>, peer: PeerId, offence: Offence, reason: &'static str) {
    outputs.push(Output::Penalise { peer, offence, reason });
}
