//! Bounds of the store.

/// Name of the database file in the state directory.
pub(super) const FILE: &str = "waypost.redb";

/// Events kept; older ones are dropped as new ones come. At some 300 bytes each this is about 150 MB.
pub(super) const JOURNAL_EVENTS: u64 = 500_000;

/// Events read by one call at most.
pub(super) const EVENTS_PER_READ: usize = 10_000;

/// Memory that the database may use for its page cache.
pub(super) const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Changes of orders that are kept with the orders of a cluster. A node that missed more learns the orders, not each event.
pub(super) const CHANGES_KEPT: usize = 32;

/// Lists of endpoints that are remembered: as many versions of a configuration are hardly ever in use at once.
pub(super) const LISTS_KEPT: usize = 64;

/// Octets that the orders of a cluster may take in the shared store, which refuses values of 1.5 MB.
pub(super) const DOCUMENT_OCTETS: usize = 1024 * 1024;

/// The layout of the tables; a file of another layout is refused.
pub(super) const SCHEMA: u64 = 1;

/// Entropy of a token's secret.
pub(super) const SECRET_BYTES: usize = 32;
