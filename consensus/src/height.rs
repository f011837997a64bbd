//! One height: its rounds, votes and proposals, and the loop that asks the rules of Algorithm 1
//! again after every input, until nothing applies.

mod proposing;
mod receiving;
mod rules;
mod voting;

pub use receiving::Blame;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use types::message::WireStep;
use types::{
    Address, Block, BlockId, ChainState, Hash, Height, Keyring, PublicKey, Round, Time,
    ValidatorIndex, Vote, VoteKind,
};

use crate::evidence::EvidencePool;
use crate::input::{Alarm, Judgement, Timeout, Wait};
use crate::output::{Announcement, Decided, Output};
use crate::proposals::Proposals;
use crate::replay::Record;
use crate::round::{Act, Fact, Lock, Rounds, Step};
use crate::tally::Tally;
use crate::timeouts::Config;
use crate::votes::Votes;

/// What one turn of the replica has at hand.
pub struct Turn<'a> {
    /// When.
    pub now: Time,
    /// How long to wait for what.
    pub config: &'a Config,
    /// What a block of ours may carry.
    pub evidence: &'a EvidencePool,
    /// Decided blocks are on their way, so no round of votes is begun.
    pub hold: bool,
    /// What is to be done.
    pub outputs: &'a mut Vec<Output>,
}

/// The block that a quorum precommitted cannot be the next one: more than a third of the power is
/// faulty, or the rules of this node differ. Nothing can be done but to stop.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a quorum decided block {hash} at height {height}, which is invalid: {reason}")]
pub struct InvalidDecision {
    /// Where.
    pub height: Height,
    /// Which block.
    pub hash: Hash,
    /// What is wrong with it.
    pub reason: String,
}

/// How far a height is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The records of a crashed run are taken in: nothing is asked of the world.
    Replay,
    /// Before round 0: late precommits for the last block are collected.
    Pause,
    /// Rounds go on.
    Voting,
    /// The block is decided; votes are still collected for the record.
    Decided,
}

/// What is thought of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The application was asked.
    Asked,
    /// May be voted for.
    Accept,
    /// May not.
    Reject,
}

/// A vote of ours that the rules ask for, before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    round: Round,
    kind: VoteKind,
    block_id: Option<BlockId>,
}

/// A precommit whose extension the application was asked about.
#[derive(Clone)]
struct AskedExtension {
    vote: Arc<Vote>,
    /// Whether it takes the extension, once it has answered.
    accepted: Option<bool>,
}

/// One height being decided.
#[derive(Clone)]
pub struct Deliberation {
    height: Height,
    state: Arc<ChainState>,
    me: Option<(ValidatorIndex, Address)>,
    /// Of the current round; finding it costs a step of the rotation for each round.
    proposer: Address,
    start_time: Time,
    phase: Phase,
    /// The pause is over, and only `Turn::hold` may keep us from beginning.
    due: bool,
    /// Round 0 has begun, but a block without transactions is not wanted yet.
    quiet: bool,
    /// The application's state changed with the last block, so a block must prove it.
    proof_needed: bool,
    rounds: Rounds,
    votes: Votes,
    proposals: Proposals,
    last_commit: Option<Tally>,
    /// By the whole id: a hash is the header's, and says nothing of what travels under it.
    verdicts: BTreeMap<BlockId, Verdict>,
    /// Blocks that follow the state by [`ChainState::check_block`].
    sound: BTreeSet<BlockId>,
    wanted: Vec<Wanted>,
    /// Our precommit that waits for the application's extension.
    extending: Option<(Round, BlockId)>,
    /// Precommits whose extensions the application was asked about, by voter.
    extensions: BTreeMap<ValidatorIndex, VecDeque<AskedExtension>>,
    /// What a quorum precommitted, and in which round.
    target: Option<(Round, BlockId)>,
    /// Conflicting votes that were found and not handed on yet, and whose were found at all.
    equivocations: Vec<(Arc<Vote>, Arc<Vote>)>,
    accused: BTreeSet<(Height, Round, VoteKind, ValidatorIndex)>,
}

