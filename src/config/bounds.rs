//! Bounds of the room.

/// Errors, and warnings, that are reported for one file in one run; the rest is counted.
pub(super) const MAX_SHOWN: usize = 100;
