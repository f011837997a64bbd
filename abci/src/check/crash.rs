//! An instance that is killed after every call of a block, and within Commit, and brought up to
//! date as a node's handshake does it.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use types::{BlockOutcome, Height};

use super::Claim;
use super::difference::{of_results, of_states};
use super::instances::{Instance, Link};
use super::plan::HEIGHTS_MIN;
use super::report::{Board, Evidence, Stopped};
use super::script::{Script, Step};
use super::seen::shown_height;
use crate::application::Call;
use crate::request::{InfoRequest, VerifyVoteExtensionRequest};

/// What an instance is killed after, each in a block of its own.
const POINTS: [Call; 6] = [
    Call::PrepareProposal,
    Call::ProcessProposal,
    Call::ExtendVote,
    Call::VerifyVoteExtension,
    Call::FinalizeBlock,
    Call::Commit,
];
/// How long after Commit was asked for an instance is killed, each in a block of its own.
const WITHIN_COMMIT: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(4)];
/// Blocks after the last kill.
const BLOCKS_AFTER: usize = 3;
const _: () = assert!(POINTS.len() + WITHIN_COMMIT.len() + BLOCKS_AFTER <= HEIGHTS_MIN as usize);

/// The claims that are seen here.
pub(super) const CLAIMS: [Claim; 3] = [Claim::CommitDurable, Claim::CrashReplay, Claim::Restart];

/// Kills an instance again and again over the first blocks of the chain.
pub(super) fn crash(
    board: &mut Board,
    instance: &mut dyn Instance,
    script: &Script,
) -> Result<(), Stopped> {
    let link = instance.connect().map_err(|error| lost(board, None, &error.reason))?;
    let mut crashing = Crashing { board, instance, link, script, committed: None };
    crashing.begin()?;
    let mut steps = script.steps.iter();
    for (point, step) in POINTS.into_iter().zip(steps.by_ref()) {
        let skipped = matches!(point, Call::ExtendVote | Call::VerifyVoteExtension);
        if skipped && !step.extends {
            crashing.execute(step, Claim::CrashReplay)?;
        } else {
            crashing.die_after(point, step)?;
        }
    }
    for (delay, step) in WITHIN_COMMIT.into_iter().zip(steps.by_ref()) {
        crashing.die_within_commit(delay, step)?;
    }
    for step in steps.take(BLOCKS_AFTER) {
        crashing.execute(step, Claim::Restart)?;
    }
    Ok(())
}

/// An instance did not come back.
fn lost(board: &mut Board, height: Option<Height>, reason: &str) -> Stopped {
    let what = format!("after a kill it does not come back: {reason}");
    board.failed(Claim::CrashReplay, Evidence::new(what).at(height));
    Stopped
}

/// An instance between two kills.
struct Crashing<'a> {
    board: &'a mut Board,
    instance: &'a mut dyn Instance,
    link: Link,
    script: &'a Script,
    /// What Commit has answered for last.
    committed: Option<Height>,
}

