//! Bounds of what is kept of drills.

/// Drills that are kept: two years of fortnightly ones. Each takes some two kilobytes.
pub(super) const DRILLS: usize = 50;

/// Schedules whose last drill is remembered.
pub(super) const SCHEDULES: usize = 256;
