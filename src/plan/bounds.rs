//! Bounds of planning, in one place.

use std::time::Duration;

/// Nothing that is about to happen shortens a TTL below this many seconds (DESIGN section 8): caches that ask more often cost
/// more than they gain.
pub const TTL_FLOOR: u32 = 5;

/// Two orders whose ends differ by no more than this are the same order: a script that repeats `drain fra` within a
/// minute names a slightly later end without meaning a longer drain.
pub const REPEAT_TOLERANCE: Duration = Duration::from_secs(60);

/// What is this old counts half in the rate of a view's queries: long enough for caches of a minute to even out, short
/// enough to follow a failover.
pub const DEMAND_HALF_LIFE: Duration = Duration::from_secs(300);

/// Hours over which the busiest minute is remembered: a day, so that the peak of a night's maintenance is the day's.
pub const DEMAND_HOURS: usize = 24;

/// Views whose queries are measured, all services together. Each takes some 300 octets.
pub const DEMAND_VIEWS: usize = 1 << 16;

/// Rounds in which overfull sites send on what they cannot take. Ten mostly do; only where demand is as good as equal to
/// capacity are there more, and what is missed then is below [`FITS_WITHIN`].
pub(super) const ROUNDS: usize = 300;

/// The parts that sites take have settled when none changes by more in a round.
pub(super) const SETTLED_WITHIN: f64 = 1e-12;

/// Of all demand, the part that may find no place without anybody calling it overload: what is lost in reckoning.
pub(super) const FITS_WITHIN: f64 = 1e-4;

/// Shares of a full site's clients that are sent on rise by so many thousandths.
pub(super) const SPILL_STEP: u16 = 10;

/// A change of such a share by fewer thousandths makes no new plan.
pub(super) const SPILL_LEAST: u16 = 30;

/// Queries of a service, older ones counting less, from which on its clients are moved by what was measured: the share of
/// a view is known to two in a hundred then.
pub(super) const KNOWN_WELL: f64 = 1_000.0;

/// Endpoints that are not up by name in the refusal of a drill.
pub(super) const DRILL_FINDINGS: usize = 8;

/// A drill lasts at least this much longer than its site's answers live in caches: long enough for all nodes to follow, and
/// for something to be seen.
pub const DRILL_CACHES: Duration = Duration::from_secs(5);

/// The farthest that a drill's next turn is looked for, in periods and days beyond.
pub(super) const DRILL_PERIODS_AHEAD: i64 = 2;
