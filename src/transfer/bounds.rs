//! Bounds of the room: how often other servers are asked, and what they may send.

use std::time::Duration;

/// The shortest time between two checks of a zone whose refresh is shorter, unless the zone would expire before.
pub(super) const REFRESH_LEAST: Duration = Duration::from_secs(30);
/// The longest time between two checks.
pub(super) const REFRESH_MOST: Duration = Duration::from_secs(28 * 86_400);
/// The shortest time to the next check after one that failed, unless the zone would expire before.
pub(super) const RETRY_LEAST: Duration = Duration::from_secs(5);
/// The longest time to the next check after one that failed.
pub(super) const RETRY_MOST: Duration = Duration::from_secs(14 * 86_400);
/// The shortest time that a zone is served without its primary: one that expires sooner than it can be checked would never
/// be served.
pub(super) const EXPIRE_LEAST: Duration = Duration::from_secs(2);
/// The longest time that a zone is served without its primary.
pub(super) const EXPIRE_MOST: Duration = Duration::from_secs(24 * 7 * 86_400);
/// Between the beginnings of two checks of one zone, whatever asks for them: NOTIFY and short expiries.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// After the first failure to get a zone that is not held; doubles with every further one.
pub(super) const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait for a zone that is not held.
pub(super) const BACKOFF_MOST: Duration = Duration::from_secs(300);
/// The part of an interval that is drawn off it, so that zones do not come due together: 1 in so many.
pub(super) const JITTER: u32 = 10;

/// Tries of a SOA query over UDP before TCP.
pub(super) const UDP_TRIES: u32 = 3;
/// How long a reply over UDP is waited for.
pub(super) const UDP_WAIT: Duration = Duration::from_secs(2);
/// How long a connection may take to be made.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// How long one message may take over TCP.
pub(super) const MESSAGE: Duration = Duration::from_secs(30);
/// How long a whole transfer may take.
pub(super) const TRANSFER: Duration = Duration::from_secs(900);
/// Octets of all messages of a transfer.
pub(super) const TRANSFER_OCTETS: usize = 256 << 20;
/// Records of a transfer.
pub(super) const TRANSFER_RECORDS: usize = 16 << 20;
/// SOA queries under way at once.
pub(super) const CHECKS: usize = 64;
/// Transfers under way at once.
pub(super) const TRANSFERS: usize = 10;
/// Transfers under way at once from one address, so that one slow primary does not keep the others away.
pub(super) const TRANSFERS_PER_PRIMARY: usize = 5;
/// Warnings about a version that are logged.
pub(super) const WARNINGS: usize = 5;
/// Characters of a failure that are kept.
pub(super) const DETAIL: usize = 400;

/// Tries of a NOTIFY (RFC 1996 section 3.6).
pub(super) const NOTIFY_TRIES: u32 = 5;
/// How long the reply to the first NOTIFY is waited for; doubles with every try.
pub(super) const NOTIFY_WAIT: Duration = Duration::from_secs(2);
/// NOTIFYs that wait for their reply at once.
pub(super) const NOTIFIES: usize = 64;

/// Commands and news that may wait.
pub(super) const MAILBOX: usize = 1_024;
