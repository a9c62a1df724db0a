//! The clocks as the query path sees them: read once for a batch of packets, not once for each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The monotonic and the wall clock at the last tick.
pub(super) struct Clock {
    origin: Instant,
    micros: AtomicU64,
    unix: AtomicU64,
}

impl Clock {
    /// Begins at zero.
    pub(super) fn start() -> Self {
        let clock = Self { origin: Instant::now(), micros: AtomicU64::new(0), unix: AtomicU64::new(0) };
        clock.tick();
        clock
    }

    /// Reads both clocks.
    pub(super) fn tick(&self) {
        let micros = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Two workers may come in the other order; time does not go back for that.
        self.micros.fetch_max(micros, Ordering::Relaxed);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        self.unix.store(unix, Ordering::Relaxed);
    }

    /// The time since the start, at the last tick.
    pub(super) fn monotonic(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// Seconds since 1970, at the last tick.
    pub(super) fn unix(&self) -> u64 {
        self.unix.load(Ordering::Relaxed)
    }

    /// Seconds since 1970 in the serial arithmetic of cookies (RFC 9018 section 4.3), at the last tick.
    pub(super) fn serial(&self) -> u32 {
        let [_, _, _, _, t1, t2, t3, t4] = self.unix().to_be_bytes();
        u32::from_be_bytes([t1, t2, t3, t4])
    }
}
