//! Many seeds on several threads. Each thread takes the next seed; reports are joined in the order
//! of the seeds, so that the output is the same on any number of threads.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use simulator::plan::Shape;
use simulator::report::Summary;
use simulator::search::Run;

use super::progress::Progress;
use super::seeds::Seeds;
use super::{Args, conclude, panics, shape};
use crate::cli::Surroundings;
use crate::complaint::Complaint;

/// Most threads.
const JOBS_MAX: usize = 1024;
/// Reports that may wait to be joined.
const REPORTS_MAX: usize = 1024;
/// Failing plans that are kept to be explained; all others are named only.
const EXPLAINED_MAX: usize = 5;

/// What a thread found: a run, or that the seed makes no such network.
type Found = (u64, Option<Run>);

/// Searches, prints the table, and explains what failed.
///
/// # Errors
/// If the options cannot be, a file cannot be written, or a judge objects.
pub fn run(around: &Surroundings, args: &Args, seeds: Seeds, shape: &Shape) -> anyhow::Result<()> {
    let jobs = jobs(args.jobs)?;
    if seeds.to.is_none() && args.within.is_none() {
        let remedy = "write them as A..B, or add --within SECONDS";
        return Err(Complaint::new("--seeds", "", "these seeds never end", remedy).into());
    }
    // Found out now rather than on every thread.
    shape::draw(seeds.from, shape)?;
    let search = Search {
        shape,
        seeds,
        next: AtomicU64::new(seeds.from),
        over: AtomicBool::new(false),
        until: args.within.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
    };
    let (found, finds) = sync_channel(REPORTS_MAX);
    let (summary, failed, undrawn) = std::thread::scope(|scope| {
        for _ in 0..jobs {
            let found = found.clone();
            scope.spawn(|| search.work(found));
        }
        drop(found);
        search.join(&finds, Progress::new(seeds, around.json))
    });
    if let Some(file) = &args.failures {
        note_failures(file, &summary, args)?;
    }
    if 0 < undrawn && !around.json {
        println!("{undrawn} seeds left out: their powers make no such network\n");
    }
    conclude(around, &summary, failed)
}

fn jobs(asked: Option<usize>) -> Result<usize, Complaint> {
    let Some(asked) = asked else {
        return Ok(std::thread::available_parallelism().map_or(1, usize::from));
    };
    if (1..=JOBS_MAX).contains(&asked) {
        return Ok(asked);
    }
    let problem = format!("{asked} networks at a time");
    Err(Complaint::new("--jobs", "", problem, format!("give 1 to {JOBS_MAX}")))
}

/// What the threads share.
struct Search<'a> {
    shape: &'a Shape,
    seeds: Seeds,
    next: AtomicU64,
    over: AtomicBool,
    until: Option<Instant>,
}

impl Search<'_> {
    /// Runs seeds until there are no more, time is up, or nobody listens.
    fn work(&self, found: SyncSender<Found>) {
        while !self.over.load(Ordering::Relaxed) {
            if self.until.is_some_and(|until| until <= Instant::now()) {
                break;
            }
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if self.seeds.to.is_some_and(|to| to <= seed) {
                break;
            }
            // Another seed than the first may draw powers that do not allow what is asked.
            let run = panics::within(|| Run::new(seed, self.shape)).ok();
            if found.send((seed, run)).is_err() {
                break;
            }
        }
        self.over.store(true, Ordering::Relaxed);
    }

    /// Joins what the threads find, in the order of the seeds. Also says how many seeds make no
    /// such network.
    fn join(&self, finds: &Receiver<Found>, mut progress: Progress) -> (Summary, Vec<Run>, u64) {
        let mut summary = Summary::default();
        let (mut failed, mut undrawn) = (Vec::new(), 0);
        let mut early: BTreeMap<u64, Option<Run>> = BTreeMap::new();
        let mut next = self.seeds.from;
        for (seed, run) in finds {
            early.insert(seed, run);
            while let Some(run) = early.remove(&next) {
                next += 1;
                let Some(run) = run else {
                    undrawn += 1;
                    continue;
                };
                summary.add(run.seed, &run.report);
                progress.show(&summary);
                if run.report.failure.is_some() && failed.len() < EXPLAINED_MAX {
                    failed.push(run);
                }
            }
        }
        progress.clear();
        (summary, failed, undrawn)
    }
}

/// Adds a line for each failure to a file that outlives the search.
fn note_failures(file: &Path, summary: &Summary, args: &Args) -> Result<(), Complaint> {
    if summary.failures.is_empty() {
        return Ok(());
    }
    let complain = |error: std::io::Error| {
        Complaint::new(file.display(), "", error.to_string(), "choose another file")
    };
    let mut log =
        std::fs::OpenOptions::new().create(true).append(true).open(file).map_err(complain)?;
    for failed in &summary.failures {
        let (version, seed) = (env!("CARGO_PKG_VERSION"), failed.seed);
        let options = args.shape.line();
        let line = format!(
            "{version}: lockstep simulate --seed {seed}{options}  # {}",
            failed.failure.to_string().replace('\n', " ")
        );
        writeln!(log, "{line}").map_err(complain)?;
    }
    Ok(())
}
