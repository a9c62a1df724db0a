//! Bounds of planning, in one place.

use std::time::Duration;

/// Nothing that is about to happen shortens a TTL below this many seconds (DESIGN section 8): caches that ask more often cost
/// more than they gain.
pub const TTL_FLOOR: u32 = 5;

/// Operator changes lie at least this far apart (DESIGN section 10).
pub const SETTLE: Duration = Duration::from_secs(5);

/// Two orders whose ends differ by no more than this are the same order: a script that repeats `drain fra` within a
/// minute names a slightly later end without meaning a longer drain.
pub const REPEAT_TOLERANCE: Duration = Duration::from_secs(60);
