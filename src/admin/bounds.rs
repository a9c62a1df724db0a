//! Bounds and defaults of the admin API (RELIABILITY: admin exhaustion, brute force).

use std::time::Duration;

/// The longest request body.
pub(super) const BODY_BYTES: usize = 1024 * 1024;

/// All request headers together.
pub(super) const HEADER_BYTES: usize = 16 * 1024;

/// Request headers.
pub(super) const HEADERS: usize = 64;

/// From a connection's start, or the end of its last request, to the end of the next request's headers.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(15);

/// From the end of the headers to the start of the response.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(60);

/// Connections of one listener at a time.
pub(super) const CONNECTIONS: usize = 256;

/// How long open requests may finish when the node stops.
pub(super) const STOP_TIME: Duration = Duration::from_secs(1);

/// Between two accept attempts after an error that leaves the listener usable (out of descriptors).
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Failed authentications of one address in [`FAILURE_WINDOW`] that are told apart from refused ones.
pub(super) const FAILURES: u32 = 5;

/// The window of [`FAILURES`].
pub(super) const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// Addresses whose failures are remembered at a time.
pub(super) const FAILURE_ADDRESSES: usize = 4096;

/// An order without an expiry stands this long (DESIGN section 10).
pub const ORDER_DEFAULT: Duration = Duration::from_secs(4 * 3600);

/// The longest order that is not "until cleared" (DESIGN section 10).
pub const ORDER_LONGEST: Duration = Duration::from_secs(72 * 3600);

/// The farthest that an order begins after it is given: what is planned in months changes until then, and a calendar
/// remembers it better than a name server.
pub const ORDER_FARTHEST: Duration = Duration::from_secs(30 * 86_400);

/// A drill lasts this long unless said.
pub const DRILL_DEFAULT: Duration = Duration::from_secs(15 * 60);

/// The longest drill: what takes longer is a drain.
pub const DRILL_LONGEST: Duration = Duration::from_secs(4 * 3600);

/// The most steps of a drain: each makes a plan, and finer ones than a twentieth are lost among the clients of large resolvers.
pub(super) const STEPS_MOST: usize = 20;

/// The longest reason, in characters.
pub(super) const REASON_CHARACTERS: usize = 500;

/// The longest name of a token.
pub(super) const TOKEN_NAME_CHARACTERS: usize = 64;

/// Events in one response where the caller names no limit.
pub(super) const EVENTS_DEFAULT: usize = 100;

/// Events in one response at most.
pub(super) const EVENTS_LONGEST: usize = 1000;

/// Events on the operator's page.
pub(super) const EVENTS_ON_PAGE: u64 = 20;

/// Between two comments on an idle event stream, so that a broken connection is noticed.
pub(super) const STREAM_COMMENT: Duration = Duration::from_secs(15);
