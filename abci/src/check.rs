//! Checks an application in any language from outside: the requirements that ABCI 2.0 has, and
//! frames.
//!
//! A first instance makes a chain and is watched at every call. A second is put the same blocks
//! later, in some of them with other calls around: it must make the same of each. A third is killed
//! after every call of a block, and brought up to date. More are started from a snapshot. The last
//! is put strange frames. What cannot be seen, because there are too few instances or nothing shows
//! it, is not reached: a claim passes only if it was looked at.

mod chain;
mod claim;
mod crash;
mod difference;
mod follow;
mod frames;
mod instances;
mod lead;
mod plan;
mod report;
mod restore;
mod script;
mod seen;

use types::Height;

use crate::request::InfoRequest;

pub use claim::Claim;
pub use instances::{Instance, InstanceError, Instances, Link, Running, Served};
pub use plan::{Config, HEIGHTS, HEIGHTS_MAX, HEIGHTS_MIN};
pub use report::{Evidence, Finding, Report};

use report::{Board, Stopped};
use script::Script;

/// Of which nothing can be seen with one instance.
const OF_TWO: [Claim; 8] = [
    Claim::ProcessAgrees,
    Claim::VerifyAgrees,
    Claim::ExtensionsChangeNothing,
    Claim::StateDeterministic,
    Claim::ResultsDeterministic,
    Claim::OtherRounds,
    Claim::ReadsChangeNothing,
    Claim::Parallel,
];
/// Of which nothing can be seen without vote extensions.
const OF_EXTENSIONS: [Claim; 4] = [
    Claim::ExtensionAccepted,
    Claim::VerifyDeterministic,
    Claim::VerifyAgrees,
    Claim::ExtensionsChangeNothing,
];

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which part goes on.
    pub part: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is.
    pub of: u64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckError {
    /// An instance is not there.
    #[error("the application cannot be reached: {0}")]
    Instance(#[from] InstanceError),
    /// There is not one instance.
    #[error("there is no instance to check")]
    Nobody,
    /// An instance has state.
    #[error("the application stands at height {height}, and must have no state")]
    NotFresh {
        /// Where it stands.
        height: Height,
    },
}

/// Checks an application.
///
/// # Errors
/// If it cannot be reached, or has state already.
pub fn run(
    instances: &mut dyn Instances,
    config: &Config,
    tell: &mut dyn FnMut(Standing),
) -> Result<Report, CheckError> {
    let mut board = Board::default();
    let mut first = instances.fresh()?.ok_or(CheckError::Nobody)?;
    let link = first.connect()?;
    let info = board.answered(None, link.connections.query.info(&InfoRequest::default()));
    let mut application = "an application".to_owned();
    let mut script = None;
    if let Ok(info) = info {
        if let Some(height) = info.last_block_height {
            return Err(CheckError::NotFresh { height });
        }
        let name = if info.data.is_empty() { &application } else { &info.data };
        application = format!("{name} {}", info.version).trim().to_owned();
        if let Ok((chain, mut begun)) = lead::begin(&mut board, config, &link) {
            // Where it broke off is noted; what it has done until then can still be compared.
            drop(lead::lead(&mut board, config, &link, (chain, &mut begun), tell));
            script = Some(begun);
        }
    }
    let mut others = Others { board: &mut board, instances, config };
    if let Some(script) = script.as_ref().filter(|it| !it.steps.is_empty()) {
        others.compare(&link, script, tell);
    }
    others.strange_frames(&mut *first, &link, tell);
    let (blocks, txs) = script.map_or((0, 0), |script| (script.steps.len(), script.txs().count()));
    // Else the block that it broke off at may have held some, and findings say so.
    if txs == 0 && !board.has_failed(Claim::Answers) {
        let reason = "no transaction came into a block: give some that the application takes";
        let claims = [Claim::ResultCount, Claim::ResultsDeterministic, Claim::CheckTxSettles];
        board.unreached(&claims, reason);
    }
    let (blocks, txs) = (blocks as u64, txs as u64);
    let findings = board.findings();
    Ok(Report { application, seed: config.seed, blocks, txs, findings })
}

/// What is found out with instances beside the first.
struct Others<'a> {
    board: &'a mut Board,
    instances: &'a mut dyn Instances,
    config: &'a Config,
}

