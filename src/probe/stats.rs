//! Statistics: what the prober did, by monitor, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::bounds::{LATENCY_BUCKETS_MS, LATENESS_BUCKETS_US};
use crate::health::{FailureKind, Outcome};

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Ended probes by monitor and result.
    pub probes: Vec<ProbeCount>,
    /// Times of answered full probes by monitor name.
    pub latencies: Vec<(String, LatencyCounts)>,
    /// How late all probes started.
    pub lateness: LatenessCounts,
    /// Probes under way.
    pub in_flight: usize,
    /// Targets watched.
    pub targets: usize,
    /// Probes that ended in a panic of ours, contained.
    pub panics: u64,
}

/// How many probes of a monitor ended with a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeCount {
    /// Monitor name.
    pub monitor: String,
    /// `ok`, `deferring`, `inconclusive` or a [`FailureKind`]. A probe counted as `overdue` is counted again when it ends.
    pub result: &'static str,
    /// How many.
    pub count: u64,
}

/// A histogram of times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyCounts {
    /// Probes at most as long as the bound of the same position in [`super::bounds::LATENCY_BUCKETS_MS`] and longer than the
    /// one before; the last are longer than all bounds.
    pub buckets: Vec<u64>,
    /// The sum of all times in microseconds.
    pub sum_us: u64,
}

/// A histogram of how late probes started: behind their schedule, or behind the moment at which one that had to wait for
/// another could start. Waiting for a place among the probes under way counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatenessCounts {
    /// Probes at most as late as the bound of the same position in [`super::bounds::LATENESS_BUCKETS_US`] and later than the
    /// one before; the last are later than all bounds.
    pub buckets: Vec<u64>,
    /// The sum of all times in microseconds.
    pub sum_us: u64,
}

const RESULTS: usize = 3 + FailureKind::ALL.len();
const BUCKETS: usize = LATENCY_BUCKETS_MS.len() + 1;
const LATENESS: usize = LATENESS_BUCKETS_US.len() + 1;

/// Counters of one monitor.
#[derive(Debug, Default)]
pub(super) struct MonitorCounters {
    results: [AtomicU64; RESULTS],
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl MonitorCounters {
    /// The position of an outcome in `results`, the order of [`result_names`].
    fn position(outcome: &Outcome) -> usize {
        match outcome {
            Outcome::Ok => 0,
            Outcome::Deferring(_) => 1,
            Outcome::Unchecked(_) | Outcome::Inconclusive(_) => 2,
            Outcome::Failed { kind, .. } => 3 + kind.index(),
        }
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        if let Some(counter) = self.results.get(Self::position(outcome)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn observe(&self, latency: Duration) {
        let ms = latency.as_micros().div_ceil(1000);
        let bucket = LATENCY_BUCKETS_MS.iter().position(|bound| ms <= u128::from(*bound));
        if let Some(counter) = self.buckets.get(bucket.unwrap_or(LATENCY_BUCKETS_MS.len())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

fn result_names() -> impl Iterator<Item = &'static str> {
    ["ok", "deferring", "inconclusive"].into_iter().chain(FailureKind::ALL.map(FailureKind::as_str))
}

/// Counters of all monitors.
#[derive(Debug, Default)]
pub(super) struct Counters {
    monitors: Mutex<BTreeMap<String, Arc<MonitorCounters>>>,
    lateness: [AtomicU64; LATENESS],
    lateness_sum_us: AtomicU64,
    pub(super) in_flight: AtomicUsize,
    pub(super) panics: AtomicU64,
}

impl Counters {
    /// The counters of `monitor`; kept when its targets are gone, because counters never go back.
    pub(super) fn monitor(&self, monitor: &str) -> Arc<MonitorCounters> {
        let mut monitors = self.monitors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(monitors.entry(monitor.to_owned()).or_default())
    }

    /// Counts a probe that started so late.
    pub(super) fn started(&self, late: Duration) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENESS_BUCKETS_US.iter().position(|bound| us <= *bound);
        if let Some(counter) = self.lateness.get(bucket.unwrap_or(LATENESS_BUCKETS_US.len())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.lateness_sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(super) fn read(&self, targets: usize) -> Stats {
        let monitors = self.monitors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stats = Stats {
            lateness: LatenessCounts {
                buckets: self.lateness.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
                sum_us: self.lateness_sum_us.load(Ordering::Relaxed),
            },
            in_flight: self.in_flight.load(Ordering::Relaxed),
            targets,
            panics: self.panics.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for (monitor, counters) in monitors.iter() {
            for (result, count) in result_names().zip(&counters.results) {
                let count = count.load(Ordering::Relaxed);
                stats.probes.push(ProbeCount { monitor: monitor.clone(), result, count });
            }
            let buckets = counters.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
            let latency = LatencyCounts { buckets, sum_us: counters.sum_us.load(Ordering::Relaxed) };
            stats.latencies.push((monitor.clone(), latency));
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_times_are_counted_where_they_belong() {
        let counters = Counters::default();
        let smtp = counters.monitor("smtp");
        smtp.count(&Outcome::Ok);
        smtp.count(&Outcome::failed(FailureKind::Tls, "handshake"));
        smtp.observe(Duration::from_micros(1001));
        smtp.observe(Duration::from_secs(60));
        counters.started(Duration::from_micros(50));
        counters.started(Duration::from_secs(2));
        let stats = counters.read(1);
        assert_eq!((stats.lateness.buckets[0], stats.lateness.buckets[LATENESS - 1]), (1, 1));
        assert_eq!(stats.lateness.sum_us, 2_000_050);
        let counted: Vec<_> = stats.probes.iter().filter(|probe| probe.count > 0).map(|probe| probe.result).collect();
        assert_eq!(counted, ["ok", "tls"]);
        assert_eq!(stats.latencies[0].1.buckets, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
