//! Metrics in the OpenMetrics text format, made from the picture and the shell's counters at each scrape.
//!
//! The query path pays for its own counters and nothing else; everything here is paid for by the scraper.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::cluster_metrics;
use super::drill_metrics;
use super::journal::Journal;
use super::load_metrics::Load;
use super::picture::{Picture, StandingOrder};
use super::recorder::Recorder;
use super::secondaries::Transfers;
use crate::drill::Shelf;
use crate::model::{Mono, Name, Standing, State};
use crate::probe::bounds::LATENESS_BUCKETS_US;
use crate::probe::{LatenessCounts, Stats};
use crate::serve::UsageCounts;
use crate::store::Commons;
use crate::transfer::{self, TransferCounts};

/// Transferred zones that have figures of their own; more would make a page that nobody scrapes.
const ZONES: usize = 1_000;

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter>;

/// What keeps the past.
#[derive(Clone, Copy)]
pub struct Writers<'a> {
    /// Of events.
    pub journal: &'a Journal,
    /// Of what a replay needs.
    pub recorder: &'a Recorder,
    /// Of what the nodes share.
    pub commons: &'a dyn Commons,
    /// Of drills.
    pub drills: &'a Shelf,
}

/// The page that a scraper gets.
#[must_use]
pub fn text(
    picture: &Picture,
    queries: &UsageCounts,
    probes: &Stats,
    writers: Writers<'_>,
    transfers: &Transfers,
    load: &Load,
    now: Mono,
) -> String {
    let mut page = Page { registry: Registry::with_prefix("waypost") };
    page.node(picture, writers);
    page.services(picture);
    load.register(&mut page.registry, picture);
    if let Some(cluster) = &picture.cluster {
        cluster_metrics::register(&mut page.registry, &cluster.status(now), writers.commons.traffic());
    }
    drill_metrics::register(&mut page.registry, writers.drills, picture);
    page.queries(queries);
    page.probes(probes);
    page.transfers(&transfers.stats().counts(), &transfers.standings(), now);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &page.registry);
    text
}

struct Page {
    registry: Registry,
}

