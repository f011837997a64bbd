//! What is left of many runs.

use serde::Serialize;

use super::{Counts, Digest, Failure, Report, as_hex};
use crate::moment::Moment;

/// A seed whose run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSeed {
    /// Which.
    pub seed: u64,
    /// How.
    pub failure: Failure,
}

/// What is left of many runs. Equal for the same seeds in the same order, wherever they ran.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// How many seeds were run.
    pub seeds: u64,
    /// Those that failed, in the order in which they were added.
    pub failures: Vec<FailedSeed>,
    /// What was counted in all of them.
    pub counts: Counts,
    /// How long their worlds lasted together.
    #[serde(rename = "lasted_nanos")]
    pub lasted: Moment,
    /// Of all their histories.
    #[serde(serialize_with = "finished")]
    pub digest: Digest,
}

impl Summary {
    /// A seed was run.
    pub fn add(&mut self, seed: u64, report: &Report) {
        self.seeds += 1;
        if let Some(failure) = report.failure.clone() {
            self.failures.push(FailedSeed { seed, failure });
        }
        self.counts.add(&report.counts);
        self.lasted = self.lasted.after_nanos(report.lasted.0);
        self.digest.join(&report.digest);
    }
}

fn finished<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    as_hex(&digest.finish(), serializer)
}