impl Others<'_> {
    /// A further instance; without it nothing can be seen of these claims.
    fn another(&mut self, claims: &[Claim]) -> Option<(Box<dyn Instance>, Link)> {
        let reason = match self.instances.fresh() {
            Ok(Some(instance)) => match instance.connect() {
                Ok(link) => match link.connections.query.info(&InfoRequest::default()) {
                    Ok(info) if info.last_block_height.is_some() => {
                        let remedy = self.instances.remedy();
                        format!("another instance has state already: {remedy}")
                    }
                    // Whoever asks it next notes what is wrong.
                    Ok(_) | Err(_) => return Some((instance, link)),
                },
                Err(error) => format!("another instance cannot be reached: {error}"),
            },
            Ok(None) => format!("it takes another instance: {}", self.instances.remedy()),
            Err(error) => format!("another instance does not start: {error}"),
        };
        self.board.unreached(claims, &reason);
        None
    }

    /// Holds them against the first.
    fn compare(&mut self, first: &Link, script: &Script, tell: &mut dyn FnMut(Standing)) {
        let step = |done| Standing { part: "other instances", done, of: 3 };
        if !script.steps.iter().any(|it| it.extends) {
            let reason = "vote extensions are not enabled on this chain";
            self.board.unreached(&OF_EXTENSIONS, reason);
        }
        tell(step(0));
        let claims = [&OF_TWO[..], &crash::CLAIMS, &restore::CLAIMS].concat();
        let Some((second, link)) = self.another(&claims) else { return };
        // So that whoever looks at a clock sees another time.
        std::thread::sleep(self.config.clock_gap);
        let followed = follow::follow(self.board, &link, script);
        drop((second, link));
        tell(step(1));
        // Others would differ, or break off, for the same reason, which would tell nothing new.
        let reason = match followed {
            Ok(agreed) if agreed == script.steps.len() => None,
            Ok(agreed) => Some(format!("two instances agree on the first {agreed} blocks only")),
            Err(Stopped) => Some("the second instance broke off".to_owned()),
        };
        if let Some(reason) = reason {
            self.board.unreached(&crash::CLAIMS, &reason);
            self.board.unreached(&restore::CLAIMS, &reason);
            return;
        }
        self.crash(script);
        tell(step(2));
        // Where it broke off is noted.
        drop(self.restore(first, script));
        tell(step(3));
    }

    fn crash(&mut self, script: &Script) {
        let Some((mut third, link)) = self.another(&crash::CLAIMS) else { return };
        drop(link);
        match third.crash() {
            // Where it broke off is noted.
            Ok(true) => drop(crash::crash(self.board, &mut *third, script)),
            Ok(false) => {
                let reason = format!("nobody may kill it: {}", self.instances.remedy());
                self.board.unreached(&crash::CLAIMS, &reason);
            }
            Err(error) => {
                let what = format!("killed before the chain began, it does not come back: {error}");
                self.board.failed(Claim::CrashReplay, Evidence::new(what));
            }
        }
    }

    fn restore(&mut self, first: &Link, script: &Script) -> Result<(), Stopped> {
        let Some(taken) = restore::take(self.board, first, script)? else { return Ok(()) };
        let Some((_fresh, link)) = self.another(&restore::CLAIMS) else { return Ok(()) };
        restore::start_from(self.board, &link, &taken, script)?;
        if self.board.has_failed(Claim::Snapshot) {
            let reason = "not even the snapshot as it is was taken";
            self.board.unreached(&restore::CLAIMS, reason);
            return Ok(());
        }
        let Some((_fresh, link)) = self.another(&restore::CLAIMS) else { return Ok(()) };
        restore::start_from_changed(self.board, &link, taken, self.config.seed)
    }

    /// Puts strange frames to a fresh instance, or to the first if there is no other.
    fn strange_frames(
        &mut self,
        first: &mut dyn Instance,
        link: &Link,
        tell: &mut dyn FnMut(Standing),
    ) {
        tell(Standing { part: "frames", done: 0, of: 1 });
        let Some(endpoint) = &link.frames else {
            let claims = frames::CHECKS.map(|(claim, _)| claim);
            self.board.unreached(&claims, "gRPC has no frames");
            return;
        };
        let limit = self.config.limit;
        match self.another(&[]) {
            Some((mut fresh, Link { frames: Some(endpoint), .. })) => {
                frames::check_frames(self.board, &mut *fresh, &endpoint, limit);
            }
            Some(_) | None => frames::check_frames(self.board, first, endpoint, limit),
        }
    }
}
