//! From one height to the next: decide, execute, advance; and decided blocks that peers serve.

use std::sync::Arc;

use types::{BlockOutcome, Hash, Height, Time};

use super::{Executing, Replica, tally_of, view};
use crate::catchup::Proof;
use crate::height::{Deliberation, InvalidDecision};
use crate::output::{Announcement, Decided, Output, Question};

impl Replica {
    /// What follows from whatever has just happened: rules, decisions, then gossip.
    pub(super) fn go_on(&mut self, now: Time, outputs: &mut Vec<Output>) {
        if self.halted {
            return;
        }
        let hold = self.holds();
        if self.settled == Some(hold) {
            // Nothing happened to the height: only of peers there may be something new.
            self.fetch(now, outputs);
            let (current, executing, stored) = (&self.current, &self.executing, self.stored);
            let view = || view(current, executing.as_ref(), stored);
            return self.gossip.learned(now, view, outputs);
        }
        match self.with_current(now, outputs, Deliberation::settle) {
            Ok(None) => {}
            Ok(Some(decided)) => self.decide(now, *decided, outputs),
            Err(error) => return self.halt(error.to_string(), outputs),
        }
        self.settled = Some(hold);
        self.fetch(now, outputs);
        for (first, second) in self.current.take_equivocations() {
            let (first, second) = (Arc::unwrap_or_clone(first), Arc::unwrap_or_clone(second));
            self.evidence.equivocation(first, second, outputs);
        }
        let view = view(&self.current, self.executing.as_ref(), self.stored);
        self.gossip.changed(now, &view, outputs);
    }

    /// L50-L51: the decided block is durable before the application executes it.
    fn decide(&mut self, now: Time, decided: Decided, outputs: &mut Vec<Output>) {
        let height = self.current.height();
        let Decided { block, id, parts, commit } = decided.clone();
        let first = self.stored.map_or(height, |(first, _)| first);
        self.stored = Some((first, height));
        self.commit_time = Some(now);
        self.executing = Some(Executing { block: Arc::clone(&block), id, parts, commit });
        outputs.push(Output::Decide(Box::new(decided)));
        outputs.push(Output::Persist);
        let state = Arc::clone(self.current.state());
        outputs.push(Output::Ask(Question::Execute { state, block, id }));
    }

    /// L52-L54: the application has executed the decided block; the next height begins.
    pub(super) fn executed(
        &mut self,
        now: Time,
        height: Height,
        outcome: &BlockOutcome,
        outputs: &mut Vec<Output>,
    ) {
        if height != self.current.height() {
            return;
        }
        let Some(Executing { block, id, commit, .. }) = self.executing.take() else { return };
        let before = self.current.state();
        let state = match before.advance(id, &block.header, block.txs.len(), outcome) {
            Ok(state) => Arc::new(state),
            Err(error) => return self.halt(error.to_string(), outputs),
        };
        let mut last_commit = tally_of(&commit, Arc::clone(&before.validators));
        let late = self.current.votes().tally(commit.round, types::VoteKind::Precommit);
        for vote in late.into_iter().flat_map(|tally| tally.votes()).flatten() {
            last_commit.add(Arc::clone(vote));
        }
        self.evidence.advance(&state, &block.evidence, outputs);
        let proof_needed = state.app_hash != block.header.app_hash;
        outputs.push(Output::KeepState(Arc::clone(&state)));
        *self.current_mut() =
            Deliberation::new(state, self.key, Some(last_commit), proof_needed, now);
        outputs.push(Output::Rekey(Box::new(self.current.keyring())));
        self.catch_up.advance(self.current.height());
        let since = self.commit_time.unwrap_or(now);
        self.with_current(now, outputs, |current, turn| current.pause(turn, since));
        for (peer, message) in self.ahead.take(self.current.height()) {
            self.received(now, peer, message, outputs);
        }
    }

    /// Asks peers who are ahead for decided blocks, and has the next one checked once it is here.
    fn fetch(&mut self, now: Time, outputs: &mut Vec<Output>) {
        self.catch_up.ask(now, outputs);
        if self.current.is_decided() {
            return;
        }
        let (height, state) = (self.current.height(), self.current.state());
        let extensions_enabled = state.params.extensions_enabled(height);
        let ready = self.catch_up.next_ready(extensions_enabled, outputs);
        let Some((block, commit)) = ready else { return };
        let parts = Arc::new(block.part_set());
        let id = block.id(&parts);
        outputs.push(Output::Ask(Question::VerifyCommit {
            height,
            block_id: commit.block_id,
            commit: Box::new(commit.clone()),
            validators: Arc::clone(&state.validators),
            extensions_enabled,
        }));
        self.proving = Some(Box::new(Decided { block, id, parts, commit }));
    }

    /// A served block is proven, or not. What was decided by votes meanwhile stays decided.
    pub(super) fn commit_verified(
        &mut self,
        now: Time,
        height: Height,
        block: Hash,
        valid: bool,
        outputs: &mut Vec<Output>,
    ) {
        let asked =
            |it: &Decided| it.block.header.height == height && it.commit.block_id.hash == block;
        let Some(served) = self.proving.take_if(|it| asked(it)) else { return };
        if height != self.current.height() {
            return;
        }
        let proof = match (valid, served.id == served.commit.block_id) {
            (true, true) => Proof::Good,
            (false, _) => Proof::Forged,
            (true, false) => Proof::OfAnother,
        };
        self.catch_up.verified(height, proof, outputs);
        if proof != Proof::Good || self.current.is_decided() {
            return;
        }
        if let Err(error) = self.current.state().check_block(&served.block) {
            let (hash, reason) = (served.id.hash, error.to_string());
            return self.halt(InvalidDecision { height, hash, reason }.to_string(), outputs);
        }
        let (block_id, round) = (served.id, served.commit.round);
        self.current_mut().close(round, block_id);
        let it = Announcement::Decided { height, round, block_id, caught_up: true };
        outputs.push(Output::Announce(it));
        self.decide(now, *served, outputs);
    }

    /// The node must stop.
    fn halt(&mut self, reason: String, outputs: &mut Vec<Output>) {
        self.halted = true;
        outputs.push(Output::Halt { reason });
    }
}
