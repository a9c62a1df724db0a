//! Metrics in the OpenMetrics text format, made from the picture and the shell's counters at each scrape.
//!
//! The query path pays for its own counters and nothing else; everything here is paid for by the scraper. Every metric stands
//! in `deploy/guides/metrics.md`. None has a label by zone.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::history::History;
use super::incident_metrics::Trials;
use super::journal::Journal;
use super::load_metrics::Load;
use super::log::Backlog;
use super::notifying::Board;
use super::picture::{Picture, StandingOrder};
use super::recorder::Recorder;
use super::secondaries::Transfers;
use super::status::Surroundings;
use super::{
    cluster_metrics, dns_metrics, drill_metrics, entrance_metrics, notify_metrics, probe_metrics, site_metrics,
};
use crate::admin::Tally;
use crate::drill::Shelf;
use crate::model::{Mono, Name};
use crate::probe::Stats;
use crate::serve::UsageCounts;
use crate::store::Commons;
use crate::transfer::{self, TransferCounts};

/// Gauges by labels.
pub type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// Labels of a metric.
pub type Labels = Vec<(&'static str, String)>;
/// Counters by labels.
pub type Counters = Family<Labels, Counter>;

/// What keeps the past.
#[derive(Clone, Copy)]
pub struct Writers<'a> {
    /// Of events.
    pub journal: &'a Journal,
    /// Of what a replay needs.
    pub recorder: &'a Recorder,
    /// Of what past answers are explained from.
    pub history: &'a History,
    /// Of what the nodes share.
    pub commons: &'a dyn Commons,
    /// Of drills.
    pub drills: &'a Shelf,
    /// Of the log.
    pub backlog: &'a Backlog,
    /// Of who asked.
    pub tally: &'a Tally,
    /// Of incidents, with what became of objectives.
    pub trials: &'a Trials<'a>,
    /// Of notifications.
    pub board: &'a Board,
}

/// What is counted in the shell.
#[derive(Clone, Copy)]
pub struct Counts<'a> {
    /// Queries.
    pub queries: &'a UsageCounts,
    /// Probes.
    pub probes: &'a Stats,
    /// Zones that are transferred.
    pub transfers: &'a Transfers,
    /// What sites carry.
    pub load: &'a Load,
}

/// The page that a scraper gets.
#[must_use]
pub fn text(picture: &Picture, around: &Surroundings<'_>, counts: Counts<'_>, writers: Writers<'_>) -> String {
    let mut page = Page { registry: Registry::with_prefix("waypost") };
    let now = around.clock.mono();
    page.node(picture, around.started, writers);
    site_metrics::register(&mut page, picture, around);
    counts.load.register(&mut page.registry, picture);
    writers.trials.register(&mut page.registry);
    entrance_metrics::register(&mut page.registry, writers.tally);
    notify_metrics::register(&mut page.registry, writers.board);
    if let Some(cluster) = &picture.cluster {
        cluster_metrics::register(&mut page.registry, &cluster.status(now), writers.commons.traffic());
    }
    drill_metrics::register(&mut page.registry, writers.drills, picture);
    dns_metrics::register(&mut page, counts.queries);
    probe_metrics::register(&mut page, counts.probes);
    page.transfers(&counts.transfers.stats().counts(), &counts.transfers.standings(), now);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &page.registry);
    text
}

/// A page in the making.
pub struct Page {
    registry: Registry,
}

impl Page {
    /// Gauges by labels.
    pub fn gauges(&mut self, name: &str, help: &str) -> Gauges {
        let gauges = Gauges::default();
        self.registry.register(name, help, gauges.clone());
        gauges
    }

    /// The same, whose unit is the second: the name ends with it.
    pub fn seconds(&mut self, name: &str, help: &str) -> Gauges {
        let gauges = Gauges::default();
        self.registry.register_with_unit(name, help, Unit::Seconds, gauges.clone());
        gauges
    }

    /// A single gauge.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help).get_or_create(&Vec::new()).set(value);
    }

    /// Counters by labels.
    pub fn counters(&mut self, name: &str, help: &str) -> Counters {
        let counters = Counters::default();
        self.registry.register(name, help, counters.clone());
        counters
    }

    /// A single counter.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help).get_or_create(&Vec::new()).inc_by(value);
    }

    /// Times in seconds that were counted elsewhere.
    pub fn histogram(&mut self, name: &str, help: &str, times: impl Metric) {
        self.registry.register_with_unit(name, help, Unit::Seconds, times);
    }

    fn node(
        &mut self,
        picture: &Picture,
        started: Timestamp,
        Writers { journal, recorder, history, backlog, .. }: Writers<'_>,
    ) {
        let node = picture.settings.node.name.clone();
        let labels = vec![("node", node), ("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.gauges("build_info", "The node and its version").get_or_create(&labels).set(1.0);
        let help = "When the node started, since 1970";
        self.seconds("start_timestamp", help).get_or_create(&Vec::new()).set(seconds_since_1970(started));
        let generation = picture.plan.generation;
        self.gauge("plan_epoch", "Epoch of the plan in force", float(generation.epoch));
        self.gauge("plan_generation", "Number of the plan in force within its epoch", float(generation.sequence));
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
        self.counter("log_lost_lines", "Lines of the log that could not be written", backlog.lost());
        self.counter("recording_lost_records", "Records for a replay that could not be written", recorder.lost());
        self.counter("history_lost_records", "Plans and configurations that could not be kept", history.lost());
    }

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
        // No label by zone: a node may have a million of them. Which it is, the log and the events say.
        let unchecked = standings.values().filter_map(|zone| Some(now.since(zone.checked?).as_secs_f64()));
        self.of_the_worst(
            "secondary_zone_unchecked_longest",
            "Since the transferred zone that was not checked for longest was known to be current",
            unchecked.reduce(f64::max),
        );
        let left = standings.values().filter_map(|zone| Some(zone.expires?.since(now).as_secs_f64()));
        self.of_the_worst(
            "secondary_zone_expires_soonest",
            "Until the transferred zone that is next to expires does so",
            left.reduce(f64::min),
        );
    }

    fn of_the_worst(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.seconds(name, help).get_or_create(&Vec::new()).set(value);
        }
    }
}

/// A time for a gauge.
#[must_use]
pub fn seconds_since_1970(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// A count as a gauge; exact below 2^53.
#[allow(clippy::cast_precision_loss)]
pub fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
