//! Decided blocks from peers who are ahead: whom to ask for which, in a parallel window.
//!
//! What a peer says of its height is a claim, proven only by answering: it decides whom we ask,
//! never what we wait for. Consensus goes on all the while; only for a short time after blocks
//! have really come does it begin no round of votes ([`CatchUp::expects`]). A block is proven by
//! the extended commit sent along, or by the last commit of the block after it; the very last
//! block has none and comes by gossip.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use types::{Block, ExtendedCommit, Height, Message, Offence, PeerId, Round, Time};

use crate::input::{Alarm, Timeout, Wait};
use crate::output::{Announcement, Output, Recipients};
use crate::timeouts::Config;

/// How many blocks ahead of the next one are asked for.
const WINDOW: u64 = 32;
/// Most unanswered requests to one peer. spec: below `maxPendingRequestsPerPeer`, 20.
const ASKED_PER_PEER_MAX: usize = 8;
/// Bytes of waiting blocks beyond which no more are asked for but the next two.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often peers are asked what blocks they have.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// Unanswered requests after which a peer's claim counts no more.
const SILENCES_MAX: u32 = 2;
/// How long the block that everything waits for is left with one peer, if another could serve it.
const HURRY: Duration = Duration::from_secs(1);

/// Fetches decided blocks.
#[derive(Debug)]
pub struct CatchUp {
    /// The next block that we lack.
    height: Height,
    patience: Duration,
    peers: BTreeMap<PeerId, Server>,
    asked: BTreeMap<Height, Asked>,
    blocks: BTreeMap<Height, Served>,
    bytes: usize,
    /// The next block was handed out to be proven.
    proving: Option<Proving>,
    /// The next block is proven.
    proven: bool,
    /// Until when more blocks are expected, and whether that was still so when last asked.
    expect_until: Option<Time>,
    expecting: bool,
    announced: bool,
    status_due: Option<Time>,
    /// When the alarm that we asked for rings.
    due: Option<Time>,
    /// Nothing was lacking when peers were last looked at, and none has said anything new since.
    settled: bool,
}

/// A peer as a source of blocks.
#[derive(Clone, Copy, Debug, Default)]
struct Server {
    /// First and last block, as it claims.
    range: Option<(Height, Height)>,
    asked: usize,
    /// Requests given up, whose answers may still come.
    late: u32,
    /// Requests that were not answered since the last that was.
    silences: u32,
    /// Everything waited for it, and another peer was asked instead.
    slow: bool,
    /// Gave us a block that was wrong; is asked for nothing more.
    caught: bool,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    peer: PeerId,
    at: Time,
    /// Last sign of life of the peer since it was asked.
    since: Time,
}

/// Who served a block that is being proven, and who what should prove it.
#[derive(Clone, Copy, Debug)]
struct Proving {
    block_from: PeerId,
    proof_from: PeerId,
}

/// What proving a served block has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A quorum decided this block.
    Good,
    /// The commit is no commit: whoever sent it is to blame, and the block may be right.
    Forged,
    /// A quorum decided another block: whoever sent this one is to blame.
    OfAnother,
}

#[derive(Clone, Debug)]
struct Served {
    peer: PeerId,
    block: Arc<Block>,
    extended_commit: Option<ExtendedCommit>,
    bytes: usize,
}

impl Server {
    /// How badly it served so far.
    fn rank(&self) -> (u32, bool) {
        (self.silences.min(SILENCES_MAX), self.slow)
    }
}

impl CatchUp {
    /// Knows no peers; `height` is the next block that we lack.
    pub fn new(config: &Config, height: Height) -> Self {
        Self {
            height,
            patience: config.catch_up,
            peers: BTreeMap::new(),
            asked: BTreeMap::new(),
            blocks: BTreeMap::new(),
            bytes: 0,
            proving: None,
            proven: false,
            expect_until: None,
            expecting: false,
            announced: false,
            status_due: None,
            due: None,
            settled: false,
        }
    }

