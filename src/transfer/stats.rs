//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start.
#[derive(Debug, Default)]
pub struct Stats {
    current: AtomicU64,
    transferred: AtomicU64,
    failed: AtomicU64,
    expired: AtomicU64,
    octets: AtomicU64,
    notifies_answered: AtomicU64,
    notifies_unanswered: AtomicU64,
}

/// [`Stats`] at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferCounts {
    /// Checks that found the zone current.
    pub current: u64,
    /// Checks that brought a version.
    pub transferred: u64,
    /// Checks that failed.
    pub failed: u64,
    /// Zones that expired.
    pub expired: u64,
    /// Octets of all messages of transfers.
    pub octets: u64,
    /// NOTIFYs that were answered with NOERROR.
    pub notifies_answered: u64,
    /// NOTIFYs that never were, or with an error.
    pub notifies_unanswered: u64,
}

impl Stats {
    /// The counts.
    #[must_use]
    pub fn counts(&self) -> TransferCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TransferCounts {
            current: of(&self.current),
            transferred: of(&self.transferred),
            failed: of(&self.failed),
            expired: of(&self.expired),
            octets: of(&self.octets),
            notifies_answered: of(&self.notifies_answered),
            notifies_unanswered: of(&self.notifies_unanswered),
        }
    }

    pub(super) fn count_current(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_transferred(&self) {
        self.transferred.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_octets(&self, octets: usize) {
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub(super) fn count_notify(&self, answered: bool) {
        let counter = if answered { &self.notifies_answered } else { &self.notifies_unanswered };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
