//! Metrics of incidents and objectives.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::incidents::Casebook;
use crate::admin::api::{ObjectivesReport, ServiceObjectives};

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// What became of services and of what is promised of them.
pub struct Trials<'a> {
    open: bool,
    opened_at: Option<f64>,
    newest: u64,
    objectives: &'a ObjectivesReport,
}

impl<'a> Trials<'a> {
    /// As `casebook` and `objectives` have it.
    #[must_use]
    pub fn of(casebook: &Casebook, objectives: &'a ObjectivesReport) -> Self {
        let log = casebook.log();
        let current = log.current();
        Self {
            open: current.is_some_and(|incident| incident.ended.is_none()),
            opened_at: current.map(|incident| incident.began.as_duration().as_secs_f64()),
            newest: log.incidents().next().map_or(0, |incident| incident.id),
            objectives,
        }
    }

    /// Puts them on the page.
    pub fn register(&self, registry: &mut Registry) {
        let alone = |value: f64| {
            let gauge = Gauge::<f64, AtomicU64>::default();
            gauge.set(value);
            gauge
        };
        let open = if self.open { 1.0 } else { 0.0 };
        registry.register("incident_open", "1 while something does not serve that should", alone(open));
        // An id is far below what a float holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let newest = self.newest as f64;
        registry.register("incident_newest", "Id of the newest incident; 0 before the first", alone(newest));
        if let Some(began) = self.opened_at {
            registry.register(
                "incident_began_timestamp_seconds",
                "When the incident that is not over began",
                alone(began),
            );
        }
        self.gauges(registry, "rto_seconds", "How long the last recovery took for clients", |service| {
            service.last_recovery_seconds
        });
        self.gauges(registry, "rto_objective_seconds", "How long a recovery may take", |service| service.rto_seconds);
        self.gauges(registry, "rto_missed", "Recoveries of this month that took too long", |service| {
            // As many incidents as are kept.
            #[allow(clippy::cast_precision_loss)]
            service.rto_seconds.map(|_| service.missed as f64)
        });
        self.gauges(
            registry,
            "out_of_service_seconds",
            "How long no site had an address that worked, this month",
            |service| Some(service.out_seconds),
        );
        let help = "Part of the error budget of this month that is left; below 0 where more is used up than there was";
        self.gauges(registry, "error_budget_remaining_ratio", help, |service| service.budget_remaining);
    }

    fn gauges(
        &self,
        registry: &mut Registry,
        name: &str,
        help: &str,
        value: impl Fn(&ServiceObjectives) -> Option<f64>,
    ) {
        let gauges = Gauges::default();
        for service in &self.objectives.services {
            if let Some(value) = value(service) {
                gauges.get_or_create(&vec![("service", service.service.clone())]).set(value);
            }
        }
        registry.register(name, help, gauges);
    }
}