    /// A peer has connected: it is asked what blocks it has.
    pub fn peer_up(&mut self, peer: PeerId, outputs: &mut Vec<Output>) {
        self.peers.insert(peer, Server::default());
        self.settled = false;
        send(outputs, Recipients::One(peer), Message::StatusRequest);
    }

    /// A peer is gone: others are asked for what it owed.
    pub fn peer_down(&mut self, now: Time, peer: PeerId, outputs: &mut Vec<Output>) {
        self.peers.remove(&peer);
        self.asked.retain(|_, asked| asked.peer != peer);
        self.settled = false;
        self.ask(now, outputs);
    }

    /// Takes what a peer says about decided blocks and about its height.
    pub fn received(
        &mut self,
        now: Time,
        peer: PeerId,
        message: Message,
        outputs: &mut Vec<Output>,
    ) {
        match message {
            Message::StatusResponse { range } => self.claimed(peer, range, outputs),
            Message::NewRoundStep { height, .. } => self.reached(peer, height),
            Message::BlockResponse { block, extended_commit } => {
                self.served(now, peer, block, extended_commit, outputs);
            }
            Message::NoBlock(height) => self.refused(peer, height, outputs),
            Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. }
            | Message::Proposal(_)
            | Message::ProposalPol { .. }
            | Message::BlockPart { .. }
            | Message::Vote(_)
            | Message::VoteSetBits { .. }
            | Message::Txs(_)
            | Message::Evidence(_)
            | Message::BlockRequest(_)
            | Message::StatusRequest => {}
        }
    }

    /// Asks for what is lacking, as far as peers claim to have it. Costs little when nothing is.
    pub fn ask(&mut self, now: Time, outputs: &mut Vec<Output>) {
        if !self.settled {
            self.look(now, outputs);
        }
        self.ring(now, outputs);
    }

    /// Looks at what peers claim to have.
    fn look(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let best = self.best();
        self.expect(now, best);
        if let Some(best) = best.filter(|&best| self.height < best) {
            let window = self.height.0.saturating_add(WINDOW - 1).min(best.0);
            for height in (self.height.0..=window).map(Height) {
                let needed = height <= self.height.next();
                if needed {
                    self.hand_over(now, height);
                }
                let full = BYTES_MAX <= self.bytes && !needed;
                let here = self.blocks.contains_key(&height) || self.asked.contains_key(&height);
                if !here && !full {
                    self.ask_for(now, height, outputs);
                }
            }
        }
        let active = !self.asked.is_empty() || !self.blocks.is_empty();
        if self.announced != active {
            self.announced = active;
            let best = best.unwrap_or(self.height);
            outputs.push(Output::Announce(Announcement::CatchingUp { active, best }));
        }
        self.settled = !active && best.is_none_or(|best| best <= self.height);
    }

    /// The next block and what proves it, once both are here; handed out once, until
    /// [`CatchUp::verified`] or [`CatchUp::advance`] is called. Where votes carry extensions only
    /// an extended commit is proof, and whoever serves the block must send it along.
    pub fn next_ready(
        &mut self,
        extensions_enabled: bool,
        outputs: &mut Vec<Output>,
    ) -> Option<(Arc<Block>, ExtendedCommit)> {
        if self.proving.is_some() {
            return None;
        }
        let served = self.blocks.get(&self.height)?;
        let (commit, proof_from) = match &served.extended_commit {
            Some(commit) => (commit.clone(), served.peer),
            None if extensions_enabled => {
                let peer = served.peer;
                self.convict(peer, "served a block without its extended commit", outputs);
                return None;
            }
            None => {
                let next = self.blocks.get(&self.height.next())?;
                let Some(commit) = next.block.last_commit.clone() else {
                    let peer = next.peer;
                    self.convict(peer, "served a block without its last commit", outputs);
                    return None;
                };
                (ExtendedCommit::plain(commit), next.peer)
            }
        };
        let block = Arc::clone(&served.block);
        self.proving = Some(Proving { block_from: served.peer, proof_from });
        Some((block, commit))
    }

    /// What became of the block from [`CatchUp::next_ready`]. Nobody is blamed for what another
    /// peer sent.
    pub fn verified(&mut self, height: Height, proof: Proof, outputs: &mut Vec<Output>) {
        let Some(proving) = self.proving.filter(|_| height == self.height) else { return };
        let (guilty, reason) = match proof {
            Proof::Good => {
                self.proven = true;
                return;
            }
            Proof::Forged => (proving.proof_from, "served a commit that proves nothing"),
            Proof::OfAnother => (proving.block_from, "served another block than was decided"),
        };
        self.proving = None;
        self.convict(guilty, reason, outputs);
    }

    /// A peer served what is wrong: nothing of it is kept, and it is asked for nothing more.
    fn convict(&mut self, guilty: PeerId, reason: &'static str, outputs: &mut Vec<Output>) {
        self.settled = false;
        if let Some(server) = self.peers.get_mut(&guilty) {
            server.caught = true;
            server.range = None;
        }
        penalise(outputs, guilty, Offence::BadBlock, reason);
        self.forget_from(guilty);
    }

    /// The next block that we lack is this one now.
    pub fn advance(&mut self, height: Height) {
        if self.proven {
            // Blocks really come this way: more are expected.
            self.expect_until = None;
        }
        (self.height, self.proving, self.proven) = (height, None, false);
        self.settled = false;
        let later = self.blocks.split_off(&height);
        for served in std::mem::replace(&mut self.blocks, later).into_values() {
            self.bytes -= served.bytes;
        }
        let later = self.asked.split_off(&height);
        for asked in std::mem::replace(&mut self.asked, later).into_values() {
            self.given_up(asked.peer);
        }
    }

    /// Whether blocks have come lately and more are on their way, so that it is not worth to begin
    /// voting at this height.
    pub fn expects(&self, height: Height) -> bool {
        self.expecting && height == self.height
    }

    /// The alarm rings: who has not answered is passed over, and peers are asked for news.
    pub fn timeout(&mut self, now: Time, outputs: &mut Vec<Output>) {
        (self.due, self.settled) = (None, false);
        self.set_back(now);
        let patience = self.patience;
        let over = |asked: &Asked| patience <= now.since(asked.since);
        let silent: Vec<(Height, PeerId)> = self
            .asked
            .iter()
            .filter(|(_, asked)| over(asked))
            .map(|(&height, asked)| (height, asked.peer))
            .collect();
        let blamed: BTreeSet<PeerId> = silent.iter().map(|&(_, peer)| peer).collect();
        for (height, peer) in silent {
            self.asked.remove(&height);
            self.given_up(peer);
        }
        for peer in blamed {
            if let Some(server) = self.peers.get_mut(&peer) {
                server.silences += 1;
                if SILENCES_MAX <= server.silences {
                    server.range = None;
                }
            }
            penalise(outputs, peer, Offence::Silent, "did not serve a block that it claims");
        }
        if self.status_due.is_none_or(|due| due <= now) {
            self.status_due = Some(now.after(STATUS_EVERY));
            if !self.peers.is_empty() {
                send(outputs, Recipients::All, Message::StatusRequest);
            }
        }
        self.ask(now, outputs);
    }

    /// First and last block that a peer claims to have.
    pub fn range(&self, peer: PeerId) -> Option<(Height, Height)> {
        self.peers.get(&peer)?.range
    }

    /// Whether blocks are being fetched.
    pub fn is_active(&self) -> bool {
        self.announced
    }

    /// The last block that any peer claims to have.
    fn best(&self) -> Option<Height> {
        self.peers.values().filter_map(|server| server.range).map(|(_, last)| last).max()
    }

    /// Looks whether more blocks are expected: at first for as long as a peer may take to answer,
    /// and again after each block that came.
    fn expect(&mut self, now: Time, best: Option<Height>) {
        let behind = best.is_some_and(|best| self.height < best);
        let until = match self.expect_until {
            Some(until) => until,
            None if behind => *self.expect_until.insert(now.after(self.patience)),
            None => now,
        };
        self.expecting = behind && now < until;
    }

    fn ask_for(&mut self, now: Time, height: Height, outputs: &mut Vec<Output>) {
        let Some((peer, _)) = self.best_server(height) else { return };
        let server = self.peers.get_mut(&peer).expect("it was just found");
        server.asked += 1;
        self.asked.insert(height, Asked { peer, at: now, since: now });
        send(outputs, Recipients::One(peer), Message::BlockRequest(height));
    }

    /// Who should be asked for a block, and how well it did so far. Of those who claim to have it,
    /// only the best are asked, even if that means to wait for them: what a silent or slow peer
    /// holds is waited for in the end. Of equals, who owes us the fewest.
    fn best_server(&self, height: Height) -> Option<(PeerId, (u32, bool))> {
        let has = |server: &Server| {
            server.range.is_some_and(|(first, last)| first <= height && height <= last)
        };
        let able = || self.peers.iter().filter(|(_, server)| has(server) && !server.caught);
        let best = able().map(|(_, server)| server.rank()).min()?;
        let free = able().filter(|(_, it)| it.rank() == best && it.asked < ASKED_PER_PEER_MAX);
        free.min_by_key(|(_, server)| server.asked).map(|(&peer, _)| (peer, best))
    }

    /// Takes a block that everything waits for away from a peer that lets us wait, if another could
    /// serve it that does better. Without blame: the answer may come yet.
    fn hand_over(&mut self, now: Time, height: Height) {
        let Some(asked) = self.asked.get(&height).copied() else { return };
        let Some(holder) = self.peers.get(&asked.peer).copied() else { return };
        let Some((other, rank)) = self.best_server(height) else { return };
        let waited = HURRY <= now.since(asked.at) && rank <= holder.rank();
        if other == asked.peer || (!waited && holder.rank() <= rank) {
            return;
        }
        self.asked.remove(&height);
        self.given_up(asked.peer);
        if let Some(holder) = self.peers.get_mut(&asked.peer) {
            holder.slow |= waited;
        }
    }

    fn claimed(
        &mut self,
        peer: PeerId,
        range: Option<(Height, Height)>,
        outputs: &mut Vec<Output>,
    ) {
        let Some(server) = self.peers.get_mut(&peer) else { return };
        if range.is_some_and(|(first, last)| last < first) {
            penalise(outputs, peer, Offence::Lie, "claims blocks that end before they begin");
            return;
        }
        if server.caught {
            return;
        }
        server.range = range;
        self.settled = false;
    }

    /// A peer that is in consensus at a height has the blocks before it.
    fn reached(&mut self, peer: PeerId, height: Height) {
        let Some(server) = self.peers.get_mut(&peer) else { return };
        if let (Some((first, last)), Some(before)) = (server.range, height.previous())
            && last < before
        {
            server.range = Some((first, before));
            self.settled = false;
        }
    }

    fn served(
        &mut self,
        now: Time,
        peer: PeerId,
        block: Arc<Block>,
        extended_commit: Option<ExtendedCommit>,
        outputs: &mut Vec<Output>,
    ) {
        let Some(server) = self.peers.get_mut(&peer) else { return };
        self.settled = false;
        let height = block.header.height;
        let in_time = self.asked.get(&height).is_some_and(|asked| asked.peer == peer);
        if in_time {
            server.asked = server.asked.saturating_sub(1);
            server.silences = 0;
            let asked = self.asked.remove(&height);
            server.slow &= asked.is_some_and(|asked| HURRY <= now.since(asked.at));
        } else if 0 < server.late {
            server.late -= 1;
        } else {
            return penalise(outputs, peer, Offence::Flood, "sent a block that was not asked for");
        }
        for asked in self.asked.values_mut().filter(|asked| asked.peer == peer) {
            asked.since = now;
        }
        let window = self.height.0..self.height.0.saturating_add(WINDOW);
        if server.caught || !window.contains(&height.0) || self.blocks.contains_key(&height) {
            return;
        }
        let bytes = bytes_of(&block);
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks.insert(height, Served { peer, block, extended_commit, bytes });
    }

    /// A peer lacks what it claimed; it may have been pruned.
    fn refused(&mut self, peer: PeerId, height: Height, outputs: &mut Vec<Output>) {
        if self.asked.get(&height).is_none_or(|asked| asked.peer != peer) {
            return;
        }
        self.asked.remove(&height);
        self.settled = false;
        if let Some(server) = self.peers.get_mut(&peer) {
            server.asked = server.asked.saturating_sub(1);
            server.range = server.range.filter(|&(_, last)| height < last);
            server.range = server.range.map(|(_, last)| (height.next(), last));
        }
        penalise(outputs, peer, Offence::Silent, "has not the block that it claims");
    }

    /// A request is given up: its answer may still come, late.
    fn given_up(&mut self, peer: PeerId) {
        if let Some(server) = self.peers.get_mut(&peer) {
            server.asked = server.asked.saturating_sub(1);
            server.late = server.late.saturating_add(1);
        }
    }

    /// Drops whatever a peer served or owes.
    fn forget_from(&mut self, peer: PeerId) {
        self.asked.retain(|_, asked| asked.peer != peer);
        let dropped = |served: &Served| if served.peer == peer { served.bytes } else { 0 };
        self.bytes -= self.blocks.values().map(dropped).sum::<usize>();
        self.blocks.retain(|_, served| served.peer != peer);
    }

    /// Nothing began later than now. If it seems so, the clock was set back, and nobody would be
    /// passed over, nor asked for news, until it is again where it was.
    fn set_back(&mut self, now: Time) {
        for asked in self.asked.values_mut() {
            (asked.at, asked.since) = (asked.at.min(now), asked.since.min(now));
        }
        self.expect_until = self.expect_until.map(|until| until.min(now.after(self.patience)));
        self.status_due = self.status_due.map(|due| due.min(now.after(STATUS_EVERY)));
    }

    /// Asks for the alarm, unless an earlier one is under way.
    fn ring(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let status = self.status_due.unwrap_or_else(|| now.after(STATUS_EVERY));
        let answers = self.asked.values().map(|asked| asked.since.after(self.patience)).min();
        let expected = self.expect_until.filter(|_| self.expecting);
        let needed = self.asked.range(..=self.height.next()).map(|(_, asked)| asked.at);
        let hurry = needed.map(|at| at.after(HURRY)).filter(|&at| now < at).min();
        let at = [answers, expected, hurry].into_iter().flatten().fold(status, Time::min);
        if self.due.is_some_and(|due| due <= at) {
            return;
        }
        self.due = Some(at);
        let timeout = Timeout { height: Height::FIRST, round: Round::FIRST, wait: Wait::CatchUp };
        outputs.push(Output::Schedule(Alarm { timeout, after: at.since(now) }));
    }
}

/// What a block that waits takes in memory, roughly: entries of lists take more than their bytes.
fn bytes_of(block: &Block) -> usize {
    const ENTRY_BYTES: usize = 128;
    let votes = block.last_commit.as_ref().map_or(0, |commit| commit.signatures.len());
    let entries = block.txs.len().saturating_add(votes).saturating_add(8);
    let evidence = types::evidence::encoded_bytes(&block.evidence);
    let evidence = usize::try_from(evidence).unwrap_or(usize::MAX);
    let txs = block.txs.iter().fold(0, |sum: usize, tx| sum.saturating_add(tx.len()));
    entries.saturating_mul(ENTRY_BYTES).saturating_add(txs).saturating_add(evidence)
}

fn send(outputs: &mut Vec<Output>, to: Recipients, message: Message) {
    outputs.push(Output::Send { to, message });
}

fn penalise(outputs: &mut Vec<Output>, peer: PeerId, offence: Offence, reason: &'static str) {
    outputs.push(Output::Penalise { peer, offence, reason });
}
