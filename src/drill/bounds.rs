//! Bounds of what is kept of drills.

use jiff::SignedDuration;

/// Drills that are kept: two years of fortnightly ones. Each takes some two kilobytes.
pub(super) const DRILLS: usize = 50;

/// Schedules whose last drill is remembered.
pub(super) const SCHEDULES: usize = 256;

/// How far the clocks of nodes may be apart, at most: the shortest period of a schedule.
pub(super) const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(24);
