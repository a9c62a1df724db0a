//! Bounds of the store.

use std::time::Duration;

/// Name of the database file in the state directory.
pub(super) const FILE: &str = "waypost.redb";

/// Events kept in memory; older ones are dropped as new ones come.
pub(super) const JOURNAL_EVENTS: usize = 500_000;

/// Events kept in the database whatever the configuration says, so that a cut that cannot be made does not fill the disk. At
/// some 400 octets each this is about 5 GB.
pub(super) const JOURNAL_MOST: u64 = 12_000_000;

/// Events read by one call at most.
pub(super) const EVENTS_PER_READ: usize = 10_000;

/// Memory that the database may use for its page cache.
pub(super) const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Changes of orders that are kept with the orders of a cluster. A node that missed more learns the orders, not each event.
pub(super) const CHANGES_KEPT: usize = 32;

/// Lists of endpoints that are remembered: as many versions of a configuration are hardly ever in use at once.
pub(super) const LISTS_KEPT: usize = 64;

/// Warnings of which it is remembered that they were given.
pub(super) const WARNINGS_KEPT: usize = 256;

/// Octets that the orders of a cluster may take in the shared store, which refuses values of 1.5 MB.
pub(super) const DOCUMENT_OCTETS: usize = 1024 * 1024;

/// The longest report of a node that is read: one on ten thousand endpoints has some 20 KB.
pub(super) const REPORT_OCTETS: usize = 256 * 1024;

/// The longest list of endpoints that is read: as long as etcd takes one.
pub(super) const LIST_OCTETS: usize = 1536 * 1024;

/// The greatest revision, epoch or sequence that is read: up to there every program counts exactly, and a number above it,
/// which no history reaches, would leave none to go on with.
pub(super) const COUNT_MOST: u64 = 1 << 53;

/// How long a change waits for this node's own disk; it stands in the shared store by then.
pub(super) const DISK_PATIENCE: Duration = Duration::from_secs(2);

/// Between two tries to keep a copy that the disk refused.
pub(super) const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// The layout of the tables; a file of another layout is refused.
pub(super) const SCHEMA: u64 = 1;

/// Entropy of a token's secret.
pub(super) const SECRET_BYTES: usize = 32;
