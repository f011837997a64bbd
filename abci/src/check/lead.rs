//! The first instance: it makes the chain, and is watched at every step.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use types::{Block, BlockOutcome, Height, Tx};

use super::chain::Chain;
use super::instances::Link;
use super::plan::{Config, Purpose};
use super::report::{Board, Evidence, Stopped};
use super::script::{Script, Step};
use super::seen::{Seen, look, shown_height};
use super::{Claim, Standing};
use crate::application::{ApplicationError, Call};
use crate::request::{
    BlockRequest, CheckTxKind, CheckTxRequest, InfoRequest, InitChainRequest,
    PrepareProposalRequest, QueryRequest, VerifyVoteExtensionRequest, tx_bytes_in_block,
};
use crate::response::Verdict;

/// Most transactions that are checked again and again.
const RECHECKED_MAX: usize = 16;
/// Last blocks over which a transaction's check must not change.
const SETTLED_BLOCKS: usize = 2;

/// Begins a chain with an instance.
pub(super) fn begin(
    board: &mut Board,
    config: &Config,
    link: &Link,
) -> Result<(Chain, Script), Stopped> {
    let info = board.answered(None, link.connections.query.info(&InfoRequest::default()))?;
    let beginning = InitChainRequest::of(&config.genesis);
    let begun = board.answered(None, link.connections.consensus.init_chain(&beginning))?;
    match Chain::begin(&config.genesis, &begun, info.app_version) {
        Ok(chain) => Ok((chain, Script { beginning, begun, steps: Vec::new() })),
        Err(evidence) => {
            board.failed(Claim::Answers, evidence);
            Err(Stopped)
        }
    }
}

/// Makes the chain with the first instance, as far as it goes.
pub(super) fn lead(
    board: &mut Board,
    config: &Config,
    link: &Link,
    (mut chain, script): (Chain, &mut Script),
    tell: &mut dyn FnMut(Standing),
) -> Result<(), Stopped> {
    let mut longest = Duration::ZERO;
    for index in 0..config.heights {
        tell(Standing { part: "blocks", done: index, of: config.heights });
        let purpose = config.purpose(index);
        let offered = config.offered(index);
        let questions = config.questions(&offered);
        let mut height = Leading { board, config, link, chain: &mut chain, longest, questions };
        let step = height.go(purpose, offered, script)?;
        longest = height.longest;
        let note = format!("longest {longest:?}, limit {:?}", config.prepare_limit);
        board.note(Claim::PrepareInTime, note);
        script.steps.push(step);
    }
    judge_rechecks(board, script);
    Ok(())
}

/// One height of the first instance.
struct Leading<'a> {
    board: &'a mut Board,
    config: &'a Config,
    link: &'a Link,
    chain: &'a mut Chain,
    /// What the slowest PrepareProposal took.
    longest: Duration,
    questions: Vec<QueryRequest>,
}

