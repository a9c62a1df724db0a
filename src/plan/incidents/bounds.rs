//! Bounds of incidents.

use std::time::Duration;

/// All that an incident touched has to serve for so long until it is over: what fails again earlier is part of it.
pub const QUIET: Duration = Duration::from_secs(60);

/// Incidents kept; of older ones the journal tells.
pub const INCIDENTS_KEPT: usize = 200;

/// Sites of services kept of one incident; the others are counted.
pub(super) const AFFECTED_MOST: usize = 256;

/// Endpoints kept of one site of a service; the others are counted.
pub(super) const ENDPOINTS_MOST: usize = 32;

/// Orders kept of one incident; the others are counted.
pub(super) const ORDERS_MOST: usize = 64;

/// Months of which it is kept how long services were out.
pub(super) const MONTHS_KEPT: usize = 13;

/// Services of which it is kept within a month how long they were out.
pub(super) const SERVICES_MOST: usize = 1_000;

/// Missed objectives of which it is remembered that they were told.
pub(super) const TOLD_MOST: usize = 2_000;

/// A failure counts as what took the last site out if it was judged at most so long before the plan.
pub(super) const CAUSE_WITHIN: Duration = Duration::from_secs(60);
