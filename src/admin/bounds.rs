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

/// Of these, those of one address (of IPv6, of one /64) elsewhere.
pub(super) const CONNECTIONS_OF_ONE: usize = 48;

/// How long a connection waits for a place where all are taken and none rests.
pub(super) const PLACE_TIME: Duration = Duration::from_secs(1);

/// How long a write may wait for the other end to read.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(30);

/// Event streams at a time: most of [`CONNECTIONS`] are left to requests that end.
pub(super) const STREAMS: usize = 64;

/// Of these, those of one caller; whoever says nothing of themselves is one.
pub(super) const STREAMS_OF_ONE: usize = 16;

/// From the start of a connection to the end of its TLS handshake.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// The largest file of certificates or a key, in octets.
pub(super) const CERTIFICATE_OCTETS: u64 = 1 << 20;

/// Between two looks at these files.
pub(super) const CERTIFICATE_LOOK: Duration = Duration::from_secs(2);

/// From when on the end of a certificate is trouble, in hours.
pub(super) const EXPIRY_WARNING: i64 = 7 * 24;

/// Names of a client's certificate that are looked at.
pub(super) const CERTIFICATE_NAMES: usize = 32;

/// How long open requests may finish when the node stops.
pub(super) const STOP_TIME: Duration = Duration::from_secs(1);

/// Between two accept attempts after an error that leaves the listener usable (out of descriptors).
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Failed authentications of one address in [`FAILURE_WINDOW`] that are told apart from refused ones.
pub(super) const FAILURES: u32 = 5;

/// The same of an IPv6 /48: many may share it, and one may have all of it.
pub(super) const FAILURES_OF_SITE: u32 = 20;

/// The window of [`FAILURES`].
pub(super) const FAILURE_WINDOW: Duration = Duration::from_secs(60);

/// Addresses and networks whose failures are remembered at a time.
pub(super) const FAILURE_ADDRESSES: usize = 4096;

/// Sessions of the dashboard at a time, and those of one person: an abandoned browser makes room for the next.
pub(super) const SESSIONS: usize = 1024;

/// See [`SESSIONS`].
pub(super) const SESSIONS_OF_ONE: usize = 16;

/// The longest form that a page posts.
pub(super) const FORM_BYTES: usize = 64 * 1024;

/// The longest name or password that somebody signs in with.
pub(super) const CREDENTIAL_CHARACTERS: usize = 1024;

/// The longest path that signing in leads back to.
pub(super) const NEXT_CHARACTERS: usize = 1024;

/// Passwords that are checked at a time: each takes a core and some 19 MiB for a while.
pub(super) const PASSWORD_CHECKS: usize = 1;

/// Sign-ins that may be checked or wait for that; beyond it they are told to come again.
pub(super) const PASSWORD_WAITING: usize = 16;

/// Of these, those of one address (of IPv6, of one /64).
pub(super) const PASSWORD_WAITING_OF_ONE: usize = 2;

/// The longest document of a provider of identities.
pub(super) const PROVIDER_DOCUMENT_BYTES: usize = 256 * 1024;

/// From asking a provider of identities to the end of its answer.
pub(super) const PROVIDER_TIME: Duration = Duration::from_secs(10);

/// How long what a provider publishes of itself is used without asking again.
pub(super) const PROVIDER_KEYS_AGE: Duration = Duration::from_secs(600);

/// Sign-ins through a provider that are under way at a time.
pub(super) const PROVIDER_PLACES: usize = 8;

/// The longest secret of this node at a provider.
pub(super) const SECRET_FILE_BYTES: u64 = 4096;

/// The longest name that a provider may give somebody, and the most values that are kept of a claim.
pub(super) const IDENTITY_CHARACTERS: usize = 128;

/// See [`IDENTITY_CHARACTERS`].
pub(super) const IDENTITY_VALUES: usize = 256;

/// How long a sign-in through a provider may take, in seconds.
pub(super) const PROVIDER_VISIT_SECONDS: u32 = 600;

/// Refused sign-ins that are journalled in [`FAILURE_WINDOW`], each of another address or name; others are counted in one
/// entry more. With half a million entries kept, guessers need weeks to push an order out of the journal.
pub(super) const REFUSALS_JOURNALLED: u32 = 20;

/// Sign-ins, sign-outs and ends of sessions of one name that are journalled in [`FAILURE_WINDOW`]; others are counted in one
/// entry more.
pub(super) const SIGN_INS_JOURNALLED: u32 = 10;

/// Names and addresses of which it is known what was journalled of them in [`FAILURE_WINDOW`].
pub(super) const LEDGER_PARTIES: usize = 4096;

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
pub(super) const EVENTS_ON_PAGE: usize = 20;

/// Incidents on the timeline.
pub(super) const INCIDENTS_ON_PAGE: usize = 20;

/// Events on a page of the timeline.
pub(super) const TIMELINE_ROWS: usize = 100;

/// Events that are looked at for a page of the journal, so that looking for what is rare costs no more than that.
pub(super) const TIMELINE_LOOKED: u64 = 10_000;

/// An order that ends within this time needs attention: whoever gave it may want it to stand longer.
pub(super) const EXPIRES_SOON: Duration = Duration::from_secs(30 * 60);

/// Between two looks at whether who follows a stream still may: a revoked token or an ended session ends it.
pub(super) const STREAM_STILL: Duration = Duration::from_secs(5);

/// Incidents that one page lists at most.
pub(super) const INCIDENTS_LONGEST: usize = 100;

/// Between two beats on an event stream, so that whoever follows it knows what is old, and a broken connection is noticed.
pub(super) const STREAM_BEAT: Duration = Duration::from_secs(5);

/// How soon a new plan is told of on an event stream where nothing is journalled of it.
pub(super) const STREAM_LOOK: Duration = Duration::from_millis(500);

/// How long a browser waits before it takes up a broken event stream.
pub(super) const STREAM_RETRY: Duration = Duration::from_secs(1);

/// Entries of the journal that are sent at once of an export.
pub(super) const AUDIT_LINES: usize = 1_000;

/// Checkpoints that one check of the journal compares, of those that come with the request.
pub(super) const CHECKPOINTS_GIVEN: usize = 32;
