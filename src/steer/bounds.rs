//! Bounds of steering, each with its unit and where it comes from.

use std::time::Duration;

/// Addresses in one answer at most: eight A records with an OPT fit any path without fragments (DESIGN section 8).
pub(super) const ADDRESSES: usize = 8;

/// The step between the preferences of ranked MX hosts (DESIGN section 8).
pub(super) const MX_STEP: u16 = 10;

/// The TTL that halving does not go below (DESIGN section 10).
pub(super) const TTL_FLOOR: Duration = Duration::from_secs(5);

/// Draws are numbers below this: chances in thousandths.
pub(super) const DRAWS: u16 = 1000;

/// Networks that are read from a geo database. The largest city databases have some 8 million.
pub(super) const NETWORKS: usize = 20_000_000;

/// Distinct locales that are kept of a geo database; city databases have some hundred thousand.
pub(super) const LOCALES: usize = 4_000_000;

/// The largest size that the embedded database may inflate to, in octets.
pub(super) const EMBEDDED_BYTES: u64 = 64 << 20;
