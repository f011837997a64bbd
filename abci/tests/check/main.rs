//! The check itself is checked: an application that keeps to everything passes, and for every
//! claim there is one that breaks with it, of which the check says exactly that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod application;
mod foreign;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use abci::SocketServer;
use abci::check::{self, Claim, Config, Finding, Report, Served};

use application::{Fault, Small};
use server::{Faulty, FrameFault};

/// What an application can do wrong, and what fails then.
const FAULTS: [(Fault, Claim); 30] = [
    (Fault::PreparesTooMuch, Claim::PrepareFits),
    (Fault::RejectsItsProposals, Claim::PrepareAccepted),
    (Fault::JudgesBlocksInTurns, Claim::ProcessDeterministic),
    (Fault::JudgesBlocksByFolder, Claim::ProcessAgrees),
    (Fault::RejectsItsExtensions, Claim::ExtensionAccepted),
    (Fault::JudgesExtensionsInTurns, Claim::VerifyDeterministic),
    (Fault::JudgesExtensionsByFolder, Claim::VerifyAgrees),
    (Fault::ShowsWhatItExtends, Claim::NoSideEffects),
    (Fault::CountsExtensions, Claim::ExtensionsChangeNothing),
    (Fault::CountsProposals, Claim::OtherRounds),
    (Fault::CountsChecks, Claim::ReadsChangeNothing),
    (Fault::HashesTheClock, Claim::StateDeterministic),
    (Fault::HashesInHashOrder, Claim::StateDeterministic),
    (Fault::EmitsInHashOrder, Claim::ResultsDeterministic),
    (Fault::OmitsAResult, Claim::ResultCount),
    (Fault::ChecksInTurns, Claim::CheckTxSettles),
    (Fault::ChecksByHeight, Claim::CheckTxSettles),
    (Fault::ShowsBeforeCommit, Claim::CommitOnly),
    (Fault::KeepsBeforeCommit, Claim::CommitOnly),
    (Fault::ShowsTheLastHash, Claim::InfoFollowsCommit),
    (Fault::ForgetsTooMuch, Claim::RetainHeight),
    (Fault::KeepsNothing, Claim::CommitDurable),
    (Fault::KeepsTheBlockBefore, Claim::CommitDurable),
    (Fault::KeepsInTwoSteps, Claim::CrashReplay),
    (Fault::CountsStarts, Claim::CrashReplay),
    (Fault::TiresAfterRestart, Claim::Restart),
    (Fault::WantsToBeAlone, Claim::Parallel),
    (Fault::RefusesItsSnapshot, Claim::Snapshot),
    (Fault::TakesAnySnapshot, Claim::SnapshotChanged),
    (Fault::FailsInABlock, Claim::Answers),
];

/// What a server can do wrong with frames, and what fails then.
const FRAME_FAULTS: [(FrameFault, Claim); 10] = [
    (FrameFault::AnswersSomethingElse, Claim::Answers),
    (FrameFault::GivesNoVerdict, Claim::Answers),
    (FrameFault::IsSilentAboutBlocks, Claim::Answers),
    (FrameFault::TakesFewPieces, Claim::FramesSplit),
    (FrameFault::TakesFewFrames, Claim::FramesJoined),
    (FrameFault::WaitsForOneAtATime, Claim::HalfFrame),
    (FrameFault::RefusesUnknownFields, Claim::UnknownFields),
    (FrameFault::PassesOverUnknownRequests, Claim::UnknownRequest),
    (FrameFault::HangsAtNothing, Claim::EmptyFrame),
    (FrameFault::DiesOfLengths, Claim::OversizedFrame),
];

fn config() -> Config {
    Config { clock_gap: Duration::ZERO, ..Config::new(7, true) }
}

/// Tells an application that it is killed.
struct Kill(Arc<AtomicBool>);

impl Drop for Kill {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Checks the small application, with what is wrong with it, on a server of ours.
fn check(fault: Fault, config: &Config) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let mut instances = Served::new(folder.path(), config.limit, move |endpoint, folder| {
        let application = Small::open(folder, fault);
        let killed = Kill(Arc::clone(&application.killed));
        (killed, SocketServer::start(endpoint, Arc::new(application)).unwrap())
    });
    check::run(&mut instances, config, &mut |_| {}).unwrap()
}

/// Checks the small application, with nothing wrong, on a server that has something wrong.
fn check_frames(fault: FrameFault, config: &Config) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let mut instances = Served::new(folder.path(), config.limit, move |endpoint, folder| {
        Faulty::start(endpoint, Box::new(Small::open(folder, Fault::Nothing)), fault)
    });
    check::run(&mut instances, config, &mut |_| {}).unwrap()
}

/// What was seen of a claim that failed.
fn evidence(report: &Report, claim: Claim) -> String {
    match report.of(claim) {
        Finding::Failed { evidence, .. } => evidence.to_string(),
        Finding::Passed { .. } | Finding::NotReached { .. } => panic!("{claim:?}\n{report}"),
    }
}

