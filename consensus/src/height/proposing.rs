//! Our turn to propose: when to, what, and the way from block to signed proposal.

use std::sync::Arc;

use types::{Block, BlockId, Part, PartSet, Proposal, Round, UnsignedProposal, VoteKind};

use super::{Deliberation, Turn};
use crate::input::{Alarm, Wait};
use crate::output::{Output, Question, SignRequest};
use crate::proposals::Taken;
use crate::replay::Record;
use crate::round::Step;
use crate::tally::Tally;
use crate::timeouts::Config;

impl Deliberation {
    /// The mempool has transactions.
    pub fn txs_available(&mut self, turn: &mut Turn<'_>) {
        self.leave_quiet(turn);
    }

    /// The block that we asked for.
    pub fn built(&mut self, turn: &mut Turn<'_>, round: Round, block: Arc<Block>, parts: &PartSet) {
        let current = self.is_voting() && round == self.rounds.round();
        if !current || self.proposals.of(round).is_some() {
            return;
        }
        let id = block.id(parts);
        self.proposals.add_block(id, block, parts.clone());
        self.sign_proposal(turn, round, id, None);
    }

    /// Our signed proposal: durable before anybody sees it.
    pub fn signed_proposal(&mut self, turn: &mut Turn<'_>, proposal: Arc<Proposal>) {
        let (round, id) = (proposal.round, proposal.block_id);
        let current = self.is_voting() && round == self.rounds.round();
        if !current || self.proposals.of(round).is_some() {
            return;
        }
        let whole = self.proposals.parts(&id).is_some_and(PartSet::is_complete);
        if !whole || self.proposals.add(Arc::clone(&proposal)) != Taken::New {
            return;
        }
        let (height, fresh) = (self.height, proposal.pol_round.is_none());
        turn.outputs.push(Output::Record(Record::Proposal(proposal)));
        let parts = self.proposals.parts(&id).filter(|_| fresh);
        let all = |parts: &PartSet| (0..id.parts.total).map(|it| parts.get(it).cloned()).collect();
        let parts: Vec<Option<Part>> = parts.map(all).unwrap_or_default();
        for part in parts.into_iter().flatten() {
            turn.outputs.push(Output::Record(Record::Part { height, round, part }));
        }
        self.announce_complete(turn, round);
        turn.outputs.push(Output::Persist);
    }

    /// L14-L21, with a deviation: the proposer sets the alarm too, so that a round ends even if
    /// the application fails to make a block.
    pub(super) fn open_round(&mut self, turn: &mut Turn<'_>) {
        self.quiet = false;
        let round = self.rounds.round();
        let mut after = turn.config.after(Wait::Propose, round);
        if round == Round::FIRST && self.proposer_is_silent() {
            after = after.min(turn.config.propose_silent);
        }
        let timeout = self.timeout(Wait::Propose, round);
        turn.outputs.push(Output::Schedule(Alarm { timeout, after }));
        if self.is_proposer() && self.proposals.of(round).is_none() {
            self.propose(turn, round);
        }
    }

    /// Whether nothing was heard of the proposer since the last height began, though a quorum of
    /// the others was heard. Only shortens a wait, so a wrong guess costs a round at most.
    fn proposer_is_silent(&self) -> bool {
        let address = self.proposer();
        let last = self.state.last_block.as_ref().zip(self.last_commit());
        let Some((last, precommits)) = last else { return false };
        let Some((index, _)) = last.validators.find(&address) else { return false };
        let here = self.state.validators.find(&address);
        let voted = |kind| {
            let tally = self.votes.tally(Round::FIRST, kind);
            here.is_some_and(|(index, _)| tally.is_some_and(|it| it.have().has(index.0 as usize)))
        };
        precommits.any_quorum()
            && !precommits.have().has(index.0 as usize)
            && !voted(VoteKind::Prevote)
            && !voted(VoteKind::Precommit)
    }

    /// Takes up after a crash what the current round waits for.
    pub(super) fn reopen_round(&mut self, turn: &mut Turn<'_>) {
        let round = self.rounds.round();
        if self.rounds.step() == Step::Propose {
            if self.quiet {
                self.await_txs(turn);
            } else {
                self.open_round(turn);
            }
        }
        if self.rounds.step() == Step::Prevote && self.rounds.waits_prevotes() {
            self.schedule(turn, Wait::Prevote, round);
        }
        if self.rounds.waits_precommits() {
            self.schedule(turn, Wait::Precommit, round);
        }
    }

    /// Whether round 0 begins without a wish for a block.
    pub(super) fn waits_for_txs(&self, config: &Config) -> bool {
        let wanted = config.create_empty_blocks && config.create_empty_blocks_interval.is_zero();
        !wanted && !self.proof_needed
    }

    pub(super) fn await_txs(&mut self, turn: &mut Turn<'_>) {
        turn.outputs.push(Output::AwaitTxs { height: self.height });
        if !turn.config.create_empty_blocks_interval.is_zero() {
            self.schedule(turn, Wait::EmptyBlock, Round::FIRST);
        }
    }

    /// A block is wanted now.
    pub(super) fn leave_quiet(&mut self, turn: &mut Turn<'_>) {
        if self.quiet && self.is_voting() && self.rounds.step() == Step::Propose {
            self.open_round(turn);
            self.announce_step(turn);
        }
    }

    /// Whether it is our turn to propose.
    pub fn is_proposer(&self) -> bool {
        self.me.is_some_and(|(_, address)| address == self.proposer)
    }

    /// L15-L19.
    fn propose(&mut self, turn: &mut Turn<'_>, round: Round) {
        if let Some(valid) = self.rounds.valid() {
            return self.sign_proposal(turn, round, valid.block_id, Some(valid.round));
        }
        turn.outputs.push(Output::Ask(Question::Build {
            height: self.height,
            round,
            state: Arc::clone(&self.state),
            last_commit: self.last_commit.as_ref().and_then(Tally::extended_commit),
            evidence: turn.evidence.pending(self.state.params.evidence.bytes_max),
        }));
    }

    fn sign_proposal(
        &self,
        turn: &mut Turn<'_>,
        round: Round,
        block_id: BlockId,
        pol_round: Option<Round>,
    ) {
        let (height, timestamp) = (self.height, turn.now);
        let proposal = UnsignedProposal { height, round, pol_round, block_id, timestamp };
        turn.outputs.push(Output::Sign(SignRequest::Proposal(proposal)));
    }
}
