//! A search: many seeds, each a plan, a run and its report. Which seeds run where is the caller's
//! affair; a summary made in the order of the seeds is the same on any number of threads.

use crate::moment::Moment;
use crate::plan::{Plan, PlanError, Shape, ShapeError};
use crate::report::{Counts, Digest, Failure, Report};
use crate::shrink::{Budget, Shrunk, shrink};
use crate::trace::LINES_MAX;
use crate::world;

/// A seed that was run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which.
    pub seed: u64,
    /// What it was made into.
    pub plan: Plan,
    /// What is left of it.
    pub report: Report,
}

impl Run {
    /// Makes a seed into a plan and runs it. A plan that makes no world is a failure of ours.
    ///
    /// # Errors
    /// If no plan of this seed has this shape.
    pub fn new(seed: u64, shape: &Shape) -> Result<Self, ShapeError> {
        let plan = Plan::draw(seed, shape)?;
        let report = match plan.check() {
            Ok(()) => world::run(&plan),
            Err(error) => unsound(&error),
        };
        Ok(Self { seed, plan, report })
    }
}

fn unsound(error: &PlanError) -> Report {
    let failure = Failure { judge: "plan", at: Moment::START, what: error.to_string() };
    let (digest, counts) = (Digest::default().finish(), Counts::default());
    Report { failure: Some(failure), digest, counts, lasted: Moment::START }
}

/// What the shrinker may spend on one failure: about ten seconds.
pub const SHRINK_BUDGET: Budget = Budget { runs: 500, events: 3_000_000 };

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
