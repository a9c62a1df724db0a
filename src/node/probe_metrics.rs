//! Metrics of the monitors.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::metrics::{Page, float};
use crate::probe::bounds::{LATENCY_BUCKETS_MS, LATENESS_BUCKETS_US};
use crate::probe::{LatencyCounts, LatenessCounts, Stats};

/// Adds what the monitors did.
pub fn register(page: &mut Page, stats: &Stats) {
    let probes = page.counters("probes", "Probes by monitor and result");
    for count in &stats.probes {
        let labels = vec![("monitor", count.monitor.clone()), ("result", count.result.to_owned())];
        probes.get_or_create(&labels).inc_by(count.count);
    }
    page.gauge("probes_in_flight", "Probes under way", float(stats.in_flight));
    page.gauge("probe_targets", "Endpoints and monitors watched", float(stats.targets));
    let help = "How late probes start, waiting for a place among those under way included";
    page.histogram("probe_lateness", help, Lateness(stats.lateness.clone()));
    page.counter("probe_panics", "Probes that panicked and were contained", stats.panics);
    page.histogram("probe_duration", "How long answered probes took, by monitor", Took(stats.latencies.clone()));
}

/// How late probes start, as a histogram that was counted elsewhere.
#[derive(Debug)]
struct Lateness(LatenessCounts);

impl EncodeMetric for Lateness {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let seconds = LATENESS_BUCKETS_US.iter().map(|us| float(*us) / 1e6).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = seconds.zip(self.0.buckets.iter().copied()).collect();
        let count = self.0.buckets.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(float(self.0.sum_us) / 1e6, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// How long the probes of each monitor took, likewise.
#[derive(Debug)]
struct Took(Vec<(String, LatencyCounts)>);

impl EncodeMetric for Took {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (monitor, counts) in &self.0 {
            let labels = [("monitor", monitor.as_str())];
            let mut family = encoder.encode_family(&labels)?;
            let seconds = LATENCY_BUCKETS_MS.iter().map(|ms| float(*ms) / 1e3).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = seconds.zip(counts.buckets.iter().copied()).collect();
            let count = counts.buckets.iter().sum();
            family.encode_histogram::<NoLabelSet>(float(counts.sum_us) / 1e6, count, &buckets, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
