//! Waiting for what real processes do: it is looked for again and again, up to a deadline.

use std::time::{Duration, Instant};

/// How long anything may take that should take seconds: the machine may be busy with other work.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `look` finds something, and fails if it does not in time.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