impl Leading<'_> {
    fn go(&mut self, purpose: Purpose, offered: Vec<Tx>, script: &Script) -> Result<Step, Stopped> {
        let before = self.look()?;
        let prepare = self.chain.prepare(offered.clone());
        let tight = tight(&prepare).filter(|_| purpose == Purpose::Same);
        if let Some(tight) = &tight {
            self.propose(tight)?;
        }
        let txs = self.propose(&prepare)?;
        self.unchanged(&before, Claim::NoSideEffects, Call::PrepareProposal)?;
        let block = self.chain.block(txs);
        let request = self.chain.request(&block);
        let verdicts = self.judge(purpose, &offered, &block)?;
        self.unchanged(&before, Claim::NoSideEffects, Call::ProcessProposal)?;
        let extends = self.chain.extends();
        let extended = matches!(purpose, Purpose::Same | Purpose::Extensions);
        let extensions =
            if extends && extended { self.extend(&request, &before)? } else { Vec::new() };
        if purpose == Purpose::Reads {
            self.read(&offered, &before)?;
        }
        let outcome = match purpose {
            Purpose::Parallel => self.finalize_among_others(&request, &offered)?,
            _ => self.ask_finalize(&request)?,
        };
        self.unchanged(&before, Claim::CommitOnly, Call::FinalizeBlock)?;
        let seen = self.commit(&request, &outcome)?;
        let rechecked =
            if purpose == Purpose::Settle { self.recheck(&request, script)? } else { Vec::new() };
        let extension: Bytes =
            extensions.first().map(|(it, _)| it.extension.clone()).unwrap_or_default();
        if let Err(evidence) = self.chain.advance(&block, &outcome, extension) {
            self.board.failed(Claim::Answers, evidence);
            return Err(Stopped);
        }
        let questions = std::mem::take(&mut self.questions);
        Ok(Step {
            purpose,
            questions,
            prepare,
            tight,
            block: request,
            verdicts,
            extends,
            extensions,
            outcome,
            seen,
            rechecked,
        })
    }

    fn height(&self) -> Height {
        self.chain.next_height()
    }

    fn look(&mut self) -> Result<Seen, Stopped> {
        look(self.board, self.link, &self.questions, Some(self.height()))
    }

    /// Nothing of the state has changed since.
    fn unchanged(&mut self, before: &Seen, claim: Claim, by: Call) -> Result<(), Stopped> {
        let (after, height) = (self.look()?, self.height());
        let difference = before.difference(&after);
        self.board.expect(claim, difference.is_none(), || {
            let evidence = difference.unwrap_or_default();
            let what = format!("{} is another after {by}", evidence.what);
            Evidence { what, ..evidence }.at(height)
        });
        Ok(())
    }

    fn propose(&mut self, request: &PrepareProposalRequest) -> Result<Vec<Tx>, Stopped> {
        let begun = Instant::now();
        let answer = self.link.connections.consensus.prepare_proposal(request);
        let took = begun.elapsed();
        let txs = self.board.answered(request.height, answer)?;
        self.longest = self.longest.max(took);
        let wrong =
            |what: &str| Evidence::new(what).at(request.height).in_call(Call::PrepareProposal);
        let limit = self.config.prepare_limit;
        self.board.expect(Claim::PrepareInTime, took <= limit, || {
            wrong("time").between(format_args!("{limit:?}"), format_args!("{took:?}"))
        });
        let bytes: u64 = txs.iter().map(|tx| tx_bytes_in_block(tx)).sum();
        let most = request.txs_bytes_max;
        self.board.expect(Claim::PrepareFits, bytes <= most, || {
            wrong(&format!("{bytes} bytes of transactions, max_tx_bytes is {most}"))
        });
        Ok(txs)
    }

    /// Has the decided block judged, and others, each twice.
    fn judge(
        &mut self,
        purpose: Purpose,
        offered: &[Tx],
        block: &Block,
    ) -> Result<Vec<(BlockRequest, Verdict)>, Stopped> {
        let others = match purpose {
            Purpose::Same | Purpose::Rounds => self.others(offered, block),
            Purpose::Extensions | Purpose::Reads | Purpose::Parallel | Purpose::Settle => vec![],
        };
        let decided = self.chain.request(block);
        let mut verdicts = Vec::new();
        for request in others.iter().take(1).chain([&decided]).chain(others.iter().skip(1)) {
            let asked = |it: &Self| it.link.connections.consensus.process_proposal(request);
            let first = asked(self);
            let first = self.board.answered(request.height, first)?;
            let second = asked(self);
            let second = self.board.answered(request.height, second)?;
            let wrong =
                |what: &str| Evidence::new(what).at(request.height).in_call(Call::ProcessProposal);
            self.board.expect(Claim::ProcessDeterministic, first == second, || {
                let what = format!("the verdict on the block {}", request.hash);
                wrong(&what).between(shown(first), shown(second))
            });
            if request.hash == decided.hash {
                self.board.expect(Claim::PrepareAccepted, first == Verdict::Accept, || {
                    wrong("its own proposal is rejected")
                });
            }
            verdicts.push((request.clone(), first));
        }
        Ok(verdicts)
    }

    /// Proposals of the height that are not decided.
    fn others(&self, offered: &[Tx], block: &Block) -> Vec<BlockRequest> {
        let txs = &block.txs;
        let noise = self.config.noise(block.header.height.0);
        let raw: Vec<Tx> = offered.iter().cloned().chain([noise]).collect();
        let reversed: Vec<Tx> = txs.iter().rev().cloned().collect();
        let doubled: Vec<Tx> = txs.iter().take(1).chain(txs).cloned().collect();
        let mut others: Vec<BlockRequest> = Vec::new();
        for other in [reversed, doubled, Vec::new(), raw] {
            if other != *txs && others.iter().all(|it| it.txs != other) {
                others.push(self.chain.request(&self.chain.block(other)));
            }
        }
        others
    }

    /// Has the vote extended, and the extension and noise judged, each twice.
    fn extend(
        &mut self,
        request: &BlockRequest,
        before: &Seen,
    ) -> Result<Vec<(VerifyVoteExtensionRequest, Verdict)>, Stopped> {
        let consensus = &self.link.connections.consensus;
        let own = self.board.answered(request.height, consensus.extend_vote(request))?;
        self.unchanged(before, Claim::NoSideEffects, Call::ExtendVote)?;
        let noise = self.config.noise(request.height.0 + 1);
        let mut judged = Vec::new();
        for (place, extension) in [own, noise, Bytes::new()].into_iter().enumerate() {
            let question = VerifyVoteExtensionRequest {
                hash: request.hash,
                validator_address: self.chain.voter(place),
                height: request.height,
                extension,
            };
            let ask = || consensus.verify_vote_extension(&question);
            let first = self.board.answered(request.height, ask())?;
            let second = self.board.answered(request.height, ask())?;
            let wrong = |what: &str| {
                Evidence::new(what).at(request.height).in_call(Call::VerifyVoteExtension)
            };
            self.board.expect(Claim::VerifyDeterministic, first == second, || {
                let what = format!("the verdict on {}", shown_bytes(&question.extension));
                wrong(&what).between(shown(first), shown(second))
            });
            if place == 0 {
                self.board.expect(Claim::ExtensionAccepted, first == Verdict::Accept, || {
                    let own = shown_bytes(&question.extension);
                    wrong(&format!("its own extension {own} is rejected"))
                });
            }
            judged.push((question, first));
        }
        self.unchanged(before, Claim::NoSideEffects, Call::VerifyVoteExtension)?;
        Ok(judged)
    }

    /// Asks what only reads.
    fn read(&mut self, offered: &[Tx], before: &Seen) -> Result<(), Stopped> {
        let noise = self.config.noise(self.height().0 + 2);
        for tx in offered.iter().chain([&noise]) {
            let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
            let answer = self.link.connections.mempool.check_tx(&request);
            self.board.answered(self.height(), answer)?;
        }
        self.unchanged(before, Claim::ReadsChangeNothing, Call::CheckTx)
    }

    fn ask_finalize(&mut self, request: &BlockRequest) -> Result<BlockOutcome, Stopped> {
        let answer = self.link.connections.consensus.finalize_block(request);
        let outcome = self.board.answered(request.height, answer)?;
        self.count_results(request, &outcome);
        Ok(outcome)
    }

    fn count_results(&mut self, request: &BlockRequest, outcome: &BlockOutcome) {
        let (due, given) = (request.txs.len(), outcome.tx_results.len());
        if due == 0 && given == 0 {
            return;
        }
        self.board.expect(Claim::ResultCount, due == given, || {
            let what = format!("{given} results for {due} transactions");
            Evidence::new(what).at(request.height).in_call(Call::FinalizeBlock)
        });
    }

    /// Has the block executed while the other three connections are in use.
    fn finalize_among_others(
        &mut self,
        request: &BlockRequest,
        offered: &[Tx],
    ) -> Result<BlockOutcome, Stopped> {
        let (link, questions) = (self.link, &self.questions);
        let (stop, start) = (AtomicBool::new(false), Barrier::new(4));
        let check = || {
            offered.iter().try_for_each(|tx| {
                let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
                link.connections.mempool.check_tx(&request).map(drop)
            })
        };
        let read = || {
            link.connections.query.info(&InfoRequest::default())?;
            questions.iter().try_for_each(|it| link.connections.query.query(it).map(drop))
        };
        let list = || link.connections.snapshot.list_snapshots().map(drop);
        let (outcome, others) = thread::scope(|scope| {
            let checks = scope.spawn(|| again_and_again(&start, &stop, check));
            let reads = scope.spawn(|| again_and_again(&start, &stop, read));
            let lists = scope.spawn(|| again_and_again(&start, &stop, list));
            start.wait();
            let outcome = link.connections.consensus.finalize_block(request);
            stop.store(true, Ordering::SeqCst);
            let others = [checks, reads, lists].map(|it| it.join().expect("it does not panic"));
            (outcome, others)
        });
        let failure = others.into_iter().find_map(Result::err);
        let failure = outcome.as_ref().err().cloned().or(failure);
        if let Some(error) = failure {
            let evidence = Evidence::new(format!("with all connections in use, {}", error.reason));
            self.board.failed(Claim::Parallel, evidence.in_call(error.call).at(request.height));
            return Err(Stopped);
        }
        let outcome = outcome.map_err(|_| Stopped)?;
        self.board.held(Claim::Parallel);
        self.count_results(request, &outcome);
        Ok(outcome)
    }

    fn commit(&mut self, request: &BlockRequest, outcome: &BlockOutcome) -> Result<Seen, Stopped> {
        let answer = self.link.connections.consensus.commit();
        let height = request.height;
        let retained = self.board.answered(height, answer)?.retain_height;
        self.board.expect(Claim::RetainHeight, retained <= Some(height), || {
            let evidence = Evidence::new("retain_height").at(height).in_call(Call::Commit);
            evidence.between(format_args!("at most {height}"), shown_height(retained))
        });
        let seen = self.look()?;
        let wrong = |what: &str| Evidence::new(what).at(height).in_call(Call::Info);
        self.board.expect(Claim::InfoFollowsCommit, seen.height == Some(height), || {
            wrong("the height after Commit").between(height, shown_height(seen.height))
        });
        let hashes = (&outcome.app_hash, &seen.app_hash);
        self.board.expect(Claim::InfoFollowsCommit, hashes.0 == hashes.1, || {
            wrong("the app hash of FinalizeBlock, and of Info").between(hashes.0, hashes.1)
        });
        Ok(seen)
    }

    /// Checks decided transactions again.
    fn recheck(
        &mut self,
        request: &BlockRequest,
        script: &Script,
    ) -> Result<Vec<(Tx, Vec<bool>)>, Stopped> {
        let kinds = [CheckTxKind::New, CheckTxKind::New, CheckTxKind::Recheck];
        let txs: Vec<Tx> = script.txs().take(RECHECKED_MAX).cloned().collect();
        let mut rechecked = Vec::with_capacity(txs.len());
        for tx in txs {
            let mut passes = Vec::with_capacity(kinds.len());
            for kind in kinds {
                let question = CheckTxRequest { tx: tx.clone(), kind };
                let answer = self.link.connections.mempool.check_tx(&question);
                passes.push(self.board.answered(request.height, answer)?.code == 0);
            }
            rechecked.push((tx, passes));
        }
        Ok(rechecked)
    }
}

