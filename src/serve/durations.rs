//! How long queries take, as histograms.
//!
//! The hot path is timed by sample: reading the clock around every answer would cost as much as some answers do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets in microseconds.
pub const DURATION_BUCKETS_US: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 25_000, 100_000, 1_000_000];
/// Of so many batches of datagrams one has its first answer timed.
const SAMPLED: u32 = 64;

/// A histogram in the making.
#[derive(Debug, Default)]
pub(super) struct Durations {
    /// One more than there are bounds: the last are longer than all of them.
    buckets: [AtomicU64; DURATION_BUCKETS_US.len() + 1],
    sum_ns: AtomicU64,
}

/// A histogram as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationCounts {
    /// Queries that took at most the bound of the same position in [`DURATION_BUCKETS_US`] and longer than the one before; the
    /// last took longer than all bounds.
    pub buckets: Vec<u64>,
    /// All of them together, in nanoseconds.
    pub sum_ns: u64,
}

impl Durations {
    /// One more query.
    pub(super) fn observe(&self, took: Duration) {
        let us = took.as_nanos().div_ceil(1_000);
        let bucket = DURATION_BUCKETS_US.iter().position(|bound| us <= u128::from(*bound));
        if let Some(count) = self.buckets.get(bucket.unwrap_or(DURATION_BUCKETS_US.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Adds what was observed to `counts`.
    pub(super) fn add_to(&self, counts: &mut DurationCounts) {
        counts.buckets.resize(self.buckets.len(), 0);
        for (sum, bucket) in counts.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        counts.sum_ns = counts.sum_ns.wrapping_add(self.sum_ns.load(Ordering::Relaxed));
    }
}

/// Says which answers of a worker are timed: the first of one batch in [`SAMPLED`].
#[derive(Debug, Default)]
pub(super) struct Sampling(u32);

impl Sampling {
    /// The moment at which the next answer begins, where it is one to be timed.
    pub(super) fn begin(&mut self) -> Option<Instant> {
        self.0 = self.0.wrapping_add(1);
        self.0.is_multiple_of(SAMPLED).then(Instant::now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_where_they_belong() {
        let (one, other) = (Durations::default(), Durations::default());
        one.observe(Duration::from_nanos(1_001));
        one.observe(Duration::from_micros(5));
        other.observe(Duration::from_secs(2));
        let mut counts = DurationCounts::default();
        one.add_to(&mut counts);
        other.add_to(&mut counts);
        assert_eq!(counts.buckets, [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(counts.sum_ns, 2_000_006_001);
    }

    #[test]
    fn one_batch_in_many_is_timed() {
        let mut sampling = Sampling::default();
        assert_eq!((0..SAMPLED * 3).filter_map(|_| sampling.begin()).count(), 3);
    }
}