impl Deliberation {
    /// The height after `state`, before its first round. `key` is ours, if we may be a validator.
    pub fn new(
        state: Arc<ChainState>,
        key: Option<PublicKey>,
        last_commit: Option<Tally>,
        proof_needed: bool,
        now: Time,
    ) -> Self {
        let height = state.next_height();
        let address = key.map(|key| key.address());
        let me = address.and_then(|it| Some((state.validators.find(&it)?.0, it)));
        Self {
            height,
            me,
            proposer: state.validators.proposer().address,
            start_time: now,
            phase: Phase::Pause,
            due: false,
            quiet: false,
            proof_needed,
            rounds: Rounds::new(),
            votes: Votes::new(height, Arc::clone(&state.validators)),
            proposals: Proposals::new(&state.params),
            last_commit,
            verdicts: BTreeMap::new(),
            sound: BTreeSet::new(),
            wanted: Vec::new(),
            extending: None,
            extensions: BTreeMap::new(),
            target: None,
            equivocations: Vec::new(),
            accused: BTreeSet::new(),
            state,
        }
    }

    /// Where.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Our place in the validator set, if we are in it.
    pub fn me(&self) -> Option<ValidatorIndex> {
        self.me.map(|(index, _)| index)
    }

    /// When this height began here.
    pub fn start_time(&self) -> Time {
        self.start_time
    }

    /// The state it follows.
    pub fn state(&self) -> &Arc<ChainState> {
        &self.state
    }

    /// Our place in Algorithm 1.
    pub fn rounds(&self) -> &Rounds {
        &self.rounds
    }

    /// All votes of this height.
    pub fn votes(&self) -> &Votes {
        &self.votes
    }

    /// What was proposed.
    pub fn proposals(&self) -> &Proposals {
        &self.proposals
    }

    /// Precommits for the last block.
    pub fn last_commit(&self) -> Option<&Tally> {
        self.last_commit.as_ref()
    }

    /// What a quorum precommitted, even if the block itself is not here yet.
    pub fn target(&self) -> Option<&BlockId> {
        self.target.as_ref().map(|(_, id)| id)
    }

    /// The block that matters most now: the decided one, else that of the round's polka, else the
    /// proposed one. Its parts are what peers are asked for and offered.
    pub fn focus(&self) -> Option<BlockId> {
        if let Some(target) = self.target() {
            return Some(*target);
        }
        let round = self.rounds.round();
        let prevotes = self.votes.tally(round, VoteKind::Prevote);
        let polka = prevotes.and_then(Tally::polka).flatten();
        polka.or_else(|| self.proposals.of(round).map(|proposal| proposal.block_id))
    }

    /// Who proposes in the current round.
    pub fn proposer(&self) -> Address {
        self.proposer
    }

    /// Conflicting votes found since the last call.
    pub fn take_equivocations(&mut self) -> Vec<(Arc<Vote>, Arc<Vote>)> {
        std::mem::take(&mut self.equivocations)
    }

    /// Where we are, in the words of the wire.
    pub fn wire_step(&self) -> WireStep {
        if self.phase == Phase::Decided || self.target.is_some() {
            return WireStep::Commit;
        }
        match (self.phase, self.rounds.step()) {
            (Phase::Pause, _) => WireStep::NewHeight,
            (_, Step::Propose) if self.quiet => WireStep::NewRound,
            (_, Step::Propose) => WireStep::Propose,
            (_, Step::Prevote) if self.rounds.waits_prevotes() => WireStep::PrevoteWait,
            (_, Step::Prevote) => WireStep::Prevote,
            (_, Step::Precommit) => WireStep::Precommit,
        }
    }

    /// The keys that messages are checked with from here on.
    pub fn keyring(&self) -> Keyring {
        let state = &self.state;
        Keyring {
            chain_id: state.chain_id.clone(),
            height: self.height,
            round: self.rounds.round(),
            last: state.last_block.as_ref().map(|last| Arc::clone(&last.validators)),
            current: Arc::clone(&state.validators),
            next: Arc::clone(&state.next_validators),
            extensions_enabled: self.extensions_enabled(),
        }
    }

    /// Begins the pause before round 0; it lasts until `since` + `timeout_commit`.
    pub fn pause(&mut self, turn: &mut Turn<'_>, since: Time) {
        self.announce_step(turn);
        let left = turn.config.commit.saturating_sub(turn.now.since(since));
        self.due = left.is_zero() || self.all_precommitted(turn.config);
        if !self.due {
            let timeout = self.timeout(Wait::Commit, Round::FIRST);
            turn.outputs.push(Output::Schedule(Alarm { timeout, after: left }));
        }
    }