/// The same question with a byte less room than its transactions need, with what the block adds
/// around each.
fn tight(prepare: &PrepareProposalRequest) -> Option<PrepareProposalRequest> {
    let needed: u64 = prepare.txs.iter().map(|tx| tx_bytes_in_block(tx)).sum();
    let most = needed.checked_sub(1)?.min(prepare.txs_bytes_max);
    Some(PrepareProposalRequest { txs_bytes_max: most, ..prepare.clone() })
}

/// Asks until it is told to stop, at least once.
fn again_and_again(
    start: &Barrier,
    stop: &AtomicBool,
    ask: impl Fn() -> Result<(), ApplicationError>,
) -> Result<(), ApplicationError> {
    start.wait();
    loop {
        ask()?;
        if stop.load(Ordering::SeqCst) {
            return Ok(());
        }
    }
}

/// Whether the checks of decided transactions were the same over the last blocks.
fn judge_rechecks(board: &mut Board, script: &Script) {
    let settled: Vec<&Step> =
        script.steps.iter().filter(|step| step.purpose == Purpose::Settle).collect();
    let Some((last, earlier)) = settled.split_last() else { return };
    for (index, (tx, passes)) in last.rechecked.iter().enumerate() {
        let before = earlier.iter().rev().take(SETTLED_BLOCKS - 1);
        let mut all: Vec<bool> = passes.clone();
        for step in before {
            all.extend(step.rechecked.get(index).iter().flat_map(|(_, passes)| passes));
        }
        let differing = all.iter().find(|it| **it != all[0]);
        board.expect(Claim::CheckTxSettles, differing.is_none(), || {
            let words = |passes: bool| if passes { "accepted" } else { "refused" };
            let what = format!("the decided transaction {}", shown_bytes(tx));
            let evidence = Evidence::new(what).at(last.height()).in_call(Call::CheckTx);
            evidence.between(words(all[0]), words(!all[0]))
        });
    }
}

/// A verdict in a word.
pub(super) fn shown(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "ACCEPT",
        Verdict::Reject => "REJECT",
    }
}

/// The beginning of some bytes, for people.
pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 40;
    let shown = bytes.get(..SHOWN_MAX).unwrap_or(bytes);
    let more = if shown.len() < bytes.len() { "…" } else { "" };
    format!("\"{}{more}\"", shown.escape_ascii())
}
