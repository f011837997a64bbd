//! Places where a test can make the process die, between any two rows of the durability contract.
//!
//! `LOCKSTEP_CRASH_AT=NAME[:COUNT]` aborts at the COUNT-th passing (the first if not said) of the
//! named place, as a power cut would: no destructor runs, nothing is flushed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable that names the place.
pub const VARIABLE: &str = "LOCKSTEP_CRASH_AT";

/// Every place, in the order in which one height passes them; the first only when a chain begins.
/// The crash test walks this list.
pub const POINTS: [&str; 15] = [
    "after-init-chain",
    "before-sign",
    "signer-written",
    "signer-renamed",
    "after-sign",
    "before-persist",
    "after-persist",
    "before-decide",
    "after-decide",
    "before-finalize",
    "after-finalize",
    "after-outcome",
    "after-commit",
    "before-answer",
    "after-state",
];

struct Armed {
    point: String,
    count: u64,
    passed: AtomicU64,
}

/// Dies here if the environment says so.
pub fn point(name: &'static str) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    debug_assert!(POINTS.contains(&name), "{name} is not in the list");
    let Some(armed) = ARMED.get_or_init(read) else { return };
    if armed.point == name && armed.passed.fetch_add(1, Ordering::Relaxed) + 1 == armed.count {
        tracing::error!(point = name, "crash point reached");
        std::process::abort();
    }
}

fn read() -> Option<Armed> {
    let text = std::env::var(VARIABLE).ok()?;
    let (point, count) = match text.split_once(':') {
        Some((point, count)) => (point, count.parse().ok()?),
        None => (text.as_str(), 1),
    };
    Some(Armed { point: point.to_owned(), count, passed: AtomicU64::new(0) })
}
