//! A second instance: it is put the blocks of the first, at another time, and must make the same of
//! them.

use types::BlockOutcome;

use super::Claim;
use super::difference::{of_results, of_states};
use super::instances::Link;
use super::lead::{shown, shown_bytes};
use super::plan::Purpose;
use super::report::{Board, Evidence, Stopped};
use super::script::{Script, Step};
use super::seen::{Seen, look};
use crate::application::Call;
use crate::request::{CheckTxKind, CheckTxRequest, InfoRequest};

/// Puts the chain to a second instance, and returns on how many blocks the two agree.
pub(super) fn follow(board: &mut Board, link: &Link, script: &Script) -> Result<usize, Stopped> {
    board.answered(None, link.connections.query.info(&InfoRequest::default()))?;
    let begun = link.connections.consensus.init_chain(&script.beginning);
    let begun = board.answered(None, begun)?;
    board.expect(Claim::StateDeterministic, begun == script.begun, || {
        let evidence = Evidence::new("the beginning of the chain").in_call(Call::InitChain);
        let [first, second] = [&script.begun, &begun].map(|it| format!("{it:?}"));
        evidence.between(first, second)
    });
    if begun != script.begun {
        return Ok(0);
    }
    for (index, step) in script.steps.iter().enumerate() {
        let mut following = Following { board, link, step };
        if !following.go()? {
            return Ok(index);
        }
        if index + 1 == script.steps.len() {
            following.recheck()?;
        }
    }
    Ok(script.steps.len())
}

/// One height of a second instance.
struct Following<'a> {
    board: &'a mut Board,
    link: &'a Link,
    step: &'a Step,
}

impl Following<'_> {
    /// Whether it made the same of the block.
    fn go(&mut self) -> Result<bool, Stopped> {
        match self.step.purpose {
            // As the first, call by call.
            Purpose::Same => self.all_of_the_round()?,
            // It was behind, and learns of the block when it is decided.
            Purpose::Rounds => {}
            Purpose::Extensions | Purpose::Reads | Purpose::Parallel | Purpose::Settle => {
                self.judge(true)?;
            }
        }
        let answer = self.link.connections.consensus.finalize_block(&self.step.block);
        let outcome = self.board.answered(self.step.height(), answer)?;
        if self.step.purpose == Purpose::Same {
            self.look()?;
        }
        let committed = self.link.connections.consensus.commit();
        self.board.answered(self.step.height(), committed)?;
        let seen = self.look()?;
        Ok(self.compare(&outcome, &seen))
    }

    fn look(&mut self) -> Result<Seen, Stopped> {
        look(self.board, self.link, &self.step.questions, Some(self.step.height()))
    }

    fn all_of_the_round(&mut self) -> Result<(), Stopped> {
        let (step, height) = (self.step, self.step.height());
        self.look()?;
        let consensus = &self.link.connections.consensus;
        for request in step.tight.iter().chain([&step.prepare]) {
            self.board.answered(height, consensus.prepare_proposal(request))?;
        }
        self.look()?;
        self.judge(false)?;
        self.look()?;
        if step.extensions.is_empty() {
            return Ok(());
        }
        self.board.answered(height, consensus.extend_vote(&step.block))?;
        self.look()?;
        for (place, (request, verdict)) in step.extensions.iter().enumerate() {
            let first = consensus.verify_vote_extension(request);
            let first = self.board.answered(height, first)?;
            self.board.answered(height, consensus.verify_vote_extension(request))?;
            let said = |it: Evidence| it.at(height).in_call(Call::VerifyVoteExtension);
            self.board.expect(Claim::VerifyAgrees, first == *verdict, || {
                let what = format!("the verdict on {}", shown_bytes(&request.extension));
                said(Evidence::new(what)).between(shown(*verdict), shown(first))
            });
            // What both reject is noted already.
            if place == 0 && first == *verdict && !self.board.has_failed(Claim::ExtensionAccepted) {
                self.board.held(Claim::ExtensionAccepted);
            }
        }
        self.look()?;
        Ok(())
    }

    /// Has the proposals judged, or only the one that was decided.
    fn judge(&mut self, decided_only: bool) -> Result<(), Stopped> {
        let height = self.step.height();
        let consensus = &self.link.connections.consensus;
        for (request, verdict) in &self.step.verdicts {
            if decided_only && request.hash != self.step.block.hash {
                continue;
            }
            let first = self.board.answered(height, consensus.process_proposal(request))?;
            self.board.answered(height, consensus.process_proposal(request))?;
            self.board.expect(Claim::ProcessAgrees, first == *verdict, || {
                let what = format!("the verdict on the block {}", request.hash);
                let evidence = Evidence::new(what).at(height).in_call(Call::ProcessProposal);
                evidence.between(shown(*verdict), shown(first))
            });
        }
        Ok(())
    }

    /// Holds the two executions against each other.
    fn compare(&mut self, outcome: &BlockOutcome, seen: &Seen) -> bool {
        let step = self.step;
        let (state_claim, results_claim) = match step.purpose {
            Purpose::Same | Purpose::Settle => {
                (Claim::StateDeterministic, Claim::ResultsDeterministic)
            }
            Purpose::Rounds => (Claim::OtherRounds, Claim::OtherRounds),
            Purpose::Extensions if step.extensions.is_empty() => {
                (Claim::StateDeterministic, Claim::ResultsDeterministic)
            }
            Purpose::Extensions => (Claim::ExtensionsChangeNothing, Claim::ExtensionsChangeNothing),
            Purpose::Reads => (Claim::ReadsChangeNothing, Claim::ReadsChangeNothing),
            Purpose::Parallel => (Claim::Parallel, Claim::Parallel),
        };
        let found = |it: Evidence| {
            let it = it.at(step.height());
            if it.call.is_some() { it } else { it.in_call(Call::FinalizeBlock) }
        };
        let key = step.seen.differing_key(seen);
        let state = of_states(&step.outcome, outcome).map(|it| match &key {
            Some(key) => Evidence { what: format!("{} (and {key})", it.what), ..it },
            None => it,
        });
        let state = state.or(key);
        let results = of_results(&step.outcome, outcome);
        let agrees = state.is_none() && results.is_none();
        self.board.expect(state_claim, state.is_none(), || found(state.unwrap_or_default()));
        let nothing = step.outcome.tx_results.is_empty() && step.outcome.events.is_empty();
        if !(nothing && results.is_none()) {
            let wrong = || found(results.clone().unwrap_or_default());
            self.board.expect(results_claim, results.is_none(), wrong);
        }
        agrees
    }

    /// Checks transactions again that the first instance has checked again.
    fn recheck(&mut self) -> Result<(), Stopped> {
        if self.board.has_failed(Claim::CheckTxSettles) {
            return Ok(());
        }
        let height = self.step.height();
        for (tx, passes) in &self.step.rechecked {
            let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
            let answer = self.link.connections.mempool.check_tx(&request);
            let code = self.board.answered(height, answer)?.code;
            self.board.expect(Claim::CheckTxSettles, passes.contains(&(code == 0)), || {
                let words = |passes: bool| if passes { "accepted" } else { "refused" };
                let what = format!("two instances on the transaction {}", shown_bytes(tx));
                let evidence = Evidence::new(what).at(height).in_call(Call::CheckTx);
                evidence.between(words(code != 0), words(code == 0))
            });
        }
        Ok(())
    }
}