#[test]
fn an_application_that_keeps_to_everything_passes_everything() {
    for report in [check(Fault::Nothing, &config()), check_frames(FrameFault::Nothing, &config())] {
        assert_eq!((report.failed(), report.not_reached()), (vec![], vec![]), "{report}");
    }
    let nameless = check(Fault::HasNoName, &config());
    assert_eq!((nameless.application.as_str(), nameless.failed()), ("an application", vec![]));
}

#[test]
fn whatever_is_wrong_with_an_application_fails_its_claim_and_no_other() {
    let mut wrong = vec![];
    for (fault, claim) in FAULTS {
        let report = check(fault, &config());
        if report.failed() != [claim] {
            wrong.push(format!("{fault:?} should fail {claim:?}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whatever_is_wrong_with_frames_fails_its_claim_and_no_other() {
    let config = Config { limit: Duration::from_secs(1), ..config() };
    let mut wrong = vec![];
    for (fault, claim) in FRAME_FAULTS {
        let report = check_frames(fault, &config);
        if report.failed() != [claim] {
            wrong.push(format!("{fault:?} should fail {claim:?}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_breaks_off_at_the_first_block_is_not_told_to_give_transactions() {
    let config = Config { limit: Duration::from_secs(1), ..config() };
    let report = check_frames(FrameFault::IsSilentAboutBlocks, &config);
    for claim in [Claim::ResultCount, Claim::ResultsDeterministic, Claim::CheckTxSettles] {
        let Finding::NotReached { reason } = report.of(claim) else {
            panic!("{claim:?}\n{report}")
        };
        assert!(reason.contains("broke off before, see answers"), "{reason}");
    }
}

#[test]
fn there_is_a_fault_for_every_claim() {
    let faults = FAULTS.iter().map(|(_, claim)| claim);
    let all: Vec<&Claim> = faults.chain(FRAME_FAULTS.iter().map(|(_, claim)| claim)).collect();
    let missing = Claim::ALL.into_iter().filter(|claim| !all.contains(&claim));
    // Of which the next test has one.
    assert_eq!(missing.collect::<Vec<_>>(), [Claim::PrepareInTime]);
}

#[test]
fn time_is_what_the_limit_says() {
    let config = Config { prepare_limit: Duration::ZERO, ..config() };
    let report = check(Fault::Nothing, &config);
    assert_eq!(report.failed(), [Claim::PrepareInTime], "{report}");
}

#[test]
fn a_clock_of_whole_seconds_in_the_state_is_caught_and_the_block_and_the_key_are_named() {
    let config = Config { clock_gap: Duration::from_millis(1100), ..config() };
    let report = check(Fault::KeepsTheClock, &config);
    assert_eq!(report.failed(), [Claim::StateDeterministic], "{report}");
    let evidence = evidence(&report, Claim::StateDeterministic);
    assert!(evidence.starts_with("block 1, finalize_block: the app hash"), "{evidence}");
    assert!(evidence.contains("key \"check-7-0\": "), "{evidence}");
}

#[test]
fn hash_order_in_events_is_caught_and_the_block_the_transaction_and_the_key_are_named() {
    let report = check(Fault::EmitsInHashOrder, &config());
    let evidence = evidence(&report, Claim::ResultsDeterministic);
    assert!(evidence.starts_with("block 1, finalize_block: event 0 of transaction "), "{evidence}");
    assert!(evidence.contains("(set), key of attribute "), "{evidence}");
}

#[test]
fn what_one_instance_cannot_show_is_not_reached() {
    use abci::check::{Link, Running};
    let folder = tempfile::tempdir().unwrap();
    let endpoint = abci::Endpoint::Unix(folder.path().join("app.sock"));
    let application = Small::open(folder.path().to_owned(), Fault::Nothing);
    let server = SocketServer::start(&endpoint, Arc::new(application)).unwrap();
    let config = config();
    let connect = move || Link::over_socket(&endpoint, config.limit);
    let report =
        check::run(&mut Running::new(vec![connect.clone()], "run another"), &config, &mut |_| {});
    let report = report.unwrap();
    assert_eq!(report.failed(), [], "{report}");
    assert_eq!(
        report.not_reached(),
        [
            Claim::ProcessAgrees,
            Claim::VerifyAgrees,
            Claim::ExtensionsChangeNothing,
            Claim::StateDeterministic,
            Claim::ResultsDeterministic,
            Claim::OtherRounds,
            Claim::CommitDurable,
            Claim::CrashReplay,
            Claim::Restart,
            Claim::Snapshot,
            Claim::SnapshotChanged,
        ],
        "{report}"
    );
    // It has a chain now.
    let again = check::run(&mut Running::new(vec![connect], ""), &config, &mut |_| {});
    let said = again.unwrap_err().to_string();
    assert_eq!(said, "the application stands at height 21, and must have no state");
    drop(server);
}
