//! Algorithm 1 of "The latest gossip on BFT consensus" (arXiv:1807.04938) as a table.
//!
//! `Rounds` is the paper's `round_p`, `step_p`, `lockedValue_p`, `lockedRound_p`, `validValue_p`
//! and `validRound_p`. It is told facts, one for each clause of the paper, as often as they hold;
//! an arm that no longer applies does nothing. So the caller may ask again after every input until
//! nothing applies, and no rule depends on having seen an event exactly once.

use types::{BlockId, Round, VoteKind};

use crate::input::Wait;

/// How far we are in a round. `step_p`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Waiting for a proposal.
    Propose,
    /// Has prevoted.
    Prevote,
    /// Has precommitted.
    Precommit,
}

/// A block, and the round in which it had a polka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Of the polka.
    pub round: Round,
    /// Of the block.
    pub block_id: BlockId,
}

/// What holds, as far as the votes and proposals that are here show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The round's proposal is here with its whole block, and judged. If it names an earlier
    /// polka, that polka is here too. L22, L28.
    Proposal {
        /// What is proposed.
        block_id: BlockId,
        /// `valid(v)`: the block follows the state, and the application accepts it.
        acceptable: bool,
        /// Of the earlier polka.
        pol_round: Option<Round>,
    },
    /// A quorum prevoted in this round, for one thing or another. L34.
    PrevotesOfAny,
    /// A quorum prevoted for this in this round; a block is here and acceptable. L36, L44.
    Polka(Option<BlockId>),
    /// A quorum precommitted nil in this round, one of a height's first: it decides nothing any
    /// more. A deviation: the paper waits for the timeout of L47 here too.
    PrecommitsOfNil,
    /// A quorum precommitted in this round, for one thing or another. L47.
    PrecommitsOfAny,
    /// Validators of more than a third have reached this round. L55.
    Others(Round),
    /// Nothing was proposed in time. L57.
    TimeoutPropose(Round),
    /// No quorum of prevotes for one thing came in time. L61.
    TimeoutPrevote(Round),
    /// No quorum of precommits for one thing came in time. L65.
    TimeoutPrecommit(Round),
}

/// What the algorithm wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A round begins: whose turn it is proposes the valid block, or a new one. L14-L21.
    Begin(Round, Option<Lock>),
    /// Set an alarm. L35, L48.
    Wait(Wait, Round),
    /// Vote in this round.
    Vote(Round, VoteKind, Option<BlockId>),
    /// We are locked on this block now. L38.
    Locked(Lock),
    /// This block is the valid one now. L42.
    Valid(Lock),
}

/// One participant's place in Algorithm 1, at one height.
#[derive(Clone, Debug)]
pub struct Rounds {
    round: Round,
    step: Step,
    locked: Option<Lock>,
    valid: Option<Lock>,
    /// "For the first time" of L34 and L47.
    waits_prevotes: bool,
    waits_precommits: bool,
}

impl Rounds {
    /// Before round 0. Nothing is locked. L1-L9.
    pub fn new() -> Self {
        Self {
            round: Round::FIRST,
            step: Step::Propose,
            locked: None,
            valid: None,
            waits_prevotes: false,
            waits_precommits: false,
        }
    }

    /// The current round.
    pub fn round(&self) -> Round {
        self.round
    }

    /// How far we are in it.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The block that we defend.
    pub fn locked(&self) -> Option<Lock> {
        self.locked
    }

    /// The latest block that had a polka in time; we propose it again.
    pub fn valid(&self) -> Option<Lock> {
        self.valid
    }

    /// Whether a quorum of any prevotes was seen in this round, and more are awaited.
    pub fn waits_prevotes(&self) -> bool {
        self.waits_prevotes
    }

    /// Whether a quorum of any precommits was seen in this round, and more are awaited.
    pub fn waits_precommits(&self) -> bool {
        self.waits_precommits
    }

    /// Begins a round. L11.
    pub fn start(&mut self, round: Round) -> Vec<Act> {
        assert!(self.round <= round);
        self.round = round;
        self.step = Step::Propose;
        self.waits_prevotes = false;
        self.waits_precommits = false;
        vec![Act::Begin(round, self.valid)]
    }