    /// Asks all rules again until nothing applies. Returns the block once it is decided.
    ///
    /// # Errors
    /// If the decided block is invalid; the node must stop.
    pub fn settle(&mut self, turn: &mut Turn<'_>) -> Result<Option<Box<Decided>>, InvalidDecision> {
        self.due |= self.phase == Phase::Pause && self.all_precommitted(turn.config);
        self.collect_decided();
        let begins = || (self.due && !turn.hold) || self.others_began();
        if self.phase == Phase::Pause && self.target.is_none() && begins() {
            self.phase = Phase::Voting;
            let acts = self.rounds.start(Round::FIRST);
            self.carry_out(turn, acts);
        }
        while self.apply_next(turn) {
            self.collect_decided();
        }
        self.ask_votes(turn);
        self.invariants();
        self.decide(turn)
    }

    /// An alarm rings. One that no longer matters changes nothing.
    pub fn ring(&mut self, turn: &mut Turn<'_>, timeout: Timeout) {
        let fact = match timeout.wait {
            Wait::Commit => {
                self.due = true;
                return;
            }
            Wait::EmptyBlock => return self.leave_quiet(turn),
            Wait::Propose => Fact::TimeoutPropose(timeout.round),
            Wait::Prevote => Fact::TimeoutPrevote(timeout.round),
            Wait::Precommit => Fact::TimeoutPrecommit(timeout.round),
            Wait::Gossip | Wait::CatchUp => return,
        };
        if !self.is_voting() {
            return;
        }
        let acts = self.rounds.apply(fact);
        if !acts.is_empty() {
            turn.outputs.push(Output::Record(Record::Timeout(timeout)));
            turn.outputs.push(Output::Announce(Announcement::TimedOut(timeout)));
            self.carry_out(turn, acts);
        }
    }

    /// The application's word on a block that it was asked about. It was asked about one block of
    /// this hash at most: the one that the header describes, in the only bytes that we write.
    pub fn judged(&mut self, block: Hash, judgement: Judgement) {
        let asked = |(id, verdict): &(&BlockId, &mut Verdict)| {
            id.hash == block && **verdict == Verdict::Asked
        };
        for (_, verdict) in self.verdicts.iter_mut().filter(asked) {
            *verdict = match judgement {
                Judgement::Accept => Verdict::Accept,
                Judgement::Reject | Judgement::Invalid => Verdict::Reject,
            };
        }
    }

    /// Ends the height with a decided block that a peer served.
    pub fn close(&mut self, round: Round, id: BlockId) {
        self.target = Some((round, id));
        self.phase = Phase::Decided;
    }

    /// Whether the block is decided, and here.
    pub fn is_decided(&self) -> bool {
        self.phase == Phase::Decided
    }

    /// Whether round 0 has not begun.
    pub fn is_pausing(&self) -> bool {
        self.phase == Phase::Pause
    }

    /// Whether the rules of Algorithm 1 still apply: not before round 0, and no more once a quorum
    /// has decided.
    fn is_voting(&self) -> bool {
        matches!(self.phase, Phase::Replay | Phase::Voting) && self.target.is_none()
    }

    /// L49-L54, once the block is whole.
    fn decide(&mut self, turn: &mut Turn<'_>) -> Result<Option<Box<Decided>>, InvalidDecision> {
        let (false, Some((round, id))) = (self.is_decided(), self.target) else {
            return Ok(None);
        };
        let invalid = |reason| InvalidDecision { height: self.height, hash: id.hash, reason };
        if self.proposals.is_broken(&id) {
            return Err(invalid("its parts make another block".to_owned()));
        }
        let Some(block) = self.proposals.block(&id).map(Arc::clone) else { return Ok(None) };
        if !self.sound.contains(&id) {
            self.state.check_block(&block).map_err(|error| invalid(error.to_string()))?;
        }
        let precommits = self.votes.tally(round, VoteKind::Precommit);
        let commit = precommits.and_then(Tally::extended_commit).expect("a quorum precommitted it");
        let parts = self.proposals.parts(&id).expect("a whole block has its parts");
        let parts = Arc::new(parts.clone());
        self.close(round, id);
        self.announce_step(turn);
        let (height, block_id, caught_up) = (self.height, id, false);
        let decided = Announcement::Decided { height, round, block_id, caught_up };
        turn.outputs.push(Output::Announce(decided));
        Ok(Some(Box::new(Decided { block, id, parts, commit })))
    }

