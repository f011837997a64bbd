//! What the rules of Algorithm 1 look at: which facts hold at this height, and which blocks must
//! be here and judged before more can hold.

use std::sync::Arc;

use types::{BlockId, VoteKind};

use super::{Deliberation, Phase, Turn, Verdict};
use crate::output::{Output, Question};
use crate::round::Fact;
use crate::tally::Tally;

/// In so many first rounds of a height a quorum of nil precommits ends the round at once. Later the
/// paper's wait, which grows, keeps a height that nobody can decide from going through rounds as
/// fast as votes travel. docs/decisions/0005
const ROUNDS_IN_HASTE: u32 = 4;

impl Deliberation {
    /// Applies the first rule that changes something. L22-L56.
    pub(super) fn apply_next(&mut self, turn: &mut Turn<'_>) -> bool {
        if !self.is_voting() {
            return false;
        }
        self.collect_and_judge(turn);
        for fact in self.facts().into_iter().flatten() {
            let acts = self.rounds.apply(fact);
            if !acts.is_empty() {
                self.announce_polka(turn, fact);
                self.carry_out(turn, acts);
                return true;
            }
        }
        false
    }

    /// What holds in the current round. L55 comes first, as who is behind has no use for the rest;
    /// and L34 after L36 and L44, as with a polka there is nothing left to wait for.
    fn facts(&self) -> [Option<Fact>; 6] {
        let round = self.rounds.round();
        let prevotes = self.votes.tally(round, VoteKind::Prevote);
        let precommits = self.votes.tally(round, VoteKind::Precommit);
        let polka = prevotes.and_then(Tally::polka).filter(|polka| match polka {
            Some(id) => self.acceptable(id) == Some(true),
            None => true,
        });
        let of_nil =
            round.0 < ROUNDS_IN_HASTE && precommits.is_some_and(|it| it.polka() == Some(None));
        [
            self.votes.skip_round(round).map(Fact::Others),
            self.proposal_fact(),
            polka.map(Fact::Polka),
            prevotes.is_some_and(Tally::any_quorum).then_some(Fact::PrevotesOfAny),
            of_nil.then_some(Fact::PrecommitsOfNil),
            precommits.is_some_and(Tally::any_quorum).then_some(Fact::PrecommitsOfAny),
        ]
    }

    /// L22: a fresh proposal. L28: one with a polka that is here.
    fn proposal_fact(&self) -> Option<Fact> {
        let proposal = self.proposals.of(self.rounds.round())?;
        let block_id = proposal.block_id;
        let acceptable = self.acceptable(&block_id)?;
        if let Some(polka) = proposal.pol_round {
            let prevotes = self.votes.tally(polka, VoteKind::Prevote)?;
            if prevotes.polka() != Some(Some(block_id)) {
                return None;
            }
        }
        Some(Fact::Proposal { block_id, acceptable, pol_round: proposal.pol_round })
    }

    /// Whether a block may be voted for; none while that is not known.
    fn acceptable(&self, id: &BlockId) -> Option<bool> {
        if !self.proposals.is_whole(id)? {
            return Some(false);
        }
        match self.verdicts.get(id)? {
            Verdict::Asked => None,
            Verdict::Accept => Some(true),
            Verdict::Reject => Some(false),
        }
    }

    /// Collects the block of the round's polka, and has the blocks judged that rules wait for.
    fn collect_and_judge(&mut self, turn: &mut Turn<'_>) {
        let round = self.rounds.round();
        let prevotes = self.votes.tally(round, VoteKind::Prevote);
        let polka = prevotes.and_then(Tally::polka).flatten();
        if let Some(id) = polka {
            self.proposals.collect(id);
        }
        if self.phase == Phase::Replay {
            return;
        }
        let proposed = self.proposals.of(round).map(|proposal| proposal.block_id);
        for id in proposed.into_iter().chain(polka.filter(|&id| Some(id) != proposed)) {
            if self.verdicts.contains_key(&id) {
                continue;
            }
            let Some(block) = self.proposals.block(&id) else { continue };
            let sound = self.state.check_block(block).is_ok();
            if sound {
                self.sound.insert(id);
            }
            let fits = sound && self.proposals.is_canonical(&id);
            let verdict = if fits { Verdict::Asked } else { Verdict::Reject };
            if verdict == Verdict::Asked {
                let (state, block) = (Arc::clone(&self.state), Arc::clone(block));
                turn.outputs.push(Output::Ask(Question::Judge { round, state, block, id }));
            }
            self.verdicts.insert(id, verdict);
        }
    }

    /// L49: a quorum of precommits for a block, in whatever round.
    pub(super) fn collect_decided(&mut self) {
        if self.target.is_some() {
            return;
        }
        let decided = self.votes.decided();
        if let Some((_, id)) = decided {
            self.proposals.collect(id);
            self.target = decided;
        }
    }
}