    /// Applies one fact. Returns nothing exactly if nothing changed.
    pub fn apply(&mut self, fact: Fact) -> Vec<Act> {
        let acts = match (self.step, fact) {
            // L22: a fresh proposal. L28: a proposal with a polka from an earlier round.
            (Step::Propose, Fact::Proposal { block_id, acceptable, pol_round }) => {
                let may = acceptable && self.may_prevote(&block_id, pol_round);
                self.prevote(may.then_some(block_id))
            }
            // L34: a quorum, but not yet for one thing.
            (Step::Prevote, Fact::PrevotesOfAny) if !self.waits_prevotes => {
                self.waits_prevotes = true;
                vec![Act::Wait(Wait::Prevote, self.round)]
            }
            // L36: a polka for a block. It becomes the valid one even if we moved on (L42).
            (Step::Prevote, Fact::Polka(Some(block_id))) => self.lock_and_precommit(block_id),
            (Step::Precommit, Fact::Polka(Some(block_id))) => self.mark_valid(block_id),
            // L44: a polka for nil. A lock stays: the paper has no unlocking.
            (Step::Prevote, Fact::Polka(None)) => self.precommit(None),
            // L47, L65: no block can have a quorum beside one for nil, so nothing is waited for.
            (_, Fact::PrecommitsOfNil) => self.start(self.round.next()),
            // L47: a quorum, but not yet for one thing.
            (_, Fact::PrecommitsOfAny) if !self.waits_precommits => {
                self.waits_precommits = true;
                vec![Act::Wait(Wait::Precommit, self.round)]
            }
            // L55: an honest validator is in a later round already.
            (_, Fact::Others(round)) if self.round < round => self.start(round),
            // L57, L61, L65: silence.
            (Step::Propose, Fact::TimeoutPropose(round)) if round == self.round => {
                self.prevote(None)
            }
            (Step::Prevote, Fact::TimeoutPrevote(round)) if round == self.round => {
                self.precommit(None)
            }
            (_, Fact::TimeoutPrecommit(round)) if round == self.round => self.start(round.next()),
            // Too early or too late to matter now; `height.rs` asks again after every step.
            (_, Fact::Proposal { .. } | Fact::Polka(_)) => vec![],
            (_, Fact::PrevotesOfAny | Fact::PrecommitsOfAny | Fact::Others(_)) => vec![],
            (_, Fact::TimeoutPropose(_) | Fact::TimeoutPrevote(_)) => vec![],
            (_, Fact::TimeoutPrecommit(_)) => vec![],
        };
        self.invariants();
        acts
    }

    /// Takes up what we voted before a crash, so that we never go back on it. The vote itself is
    /// the proof: what led to it need not be shown again.
    pub fn recall(&mut self, round: Round, kind: VoteKind, block_id: Option<BlockId>) -> Vec<Act> {
        let mut acts = if self.round < round { self.start(round) } else { vec![] };
        if round == self.round {
            self.step = self.step.max(match kind {
                VoteKind::Prevote => Step::Prevote,
                VoteKind::Precommit => Step::Precommit,
            });
        }
        if let (VoteKind::Precommit, Some(block_id)) = (kind, block_id) {
            let lock = Lock { round, block_id };
            if self.locked.is_none_or(|locked| locked.round < round) {
                self.locked = Some(lock);
                acts.push(Act::Locked(lock));
            }
            if self.valid.is_none_or(|valid| valid.round < round) {
                self.valid = Some(lock);
                acts.push(Act::Valid(lock));
            }
        }
        self.invariants();
        acts
    }

    /// Whether the lock allows a prevote for this block. L23, L29.
    fn may_prevote(&self, block_id: &BlockId, pol_round: Option<Round>) -> bool {
        self.locked.is_none_or(|locked| {
            locked.block_id == *block_id || pol_round.is_some_and(|polka| locked.round <= polka)
        })
    }

    /// L24-L27, L30-L33, L59-L60.
    fn prevote(&mut self, block_id: Option<BlockId>) -> Vec<Act> {
        self.step = Step::Prevote;
        vec![Act::Vote(self.round, VoteKind::Prevote, block_id)]
    }

    /// L40-L41, L45-L46, L63-L64.
    fn precommit(&mut self, block_id: Option<BlockId>) -> Vec<Act> {
        self.step = Step::Precommit;
        vec![Act::Vote(self.round, VoteKind::Precommit, block_id)]
    }

    /// L37-L43.
    fn lock_and_precommit(&mut self, block_id: BlockId) -> Vec<Act> {
        let lock = Lock { round: self.round, block_id };
        self.locked = Some(lock);
        let mut acts = vec![Act::Locked(lock)];
        acts.extend(self.mark_valid(block_id));
        acts.extend(self.precommit(Some(block_id)));
        acts
    }

    /// L42-L43.
    fn mark_valid(&mut self, block_id: BlockId) -> Vec<Act> {
        let valid = Lock { round: self.round, block_id };
        if self.valid == Some(valid) {
            return vec![];
        }
        self.valid = Some(valid);
        vec![Act::Valid(valid)]
    }

    /// What must hold between any two facts. Kept on in release builds.
    fn invariants(&self) {
        if let Some(locked) = self.locked {
            let valid = self.valid.expect("a locked block has had a polka, so it is valid");
            assert!(locked.round <= valid.round);
            assert!(locked.round < self.round || self.step == Step::Precommit);
        }
        if let Some(valid) = self.valid {
            assert!(valid.round <= self.round);
        }
    }
}

impl Default for Rounds {
    fn default() -> Self {
        Self::new()
    }
}
