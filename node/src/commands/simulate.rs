//! `lockstep simulate`: whole networks in virtual time, from seeds, with faults and liars, and
//! judges that look on.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;
use simulator::report::{Report, Summary};
use simulator::search::Run;
use simulator::trace::{Head, LINES_MAX};
use simulator::{Plan, world};

use crate::cli::Surroundings;
use crate::complaint::Complaint;

mod failures;
mod model;
mod panics;
mod progress;
mod search;
mod seeds;
mod shape;

use failures::Failures;
use seeds::Seeds;

/// Arguments of `lockstep simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Simulate the network that this number makes.
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "replay"])]
    seed: Option<u64>,
    /// Simulate a network for each number from A up to and without B; `A..` goes on until
    /// `--within` is over.
    #[arg(long, value_name = "A..B", conflicts_with = "replay")]
    seeds: Option<Seeds>,
    /// Simulate so many networks at a time [default: one for each core].
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["seed", "replay"])]
    jobs: Option<usize>,
    /// Begin no further networks after so many seconds.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["seed", "replay"])]
    within: Option<u64>,
    /// Add a line for each seed that fails to this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "replay"])]
    failures: Option<PathBuf>,
    /// Write what happens to this file, which can be replayed.
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    trace: Option<PathBuf>,
    /// Simulate what made this trace (or this plan) again, and compare.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    #[command(flatten)]
    shape: shape::ShapeArgs,
    #[command(flatten)]
    model: model::ModelArgs,
}

/// Simulates, and says what came of it.
///
/// # Errors
/// If the options cannot be, a file cannot be used, or a judge objects.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    if args.shape.wants_list() {
        shape::list_faults(around);
        return Ok(());
    }
    if let Some(option) = args.model.is_given().filter(|_| !args.model.model) {
        let problem = format!("{option} is of the performance model");
        return Err(Complaint::new("simulate", "", problem, "add --model, or leave it out").into());
    }
    if args.model.model {
        return model::run(around, args);
    }
    panics::heed();
    if let Some(file) = &args.replay {
        if args.shape.is_given() {
            let remedy = "give --replay alone, or with --trace";
            return Err(Complaint::new("--replay", "", "the file has the plan", remedy).into());
        }
        return replay(around, args, file);
    }
    let shape = args.shape.shape()?;
    if let Some(seeds) = args.seeds {
        return search::run(around, args, seeds, &shape);
    }
    let Some(seed) = args.seed else {
        let remedy = "give --seed N, --seeds A..B or --replay FILE";
        return Err(Complaint::new("simulate", "", "nothing to simulate", remedy).into());
    };
    run_one(around, args, shape::draw(seed, &shape)?)
}

fn run_one(around: &Surroundings, args: &Args, plan: Plan) -> anyhow::Result<()> {
    let report = run_plan(&plan, args.trace.as_deref())?;
    let (seed, mut summary) = (plan.seed, Summary::default());
    summary.add(seed, &report);
    conclude(around, &summary, vec![Run { seed, plan, report }])
}

/// Runs a plan, and writes its trace if that is wanted.
fn run_plan(plan: &Plan, trace: Option<&Path>) -> anyhow::Result<Report> {
    let Some(file) = trace else { return Ok(panics::within(|| world::run(plan))) };
    let (report, trace) = panics::within(|| world::run_traced(plan, LINES_MAX));
    write(file, &trace.text(plan, &report))?;
    Ok(report)
}

/// Prints a summary, explains failures, and fails if there are any.
fn conclude(around: &Surroundings, summary: &Summary, failed: Vec<Run>) -> anyhow::Result<()> {
    if !around.json {
        print!("{summary}");
    }
    let failures = Failures::explain(failed, !around.json)?;
    if around.json {
        println!("{:#}", json!({ "summary": summary, "failures": failures.json() }));
    }
    match (failures.first_trace(), summary.failures.len()) {
        (_, 0) => Ok(()),
        (None, count) => {
            bail!("{count} of {} seeds failed; none could be explained", summary.seeds)
        }
        (Some(trace), count) => bail!(
            "{count} of {} seeds failed; see it with `lockstep simulate --replay {}`",
            summary.seeds,
            trace.display()
        ),
    }
}

/// Simulates what made a trace again, and compares; or a plan from a file.
fn replay(around: &Surroundings, args: &Args, file: &Path) -> anyhow::Result<()> {
    let refuse = |problem: String| {
        let remedy = "give a trace or a plan that this version of lockstep has made";
        Complaint::new(file.display(), "", problem, remedy)
    };
    let text = std::fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
    let first = text.lines().find(|line| !line.starts_with('#'));
    if first.is_some_and(|line| line.starts_with('{')) {
        let plan = Plan::read(&text).map_err(|error| refuse(error.to_string()))?;
        return run_one(around, args, plan);
    }
    let recorded = Head::read(&text).map_err(|error| refuse(error.to_string()))?;
    let report = run_plan(&recorded.plan, args.trace.as_deref())?;
    let head = Head::of(&recorded.plan, &report);
    if head != recorded {
        let (was, is) = (&recorded, &head);
        let problem = if was.verdict == is.verdict {
            let digests = [&was.digest, &is.digest].map(|digest| digest.get(..8).unwrap_or(""));
            format!("another history: its digest was {}, is now {}", digests[0], digests[1])
        } else {
            format!("another history: it ended with `{}`, now with `{}`", was.verdict, is.verdict)
        };
        let remedy = "other code gives another history: replay it with the version that made it";
        return Err(Complaint::new(file.display(), "", problem, remedy).into());
    }
    if around.json {
        println!("{:#}", json!({ "same": true, "verdict": head.verdict, "report": report }));
    } else {
        let mut summary = Summary::default();
        summary.add(recorded.plan.seed, &report);
        print!("{summary}\nthe same history as in {}\n", file.display());
    }
    match report.failure {
        Some(failure) => bail!("{failure}; what led to it stands in {}", file.display()),
        None => Ok(()),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Complaint> {
    std::fs::write(file, text).map_err(|error| {
        let remedy = "choose another file in a folder that is there";
        Complaint::new(file.display(), "", error.to_string(), remedy)
    })
}
