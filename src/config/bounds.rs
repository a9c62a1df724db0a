//! Bounds of the room.

/// Errors, and warnings, that are reported for one file in one run; the rest is counted.
pub(super) const MAX_SHOWN: usize = 100;

/// Octets of a line that is quoted. A longer one fills the screen, and drawing it for every mistake in it takes its time.
pub(super) const MAX_QUOTED: usize = 1000;