    /// Does what the algorithm asks, and says so.
    fn carry_out(&mut self, turn: &mut Turn<'_>, acts: Vec<Act>) {
        let height = self.height;
        for act in acts {
            match act {
                Act::Begin(round, valid) => self.begin_round(turn, round, valid),
                Act::Wait(wait, round) => self.schedule(turn, wait, round),
                Act::Vote(round, kind, block_id) => {
                    self.wanted.push(Wanted { round, kind, block_id });
                    self.announce_step(turn);
                }
                Act::Locked(Lock { round, block_id }) => {
                    let it = Announcement::Lock { height, round, block_id };
                    turn.outputs.push(Output::Announce(it));
                }
                Act::Valid(Lock { round, block_id }) => {
                    let it = Announcement::ValidBlock { height, round, block_id };
                    turn.outputs.push(Output::Announce(it));
                }
            }
        }
    }

    /// L11-L21.
    fn begin_round(&mut self, turn: &mut Turn<'_>, round: Round, valid: Option<Lock>) {
        for vote in self.votes.enter(round) {
            turn.outputs.push(Output::Record(Record::Vote(vote)));
        }
        let kept = [self.rounds.locked(), valid].map(|lock| lock.map(|lock| lock.block_id));
        let kept: Vec<BlockId> = kept.into_iter().flatten().chain(self.target().copied()).collect();
        self.proposals.enter(round, &kept);
        let proposer = self.state.validators.proposer_in(round);
        let proposer = self.state.validators.get(proposer);
        self.proposer = proposer.expect("the proposer is a member").address;
        turn.outputs.push(Output::Rekey(Box::new(self.keyring())));
        self.quiet = round == Round::FIRST && self.waits_for_txs(turn.config);
        self.announce_step(turn);
        if self.phase == Phase::Replay {
            return;
        }
        if self.quiet {
            self.await_txs(turn);
        } else {
            self.open_round(turn);
        }
    }

    /// Whether somebody has shown that this height goes on, so that a pause has no use.
    fn others_began(&self) -> bool {
        let proposal = self.proposals.of(Round::FIRST);
        let prevotes = self.votes.tally(Round::FIRST, VoteKind::Prevote);
        proposal.is_some_and(|it| self.proposals.block(&it.block_id).is_some())
            || prevotes.is_some_and(Tally::any_quorum)
            || self.votes.skip_round(Round::FIRST).is_some()
    }

    /// Whether nothing is left to wait for in the pause.
    fn all_precommitted(&self, config: &Config) -> bool {
        config.skip_commit && self.last_commit.as_ref().is_none_or(Tally::is_full)
    }

    fn extensions_enabled(&self) -> bool {
        self.state.params.extensions_enabled(self.height)
    }

    fn timeout(&self, wait: Wait, round: Round) -> Timeout {
        Timeout { height: self.height, round, wait }
    }

    fn schedule(&self, turn: &mut Turn<'_>, wait: Wait, round: Round) {
        let timeout = self.timeout(wait, round);
        let after = turn.config.after(wait, round);
        turn.outputs.push(Output::Schedule(Alarm { timeout, after }));
    }

    fn announce_step(&self, turn: &mut Turn<'_>) {
        let it = Announcement::Step {
            height: self.height,
            round: self.rounds.round(),
            step: self.wire_step(),
            proposer: self.proposer(),
        };
        turn.outputs.push(Output::Announce(it));
    }

    fn announce_polka(&self, turn: &mut Turn<'_>, fact: Fact) {
        if let Fact::Polka(block_id) = fact {
            let (height, round) = (self.height, self.rounds.round());
            turn.outputs.push(Output::Announce(Announcement::Polka { height, round, block_id }));
        }
    }

    /// What must hold between any two inputs. Kept on in release builds.
    fn invariants(&self) {
        assert!(self.votes.height() == self.height);
        if let Some(lock) = self.rounds.locked() {
            assert!(lock.round <= self.rounds.round());
        }
        if self.phase == Phase::Decided {
            assert!(self.target.is_some());
        }
    }

    /// The block of a proposal or a polka, if it is whole.
    fn block(&self, id: &BlockId) -> Option<&Arc<Block>> {
        self.proposals.block(id)
    }
}
