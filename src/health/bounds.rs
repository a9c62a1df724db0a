//! Bounds of failure detection, each with its unit and where it comes from.

use std::time::Duration;

/// The least time after which a probe can be overdue: twice the slowest path between continents, 125 ms one way
/// (DESIGN section 5).
pub const OVERDUE_FLOOR: Duration = Duration::from_millis(250);

/// Deviations above the mean at which a probe is overdue (RFC 6298 section 2, K).
pub const OVERDUE_DEVIATIONS: f64 = 4.0;

/// The least distance of the bound above the mean (RFC 6298 section 2, G): what a scheduler or a garbage collector takes
/// now and then, however steady the path is.
pub const OVERDUE_MARGIN: Duration = Duration::from_millis(100);

/// Weight of a new sample in the mean time of a probe (RFC 6298 section 2, alpha).
pub const MEAN_WEIGHT: f64 = 1.0 / 8.0;

/// Weight of a new sample in the deviation of a probe's time (RFC 6298 section 2, beta).
pub const DEVIATION_WEIGHT: f64 = 1.0 / 4.0;

/// At most one false alarm of one endpoint in this time: 30 days (DESIGN section 5).
pub const FALSE_ALARM_EVERY: Duration = Duration::from_secs(30 * 24 * 3600);

/// How sure a dead endpoint is to fail a probe. Not 1: then a single success could never be outweighed.
pub const FAILURE_RATE_DOWN: f64 = 0.99;

/// Probes over which an endpoint's own failure rates are remembered: about 17 minutes at an interval of one second.
pub const RATE_WINDOW: f64 = 1024.0;

/// An endpoint is never thought to fail more often than this while it is up: with it, the evidence of a failure is at
/// least ln(0.99 / 0.25), and so everything failing is always conclusive after a bounded number of failures.
pub const RATE_CEILING: f64 = 0.25;

/// Least failure rate of an endpoint that is up, refused: a daemon restarts for 10 s less than three times in 8 h.
pub const RATE_FLOOR_REFUSED: f64 = 0.001;

/// Least failure rate of an endpoint that is up, by wrong answers of the protocol.
pub const RATE_FLOOR_PROTOCOL: f64 = 0.001;

/// Least failure rate of an endpoint that is up, by failed TLS handshakes.
pub const RATE_FLOOR_TLS: f64 = 0.002;

/// Least failure rate of an endpoint that is up, by connections cut in the middle.
pub const RATE_FLOOR_RESET: f64 = 0.002;

/// Least failure rate of an endpoint that is up, by routes that are missing for a moment.
pub const RATE_FLOOR_UNREACHABLE: f64 = 0.002;

/// Least failure rate of an endpoint that is up, by silence: at default settings the rate at which three silent probes
/// are conclusive, 3 ln(0.99 / 0.005) > ln(2 x 2,592,000).
pub const RATE_FLOOR_SILENT: f64 = 0.005;

/// Probes over which loss is measured: about two minutes at an interval of one second.
pub const LOSS_WINDOW: f64 = 128.0;

/// The share of failing probes from which an endpoint is demoted. At 2 % loss it is eleven deviations away.
pub const LOSS_ENTERED: f64 = 0.12;

/// The share under which it is demoted no more.
pub const LOSS_LEFT: f64 = 0.06;

/// More is not counted: it would decide nothing, and only take longer to be left. From here 180 good probes lead below
/// [`LOSS_LEFT`], within the longest damping.
pub const LOSS_CEILING: f64 = 0.25;

/// Probes of one endpoint that may be unanswered and not yet overdue; further ones wait. `fall` by default.
pub const PENDING: usize = 3;

/// Probes of one endpoint that may be under way, overdue ones included; the oldest overdue one is given up for the next.
pub const OUTSTANDING: usize = 6;

/// The time an endpoint must stay good before it returns after its first flap (DESIGN section 10).
pub const DAMPING_FLOOR: Duration = Duration::from_secs(5);

/// The longest time an endpoint must stay good before it returns (DESIGN section 10).
pub const DAMPING_CEILING: Duration = Duration::from_secs(300);

/// In this time the damping of earlier flaps halves (DESIGN section 10).
pub const DAMPING_HALF_LIFE: Duration = Duration::from_secs(600);

/// First probes after a start are spread over this time, where the interval is longer.
pub const START_SPREAD: Duration = Duration::from_secs(1);

/// Between two ballots of a node that has nothing new to say (DESIGN section 10).
pub const BALLOT_INTERVAL: Duration = Duration::from_secs(2);

/// After so long without an acknowledged ballot the store counts as lost: two could not be written, and the failure of most
/// sites is still doubted.
pub const STORE_LOST: Duration = Duration::from_secs(4);

/// A ballot counts this long after it was received: 3 intervals + 5 s (DESIGN section 6).
pub const BALLOT_FRESHNESS: Duration = Duration::from_secs(11);

/// The failure of more than half of the sites within this time must last as long before it is believed: by then a node
/// that is cut off knows that it lost the store too, and a switch of its own uplink is over.
pub const MASS_CONFIRM: Duration = Duration::from_secs(5);
