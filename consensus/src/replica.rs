//! One participant as a value, across heights: decide, execute, next.

mod heights;
mod peers;
mod picture;

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{Block, BlockId, ExtendedCommit, Height, PartSet, PeerId, PublicKey, Time, VoteKind};

use crate::ahead::Ahead;
use crate::catchup::CatchUp;
use crate::evidence::EvidencePool;
use crate::gossip::{Gossip, View};
use crate::height::{Deliberation, Turn};
use crate::input::{Input, Start, Timeout, Wait};
use crate::output::{Decided, Output};
use crate::replay::Record;
use crate::tally::Tally;
use crate::timeouts::Config;

/// One participant.
pub struct Replica {
    config: Config,
    key: Option<PublicKey>,
    current: Deliberation,
    /// Whether its rules were asked since something happened to it, and whether round 0 was held
    /// back then: else they have nothing new to say.
    settled: Option<bool>,
    /// The decided block of the current height, while the application executes it.
    executing: Option<Executing>,
    /// The served block of the current height whose commit is being checked.
    proving: Option<Box<Decided>>,
    /// First and last block in the store.
    stored: Option<(Height, Height)>,
    /// When the last block was decided here.
    commit_time: Option<Time>,
    ahead: Ahead,
    /// How many blocks each peer has asked for since the last gossip alarm.
    requests: BTreeMap<PeerId, u32>,
    gossip: Gossip,
    catch_up: CatchUp,
    evidence: EvidencePool,
    /// Nothing can be done any more; the reason went out as [`Output::Halt`].
    halted: bool,
}

/// A decided block that the application executes.
struct Executing {
    block: Arc<Block>,
    id: BlockId,
    parts: Arc<PartSet>,
    commit: ExtendedCommit,
}

impl Replica {
    /// A participant as it stands after its last executed block. `key` is the validator key, if
    /// this node has one. `records` are those of the next height, from the store: they are taken
    /// in silently, so that what was promised is known. Call [`Replica::begin`] next.
    pub fn new(config: Config, key: Option<PublicKey>, start: Start, records: Vec<Record>) -> Self {
        let Start { state, last_commit, last_header, stored, evidence } = start;
        let height = state.next_height();
        let evidence = EvidencePool::new(&state, evidence);
        let last = last_commit.zip(state.last_block.as_ref());
        let last = last.map(|(commit, last)| tally_of(&commit, Arc::clone(&last.validators)));
        let proof_needed = last_header.is_none_or(|header| header.app_hash != state.app_hash);
        let gossip = Gossip::new(&config, state.initial_height);
        let catch_up = CatchUp::new(&config, height);
        let now = state.last_block_time;
        let mut current = Deliberation::new(state, key, last, proof_needed, now);
        let records = records.into_iter().filter(|record| record.height() == height).collect();
        let mut silent = Vec::new();
        let mut turn =
            Turn { now, config: &config, evidence: &evidence, hold: true, outputs: &mut silent };
        current.replay(&mut turn, records);
        Self {
            config,
            key,
            current,
            settled: None,
            executing: None,
            proving: None,
            stored,
            commit_time: None,
            ahead: Ahead::default(),
            requests: BTreeMap::new(),
            gossip,
            catch_up,
            evidence,
            halted: false,
        }
    }

    /// The first outputs: keys, alarms, and what the state after replay asks for.
    pub fn begin(&mut self, now: Time, outputs: &mut Vec<Output>) {
        outputs.push(Output::Rekey(Box::new(self.current.keyring())));
        self.with_current(now, outputs, |current, turn| current.begin(turn));
        self.go_on(now, outputs);
    }

