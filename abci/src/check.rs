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
    #[error("the application stands at height {height}; give one that has no state")]
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
        application = format!("{} {}", info.data, info.version).trim().to_owned();
        if let Ok((chain, mut begun)) = lead::begin(&mut board, config, &link) {
            // Where it broke off is noted; what it has done until then can still be compared.
            drop(lead::lead(&mut board, config, &link, (chain, &mut begun), tell));
            script = Some(begun);
        }
    }
    if let Some(script) = script.as_ref().filter(|it| !it.steps.is_empty()) {
        compare(&mut board, (instances, config), &link, script, tell)?;
    }
    strange_frames(&mut board, (instances, config), &mut first, &link, tell)?;
    let (blocks, txs) = script.map_or((0, 0), |script| (script.steps.len(), script.txs().count()));
    if txs == 0 {
        let reason = "no transaction came into a block: give some with --tx or --txs";
        board.unreached(
            &[Claim::ResultCount, Claim::ResultsDeterministic, Claim::CheckTxSettles],
            reason,
        );
    }
    let (blocks, txs) = (blocks as u64, txs as u64);
    let findings = board.findings();
    Ok(Report { application, seed: config.seed, blocks, txs, findings })
}

/// Holds other instances against the first.
fn compare(
    board: &mut Board,
    (instances, config): (&mut dyn Instances, &Config),
    first: &Link,
    script: &Script,
    tell: &mut dyn FnMut(Standing),
) -> Result<(), CheckError> {
    let step = |done| Standing { part: "other instances", done, of: 3 };
    if !script.steps.iter().any(|it| it.extends) {
        board.unreached(&OF_EXTENSIONS, "vote extensions are not enabled on this chain");
    }
    tell(step(0));
    let Some(second) = instances.fresh()? else {
        let reason = format!("it takes a second instance: {}", instances.remedy());
        board.unreached(&OF_TWO, &reason);
        board.unreached(&crash::CLAIMS, &reason);
        board.unreached(&restore::CLAIMS, &reason);
        return Ok(());
    };
    // So that whoever looks at a clock sees another time.
    std::thread::sleep(config.clock_gap);
    let agreed = follow::follow(board, &second.connect()?, script).unwrap_or(0);
    drop(second);
    tell(step(1));
    if agreed < script.steps.len() {
        // Others would differ for the same reason, which would tell nothing new.
        let reason = format!("two instances agree on the first {agreed} blocks only");
        board.unreached(&crash::CLAIMS, &reason);
        board.unreached(&restore::CLAIMS, &reason);
        return Ok(());
    }
    match instances.fresh()? {
        None => {
            let reason = format!("it takes a third instance: {}", instances.remedy());
            board.unreached(&crash::CLAIMS, &reason);
        }
        Some(mut third) => {
            if third.crash()? {
                drop(crash::crash(board, &mut *third, script));
            } else {
                let reason = format!("nobody may kill it: {}", instances.remedy());
                board.unreached(&crash::CLAIMS, &reason);
            }
        }
    }
    tell(step(2));
    let restored = restore::restore(board, (instances, config.seed), first, script)?;
    // Where it broke off is noted.
    let (Ok(()) | Err(Stopped)) = restored;
    tell(step(3));
    Ok(())
}

/// Puts strange frames to a fresh instance, or to the first if there is no other.
fn strange_frames(
    board: &mut Board,
    (instances, config): (&mut dyn Instances, &Config),
    first: &mut Box<dyn Instance>,
    link: &Link,
    tell: &mut dyn FnMut(Standing),
) -> Result<(), CheckError> {
    tell(Standing { part: "frames", done: 0, of: 1 });
    if link.frames.is_none() {
        board.unreached(&Claim::OF_FRAMES, "gRPC has no frames");
        return Ok(());
    }
    let mut fresh = instances.fresh()?;
    let instance = fresh.as_mut().unwrap_or(first);
    if let Some(endpoint) = instance.connect()?.frames {
        frames::check_frames(board, &mut **instance, &endpoint, config.limit);
    }
    Ok(())
}
