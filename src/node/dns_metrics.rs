//! Metrics of queries and replies, by the names that CoreDNS uses for the like.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::metrics::{Counters, Page, float};
use crate::serve::{DURATION_BUCKETS_US, PathCount, UsageCounts};

/// Adds what was asked and answered.
pub fn register(page: &mut Page, counts: &UsageCounts) {
    requests(page, counts);
    page.counter("dns_truncated_responses", "Responses with TC set", counts.truncated);
    page.counter("dns_discarded_packets", "Packets that must not be answered", counts.discarded);
    page.counter("dns_unsent_responses", "Responses that the system would not send", counts.unsent);
    let help = "Messages not handled because one like them panicked";
    page.counter("dns_quarantined_requests", help, counts.quarantined);
    page.counter("panics", "Queries whose handling panicked and was contained", counts.panics);
    let help = "DNSSEC signatures made, those found in the cache left out";
    page.counter("dnssec_signatures", help, counts.signatures);
    let one_label = |counters: Counters, label: &'static str, counts: &[(&'static str, u64)]| {
        for (word, count) in counts {
            counters.get_or_create(&vec![(label, (*word).to_owned())]).inc_by(*count);
        }
    };
    let updates = page.counters("dns_updates", "Dynamic updates of zones by the response code of their reply");
    one_label(updates, "rcode", &counts.updates);
    let transfers = page.counters("dns_transfers_out", "Requests for zone transfers by how they ended");
    one_label(transfers, "result", &counts.transfers);
    let help = "Responses over UDP by what rate limiting made of them";
    let limited = page.counters("dns_rate_limited_responses", help);
    one_label(limited, "outcome", &counts.limited);
    let accepted = page.counters("dns_connections", "Stream connections accepted");
    one_label(accepted, "proto", &counts.connections);
    page.gauge("dns_open_connections", "Stream connections open now", float(counts.open_connections));
    page.counter("dns_evicted_connections", "Resting connections that made room for others", counts.evicted);
    page.counter("dns_failed_handshakes", "TLS and QUIC handshakes that failed", counts.failed_handshakes);
    page.counter("dns_refused_connections", "Stream connections beyond the bounds", counts.turned_away);
    if let Some(expires) = counts.certificate_expires {
        let help = "End of the certificate of encrypted transports, since 1970";
        page.seconds("certificate_expires_timestamp", help)
            .get_or_create(&Vec::new())
            .set(float(u64::try_from(expires).unwrap_or_default()));
    }
}

fn requests(page: &mut Page, counts: &UsageCounts) {
    let mut asked: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut answered: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for kind in &counts.queries {
        *asked.entry((kind.transport, kind.qtype)).or_default() += kind.count;
        *answered.entry((kind.transport, kind.rcode)).or_default() += kind.count;
    }
    let two_labels = |counters: Counters, label: &'static str, counts: BTreeMap<(&str, &str), u64>| {
        for ((proto, word), count) in counts {
            let labels = vec![("proto", proto.to_owned()), (label, word.to_owned())];
            counters.get_or_create(&labels).inc_by(count);
        }
    };
    two_labels(page.counters("dns_requests", "Requests that were answered, by transport and type"), "type", asked);
    two_labels(page.counters("dns_responses", "Responses by transport and response code"), "rcode", answered);
    let answers = page.counters("dns_path_responses", "Responses by the path that made them");
    for path in &counts.paths {
        answers.get_or_create(&vec![("path", path.path.to_owned())]).inc_by(path.answers);
    }
    let help = "From a request being read to its response: of the hot path one in many, of the general path all";
    page.histogram("dns_request_duration", help, Took(counts.paths.clone()));
}

/// How long each path took, as histograms that were counted elsewhere.
#[derive(Debug)]
struct Took(Vec<PathCount>);

impl EncodeMetric for Took {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for PathCount { path, durations, .. } in &self.0 {
            let labels = [("path", *path)];
            let mut family = encoder.encode_family(&labels)?;
            let seconds = DURATION_BUCKETS_US.iter().map(|us| float(*us) / 1e6).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = seconds.zip(durations.buckets.iter().copied()).collect();
            let count = durations.buckets.iter().sum();
            family.encode_histogram::<NoLabelSet>(float(durations.sum_ns) / 1e9, count, &buckets, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
