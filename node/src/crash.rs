//! Places where a test can make the process die, between any two rows of the durability contract.
//!
//! `LOCKSTEP_CRASH_AT=NAME[:COUNT]` aborts at the COUNT-th passing (the first if not said) of the
//! named [`Point`], as a power cut would: no destructor runs, nothing is flushed. In an application
//! that we serve the places are `before-CALL` and `after-CALL`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use abci::{ApplicationError, Call, Watcher};
use execution::{Point, Stopped, Watch};

/// The environment variable that names the place.
pub const VARIABLE: &str = "LOCKSTEP_CRASH_AT";

struct Armed {
    point: String,
    count: u64,
    passed: AtomicU64,
}

/// Dies here if the environment says so.
pub fn point(point: Point) {
    place(|name| name == point.name());
}

/// Dies if the environment means the place that is passed.
fn place(is_meant: impl Fn(&str) -> bool) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let Some(armed) = ARMED.get_or_init(read) else { return };
    if is_meant(&armed.point) && armed.passed.fetch_add(1, Ordering::Relaxed) + 1 == armed.count {
        tracing::error!(point = armed.point, "crash point reached");
        std::process::abort();
    }
}

/// Watches the calls to an application that we serve.
pub struct Calls;

impl Watcher for Calls {
    fn watch_all<T>(
        &self,
        call: Call,
        count: usize,
        ask: impl FnOnce() -> Result<T, ApplicationError>,
    ) -> Result<T, ApplicationError> {
        let pass = |side| {
            (0..count).for_each(|_| place(|name| name.strip_prefix(side) == Some(call.name())));
        };
        pass("before-");
        let answer = ask();
        pass("after-");
        answer
    }
}

/// Watches the handshake: there is nothing to count yet.
pub struct Crashes;

impl Watch for Crashes {
    fn pass(&self, place: Point) -> Result<(), Stopped> {
        point(place);
        Ok(())
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
