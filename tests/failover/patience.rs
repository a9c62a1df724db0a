//! Waiting for what must come true.

use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `happened` until it gives something; says how long that took.
///
/// # Panics
/// If nothing came within `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut happened: impl FnMut() -> Option<T>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(outcome) = happened() {
            return (outcome, start.elapsed());
        }
        assert!(start.elapsed() < limit, "waited {} s in vain: {what}", limit.as_secs());
        thread::sleep(PAUSE);
    }
}

/// As [`wait_for`], for a condition.
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    wait_for(what, limit, || holds().then_some(())).1
}
