//! A search: many seeds, each a plan, a run and its report. Which seeds run where is the caller's
//! affair; a summary made in the order of the seeds is the same on any number of threads.

use crate::plan::Plan;
use crate::report::{Failure, Report};
use crate::shrink::{Budget, Shrunk, shrink};
use crate::trace::LINES_MAX;
use crate::world;

/// What the shrinker may spend on one failure: about ten seconds.
pub const SHRINK_BUDGET: Budget = Budget { runs: 500, events: 5_000_000 };

/// A failure with all that helps to understand it.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The small plan that fails in the same way.
    pub shrunk: Shrunk,
    /// What the judge says of it.
    pub failure: Failure,
    /// Its trace, as a file.
    pub trace: String,
}

/// Makes a failing plan small, and tells what happens in it. None if it does not fail.
pub fn explain(plan: &Plan, report: &Report, budget: Budget) -> Option<Explained> {
    let shrunk = shrink(plan, report, budget, &mut world::run)?;
    let (report, trace) = world::run_traced(&shrunk.plan, LINES_MAX);
    let trace = trace.text(&shrunk.plan, &report);
    let failure = report.failure?;
    Some(Explained { shrunk, failure, trace })
}
