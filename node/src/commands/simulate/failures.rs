//! What is said of seeds that failed: the verdict, the small plan that fails in the same way, and a
//! trace of it in a file.

use std::path::PathBuf;

use serde_json::{Value, json};
use simulator::search::{Explained, Run, SHRINK_BUDGET, explain};

use super::{panics, write};

/// One that is explained.
struct Failed {
    seed: u64,
    explained: Explained,
    trace: PathBuf,
    place: Option<String>,
}

/// All that are explained.
#[derive(Default)]
pub struct Failures(Vec<Failed>);

impl Failures {
    /// Explains failures, writes their traces into the current folder, and says so if people read.
    ///
    /// # Errors
    /// If a trace cannot be written.
    pub fn explain(failed: Vec<Run>, said: bool) -> anyhow::Result<Self> {
        let mut failures = Self::default();
        for Run { seed, plan, report } in failed {
            let Some(explained) = panics::within(|| explain(&plan, &report, SHRINK_BUDGET)) else {
                continue;
            };
            let trace = PathBuf::from(format!("seed-{seed}.trace"));
            write(&trace, &explained.trace)?;
            let place = panics::place().filter(|_| explained.failure.judge == "assertion");
            let failed = Failed { seed, explained, trace, place };
            if said {
                failed.say();
            }
            failures.0.push(failed);
        }
        Ok(failures)
    }

    /// The first trace that was written.
    pub fn first_trace(&self) -> Option<&PathBuf> {
        self.0.first().map(|failed| &failed.trace)
    }

    /// All of them, for machines.
    pub fn json(&self) -> Vec<Value> {
        let each = |failed: &Failed| {
            let shrunk = &failed.explained.shrunk;
            json!({
                "seed": failed.seed,
                "failure": failed.explained.failure,
                "place": failed.place,
                "before": shrunk.before,
                "after": shrunk.after,
                "runs": shrunk.runs,
                "plan": shrunk.plan,
                "trace": failed.trace,
            })
        };
        self.0.iter().map(each).collect()
    }
}

impl Failed {
    fn say(&self) {
        let shrunk = &self.explained.shrunk;
        println!("\nseed {}", self.seed);
        println!("  verdict  {}", self.explained.failure);
        if let Some(place) = &self.place {
            println!("  place    {place}");
        }
        println!("  before   {}", shrunk.before);
        println!("  after    {} (in {} runs)", shrunk.after, shrunk.runs);
        for fault in &shrunk.plan.faults {
            let kind = serde_json::to_string(&fault.kind).unwrap_or_default();
            println!("  fault    at {} ms for {} ms: {kind}", fault.at_ms, fault.lasts_ms);
        }
        for (number, member) in shrunk.plan.members.iter().enumerate() {
            if !member.vices.is_empty() {
                println!("  vices    of n{number}: {:?}", member.vices);
            }
        }
        println!("  trace    {}", self.trace.display());
    }
}
