//! Bounds of the client of etcd: what it waits for, and what it takes.

use std::time::Duration;

/// A connection to a member, its TLS handshake included.
pub(super) const CONNECT: Duration = Duration::from_millis(500);

/// A request to one member, from its first octet to the last of the reply. A healthy member needs some milliseconds and
/// the way to a majority; one that needs longer than this is asked no further while there are others.
pub(super) const REQUEST: Duration = Duration::from_millis(1500);

/// A call, whichever members it asks: time for two that do not answer. Contact counts as lost 4 s after the last
/// acknowledged write, so a node's next write must begin well before that.
pub(super) const CALL: Duration = Duration::from_secs(3);

/// Between two rounds through all members while they elect a leader, which takes them about an election timeout.
pub(super) const ELECTION_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection is kept for the next request.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// Connections kept for each member. Calls that run at the same time have one each.
pub(super) const IDLE_CONNECTIONS: usize = 2;

/// The longest reply, and the longest line of a stream. Values go in base64, so this is some 6 MiB of them.
pub(super) const REPLY_OCTETS: usize = 8 << 20;

/// Characters of what a member said that are repeated in an error.
pub(super) const SAID: usize = 200;

/// The largest file that is read: a bundle of authorities has some 200 KiB.
pub(super) const FILE_OCTETS: u64 = 4 << 20;

/// A watch on which nothing came for so long is lost, or its member is: whoever watches writes every 2 s below what it
/// watches.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// How often a watch lists everything, for watches have lost changes before.
pub(super) const LISTING: Duration = Duration::from_secs(30);

/// The first pause before a lost watch is opened again; it doubles up to [`PAUSE_MOST`].
pub(super) const PAUSE_LEAST: Duration = Duration::from_millis(100);

/// The longest pause before a lost watch is opened again.
pub(super) const PAUSE_MOST: Duration = Duration::from_secs(2);
