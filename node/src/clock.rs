//! The wall clock. It goes into votes, proposals and new genesis files, and stamps what a load
//! sends; alarms use the monotonic one.

use std::time::{SystemTime, UNIX_EPOCH};

use types::Time;

/// What time it is, as far as this machine knows.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::EPOCH.after(since)
}