impl Crashing<'_> {
    /// Begins the chain, is killed, and begins it again.
    fn begin(&mut self) -> Result<(), Stopped> {
        self.init_chain()?;
        self.die(None)?;
        self.recover(None, Call::InitChain)
    }

    fn init_chain(&mut self) -> Result<(), Stopped> {
        let info = self.link.connections.query.info(&InfoRequest::default());
        self.board.answered(None, info)?;
        let begun = self.link.connections.consensus.init_chain(&self.script.beginning);
        let begun = self.board.answered(None, begun)?;
        self.board.expect(Claim::CrashReplay, begun == self.script.begun, || {
            let evidence = Evidence::new("the beginning of the chain, once more");
            let [first, second] = [&self.script.begun, &begun].map(|it| format!("{it:?}"));
            evidence.in_call(Call::InitChain).between(first, second)
        });
        Ok(())
    }

    /// Goes on by a block, in which it is killed after one call.
    fn die_after(&mut self, point: Call, step: &Step) -> Result<(), Stopped> {
        let height = step.height();
        let consensus = &self.link.connections.consensus;
        let mut extension = Bytes::new();
        for call in POINTS {
            match call {
                Call::PrepareProposal => {
                    self.board.answered(height, consensus.prepare_proposal(&step.prepare))?;
                }
                Call::ProcessProposal => {
                    self.board.answered(height, consensus.process_proposal(&step.block))?;
                }
                Call::ExtendVote if step.extends => {
                    extension = self.board.answered(height, consensus.extend_vote(&step.block))?;
                }
                Call::VerifyVoteExtension if step.extends => {
                    // Its own, as another node judges it.
                    let request = VerifyVoteExtensionRequest {
                        hash: step.block.hash,
                        validator_address: step.block.proposer_address,
                        height,
                        extension: extension.clone(),
                    };
                    self.board.answered(height, consensus.verify_vote_extension(&request))?;
                }
                Call::FinalizeBlock => {
                    let outcome = consensus.finalize_block(&step.block);
                    let outcome = self.board.answered(height, outcome)?;
                    compare(self.board, Claim::CrashReplay, step, &outcome, "before the kill");
                }
                Call::Commit => {
                    self.board.answered(height, consensus.commit())?;
                    self.committed = Some(height);
                }
                _ => {}
            }
            if call == point {
                break;
            }
        }
        self.die(Some(height))?;
        self.recover(Some(height), point)?;
        if self.committed == Some(height) {
            return Ok(());
        }
        // A decided block is executed again without being judged again.
        if point != Call::FinalizeBlock {
            let consensus = &self.link.connections.consensus;
            self.board.answered(height, consensus.process_proposal(&step.block))?;
        }
        self.execute(step, Claim::CrashReplay)
    }

    /// Goes on by a block, and is killed while Commit runs: it is there or not, and never in part.
    /// If Commit was answered, it is there.
    fn die_within_commit(&mut self, delay: Duration, step: &Step) -> Result<(), Stopped> {
        let (height, before) = (step.height(), self.committed);
        let consensus = self.link.connections.consensus.clone();
        let outcome = self.board.answered(height, consensus.finalize_block(&step.block))?;
        compare(self.board, Claim::CrashReplay, step, &outcome, "before the kill");
        let committing = thread::spawn(move || consensus.commit().is_ok());
        thread::sleep(delay);
        let died = self.die(Some(height));
        let answered = committing.join().unwrap_or(false);
        died?;
        self.committed = Some(height);
        if !answered {
            let info = self.link.connections.query.info(&InfoRequest::default());
            if self.board.answered(height, info)?.last_block_height < Some(height) {
                self.committed = before;
            }
        }
        self.recover(Some(height), Call::Commit)?;
        if self.committed == Some(height) {
            return Ok(());
        }
        self.execute(step, Claim::CrashReplay)
    }

    fn die(&mut self, height: Option<Height>) -> Result<(), Stopped> {
        let revived = self.instance.crash().and_then(|_| self.instance.connect());
        self.link = revived.map_err(|error| lost(self.board, height, &error.reason))?;
        Ok(())
    }

    /// What a node's handshake does: asks where the instance stands, and puts to it what it lacks.
    fn recover(&mut self, height: Option<Height>, point: Call) -> Result<(), Stopped> {
        let info = self.link.connections.query.info(&InfoRequest::default());
        let info = self.board.answered(height, info)?;
        let (stands, committed) = (info.last_block_height, self.committed);
        let wrong = |what: String| Evidence::new(what).at(height).in_call(Call::Info);
        if committed < stands {
            let what = format!("the height after a kill behind {point}");
            let shown = [committed, stands].map(shown_height);
            let evidence = wrong(what).between(&shown[0], &shown[1]);
            let claim = if stands == height { Claim::CommitOnly } else { Claim::CrashReplay };
            self.board.failed(claim, evidence);
            if claim == Claim::CrashReplay {
                return Err(Stopped);
            }
            self.committed = stands;
            return Ok(());
        }
        if committed.is_some() {
            self.board.expect(Claim::CommitDurable, stands == committed, || {
                let what = format!("the height after a kill behind {point}");
                let shown = [committed, stands].map(shown_height);
                wrong(what).between(&shown[0], &shown[1])
            });
        }
        if let Some(step) = stands.and_then(|height| self.script.step(height)) {
            let due = &step.outcome.app_hash;
            self.board.expect(Claim::CrashReplay, *due == info.last_block_app_hash, || {
                let what = format!("the app hash of height {} after a kill", step.height());
                wrong(what).between(due, &info.last_block_app_hash)
            });
            // A node stops here.
            if *due != info.last_block_app_hash {
                return Err(Stopped);
            }
        }
        if stands.is_none() {
            self.init_chain()?;
        }
        let script = self.script;
        let lacking = script
            .steps
            .iter()
            .filter(|step| stands < Some(step.height()) && Some(step.height()) <= committed);
        for step in lacking {
            self.execute(step, Claim::CrashReplay)?;
        }
        Ok(())
    }

    /// Executes and commits a decided block.
    fn execute(&mut self, step: &Step, claim: Claim) -> Result<(), Stopped> {
        let consensus = &self.link.connections.consensus;
        let outcome = consensus.finalize_block(&step.block);
        let outcome = self.board.answered(step.height(), outcome)?;
        let same = compare(self.board, claim, step, &outcome, "after a kill");
        self.board.answered(step.height(), consensus.commit())?;
        self.committed = self.committed.max(Some(step.height()));
        if same { Ok(()) } else { Err(Stopped) }
    }
}

/// Holds an execution against that of an instance that was never killed.
pub(super) fn compare(
    board: &mut Board,
    claim: Claim,
    step: &Step,
    outcome: &BlockOutcome,
    when: &str,
) -> bool {
    let difference =
        of_states(&step.outcome, outcome).or_else(|| of_results(&step.outcome, outcome));
    let same = difference.is_none();
    board.expect(claim, same, || {
        let evidence = difference.unwrap_or_default();
        let what = format!("{} {when}", evidence.what);
        Evidence { what, ..evidence }.at(step.height()).in_call(Call::FinalizeBlock)
    });
    same
}