    /// Applies one input and appends what must be done, in order. Never blocks, never reads a
    /// clock, never draws a random number, never panics on anything a peer can send.
    pub fn handle(&mut self, now: Time, input: Input, outputs: &mut Vec<Output>) {
        if self.halted {
            return;
        }
        let here = self.current.height();
        match input {
            Input::PeerUp(peer) => self.peer_up(now, peer, outputs),
            Input::PeerDown(peer) => self.peer_down(now, peer, outputs),
            Input::Received { peer, message } => {
                self.received(now, peer, message.into_inner(), outputs);
            }
            Input::Timeout(timeout) => self.ring(now, timeout, outputs),
            Input::Evidence(evidence) => self.evidence.add(evidence.into_inner(), outputs),
            Input::CommitVerified { height, block, valid } => {
                self.commit_verified(now, height, block, valid, outputs);
            }
            Input::Executed { height, outcome } => self.executed(now, height, &outcome, outputs),
            Input::Loaded { height, stored } => {
                let view = view(&self.current, self.executing.as_ref(), self.stored);
                self.gossip.loaded(height, stored, &view, outputs);
            }
            Input::TxsAvailable { height } if height == here => {
                self.with_current(now, outputs, Deliberation::txs_available);
            }
            Input::Built { height, round, built: Some((block, parts)) } if height == here => {
                self.with_current(now, outputs, |it, turn| it.built(turn, round, block, &parts));
            }
            Input::Judged { height, block, judgement } if height == here => {
                self.current_mut().judged(block, judgement);
            }
            Input::Extended { height, round, extension } if height == here => {
                self.with_current(now, outputs, |it, turn| it.extended(turn, round, extension));
            }
            Input::ExtensionVerified { vote, accept } if vote.height == here => {
                self.with_current(now, outputs, |it, turn| {
                    it.extension_verified(turn, vote, accept);
                });
            }
            Input::SignedVote(vote) if vote.height == here => {
                self.with_current(now, outputs, |it, turn| it.signed_vote(turn, vote));
            }
            Input::SignedVote(vote)
                if Some(vote.height) == here.previous() && vote.kind == VoteKind::Precommit =>
            {
                self.with_current(now, outputs, |it, turn| it.receive_late(turn, vote));
            }
            Input::SignedProposal(proposal) if proposal.height == here => {
                self.with_current(now, outputs, |it, turn| it.signed_proposal(turn, proposal));
            }
            Input::SignRefused { height, reached: Some(round), .. } if height == here => {
                self.with_current(now, outputs, |it, turn| it.signed_in(turn, round));
            }
            // Answers that came too late, or that are none: the alarms of the round go on.
            Input::TxsAvailable { .. } | Input::Built { .. } | Input::Judged { .. } => {}
            Input::Extended { .. } | Input::ExtensionVerified { .. } => {}
            Input::SignedVote(_) | Input::SignedProposal(_) | Input::SignRefused { .. } => {}
        }
        self.go_on(now, outputs);
    }

    fn ring(&mut self, now: Time, timeout: Timeout, outputs: &mut Vec<Output>) {
        match timeout.wait {
            Wait::Gossip => {
                self.requests.clear();
                let view = view(&self.current, self.executing.as_ref(), self.stored);
                self.gossip.tick(now, &view, outputs);
                for (peer, height) in self.gossip.peers() {
                    height.inspect(|&height| self.evidence.tell(peer, height, outputs));
                }
            }
            Wait::CatchUp => self.catch_up.timeout(now, outputs),
            Wait::Commit | Wait::EmptyBlock | Wait::Propose | Wait::Prevote | Wait::Precommit => {
                if timeout.height == self.current.height() {
                    self.with_current(now, outputs, |it, turn| it.ring(turn, timeout));
                }
            }
        }
    }

    /// Lets the current height act, with what it may look at.
    fn with_current<R>(
        &mut self,
        now: Time,
        outputs: &mut Vec<Output>,
        act: impl FnOnce(&mut Deliberation, &mut Turn<'_>) -> R,
    ) -> R {
        self.settled = None;
        let hold = self.holds();
        let (config, evidence) = (&self.config, &self.evidence);
        act(&mut self.current, &mut Turn { now, config, evidence, hold, outputs })
    }

    /// The current height, to which something happens.
    fn current_mut(&mut self) -> &mut Deliberation {
        self.settled = None;
        &mut self.current
    }

    /// Whether no round of votes is begun, as decided blocks are on their way.
    fn holds(&self) -> bool {
        self.catch_up.expects(self.current.height())
    }
}

/// The facts that gossip speaks of.
fn view<'a>(
    current: &'a Deliberation,
    executing: Option<&'a Executing>,
    stored: Option<(Height, Height)>,
) -> View<'a> {
    let collected = || current.proposals().parts(&current.focus()?);
    let last_commit = current.last_commit();
    View {
        height: current.height(),
        round: current.rounds().round(),
        step: current.wire_step(),
        start_time: current.start_time(),
        me: current.me(),
        last_commit_round: last_commit.map(Tally::round),
        last_commit,
        votes: current.votes(),
        next_validators: &current.state().next_validators,
        proposal: current.proposals().of(current.rounds().round()),
        own_proposal: current.is_proposer(),
        parts: executing.map(|it| &*it.parts).or_else(collected),
        decided: executing.map(|it| &it.id).or(current.target()),
        stored,
    }
}

/// What decided a block, as a tally that late precommits can still be added to.
fn tally_of(commit: &ExtendedCommit, validators: Arc<types::ValidatorSet>) -> Tally {
    let kind = VoteKind::Precommit;
    let mut tally = Tally::new(commit.height, commit.round, kind, validators);
    for vote in commit.votes() {
        tally.add(vote);
    }
    tally
}
