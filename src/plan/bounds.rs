//! Bounds of planning.

use std::time::Duration;

/// Between two changes by operators, so that the effect of the first is seen before the second (DESIGN section 10).
pub(super) const SETTLE: Duration = Duration::from_secs(5);