impl Page {
    fn gauges(&mut self, name: &str, help: &str) -> Gauges {
        let gauges = Gauges::default();
        self.registry.register(name, help, gauges.clone());
        gauges
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help).get_or_create(&Vec::new()).set(value);
    }

    fn counters(&mut self, name: &str, help: &str) -> Counters {
        let counters = Counters::default();
        self.registry.register(name, help, counters.clone());
        counters
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help).get_or_create(&Vec::new()).inc_by(value);
    }

    fn node(&mut self, picture: &Picture, Writers { journal, recorder, .. }: Writers<'_>) {
        let node = picture.settings.node.name.clone();
        let labels = vec![("node", node), ("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.gauges("build_info", "The node and its version").get_or_create(&labels).set(1.0);
        let generation = picture.plan.generation;
        self.gauge("plan_epoch", "Epoch of the plan in force", float(generation.epoch));
        self.gauge("plan_sequence", "Sequence of the plan in force within its epoch", float(generation.sequence));
        self.gauge("zones", "Zones answered for", float(picture.zones.len()));
        self.gauge("orders", "Operator orders that stand", float(picture.orders.len()));
        let count = |is: fn(&StandingOrder) -> bool| float(picture.orders.iter().filter(|order| is(order)).count());
        let waiting = count(|order| order.intent.is_waiting());
        self.gauge("orders_waiting", "Of these, those that have not begun", waiting);
        let held = count(|order| order.held.is_some());
        self.gauge("orders_held", "Of these, those whose next step a safety rule holds", held);
        let degraded = self.gauges("degraded", "1 for each part that works less well than it should");
        for part in picture.degradations.keys() {
            degraded.get_or_create(&vec![("part", part.clone())]).set(1.0);
        }
        self.gauge("journal_waiting_events", "Events not yet in the store", float(journal.waiting()));
        self.counter("journal_lost_events", "Events that the store refused for too long", journal.lost());
        self.counter("recording_lost_records", "Records for a replay that could not be written", recorder.lost());
    }

    fn services(&mut self, picture: &Picture) {
        let standing = self.gauges("site_standing", "1 for what a site does for a service, 0 for what it does not");
        let drained = self.gauges("site_drained_ratio", "The part of a site's clients that an order moves away");
        let spilled =
            self.gauges("site_spilled_ratio", "The part of a full site's clients that see it after the others");
        for (service, plan) in picture.topology.services.iter().zip(&picture.plan.services) {
            for (site, outcome) in service.sites.iter().zip(&plan.sites) {
                let of = |more: Option<(&'static str, String)>| {
                    let site = picture.topology.site_name(*site).to_owned();
                    [("service", service.name.clone()), ("site", site)].into_iter().chain(more).collect::<Labels>()
                };
                for word in
                    [Standing::Serving, Standing::Deferring, Standing::Drained, Standing::Down, Standing::Isolated]
                {
                    let value = if outcome.standing == word { 1.0 } else { 0.0 };
                    standing.get_or_create(&of(Some(("standing", word.as_str().to_owned())))).set(value);
                }
                drained.get_or_create(&of(None)).set(f64::from(outcome.drained.permille()) / 1000.0);
                spilled.get_or_create(&of(None)).set(f64::from(outcome.spilled.permille()) / 1000.0);
            }
        }
        let state = self.gauges("endpoint_state", "1 for the agreed state of an endpoint, 0 for the others");
        let suspect = self.gauges("endpoint_suspect", "1 while evidence against an endpoint gathers");
        for ((_, endpoint), health) in picture.topology.endpoints().zip(picture.health.iter()) {
            let key = picture.topology.key(endpoint);
            let of = |more: Option<(&'static str, String)>| {
                [
                    ("service", key.service.clone()),
                    ("site", picture.topology.site_name(endpoint.site).to_owned()),
                    ("address", key.address.to_string()),
                ]
                .into_iter()
                .chain(more)
                .collect::<Labels>()
            };
            for word in [State::Up, State::Deferring, State::Down, State::Unknown] {
                let value = if health.state == word { 1.0 } else { 0.0 };
                state.get_or_create(&of(Some(("state", word.as_str().to_owned())))).set(value);
            }
            suspect.get_or_create(&of(None)).set(if health.suspect { 1.0 } else { 0.0 });
        }
    }

    fn queries(&mut self, counts: &UsageCounts) {
        let queries = self.counters("queries", "Answered queries by transport, response code and question type");
        for kind in &counts.queries {
            let labels = vec![
                ("transport", kind.transport.to_owned()),
                ("rcode", kind.rcode.to_owned()),
                ("qtype", kind.qtype.to_owned()),
            ];
            queries.get_or_create(&labels).inc_by(kind.count);
        }
        self.counter("truncated_replies", "Replies with TC set", counts.truncated);
        self.counter("query_panics", "Queries whose handling panicked and was contained", counts.panics);
        self.counter("discarded_packets", "Packets that must not be answered", counts.discarded);
        self.counter("unsent_replies", "Replies that the system would not send", counts.unsent);
        self.counter("quarantined_queries", "Messages not handled because one like them panicked", counts.quarantined);
        self.counter("signatures", "DNSSEC signatures made, those found in the cache left out", counts.signatures);
        let updates = self.counters("updates", "Dynamic updates of zones by the response code of their reply");
        for (rcode, count) in &counts.updates {
            updates.get_or_create(&vec![("rcode", (*rcode).to_owned())]).inc_by(*count);
        }
        let transfers = self.counters("transfers_out", "Requests for zone transfers by how they ended");
        for (result, count) in &counts.transfers {
            transfers.get_or_create(&vec![("result", (*result).to_owned())]).inc_by(*count);
        }
        let limited = self.counters("rate_limited_replies", "Replies over UDP by what rate limiting made of them");
        for (outcome, count) in &counts.limited {
            limited.get_or_create(&vec![("outcome", (*outcome).to_owned())]).inc_by(*count);
        }
        let accepted = self.counters("connections", "Stream connections accepted");
        for (transport, count) in &counts.connections {
            accepted.get_or_create(&vec![("transport", (*transport).to_owned())]).inc_by(*count);
        }
        self.gauge("open_connections", "Stream connections open now", float(counts.open_connections));
        if let Some(expires) = counts.certificate_expires {
            let help = "End of the certificate of encrypted transports in seconds since 1970";
            self.gauge("certificate_expiry_timestamp", help, float(u64::try_from(expires).unwrap_or_default()));
        }
        self.counter("evicted_connections", "Resting connections that made room for others", counts.evicted);
        self.counter("failed_handshakes", "TLS and QUIC handshakes that failed", counts.failed_handshakes);
        self.counter("refused_connections", "Stream connections beyond the bounds", counts.turned_away);
    }

    fn probes(&mut self, stats: &Stats) {
        let probes = self.counters("probes", "Probes by monitor and result");
        for count in &stats.probes {
            let labels = vec![("monitor", count.monitor.clone()), ("result", count.result.to_owned())];
            probes.get_or_create(&labels).inc_by(count.count);
        }
        self.gauge("probes_in_flight", "Probes under way", float(stats.in_flight));
        self.gauge("probe_targets", "Endpoints and monitors watched", float(stats.targets));
        let help = "How late probes start, waiting for a place among those under way included";
        self.registry.register_with_unit("probe_lateness", help, Unit::Seconds, Lateness(stats.lateness.clone()));
        self.counter("probe_panics", "Probes that panicked and were contained", stats.panics);
        let seconds = Gauges::default();
        self.registry.register_with_unit(
            "probe_duration_sum",
            "Time that probes took together",
            Unit::Seconds,
            seconds.clone(),
        );
        for (monitor, latency) in &stats.latencies {
            seconds.get_or_create(&vec![("monitor", monitor.clone())]).set(float(latency.sum_us) / 1e6);
        }
    }
}

impl Page {
    fn transfers(&mut self, counts: &TransferCounts, standings: &BTreeMap<Name, transfer::Standing>, now: Mono) {
        let checks = self.counters("zone_checks", "Checks of transferred zones at their primaries by result");
        for (result, count) in
            [("current", counts.current), ("transferred", counts.transferred), ("failed", counts.failed)]
        {
            checks.get_or_create(&vec![("result", result.to_owned())]).inc_by(count);
        }
        self.counter("zone_expiries", "Zones that expired because no primary was heard of", counts.expired);
        self.counter("zone_transfer_octets", "Octets of the messages of transfers from primaries", counts.octets);
        let notifies = self.counters("notifies", "NOTIFY messages to secondaries by result");
        for (result, count) in [("answered", counts.notifies_answered), ("unanswered", counts.notifies_unanswered)] {
            notifies.get_or_create(&vec![("result", result.to_owned())]).inc_by(count);
        }
        let of = |is: fn(&transfer::Standing) -> bool| float(standings.values().filter(|zone| is(zone)).count());
        self.gauge("secondary_zones", "Zones that are transferred, catalogs among them", of(|_| true));
        self.gauge("secondary_zones_failing", "Of these, whose last check failed", of(|zone| zone.failure.is_some()));
        self.gauge("secondary_zones_missing", "Of these, of which nothing is held", of(|zone| zone.serial.is_none()));
        let serial = self.gauges("secondary_zone_serial", "Serial of a transferred zone");
        let age = self.gauges("secondary_zone_unchecked_seconds", "Since a transferred zone was known to be current");
        let expires = self.gauges("secondary_zone_expires_seconds", "Until a transferred zone expires");
        for (origin, zone) in standings.iter().take(ZONES) {
            let labels = vec![("zone", origin.to_string())];
            if let Some(held) = zone.serial {
                serial.get_or_create(&labels).set(held.into());
            }
            if let Some(checked) = zone.checked {
                age.get_or_create(&labels).set(now.since(checked).as_secs_f64());
            }
            if let Some(at) = zone.expires {
                expires.get_or_create(&labels).set(at.since(now).as_secs_f64());
            }
        }
    }
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

/// A count as a gauge; exact below 2^53.
#[allow(clippy::cast_precision_loss)]
fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
