//! What is left of a run: whether it failed and how, what was counted, and a digest of all that
//! happened; and what is left of many.

mod counts;
mod stage;
mod summary;
mod table;

use serde::Serialize;

use crate::moment::Moment;

pub use counts::{Counts, MessageCounts, kind};
pub use stage::{Progress, Stage};
pub use summary::{FailedSeed, Summary};

/// A judge's verdict: something happened that must not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{judge} at {at}: {what}")]
pub struct Failure {
    /// Which judge.
    pub judge: &'static str,
    /// When.
    #[serde(rename = "at_nanos")]
    pub at: Moment,
    /// What happened.
    pub what: String,
}

/// What is left of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    /// Of all that happened: equal for equal histories.
    #[serde(serialize_with = "as_hex")]
    pub digest: [u8; 32],
    /// What was counted.
    pub counts: Counts,
    /// How long the world lasted.
    #[serde(rename = "lasted_nanos")]
    pub lasted: Moment,
}

/// Most facts of one thing that happened.
const FACTS_MAX: usize = 7;

/// Bytes of a history that are hashed together: the hasher does several times as many at once, if
/// they are many.
const TOGETHER: usize = 16 * 1024;

/// A digest of a history, as it grows.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    hasher: blake3::Hasher,
    /// What has happened and is not hashed yet.
    waiting: Vec<u8>,
}

impl Digest {
    /// Something happened.
    pub fn add(&mut self, at: Moment, facts: &[u64]) {
        let mut bytes = [0; 8 * (1 + FACTS_MAX)];
        let count = 1 + facts.len();
        for (place, fact) in bytes.chunks_exact_mut(8).zip([at.0].iter().chain(facts)) {
            place.copy_from_slice(&fact.to_le_bytes());
        }
        self.take(&bytes[..8 * count]);
    }

    /// A whole history is part of a greater one.
    pub fn join(&mut self, digest: &[u8; 32]) {
        self.take(digest);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        if TOGETHER <= self.waiting.len() {
            self.hasher.update(&self.waiting[..TOGETHER]);
            self.waiting.drain(..TOGETHER);
        }
    }

    /// Of all so far.
    pub fn finish(&self) -> [u8; 32] {
        self.hasher.clone().update(&self.waiting).finalize().into()
    }
}

/// A digest as people and JSON see it.
pub fn hex(digest: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

fn as_hex<S: serde::Serializer>(digest: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(digest))
}
